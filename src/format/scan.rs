//! Walks the frames of a trace in a file or a pipe and finds the way again after damage.
//! Must not know what is inside a block.

mod go;

use std::fs::File;
use std::io::{self, Read};

use super::block;
use super::damage::{Damage, DamageReason};
use super::error::{Error, ErrorKind, Format};
use super::header::{BLOCK_META, BlockHeader, End, FileHeader, LOSS_BEFORE};
use super::lock::Recorder;
use super::look::{self, Look};
use super::sniff;
use super::source::{Source, Window};
use super::track::{Head, Track};
use super::wire;

/// One frame of a trace, or a place where there is none.
#[derive(Debug)]
pub enum Frame<'a> {
    /// A trace begins.
    FileHeader {
        /// Its header.
        header: Box<FileHeader>,
        /// Where it begins.
        offset: u64,
    },
    /// A block.
    Block {
        /// Its header.
        header: BlockHeader,
        /// Where its header begins.
        offset: u64,
        /// Its zstd frame, its checksum compared; `None` where the caller does not want it.
        stored: Option<&'a [u8]>,
    },
    /// A trace ends in order.
    End {
        /// Its last words.
        end: End,
        /// Where it begins.
        offset: u64,
    },
    /// Something that should not be there; reading goes on after it.
    Damage(Damage),
}

/// Which blocks a caller wants to look into. What is not wanted is not even read where the input is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    Everything,
    /// Those that are about the trace itself and hold no events.
    About,
    /// These, and those with losses.
    Losses,
    /// None: headers only.
    Nothing,
}

impl Wanted {
    fn wants(self, header: &BlockHeader) -> bool {
        match self {
            Wanted::Everything => true,
            Wanted::About => header.block_type == BLOCK_META && header.event_count == 0,
            Wanted::Losses => Wanted::About.wants(header) || header.flags & LOSS_BEFORE != 0,
            Wanted::Nothing => false,
        }
    }
}

/// Walks the frames of one or more traces. A file and a pipe with the same bytes give the same frames.
///
/// Memory is bounded by the largest legal block, whatever the bytes are.
pub struct Scanner {
    window: Window,
    track: Track,
    wanted: Wanted,
    /// Where the FILE HEADER of the trace begins.
    base: u64,
    /// Bytes of the frame handed out last, which its caller may still be looking at.
    passed: usize,
    recorder: Option<Recorder>,
    done: bool,
}

/// Bytes to read at a time.
const STEP: usize = 256 << 10;
/// The same where most blocks are skipped: their headers.
const HEADERS_STEP: usize = wire::BLOCK_FRAME;

/// Enough of a wrong file to say what it is.
const SNIFFED: usize = 512;

/// A frame whose bytes are still in the window, or one that stands alone.
enum Step {
    Block { header: BlockHeader, offset: u64, len: Option<usize> },
    Other(Frame<'static>),
}

impl Step {
    fn damage(offset: u64, len: u64, reason: DamageReason, events_lost: Option<u64>) -> Step {
        Step::Other(Frame::Damage(Damage { offset, len: Some(len), reason, events_lost }))
    }
}

/// Why there is nothing more.
enum Stop {
    Io(io::Error),
    Kind(ErrorKind),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Stop {
        Stop::Io(e)
    }
}

/// Refuses what a later version wrote.
fn readable(header: &FileHeader) -> Result<(), Stop> {
    let found = Format { major: header.format_major, incompat: header.incompat };
    let known = Format { major: wire::FORMAT_MAJOR, incompat: wire::INCOMPAT_KNOWN };
    if found.major == known.major && found.incompat & !known.incompat == 0 {
        return Ok(());
    }
    Err(Stop::Kind(ErrorKind::NeedsNewer { found, known }))
}

impl Scanner {
    /// Walks through a file from its current position.
    pub fn from_file(file: File, wanted: Wanted) -> Result<Scanner, Error> {
        let source = Source::file(file).map_err(|e| Error::new(ErrorKind::Read(e), 0))?;
        Ok(Scanner::new(source, wanted))
    }

    /// Walks through anything that can be read.
    pub fn from_reader(reader: Box<dyn Read + Send>, wanted: Wanted) -> Scanner {
        Scanner::new(Source::Stream(reader), wanted)
    }

