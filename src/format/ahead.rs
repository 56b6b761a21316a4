//! The frames of a trace with their blocks opened: where there are many, on a thread of their own, a few blocks ahead of whoever
//! looks at what is inside.
//! Must not know what is inside a block.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::block::{self, Decompressor};
use super::damage::{Damage, DamageReason};
use super::error::{Error, ErrorKind};
use super::header::{BlockHeader, End, FileHeader};
use super::lend::LentBlock;
use super::scan::{Frame, Scanner};
use super::seek;

/// A trace with less in it, bytes, is not worth a thread.
const WORTH_A_THREAD: usize = 256 << 10;
/// Blocks that may be decompressed at once: one being opened, one that waits, one being looked at.
const BUFFERS: usize = 3;
/// A block that becomes larger than this, bytes, is the only one meanwhile: so reading ahead costs little memory, whatever the
/// trace.
pub(crate) const LARGE: usize = 1 << 20;

/// A [`Frame`] that stands alone.
#[derive(Debug)]
pub(crate) enum Opened {
    FileHeader(Box<FileHeader>),
    /// A block, whose records are in the buffer if it could be opened; `None` where it is not wanted.
    Block {
        header: BlockHeader,
        offset: u64,
        opened: Option<Result<(), DamageReason>>,
    },
    End {
        end: End,
        offset: u64,
    },
    Damage(Damage),
}

impl Opened {
    /// A frame of which nothing is to be opened.
    fn unopened(frame: Frame<'_>) -> Opened {
        match frame {
            Frame::FileHeader { header, .. } => Opened::FileHeader(header),
            Frame::Block { header, offset, .. } => Opened::Block { header, offset, opened: None },
            Frame::End { end, offset } => Opened::End { end, offset },
            Frame::Damage(damage) => Opened::Damage(damage),
        }
    }
}

type Next = Result<Option<Opened>, Error>;

/// A scanner, and what opens the blocks it finds.
pub(crate) struct Opener {
    pub scanner: Scanner,
    decompressor: Decompressor,
    /// What was found and comes next.
    found: Option<Next>,
}

impl Opener {
    /// The next frame; `raw` becomes the records of a block. `make_room` is told how large they are before.
    fn next(&mut self, raw: &mut Vec<u8>, make_room: impl FnOnce(usize, &mut Vec<u8>)) -> Next {
        if let Some(found) = self.found.take() {
            return found;
        }
        let Some(frame) = self.scanner.next()? else { return Ok(None) };
        Ok(Some(match frame {
            Frame::Block { header, offset, stored } => {
                let opened = stored.map(|stored| {
                    make_room(header.raw_len as usize, raw);
                    // What was needed for a large block is not needed for this one.
                    if raw.capacity() > LARGE && header.raw_len as usize <= LARGE {
                        *raw = Vec::new();
                    }
                    block::decompress(&header, stored, &mut self.decompressor, raw)
                });
                Opened::Block { header, offset, opened }
            }
            other => Opened::unopened(other),
        }))
    }

    /// The next frame, where that is a block of this trace which others may open, and not later than `until`: what else it is
    /// [`Opener::next`] says.
    pub fn lend(&mut self, tag: u64, until: Option<u64>, block: &mut LentBlock) -> bool {
        let is_lent = |header: &BlockHeader| {
            header.file_tag == tag
                && header.raw_len as usize <= LARGE
                && until.is_none_or(|until| !seek::is_later(header, until))
        };
        if self.found.is_some() || !matches!(self.scanner.peek(), Ok(Some(header)) if is_lent(&header)) {
            return false;
        }
        self.found = Some(match self.scanner.next() {
            Ok(Some(Frame::Block { header, offset, stored: Some(stored) })) => {
                block.put(header, offset, stored);
                return true;
            }
            Ok(frame) => Ok(frame.map(Opened::unopened)),
            Err(error) => Err(error),
        });
        false
    }
}

/// What the thread hands over.
struct Message {
    next: Next,
    raw: Vec<u8>,
    bytes_read: u64,
    /// With its last message the thread gives back what it was given.
    opener: Option<Box<Opener>>,
}

/// Who opens the blocks.
enum At {
    Here(Box<Opener>),
    Thread {
        messages: Receiver<Message>,
        empty: Sender<Vec<u8>>,
    },
    /// Somebody else, who has the scanner.
    Elsewhere,
}

/// The frames of one or more traces, their blocks opened.
pub(crate) struct Blocks {
    at: At,
    /// Bytes of blocks that were opened here since there was nothing more, or another trace.
    opened: usize,
    bytes_read: u64,
}

impl Blocks {
    /// Fails where there is no memory for it.
    pub fn new(scanner: Scanner) -> io::Result<Blocks> {
        let decompressor = Decompressor::new()?;
        Ok(Blocks {
            at: At::Here(Box::new(Opener { scanner, decompressor, found: None })),
            opened: 0,
            bytes_read: 0,
        })
    }

