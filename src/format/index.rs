//! The record INDEX: what the headers of many blocks say, in one place. What it says can be checked against the blocks.
//! Must not know how it is found or written.

use serde::{Deserialize, Serialize};

use super::codec::Cold;
use super::header::BlockHeader;
use super::record;
use super::wire;

/// A place between two blocks of a trace, and what has come before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Bytes from the first byte of the FILE HEADER.
    pub offset: u64,
    /// Blocks.
    pub block: u64,
    /// Events.
    pub events: u64,
    /// Events that LOST records count.
    pub lost: u64,
}

/// One block, or some that follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    /// Blocks.
    pub blocks: u64,
    /// Their bytes in the file, headers included.
    pub bytes: u64,
    /// Bytes of the last of them where that is an INDEX of all the others; else 0.
    pub index_bytes: u64,
    /// Bytes of their records before compression.
    pub raw_bytes: u64,
    /// Events in them.
    pub events: u64,
    /// Events that their LOST records count.
    pub lost: u64,
    /// Earliest event, ns of CLOCK_BOOTTIME; 0 without events.
    pub ts_min: u64,
    /// Latest event; 0 without events.
    pub ts_max: u64,
    /// All their `op_mask` together.
    pub ops: u64,
    /// All their flags together.
    pub flags: u16,
}

/// Lists all blocks from `first` to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// 0: each row is a block; else each row ends with an INDEX of the level below.
    pub level: u8,
    /// Where the first row begins.
    pub first: Place,
    /// One behind the other, without a gap.
    pub rows: Vec<Row>,
}

impl Place {
    /// Behind what `row` lists, if it begins here; `None` where a sum has no room.
    pub fn behind(&self, row: &Row) -> Option<Place> {
        Some(Place {
            offset: self.offset.checked_add(row.bytes)?,
            block: self.block.checked_add(row.blocks)?,
            events: self.events.checked_add(row.events)?,
            lost: self.lost.checked_add(row.lost)?,
        })
    }

    /// Before a block, as far as its header says: not where it stands, and with what it says is lost itself.
    pub(crate) fn of(header: &BlockHeader) -> Place {
        Place { offset: 0, block: header.block_seq, events: header.event_index_base, lost: header.lost_total }
    }

    /// Whether the header of the block that stands here says so too.
    pub(crate) fn agrees(&self, header: &BlockHeader) -> bool {
        header.block_seq == self.block && header.event_index_base == self.events
    }
}

impl Row {
    /// The row of one block, before which so many events were lost.
    pub(crate) fn of(header: &BlockHeader, lost_before: u64) -> Row {
        Row {
            blocks: 1,
            bytes: wire::BLOCK_FRAME as u64 + u64::from(header.stored_len),
            index_bytes: 0,
            raw_bytes: header.raw_len.into(),
            events: header.event_count.into(),
            lost: header.lost_total.saturating_sub(lost_before),
            ts_min: header.ts_min,
            ts_max: header.ts_max,
            ops: header.op_mask,
            flags: header.flags,
        }
    }

    /// Adds what follows.
    fn add(&mut self, next: &Row) {
        if next.events > 0 {
            self.ts_min = if self.events == 0 { next.ts_min } else { self.ts_min.min(next.ts_min) };
            self.ts_max = self.ts_max.max(next.ts_max);
        }
        self.blocks = self.blocks.saturating_add(next.blocks);
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.raw_bytes = self.raw_bytes.saturating_add(next.raw_bytes);
        self.events = self.events.saturating_add(next.events);
        self.lost = self.lost.saturating_add(next.lost);
        self.ops |= next.ops;
        self.flags |= next.flags;
    }

    fn is_possible(&self, level: u8) -> bool {
        let frame = wire::BLOCK_FRAME as u64;
        let place = if level == 0 {
            self.blocks == 1 && self.index_bytes == 0 && self.bytes >= frame
        } else {
            self.blocks > 1 && self.index_bytes >= frame && self.bytes > self.index_bytes
        };
        let times = if self.events == 0 { self.ts_max == 0 } else { true };
        place && times && self.ts_min <= self.ts_max
    }
}

impl Index {
    /// All its rows as one.
    pub fn total(&self) -> Row {
        let mut total = Row::default();
        self.rows.iter().for_each(|row| total.add(row));
        total
    }

    /// All its rows and itself as one: its row in the INDEX above it.
    pub fn row(&self, own: &BlockHeader) -> Row {
        let (mut row, own) = (self.total(), Row::of(own, own.lost_total));
        row.add(&own);
        Row { index_bytes: own.bytes, ..row }
    }

    /// Each row, and where it begins.
    pub fn places(&self) -> impl Iterator<Item = (Place, &Row)> {
        let places = std::iter::successors(Some((self.first, 0)), |(place, n)| {
            Some((place.behind(self.rows.get(*n)?)?, n + 1))
        });
        places.map(|(place, _)| place).zip(&self.rows)
    }

    /// Whether it can be the INDEX whose block stands at `at`: as many rows as are allowed, that end where it begins.
    pub fn fits(&self, at: &Place) -> bool {
        let end = self.rows.iter().try_fold(self.first, |place, row| place.behind(row));
        (1..=wire::INDEX_ROWS).contains(&self.rows.len())
            && self.level < wire::INDEX_LEVELS
            && self.rows.iter().all(|row| row.is_possible(self.level))
            && end == Some(*at)
    }
}

/// An index as it is stored: times as differences, since they take most of its room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packed {
    level: u8,
    first: Place,
    rows: Vec<PackedRow>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PackedRow {
    blocks: u64,
    bytes: u64,
    index_bytes: u64,
    raw_bytes: u64,
    events: u64,
    lost: u64,
    /// `ts_min` less that of the last row before with events; wraps.
    later: i64,
    /// `ts_max` less `ts_min`.
    span: u64,
    ops: u64,
    flags: u32,
}

impl Cold for Packed {
    const KIND: u16 = record::INDEX;
}

impl From<&Index> for Packed {
    fn from(index: &Index) -> Packed {
        let mut time = 0;
        let row = |row: &Row| {
            let before = if row.events > 0 { std::mem::replace(&mut time, row.ts_min) } else { row.ts_min };
            PackedRow {
                blocks: row.blocks,
                bytes: row.bytes,
                index_bytes: row.index_bytes,
                raw_bytes: row.raw_bytes,
                events: row.events,
                lost: row.lost,
                later: row.ts_min.wrapping_sub(before) as i64,
                span: row.ts_max.wrapping_sub(row.ts_min),
                ops: row.ops,
                flags: row.flags.into(),
            }
        };
        Packed { level: index.level, first: index.first, rows: index.rows.iter().map(row).collect() }
    }
}

impl From<Packed> for Index {
    fn from(packed: Packed) -> Index {
        let mut time: u64 = 0;
        let row = |row: PackedRow| {
            time = time.wrapping_add_signed(row.later);
            let ts_min = if row.events > 0 { time } else { 0 };
            Row {
                blocks: row.blocks,
                bytes: row.bytes,
                index_bytes: row.index_bytes,
                raw_bytes: row.raw_bytes,
                events: row.events,
                lost: row.lost,
                ts_min,
                ts_max: ts_min.wrapping_add(row.span),
                ops: row.ops,
                flags: row.flags as u16,
            }
        };
        Index { level: packed.level, first: packed.first, rows: packed.rows.into_iter().map(row).collect() }
    }
}
