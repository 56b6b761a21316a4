//! Writes a trace: collects records, cuts them into blocks, compresses, and never goes back.
//! Must not know what an event means: it is told the little that a block header says about it.

use std::io::Write;

use super::codec::{self, Cold};
use super::cold::{ChildExit, ClockSync, Lost, Metadata};
use super::error::{Error, ErrorKind};
use super::header::{self, BlockHeader, End};
use super::identity::FileIdentity;
use super::index::{Index, Packed};
use super::marker::Marker;
use super::origin::Source;
use super::pack::Packer;
use super::record;
use super::stats::RecorderStats;
use super::unindexed::Unindexed;
use super::wire;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterOptions {
    /// 1 to 19 as in `zstd -1` to `zstd -19`; 0 is `zstd --fast=1`.
    pub level: i32,
    /// A block is cut when it has this many bytes before compression.
    pub block_bytes: usize,
}

impl Default for WriterOptions {
    /// Larger blocks gain little, and are lost as a whole when damaged; of what is left when differences are taken, a higher
    /// level makes no less.
    fn default() -> Self {
        WriterOptions { level: 1, block_bytes: 512 << 10 }
    }
}

/// What a block header says about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventInfo {
    /// When, ns of CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// Which call, as a bit of `op_mask`: 0 to 62; anything else counts as 63, "some other".
    pub op_bit: u8,
    /// The call failed.
    pub failed: bool,
    /// Some section of the event is not whole.
    pub incomplete: bool,
}

/// What has been written so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Blocks.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Events that LOST records count.
    pub lost: u64,
    /// Bytes of all records before compression.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// What a block held that could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Abandoned {
    /// Events.
    pub events: u64,
    /// Their earliest and latest time, ns of CLOCK_BOOTTIME, as far as they had got into the block.
    pub span: Option<(u64, u64)>,
    /// The LOST records.
    pub lost: Vec<Lost>,
}

/// Writes one trace to `W`, append-only: a pipe will do.
///
/// Every block goes out in one `write_all`. Dropping a writer without [`Writer::finish`] leaves a trace
/// without END, as
/// a crash would; call [`Writer::flush`] first to lose nothing.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    packer: Packer,
    totals: Totals,
    file_tag: u64,
    unindexed: Unindexed,
    end_flags: u32,
    given: u64,
    source: Option<Source>,
    failed: Option<String>,
}

impl<W: Write> Writer<W> {
    /// Writes the file header and a first block of `metadata` and `clock` at once: a trace cut right
    /// after explains itself.
    pub fn new(
        out: W,
        options: WriterOptions,
        identity: FileIdentity,
        metadata: &Metadata,
        clock: &ClockSync,
    ) -> Result<Self, Error> {
        // Before the header goes out: a record that does not fit should not leave half a file behind.
        codec::encode(metadata).map_err(|why| Error::new(ErrorKind::Fields(why), 0))?;
        let mut writer = Writer::bare(out, options, identity)?;
        writer.metadata(metadata)?;
        writer.clock(clock)?;
        writer.cut(0)?;
        Ok(writer)
    }

    /// Writes the file header alone, for tools that copy a trace record by record: METADATA and CLOCK_SYNC must come
    /// first where there are any.
    pub fn bare(out: W, options: WriterOptions, identity: FileIdentity) -> Result<Self, Error> {
        let packer = Packer::new(options)?;
        let header = identity.header(packer.max_raw());
        let (totals, file_tag) = (Totals::default(), header.file_tag());
        let (unindexed, source, failed) = (Unindexed::new(), None, None);
        let mut writer =
            Writer { out, packer, totals, file_tag, unindexed, end_flags: 0, given: 0, source, failed };
        writer.write(&header.encode())?;
        Ok(writer)
    }

    /// What is appended from now on is from this source, of those that the file is merged from.
    pub fn source(&mut self, source: Source) {
        self.source = Some(source);
    }

