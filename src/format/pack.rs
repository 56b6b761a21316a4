//! The open block of a writer: collects records, then makes a header and a zstd frame of them in one buffer.
//! Must not know where the bytes go.

use zstd::{bulk, zstd_safe::CParameter};

use super::cold::Lost;
use super::delta::Encoder;
use super::error::{Error, ErrorKind};
use super::header::{self, BlockHeader};
use super::record::{self, Record, Records};
use super::wire;
use super::writer::{EventInfo, Totals, WriterOptions};

/// No block is asked to be larger: with the longest record it stays far below [`wire::MAX_RAW`].
const MAX_TARGET: usize = 4 << 20;

pub(crate) struct Packer {
    encoder: Encoder,
    compressor: bulk::Compressor<'static>,
    target: usize,
    raw: Vec<u8>,
    out: Vec<u8>,
    packed: usize,
    // What its header will say.
    records: u32,
    events: u32,
    times: Option<(u64, u64)>,
    last_time: u64,
    since: Option<u64>,
    flags: u16,
    ops: u64,
    /// It holds a record about the trace itself.
    about: bool,
    /// Sources it has named, and the one it named last.
    sources: Vec<u32>,
    source: Option<u32>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("records", &self.records).field("bytes", &self.raw.len()).finish()
    }
}

impl Packer {
    pub fn new(options: WriterOptions) -> Result<Self, Error> {
        let bad = |what, given, allowed| Error::new(ErrorKind::Option { what, given, allowed }, 0);
        let WriterOptions { level, block_bytes: target } = options;
        if !(0..=19).contains(&level) {
            return Err(bad("the compression level", level.into(), "0 to 19"));
        }
        if target == 0 || target > MAX_TARGET {
            return Err(bad(
                "the block size",
                i64::try_from(target).unwrap_or(i64::MAX),
                "1 to 4194304 bytes",
            ));
        }
        let compressor = compressor(level).map_err(|e| Error::new(ErrorKind::Compress(e.to_string()), 0))?;
        Ok(Packer {
            encoder: Encoder::default(),
            compressor,
            target,
            raw: Vec::with_capacity(target),
            out: Vec::new(),
            packed: 0,
            records: 0,
            events: 0,
            times: None,
            last_time: 0,
            since: None,
            flags: 0,
            ops: 0,
            about: false,
            sources: Vec::new(),
            source: None,
        })
    }

    /// No block will be larger.
    pub fn max_raw(&self) -> usize {
        self.target.max(wire::RECORD_PREFIX + wire::MAX_RECORD)
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.raw.len() >= self.target
    }

    #[inline]
    pub fn has_room(&self, body: usize) -> bool {
        self.raw.len() + wire::RECORD_PREFIX + body <= self.target
    }

    pub fn since(&self) -> Option<u64> {
        self.since
    }

    pub fn holds_events(&self) -> bool {
        self.events > 0
    }

    #[inline]
    pub fn holds_about(&self) -> bool {
        self.about
    }

    pub fn hold_about(&mut self) {
        self.about = true;
    }

    /// Turns to a source. `None`: the block is there already; else whether the block has named it before.
    pub fn say_source(&mut self, number: u32) -> Option<bool> {
        if self.source.replace(number) == Some(number) {
            return None;
        }
        let said = self.sources.contains(&number);
        if !said {
            self.sources.push(number);
        }
        Some(said)
    }

    pub fn flag(&mut self, flags: u16) {
        self.flags |= flags;
    }

    #[inline]
    pub fn event(&mut self, info: &EventInfo, bytes: &[u8]) {
        self.record(record::EVENT, 0, bytes, Some(info.time_ns));
        self.events += 1;
        let (min, max) = self.times.unwrap_or((info.time_ns, info.time_ns));
        self.times = Some((min.min(info.time_ns), max.max(info.time_ns)));
        if info.time_ns < self.last_time {
            self.flags |= header::UNSORTED;
        }
        self.last_time = info.time_ns;
        self.flags |= if info.failed { header::HAS_FAILED_OP } else { 0 };
        self.flags |= if info.incomplete { header::HAS_TRUNC_STR } else { 0 };
        self.ops |= 1 << info.op_bit.min(63);
    }

    #[inline]
    pub fn record(&mut self, kind: u16, flags: u16, body: &[u8], time: Option<u64>) {
        record::append(&mut self.raw, kind, flags, body);
        self.records += 1;
        self.since = match (self.since, time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Makes the block; [`Packer::packed`] is its bytes until [`Packer::clear`]. `index`: it holds nothing but an INDEX.
    pub fn pack(&mut self, file_tag: u64, before: &Totals, index: bool) -> Result<BlockHeader, String> {
        self.packed = 0;
        let room = wire::BLOCK_FRAME + wire::compress_bound(self.raw.len());
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        let (head, frame) = self.out.split_at_mut(wire::BLOCK_FRAME);
        let content = if self.events > 0 { self.encoder.encode(&self.raw) } else { None };
        let delta = if content.is_some() { header::DELTA } else { 0 };
        let content = content.unwrap_or(&self.raw);
        let stored = self.compressor.compress_to_buffer(content, frame).map_err(|e| e.to_string())?;
        let (ts_min, ts_max) = self.times.unwrap_or_default();
        let header = BlockHeader {
            block_type: match self.events {
                _ if index => header::BLOCK_INDEX,
                0 => header::BLOCK_META,
                _ => header::BLOCK_EVENTS,
            },
            flags: self.flags | delta,
            file_tag,
            block_seq: before.blocks,
            raw_len: self.raw.len() as u32,
            stored_len: stored as u32,
            record_count: self.records,
            event_count: self.events,
            ts_min,
            ts_max,
            event_index_base: before.events,
            lost_total: before.lost,
            op_mask: self.ops,
            stored_crc: crc32c::crc32c(frame.get(..stored).unwrap_or_default()),
        };
        head.copy_from_slice(&header.encode());
        self.packed = wire::BLOCK_FRAME + stored;
        Ok(header)
    }

    /// Header and frame of the block made last.
    pub fn packed(&self) -> &[u8] {
        self.out.get(..self.packed).unwrap_or_default()
    }

    /// Drops what the block cannot be written with, events and what is said about them, and keeps the rest for the next. Says
    /// from when to when the events were, and what was lost.
    pub fn abandon(&mut self) -> (Option<(u64, u64)>, Vec<Lost>) {
        let (times, raw) = (self.times, std::mem::take(&mut self.raw));
        self.clear();
        let mut losses = Vec::new();
        for record in Records::new(&raw).flatten() {
            match record.typed() {
                Ok(Record::Event(_) | Record::Clock(_) | Record::Index(_)) => {}
                Ok(Record::Lost(lost)) => losses.push(lost),
                _ => self.record(record.kind, record.flags, record.body, None),
            }
        }
        (times, losses)
    }

    /// Begins the next block.
    pub fn clear(&mut self) {
        self.raw.clear();
        (self.packed, self.records, self.events) = (0, 0, 0);
        (self.times, self.last_time, self.since, self.flags, self.ops) = (None, 0, None, 0, 0);
        (self.about, self.source) = (false, None);
        self.sources.clear();
    }
}

fn compressor(level: i32) -> std::io::Result<bulk::Compressor<'static>> {
    // zstd takes 0 for "default"; ours is the fastest.
    let mut compressor = bulk::Compressor::new(if level == 0 { -1 } else { level })?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
    Ok(compressor)
}
