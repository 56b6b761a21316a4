//! Items that were read, appended to a trace that is written: what every tool that writes a trace goes through.
//! Must not know why an item is copied or left out.

use std::io::Write;

use crate::format::{
    self, CONTINUED, EventInfo, FileIdentity, Item, RecorderStats, Writer, WriterOptions, record,
};
use crate::layout::Common;

/// How much a trace holds. SOURCE records and what says where blocks are do not count: every writer writes its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// EVENT records.
    pub events: u64,
    /// Records of all kinds.
    pub records: u64,
}

impl Counts {
    /// Counts an item.
    pub fn add(&mut self, item: &Item<'_>) {
        self.records += u64::from(is_copied(item));
        self.events += u64::from(matches!(item, Item::Event(_)));
    }
}

/// Whether it is a record that goes from one file to another.
fn is_copied(item: &Item<'_>) -> bool {
    match item {
        Item::Start { .. } | Item::End { .. } | Item::Damage(_) | Item::Later => false,
        Item::Source(_) | Item::Index(_) => false,
        Item::Unknown(raw) => !matches!(raw.kind, record::INDEX | record::SUMMARY),
        _ => true,
    }
}

/// What the header of its block says about an event. One that is too short for its time has that of the event before.
fn info(bytes: &[u8], before_ns: u64) -> EventInfo {
    match Common::read(bytes) {
        Some(head) => EventInfo {
            time_ns: head.time,
            op_bit: head.call.min(63) as u8,
            failed: head.failed(bytes),
            incomplete: head.incomplete(),
        },
        None => EventInfo { time_ns: before_ns, op_bit: 63, failed: false, incomplete: true },
    }
}

/// A trace being written from items.
pub(super) struct Copier<W: Write> {
    writer: Writer<W>,
    counts: Counts,
    time_ns: u64,
    /// The clock and the books that came last, held back: where nothing follows, they close the trace.
    clock: Option<Item<'static>>,
    stats: Option<Box<RecorderStats>>,
    /// These books have been written all the same: something followed.
    passed_on: bool,
}

impl<W: Write> Copier<W> {
    pub fn new(out: W, options: WriterOptions, identity: FileIdentity) -> Result<Self, format::Error> {
        let writer = Writer::bare(out, options, identity)?;
        Ok(Copier {
            writer,
            counts: Counts::default(),
            time_ns: 0,
            clock: None,
            stats: None,
            passed_on: false,
        })
    }

    /// Takes an item that was read. Where traces begin, and what is damaged, is not for copying.
    pub fn item(&mut self, item: &Item<'_>) -> Result<(), format::Error> {
        match item {
            Item::Start { .. } | Item::End { .. } | Item::Damage(_) | Item::Later | Item::Index(_) => {}
            Item::Clock(clock) => {
                self.pass_on()?;
                self.clock = Some(Item::Clock(*clock));
                return Ok(());
            }
            Item::Fresh(clock) => {
                self.pass_on()?;
                self.clock = Some(Item::Fresh(*clock));
                return Ok(());
            }
            Item::Stats(stats) => {
                if self.stats.is_some() {
                    self.pass_on()?;
                }
                (self.stats, self.passed_on) = (Some(stats.clone()), false);
                return Ok(());
            }
            _ => self.pass_on()?,
        }
        self.add(item)
    }

    /// What was held back is not the last.
    fn pass_on(&mut self) -> Result<(), format::Error> {
        if let Some(clock) = self.clock.take() {
            self.add(&clock)?;
        }
        if let Some(stats) = self.stats.take_if(|_| !self.passed_on) {
            let item = Item::Stats(stats);
            self.add(&item)?;
            if let Item::Stats(stats) = item {
                (self.stats, self.passed_on) = (Some(stats), true);
            }
        }
        Ok(())
    }

    /// Appends an item at once, before what is held back.
    pub fn add(&mut self, item: &Item<'_>) -> Result<(), format::Error> {
        self.counts.add(item);
        let writer = &mut self.writer;
        match item {
            Item::Event(event) => {
                let info = info(event.bytes, self.time_ns);
                self.time_ns = info.time_ns;
                writer.event(&info, event.bytes)
            }
            Item::Metadata(metadata) => writer.metadata(metadata),
            Item::Clock(clock) => writer.clock(clock),
            Item::Fresh(clock) => writer.fresh(clock),
            Item::Lost(lost) => writer.lost(lost),
            Item::Stats(stats) => writer.stats(stats),
            Item::ChildExit(exit) => writer.child_exit(exit),
            Item::Marker(marker) => writer.marker(marker),
            Item::Source(source) => {
                writer.source(*source);
                Ok(())
            }
            Item::Unknown(raw) if is_copied(item) => writer.raw_record(raw.kind, raw.flags, raw.body),
            Item::End { end, .. } if end.flags & CONTINUED != 0 => {
                writer.will_continue();
                Ok(())
            }
            Item::Unknown(_) | Item::Index(_) | Item::Later => Ok(()),
            Item::Start { .. } | Item::Damage(_) | Item::End { .. } => Ok(()),
        }
    }

    /// Closes the trace with the books that came last; says what was written, and gives back where to.
    pub fn close(mut self) -> Result<(W, Counts), format::Error> {
        let stats = self.stats.take().unwrap_or_default();
        let clock = match &self.clock {
            Some(Item::Clock(clock) | Item::Fresh(clock)) => Some(clock),
            _ => None,
        };
        self.writer.end(&stats, clock)?;
        self.counts.records += 1 + u64::from(clock.is_some());
        Ok((self.writer.into_inner(), self.counts))
    }
}