    /// Appends what a trace was taken with. It shares no block with events, so that it is found without reading those.
    pub fn metadata(&mut self, metadata: &Metadata) -> Result<(), Error> {
        self.about(metadata)
    }

    /// Appends an event.
    #[inline]
    pub fn event(&mut self, info: &EventInfo, bytes: &[u8]) -> Result<(), Error> {
        self.check(bytes.len(), "an event")?;
        self.given += 1;
        if self.packer.holds_about() {
            self.cut(0)?;
        }
        self.make_room(bytes.len())?;
        self.packer.event(info, bytes);
        self.cut_if_full()
    }

    /// Appends the clocks of this moment.
    pub fn clock(&mut self, clock: &ClockSync) -> Result<(), Error> {
        self.cold(clock, Some(clock.boottime_ns))
    }

    /// Appends a loss, unless it fails, and adds it to the cumulative count of block headers if it counts events.
    pub fn lost(&mut self, lost: &Lost) -> Result<(), Error> {
        self.cold(lost, Some(lost.to_ns))?;
        self.packer.flag(header::LOSS_BEFORE);
        if lost.reason.counts_events() {
            self.totals.lost = self.totals.lost.saturating_add(lost.count);
        }
        Ok(())
    }

    /// From here on every process is told of again, and `clock` is not earlier than what was written before: begins a
    /// block in which reading can begin.
    pub fn fresh(&mut self, clock: &ClockSync) -> Result<(), Error> {
        self.usable()?;
        self.cut(0)?;
        self.clock(clock)?;
        self.packer.flag(header::FRESH);
        Ok(())
    }

    /// Another file of this recording will follow: the END is to say so.
    pub fn will_continue(&mut self) {
        self.end_flags |= header::CONTINUED;
    }

    /// Appends the recorder's books as they stand; [`Writer::finish`] writes the last ones. As with
    /// [`Writer::metadata`], no events share their block.
    pub fn stats(&mut self, stats: &RecorderStats) -> Result<(), Error> {
        self.about(stats)
    }

    /// Appends a remark. Its block says that it holds one.
    pub fn marker(&mut self, marker: &Marker) -> Result<(), Error> {
        self.cold(marker, Some(marker.boottime_ns))?;
        self.packer.flag(header::REMARK);
        Ok(())
    }

    /// Appends how the recorded program ended.
    pub fn child_exit(&mut self, exit: &ChildExit) -> Result<(), Error> {
        self.cold(exit, Some(exit.boottime_ns))
    }

    /// Appends a block that another writer has packed, with its records as they are: only what its header says of its place
    /// in the file changes. `lost`: events that its LOST records count.
    pub fn adopt(&mut self, header: &BlockHeader, stored: &[u8], lost: u64) -> Result<(), Error> {
        self.usable()?;
        self.cut(0)?;
        self.given += u64::from(header.event_count);
        self.totals.lost = self.totals.lost.saturating_add(lost);
        let header = BlockHeader {
            file_tag: self.file_tag,
            block_seq: self.totals.blocks,
            event_index_base: self.totals.events,
            lost_total: self.totals.lost,
            ..*header
        };
        self.write(&[&header.encode(), stored].concat())?;
        self.count(&header);
        self.unindexed.push(&header, None);
        self.indexes()
    }

    /// Appends a record as it is, for tools that copy what they do not know. Events have [`Writer::event`]: they are
    /// counted in block headers. An INDEX is made by the writer itself. A loss that only a later version can read is at
    /// least said to be there.
    pub fn raw_record(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Error> {
        if matches!(kind, record::EVENT | record::INDEX) {
            let what = "the kind of a raw record";
            let kind = ErrorKind::Option { what, given: kind.into(), allowed: "any but EVENT and INDEX" };
            return Err(Error::new(kind, self.totals.file_bytes));
        }
        self.append(kind, flags, body, None)?;
        self.packer.flag(match kind {
            record::LOST => header::LOSS_BEFORE,
            record::MARKER => header::REMARK,
            _ => 0,
        });
        Ok(())
    }

    /// Writes the open block, however small, and flushes `W`. Does nothing where nothing waits.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.usable()?;
        self.cut(header::FORCED_FLUSH)?;
        let flushed = self.out.flush();
        self.keep_failure(flushed)
    }