    fn new(source: Source, wanted: Wanted) -> Scanner {
        let skips = wanted != Wanted::Everything && matches!(source, Source::File { .. });
        let window = Window::new(source, if skips { HEADERS_STEP } else { STEP });
        Scanner { window, track: Track::new(), wanted, base: 0, passed: 0, recorder: None, done: false }
    }

    /// Where the next frame is looked for, bytes from the start of the input.
    pub fn offset(&self) -> u64 {
        self.window.offset() + self.passed as u64
    }

    /// Bytes that were read.
    pub fn bytes_read(&self) -> u64 {
        self.window.bytes_read()
    }

    /// Where the input ended without an END: who was writing it at that moment.
    pub fn recorder(&self) -> Option<Recorder> {
        self.recorder
    }

    /// The next frame; `None` at the end of the input. After an error there is nothing more; while somebody writes the
    /// input, another call looks whether there is.
    #[allow(clippy::should_implement_trait)] // Frames borrow from the scanner.
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if self.done {
            return Ok(None);
        }
        let offset = self.offset();
        match self.step() {
            Ok(Some(Step::Block { header, offset, len: Some(len) })) => {
                let stored = self.window.get().get(wire::BLOCK_FRAME..len);
                Ok(Some(Frame::Block { header, offset, stored }))
            }
            Ok(Some(Step::Block { header, offset, len: None })) => {
                Ok(Some(Frame::Block { header, offset, stored: None }))
            }
            Ok(Some(Step::Other(frame))) => Ok(Some(frame)),
            Ok(None) => {
                self.done = self.recorder != Some(Recorder::Alive);
                Ok(None)
            }
            Err(stop) => {
                self.done = true;
                let kind = match stop {
                    Stop::Io(e) => ErrorKind::Read(e),
                    Stop::Kind(kind) => kind,
                };
                Err(Error::new(kind, offset))
            }
        }
    }

    fn step(&mut self) -> Result<Option<Step>, Stop> {
        let passed = std::mem::take(&mut self.passed);
        self.recorder = None;
        self.window.advance(passed);
        loop {
            let look = look::look(&mut self.window)?;
            let ended = matches!(look, Look::Eof | Look::Torn) && !self.track.is_over();
            return match look {
                _ if ended && self.grew()? => continue,
                _ if ended && self.recorder == Some(Recorder::Alive) => Ok(None),
                Look::Eof if self.track.nothing_yet() => {
                    Err(Stop::Kind(ErrorKind::NotATrace(sniff::Looks::Empty)))
                }
                Look::Eof => Ok(None),
                Look::Head(head) => self.head(head),
                Look::Torn => self.lost(DamageReason::TornTail, 1, None).map(Some),
                Look::Bad(framed) => self.unreadable(framed).map(Some),
            };
        }
    }

    /// The input has ended without an END: looks who writes it, and whether there is more by now. In this order: whoever
    /// wrote and has gone meanwhile has left all of it there.
    fn grew(&mut self) -> io::Result<bool> {
        self.recorder = Some(self.window.recorder());
        self.window.grew()
    }

    fn head(&mut self, head: Head) -> Result<Option<Step>, Stop> {
        if let Head::File(header, _) = &head {
            readable(header)?;
        }
        if let Some(reason) = self.track.objection(&head) {
            return self.object(reason, &head).map(Some);
        }
        let offset = self.window.offset();
        match &head {
            Head::Block(header) => return self.block(*header),
            Head::File(_, len) => (self.base, self.passed) = (offset, *len),
            Head::End(_) => self.passed = wire::END_FRAME,
        }
        self.track.pass(&head);
        Ok(Some(match head {
            Head::End(end) => Step::Other(Frame::End { end, offset }),
            Head::File(header, _) => Step::Other(Frame::FileHeader { header, offset }),
            Head::Block(header) => Step::Block { header, offset, len: None },
        }))
    }