    /// The scanner, unless a thread has it: that has it neither before nor after a trace, and only if [`Blocks::next`] may
    /// read ahead.
    pub fn scanner(&mut self) -> Option<&mut Scanner> {
        match &mut self.at {
            At::Here(opener) => Some(&mut opener.scanner),
            At::Thread { .. } | At::Elsewhere => None,
        }
    }

    /// Gives what opens the blocks to somebody else, if there is so much to open that this is worth it.
    pub fn lend(&mut self) -> Option<Box<Opener>> {
        if self.opened < WORTH_A_THREAD || !matches!(self.at, At::Here(_)) {
            return None;
        }
        self.bytes_read = self.bytes_read();
        self.opened = 0;
        match std::mem::replace(&mut self.at, At::Elsewhere) {
            At::Here(opener) => Some(opener),
            _ => None,
        }
    }

    /// Whether somebody else has it.
    pub fn are_lent(&self) -> bool {
        matches!(self.at, At::Elsewhere)
    }

    /// Takes back what was lent.
    pub fn take_back(&mut self, opener: Box<Opener>) {
        self.at = At::Here(opener);
    }

    /// Bytes that were read of what has been handed out, and perhaps some more.
    pub fn bytes_read(&self) -> u64 {
        match &self.at {
            At::Here(opener) => opener.scanner.bytes_read(),
            At::Thread { .. } | At::Elsewhere => self.bytes_read,
        }
    }

    /// The next frame, as [`Scanner::next`] has it; `raw` becomes the records of a block. With `may_go_ahead` the caller does
    /// not need the scanner before the trace ends.
    pub fn next(&mut self, raw: &mut Vec<u8>, may_go_ahead: bool) -> Next {
        if may_go_ahead && self.opened >= WORTH_A_THREAD {
            self.go_ahead();
        }
        let next = match &mut self.at {
            At::Here(opener) => opener.next(raw, |_, _| ()),
            At::Thread { messages, empty } => {
                // The thread may wait for this one to be empty.
                let _ = empty.send(std::mem::take(raw));
                let Ok(message) = messages.recv() else { return Err(died()) };
                (*raw, self.bytes_read) = (message.raw, message.bytes_read);
                if let Some(opener) = message.opener {
                    self.at = At::Here(opener);
                }
                message.next
            }
            At::Elsewhere => Ok(None),
        };
        match next {
            Ok(Some(Opened::Block { .. })) => self.opened += raw.len(),
            Ok(Some(Opened::FileHeader(_)) | None) | Err(_) => self.opened = 0,
            Ok(_) => {}
        }
        next
    }

    /// Hands the scanner to a thread. Where there can be none, all goes on here.
    fn go_ahead(&mut self) {
        let At::Here(_) = self.at else { return };
        let (give, given) = sync_channel::<Box<Opener>>(1);
        let (send, messages) = sync_channel(BUFFERS);
        let (empty, emptied) = channel();
        let run = move || {
            if let Ok(opener) = given.recv() {
                run_ahead(opener, &send, &emptied);
            }
        };
        if thread::Builder::new().name("read ahead".into()).spawn(run).is_err() {
            self.opened = 0;
            return;
        }
        // The last is the one that the caller has.
        for _ in 1..BUFFERS {
            let _ = empty.send(Vec::new());
        }
        if let At::Here(opener) = std::mem::replace(&mut self.at, At::Thread { messages, empty }) {
            let _ = give.send(opener);
        }
    }
}

/// Opens blocks until a trace begins, or there is nothing more, or nobody wants them any more.
#[inline(never)] // benches/instructions.rs looks for it.
fn run_ahead(mut opener: Box<Opener>, send: &SyncSender<Message>, emptied: &Receiver<Vec<u8>>) {
    let mut spare: Vec<Vec<u8>> = Vec::new();
    loop {
        let Some(mut raw) = spare.pop().or_else(|| emptied.recv().ok()) else { return };
        let next = opener.next(&mut raw, |size, raw| {
            if size > LARGE {
                hold_all(raw, &mut spare, emptied);
            }
        });
        let bytes_read = opener.scanner.bytes_read();
        if !matches!(next, Ok(Some(Opened::Block { .. } | Opened::End { .. } | Opened::Damage(_)))) {
            let _ = send.send(Message { next, raw, bytes_read, opener: Some(opener) });
            return;
        }
        if send.send(Message { next, raw, bytes_read, opener: None }).is_err() {
            return;
        }
    }
}

/// Waits until all that was sent has been looked at, and keeps the memory of one buffer only.
fn hold_all(raw: &mut Vec<u8>, spare: &mut Vec<Vec<u8>>, emptied: &Receiver<Vec<u8>>) {
    while spare.len() < BUFFERS - 1 {
        let Ok(buffer) = emptied.recv() else { return };
        spare.push(buffer);
    }
    for other in spare {
        if other.capacity() > raw.capacity() {
            std::mem::swap(raw, other);
        }
        *other = Vec::new();
    }
}

fn died() -> Error {
    Error::new(ErrorKind::Read(io::Error::other("the thread that reads ahead has died")), 0)
}
