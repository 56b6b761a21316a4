//! Reads a trace item by item: the layer that most callers want.
//! Must not know what an event means.

use std::fmt;
use std::fs::File;
use std::io::Read;

use super::block::{self, Decompressor};
use super::damage::{Damage, DamageReason};
use super::error::{Error, ErrorKind};
use super::header::{End, FileHeader};
use super::item::{Item, RawEvent, State};
use super::record::RawRecord;
use super::scan::{Frame, Scanner, Wanted};
use super::unpack::{Block, Step, unreadable};

/// Reads one or more traces from a file or a pipe.
pub struct Reader {
    scanner: Scanner,
    decompressor: Decompressor,
    raw: Vec<u8>,
    block: Option<Block>,
    header: Option<Box<FileHeader>>,
    tag: Option<u64>,
    traces: u32,
    state: State,
    damages: u64,
    trace_intact: bool,
    stats_last: bool,
    queued: Option<Item<'static>>,
}

impl Reader {
    /// Reads a file from its current position.
    pub fn from_file(file: File) -> Result<Reader, Error> {
        Reader::new(Scanner::from_file(file, Wanted::Everything)?)
    }

    /// Reads anything that can be read.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Reader, Error> {
        Reader::new(Scanner::from_reader(reader, Wanted::Everything))
    }

    fn new(scanner: Scanner) -> Result<Reader, Error> {
        let decompressor = Decompressor::new().map_err(|e| Error::new(ErrorKind::Read(e), 0))?;
        Ok(Reader {
            scanner,
            decompressor,
            raw: Vec::new(),
            block: None,
            header: None,
            tag: None,
            traces: 0,
            state: State::Reading,
            damages: 0,
            trace_intact: true,
            stats_last: false,
            queued: None,
        })
    }

    /// How far reading has come; after the end, whether the recorder closed the trace.
    pub fn state(&self) -> State {
        self.state
    }

    /// How many [`Item::Damage`] there were.
    pub fn damages(&self) -> u64 {
        self.damages
    }

    /// Read to its end, closed, nothing damaged: what is not counted as lost is there.
    pub fn is_clean(&self) -> bool {
        self.state == State::Closed && self.damages == 0
    }

    /// The header of the trace being read; `None` where it is damaged.
    pub fn header(&self) -> Option<&FileHeader> {
        self.header.as_deref()
    }

    /// The next item; `None` at the end of the input. After an error there is nothing more.
    #[allow(clippy::should_implement_trait)] // Items borrow from the reader.
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        let Some(step) = self.step()? else {
            return Ok(None);
        };
        Ok(Some(match step {
            Step::Event { block_offset, index, bytes } => {
                Item::Event(RawEvent { block_offset, index, bytes: self.raw.get(bytes).unwrap_or_default() })
            }
            Step::Unknown { at, kind, flags, bytes } => {
                Item::Unknown(RawRecord { at, kind, flags, body: self.raw.get(bytes).unwrap_or_default() })
            }
            Step::Start => {
                Item::Start { header: self.header.as_deref(), segment_no: self.traces.saturating_sub(1) }
            }
            Step::Item(item) => {
                self.count(&item);
                item
            }
        }))
    }

    fn count(&mut self, item: &Item<'_>) {
        if matches!(item, Item::Damage(_)) {
            self.damages += 1;
            self.trace_intact = false;
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Step>, Error> {
        loop {
            if let Some(item) = self.queued.take() {
                return Ok(Some(Step::Item(item)));
            }
            if let Some(block) = &mut self.block {
                if let Some(step) = block.step(&self.raw, &mut self.stats_last) {
                    return Ok(Some(step));
                }
                self.block = None;
            }
            match self.frame()? {
                Frames::Step(step) => return Ok(Some(step)),
                Frames::Block => {}
                Frames::Over => return Ok(None),
            }
        }
    }

    fn frame(&mut self) -> Result<Frames, Error> {
        let frame = match self.scanner.next()? {
            None => {
                self.state = if self.state == State::Closed { State::Closed } else { State::Cut };
                return Ok(Frames::Over);
            }
            Some(frame) => frame,
        };
        Ok(match frame {
            Frame::Damage(damage) => Frames::Step(Step::Item(Item::Damage(damage))),
            Frame::FileHeader { header, .. } => {
                let tag = header.file_tag();
                self.start(Some(header), tag)
            }
            Frame::Block { header, offset, stored } => {
                let stored = stored.unwrap_or_default();
                match block::decompress(&header, stored, &mut self.decompressor, &mut self.raw) {
                    Ok(()) => self.block = Some(Block::new(header, offset)),
                    Err(reason) => self.queued = Some(Item::Damage(unreadable(&header, offset, reason))),
                }
                self.stats_last = false;
                let begins = self.tag != Some(header.file_tag);
                if begins { self.start(None, header.file_tag) } else { Frames::Block }
            }
            Frame::End { end, offset } => self.end(end, offset),
        })
    }

    fn start(&mut self, header: Option<Box<FileHeader>>, tag: u64) -> Frames {
        (self.header, self.tag, self.state) = (header, Some(tag), State::Reading);
        // Without its header, the damage was reported just before, and is this trace's.
        (self.trace_intact, self.stats_last) = (self.header.is_some(), false);
        self.traces = self.traces.saturating_add(1);
        Frames::Step(Step::Start)
    }

    fn end(&mut self, end: End, offset: u64) -> Frames {
        self.state = State::Closed;
        let item = Item::End { end, offset };
        if self.stats_last || !self.trace_intact {
            return Frames::Step(Step::Item(item));
        }
        self.queued = Some(item);
        let damage = Damage { offset, len: None, reason: DamageReason::NoStats, events_lost: Some(0) };
        Frames::Step(Step::Item(Item::Damage(damage)))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("scanner", &self.scanner).field("state", &self.state).finish()
    }
}

enum Frames {
    Step(Step),
    /// A block was opened, or something was queued.
    Block,
    Over,
}