    /// An intact frame that should not be here: read it as if what is missing had been there, or pass over it.
    fn object(&mut self, reason: DamageReason, head: &Head) -> Result<Step, Stop> {
        if self.track.resumes(head, false) {
            let events_lost = self.track.resume(head);
            return Ok(Step::damage(self.window.offset(), 0, reason, events_lost));
        }
        let len = match head {
            Head::Block(_) => wire::BLOCK_FRAME,
            _ => wire::END_FRAME,
        };
        self.lost(reason, len, Some(0))
    }

    /// A block that can come here; `None` where it is still being written.
    fn block(&mut self, header: BlockHeader) -> Result<Option<Step>, Stop> {
        let offset = self.window.offset();
        let len = wire::BLOCK_FRAME + header.stored_len as usize;
        let wanted = self.wanted.wants(&header);
        if !wanted && self.frame_follows(len)? {
            self.track.pass(&Head::Block(header));
            self.passed = len;
            return Ok(Some(Step::Block { header, offset, len: None }));
        }
        let events = Some(u64::from(header.event_count));
        while !self.window.fill(len)? {
            if self.grew()? {
                continue;
            }
            if self.recorder == Some(Recorder::Alive) {
                return Ok(None);
            }
            return self.lost(DamageReason::TornTail, wire::BLOCK_FRAME, events).map(Some);
        }
        let stored = self.window.get().get(wire::BLOCK_FRAME..len).unwrap_or_default();
        // Its length may be as wrong as its bytes: the next frame is searched for from its header on.
        if let Err(reason) = block::check(&header, stored) {
            return self.lost(reason, wire::BLOCK_FRAME, events).map(Some);
        }
        self.track.pass(&Head::Block(header));
        self.passed = len;
        Ok(Some(Step::Block { header, offset, len: wanted.then_some(len) }))
    }

    /// Whether a frame begins `len` bytes ahead, or the input ends exactly there. Then a block need not be looked at.
    fn frame_follows(&mut self, len: usize) -> io::Result<bool> {
        let mut last = [0; 5];
        // From the last byte of the block on: a file that ends before it gives nothing.
        let n = self.window.peek(len - 1, &mut last)?;
        let [_, magic @ ..] = last;
        let known = [wire::FILE_MAGIC, wire::BLOCK_MAGIC, wire::END_MAGIC];
        Ok(n == 1 || n == 5 && known.contains(&u32::from_le_bytes(magic)))
    }

    /// What is here is no frame: search on, or find that this is no trace at all.
    fn unreadable(&mut self, framed: bool) -> Result<Step, Stop> {
        let begins = self.window.get();
        let ours = framed || begins.get(8..16) == Some(&wire::MST);
        if !self.track.nothing_yet() || ours {
            let reason = if framed { DamageReason::BadHeader } else { DamageReason::TrailingGarbage };
            return self.lost(reason, 1, None);
        }
        self.window.fill(SNIFFED)?;
        let head: Vec<u8> = self.window.get().iter().take(SNIFFED).copied().collect();
        match self.lost(DamageReason::TrailingGarbage, 1, None)? {
            step if !self.track.nothing_yet() => Ok(step),
            _ => Err(Stop::Kind(ErrorKind::NotATrace(sniff::looks_like(&head)))),
        }
    }

    /// Passes over what cannot be read, `from` bytes at least. `events_lost`: what that costs at least, if known.
    fn lost(&mut self, reason: DamageReason, from: usize, events_lost: Option<u64>) -> Result<Step, Stop> {
        let offset = self.window.offset();
        let (head, zeroes) = look::search(&mut self.window, &self.track, from)?;
        let len = self.window.offset() - offset;
        let Some(head) = head else {
            self.recorder = if self.track.is_over() { None } else { Some(self.window.recorder()) };
            self.done = self.recorder != Some(Recorder::Alive);
            let zeroes = zeroes && reason == DamageReason::TrailingGarbage;
            let reason = if zeroes { DamageReason::ZeroTail } else { reason };
            return Ok(Step::damage(offset, len, reason, events_lost));
        };
        let reason = match reason {
            DamageReason::TrailingGarbage => DamageReason::BadHeader,
            reason => reason,
        };
        let events_lost = self.track.resume(&head).or(events_lost);
        Ok(Step::damage(offset, len, reason, events_lost))
    }
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("offset", &self.offset()).field("track", &self.track).finish()
    }
}
