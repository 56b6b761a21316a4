//! Reads a trace item by item: the layer that most callers want.
//! Must not know what an event means.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;

use super::block::{self, Decompressor};
use super::cold::{ChildExit, ClockSync, Lost, Metadata};
use super::damage::{Damage, DamageReason};
use super::error::{Error, ErrorKind};
use super::header::{BlockHeader, End, FileHeader};
use super::record::{RawRecord, Record, RecordError, Records};
use super::scan::{Frame, Scanner};
use super::stats::RecorderStats;
use super::wire;

/// One item of a trace, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A trace begins; an input may hold several.
    Start {
        /// Its header; `None` where it is damaged.
        header: Option<&'a FileHeader>,
        /// Which trace of this input, from 0.
        segment_no: u32,
    },
    /// What the trace was taken with.
    Metadata(Box<Metadata>),
    /// The clocks at one moment.
    Clock(ClockSync),
    /// An event.
    Event(RawEvent<'a>),
    /// Something that happened and is not in the trace.
    Lost(Lost),
    /// The recorder's own books.
    Stats(Box<RecorderStats>),
    /// How the recorded program ended.
    ChildExit(ChildExit),
    /// A record that this version does not know.
    Unknown(RawRecord<'a>),
    /// A damaged place. Reading goes on after it.
    Damage(Damage),
    /// A trace ends in order.
    End {
        /// Its last words.
        end: End,
        /// Where they begin, bytes from the start of the input.
        offset: u64,
    },
}

/// The bytes of an event and where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEvent<'a> {
    /// Where the header of its block begins, bytes from the start of the input.
    pub block_offset: u64,
    /// Its number in the trace, from 0. Damaged blocks count: it is the same whatever is missing before it.
    pub index: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is more to read.
    Reading,
    /// The last trace ended in order.
    Closed,
    /// The last trace has no END.
    Cut,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Reading => "not read to its end",
            State::Closed => "closed by the recorder",
            State::Cut => {
                "cut: it has no END, so the recorder is still running, was killed, or the copy is not whole; \
                 everything up to there was read"
            }
        })
    }
}

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

/// The block that is being read.
struct Block {
    header: BlockHeader,
    offset: u64,
    at: usize,
    records: u32,
    events: u32,
}

/// An item whose bytes are still in `Reader::raw`.
enum Step {
    Start,
    Event { block_offset: u64, index: u64, bytes: Range<usize> },
    Unknown { at: usize, kind: u16, flags: u16, bytes: Range<usize> },
    Item(Item<'static>),
}

impl Reader {
    /// Reads a file from its current position.
    pub fn from_file(file: File) -> Result<Reader, Error> {
        Reader::new(Scanner::from_file(file, false)?)
    }

    /// Reads anything that can be read.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Reader, Error> {
        Reader::new(Scanner::from_reader(reader, false))
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

fn unreadable(header: &BlockHeader, offset: u64, reason: DamageReason) -> Damage {
    let len = Some(wire::BLOCK_FRAME as u64 + u64::from(header.stored_len));
    Damage { offset, len, reason, events_lost: Some(header.event_count.into()) }
}

impl Block {
    fn new(header: BlockHeader, offset: u64) -> Block {
        Block { header, offset, at: 0, records: 0, events: 0 }
    }

    /// The next item of the block; `None` after the last.
    #[inline]
    fn step(&mut self, raw: &[u8], stats_last: &mut bool) -> Option<Step> {
        let record = match Records::from(raw, self.at).next() {
            Some(Ok(record)) => record,
            Some(Err(error)) => return Some(self.give_up(raw, error)),
            None => return self.count_check(),
        };
        let begin = self.at + wire::RECORD_PREFIX;
        let bytes = begin..begin + record.body.len();
        self.at = bytes.end;
        self.records = self.records.saturating_add(1);
        Some(match record.typed() {
            Ok(Record::Event(_)) => {
                let index = self.header.event_index_base.saturating_add(self.events.into());
                self.events = self.events.saturating_add(1);
                Step::Event { block_offset: self.offset, index, bytes }
            }
            Ok(Record::Unknown(r)) => Step::Unknown { at: r.at, kind: r.kind, flags: r.flags, bytes },
            Ok(Record::Metadata(metadata)) => Step::Item(Item::Metadata(metadata)),
            Ok(Record::Clock(clock)) => Step::Item(Item::Clock(clock)),
            Ok(Record::Lost(lost)) => Step::Item(Item::Lost(lost)),
            Ok(Record::ChildExit(exit)) => Step::Item(Item::ChildExit(exit)),
            Ok(Record::Stats(stats)) => {
                *stats_last = true;
                Step::Item(Item::Stats(stats))
            }
            Err(error @ RecordError::Fields { .. }) => {
                Step::Item(self.damage(DamageReason::BadRecord(error), Some(0)))
            }
            Err(error) => self.give_up(raw, error),
        })
    }

    /// Nothing after this place can be read.
    fn give_up(&mut self, raw: &[u8], error: RecordError) -> Step {
        let missing = self.header.event_count.saturating_sub(self.events);
        (self.at, self.records, self.events) = (raw.len(), self.header.record_count, self.header.event_count);
        let reason = match error {
            RecordError::Critical { kind, .. } => DamageReason::Unsupported { kind },
            error => DamageReason::BadRecord(error),
        };
        Step::Item(self.damage(reason, Some(missing.into())))
    }

    fn count_check(&mut self) -> Option<Step> {
        let expected = (self.header.record_count, self.header.event_count);
        let found = (self.records, self.events);
        if expected == found {
            return None;
        }
        (self.records, self.events) = expected;
        let missing = expected.1.checked_sub(found.1).map(u64::from);
        Some(Step::Item(self.damage(DamageReason::BadCount { expected, found }, missing)))
    }

    fn damage(&self, reason: DamageReason, events_lost: Option<u64>) -> Item<'static> {
        let len = Some(wire::BLOCK_FRAME as u64 + u64::from(self.header.stored_len));
        Item::Damage(Damage { offset: self.offset, len, reason, events_lost })
    }
}
