//! Goes through the records of one decompressed block and compares them with what its header promised.
//! Must not know how the block was found, nor what an event means.

use std::ops::Range;

use super::damage::{Damage, DamageReason};
use super::header::BlockHeader;
use super::item::Item;
use super::record::{Record, RecordError, Records};
use super::wire;

/// The block that is being read.
pub(crate) struct Block {
    header: BlockHeader,
    offset: u64,
    at: usize,
    records: u32,
    events: u32,
}

/// An item whose bytes are still in `Reader::raw`.
pub(crate) enum Step {
    /// The trace of the current header begins.
    Start,
    Event {
        block_offset: u64,
        index: u64,
        bytes: Range<usize>,
    },
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
        Block { header, offset, at: 0, records: 0, events: 0 }
    }

    /// The next item of the block; `None` after the last.
    #[inline]
    pub fn step(&mut self, raw: &[u8], stats_last: &mut bool) -> Option<Step> {
        let record = match Records::starting_at(raw, self.at).next() {
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
            Ok(Record::Index(index)) => Step::Item(Item::Index(index)),
            Ok(Record::Stats(stats)) => {
                *stats_last = true;
                Step::Item(Item::Stats(stats))
            }
            Ok(Record::Marker(marker)) => Step::Item(Item::Marker(marker)),
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
