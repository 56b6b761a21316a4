//! Goes through the records of one decompressed block and compares them with what its header promised.
//! Must not know how the block was found, nor what an event means.

use std::ops::Range;

use super::damage::{Damage, DamageReason};
use super::header::{self, BlockHeader};
use super::identity::FileIdentity;
use super::item::Item;
use super::origin::Source;
use super::record::{self, RawRecord, Record, RecordError, Records};
use super::wire;

/// The block that is being read.
pub(crate) struct Block {
    header: BlockHeader,
    offset: u64,
    at: usize,
    records: u32,
    events: u32,
    /// Sources that the block has named in full.
    sources: Vec<(u32, FileIdentity)>,
}

/// An item whose bytes are still in `Reader::raw`.
pub(crate) enum Step {
    /// The trace of the current header begins.
    Start,
    Unknown {
        at: usize,
        kind: u16,
        flags: u16,
        bytes: Range<usize>,
    },
    Item(Item<'static>),
}

/// What a block costs that cannot be decompressed.
pub(crate) fn unreadable(header: &BlockHeader, offset: u64, reason: DamageReason) -> Damage {
    let len = Some(wire::BLOCK_FRAME as u64 + u64::from(header.stored_len));
    Damage { offset, len, reason, events_lost: Some(header.event_count.into()) }
}

impl Block {
    pub fn new(header: BlockHeader, offset: u64) -> Block {
        Block { header, offset, at: 0, records: 0, events: 0, sources: Vec::new() }
    }

    /// Where the block begins in the input.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record, where that is an event: its number and its place. Nearly all are, so they cost no look at what else there is.
    #[inline]
    pub fn event(&mut self, raw: &[u8]) -> Option<(u64, Range<usize>)> {
        let record = Records::starting_at(raw, self.at).next()?.ok()?;
        if record.kind != record::EVENT {
            return None;
        }
        let index = self.header.event_index_base.saturating_add(self.events.into());
        // A block is too small for too many.
        self.events += 1;
        Some((index, self.take(&record)))
    }

    /// Whether [`Block::event`] has one.
    pub fn is_at_event(&self, raw: &[u8]) -> bool {
        let next = Records::starting_at(raw, self.at).next();
        matches!(next, Some(Ok(record)) if record.kind == record::EVENT)
    }

    /// Whether nothing comes any more, and nothing is missing.
    pub fn is_over(&self, raw: &[u8]) -> bool {
        self.at >= raw.len()
            && (self.records, self.events) == (self.header.record_count, self.header.event_count)
    }

    /// The place of the bytes of the next record, which is now behind.
    #[inline]
    fn take(&mut self, record: &RawRecord<'_>) -> Range<usize> {
        let begin = self.at + wire::RECORD_PREFIX;
        self.at = begin + record.body.len();
        self.records += 1;
        begin..self.at
    }

    /// What comes next in the block and is no event, which [`Block::event`] takes; `None` after the last.
    pub fn step(&mut self, raw: &[u8], stats_last: &mut bool) -> Option<Step> {
        let record = match Records::starting_at(raw, self.at).next() {
            Some(Ok(record)) => record,
            Some(Err(error)) => return Some(self.give_up(raw, error)),
            None => return self.count_check(),
        };
        let bytes = self.take(&record);
        Some(match record.typed() {
            Ok(Record::Unknown(_) | Record::Event(_)) => {
                Step::Unknown { at: record.at, kind: record.kind, flags: record.flags, bytes }
            }
            Ok(Record::Metadata(metadata)) => Step::Item(Item::Metadata(metadata)),
            Ok(Record::Clock(clock)) if self.is_fresh() => Step::Item(Item::Fresh(clock)),
            Ok(Record::Clock(clock)) => Step::Item(Item::Clock(clock)),
            Ok(Record::Lost(lost)) => Step::Item(Item::Lost(lost)),
            Ok(Record::ChildExit(exit)) => Step::Item(Item::ChildExit(exit)),
            Ok(Record::Index(index)) => Step::Item(Item::Index(index)),
            Ok(Record::Stats(stats)) => {
                *stats_last = true;
                Step::Item(Item::Stats(stats))
            }
            Ok(Record::Marker(marker)) => Step::Item(Item::Marker(marker)),
            Ok(Record::Source(source)) => Step::Item(Item::Source(self.source(*source))),
            Err(error @ RecordError::Fields { critical: false, .. }) => {
                Step::Item(self.damage(DamageReason::BadRecord(error), Some(0)))
            }
            Err(error) => self.give_up(raw, error),
        })
    }

    /// The record just taken is the clock that a block begins with in which reading can begin.
    fn is_fresh(&self) -> bool {
        self.header.flags & header::FRESH != 0 && self.records == 1
    }

    /// Adds what the block has said before of a source that is named again.
    fn source(&mut self, source: Source) -> Source {
        let known = self.sources.iter_mut().find(|(number, _)| *number == source.number);
        match (source.identity, known) {
            (Some(identity), None) => self.sources.push((source.number, identity)),
            (Some(identity), Some(known)) => known.1 = identity,
            (None, Some((_, identity))) => return Source { identity: Some(*identity), ..source },
            (None, None) => {}
        }
        source
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