    /// Whether records wait in memory.
    pub fn pending(&self) -> bool {
        !self.packer.is_empty()
    }

    /// The earliest time among the records that wait in memory, ns of CLOCK_BOOTTIME: when it gets too old, flush.
    pub fn pending_since(&self) -> Option<u64> {
        self.packer.since()
    }

    /// What has been written so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Events given to [`Writer::event`] that no written block holds: in memory, in the block that
    /// could not be written,
    /// and given since that failure.
    pub fn unwritten_events(&self) -> u64 {
        self.given - self.totals.events
    }

    /// After a block could not be written, and where `W` has kept nothing of it: leaves its events and losses out, and goes
    /// on. What else it held comes with the next block.
    pub fn abandon(&mut self) -> Abandoned {
        self.failed = None;
        let (span, lost) = self.packer.abandon();
        let counted = lost.iter().filter(|lost| lost.reason.counts_events()).map(|lost| lost.count);
        self.totals.lost = counted.fold(self.totals.lost, u64::saturating_sub);
        let events = self.unwritten_events();
        self.given = self.totals.events;
        Abandoned { events, span, lost }
    }

    /// Where the bytes go.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// The same, to be told how to take the bytes.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Gives `W` back without closing the trace; what waits in memory is lost.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes what waits, the index, a last block of `stats` and `clock`, and the END: the trace is closed.
    ///
    /// Takes `&mut self` so that after a failure [`Writer::unwritten_events`] and [`Writer::totals`]
    /// can still be asked.
    pub fn close(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<Totals, Error> {
        self.end(stats, Some(clock))
    }

    /// [`Writer::close`] for tools that copy a trace, which may have no clock.
    pub fn end(&mut self, stats: &RecorderStats, clock: Option<&ClockSync>) -> Result<Totals, Error> {
        self.usable()?;
        let last_clock = clock.map(|clock| self.encode(clock)).transpose()?;
        let last_stats = self.encode(stats)?;
        self.cut(0)?;
        while let Some(index) = self.unindexed.rest() {
            self.index(&index)?;
        }
        let (index_offset, index_len) = self.unindexed.root().unwrap_or_default();
        // Not listed, and one block whatever its size: readers look right behind the index for it.
        self.say_source()?;
        if let Some(clock) = last_clock {
            self.packer.record(ClockSync::KIND, 0, &clock, None);
        }
        self.packer.record(RecorderStats::KIND, 0, &last_stats, None);
        self.block(false)?;
        let (flags, file_tag, total_events) = (self.end_flags, self.file_tag, self.totals.events);
        let end = End { flags, file_tag, index_offset, index_len, total_events };
        self.write(&end.encode())?;
        let flushed = self.out.flush();
        self.keep_failure(flushed)?;
        // Anything after the END would be garbage.
        self.failed = Some("the trace is closed".to_owned());
        Ok(self.totals)
    }

    /// [`Writer::close`], and `W` back.
    pub fn finish(mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<(W, Totals), Error> {
        let totals = self.close(stats, clock)?;
        Ok((self.out, totals))
    }

    fn about<T: Cold>(&mut self, record: &T) -> Result<(), Error> {
        if self.packer.holds_events() {
            self.cut(0)?;
        }
        self.cold(record, None)?;
        self.packer.hold_about();
        Ok(())
    }

    fn cold<T: Cold>(&mut self, record: &T, time: Option<u64>) -> Result<(), Error> {
        let body = self.encode(record)?;
        self.append(T::KIND, 0, &body, time)
    }

    fn encode<T: Cold>(&self, record: &T) -> Result<Vec<u8>, Error> {
        codec::encode(record).map_err(|why| self.error(ErrorKind::Fields(why)))
    }

    fn append(&mut self, kind: u16, flags: u16, body: &[u8], time: Option<u64>) -> Result<(), Error> {
        self.check(body.len(), "a record")?;
        self.make_room(body.len())?;
        self.packer.record(kind, flags, body, time);
        Ok(())
    }

    #[inline]
    fn check(&self, len: usize, what: &'static str) -> Result<(), Error> {
        let limit = wire::MAX_RECORD - if self.source.is_some() { wire::MAX_SOURCE } else { 0 };
        if len > limit {
            return Err(self.error(ErrorKind::TooLong { what, len, limit }));
        }
        Ok(())
    }

    #[inline]
    fn make_room(&mut self, len: usize) -> Result<(), Error> {
        self.usable()?;
        if self.source.is_some() {
            return self.make_room_in_source(len);
        }
        if self.packer.has_room(len) { Ok(()) } else { self.cut(0) }
    }

    fn make_room_in_source(&mut self, len: usize) -> Result<(), Error> {
        if !self.packer.has_room(len + wire::MAX_SOURCE) {
            self.cut(0)?;
        }
        self.say_source()
    }

    /// Says whose the next record is, where the open block has not: each block speaks for itself, so that a block that is
    /// lost mixes no sources.
    fn say_source(&mut self) -> Result<(), Error> {
        let Some(source) = &self.source else { return Ok(()) };
        if let Some(said) = self.packer.say_source(source.number) {
            let identity = source.identity.filter(|_| !said);
            let body = self.encode(&Source { number: source.number, identity })?;
            self.packer.record(Source::KIND, wire::RECORD_CRITICAL, &body, None);
        }
        Ok(())
    }

    #[inline]
    fn cut_if_full(&mut self) -> Result<(), Error> {
        if self.packer.is_full() { self.cut(0) } else { Ok(()) }
    }

    fn cut(&mut self, flags: u16) -> Result<(), Error> {
        if self.packer.is_empty() {
            return Ok(());
        }
        self.usable()?;
        self.packer.flag(flags);
        let header = self.block(false)?;
        self.unindexed.push(&header, None);
        self.indexes()
    }

    fn indexes(&mut self) -> Result<(), Error> {
        while let Some(index) = self.unindexed.full() {
            self.index(&index)?;
        }
        Ok(())
    }

    /// Writes a block of its own; no other records wait.
    fn index(&mut self, index: &Index) -> Result<(), Error> {
        let body = self.encode(&Packed::from(index))?;
        self.packer.record(Packed::KIND, 0, &body, None);
        let header = self.block(true).inspect_err(|_| {
            self.packer.clear();
            self.unindexed.put_back(index);
        })?;
        self.unindexed.push(&header, Some(index));
        Ok(())
    }

    fn block(&mut self, index: bool) -> Result<BlockHeader, Error> {
        let packed = self.packer.pack(self.file_tag, &self.totals, index);
        let header = packed.map_err(|why| {
            self.failed = Some(why.clone());
            self.error(ErrorKind::Compress(why))
        })?;
        let written = self.out.write_all(self.packer.packed());
        self.totals.file_bytes += if written.is_ok() { self.packer.packed().len() as u64 } else { 0 };
        self.keep_failure(written)?;
        self.count(&header);
        self.packer.clear();
        Ok(header)
    }

    fn count(&mut self, header: &BlockHeader) {
        self.totals.blocks += 1;
        self.totals.events += u64::from(header.event_count);
        self.totals.raw_bytes += u64::from(header.raw_len);
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), Error> {
        let written = self.out.write_all(frame);
        self.keep_failure(written)?;
        self.totals.file_bytes += frame.len() as u64;
        Ok(())
    }

    /// A writer that failed stays failed: what would follow a torn block could not be told from it.
    fn keep_failure(&mut self, result: std::io::Result<()>) -> Result<(), Error> {
        result.map_err(|e| {
            self.failed = Some(e.to_string());
            self.error(ErrorKind::Write(e))
        })
    }

    #[inline]
    fn usable(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(first) => Err(self.error(ErrorKind::WriterFailed(first.clone()))),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.totals.file_bytes)
    }
}
