//! Items of a trace, or of a recording as it happens, to the rows of one view: the one path that live printing, replay,
//! export and stats all take, so that they cannot differ.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use mountsnoop::assemble::{Assembler, Op};
use mountsnoop::filter::{Filter, TimeContext, TimeSpec, parse_comm};
use mountsnoop::format::{CONTINUED, ClockSync, FileHeader, Item, Lost, Marker, Reader};
use mountsnoop::views::{self, Clock, Detail, Json, Stamp, Text, TextOptions, View};

use crate::args::{FilterArgs, ViewArgs};
use crate::input::{self, Complaints};

/// Rows are written out when they have grown to this, bytes.
const CHUNK: usize = 64 << 10;

/// The rows of one view, on their way to `W`.
pub struct Rows<W: Write> {
    filter: Filter,
    since: Option<TimeSpec>,
    until: Option<TimeSpec>,
    utc: bool,
    view: Box<dyn View>,
    assembler: Assembler,
    out: Output<W>,
    malformed: u64,
    evicted: u64,
    begun: bool,
    /// Session and number of the file that was read last.
    segment: Option<([u8; 16], u32)>,
    /// Its END says that another follows.
    continues: bool,
    /// What is left of it is later than what is asked for.
    past: bool,
}

/// What an item means for the reading of those after it.
enum Then {
    GoOn,
    /// A trace has begun of which only a part is wanted.
    Narrow,
    /// No more of its events are.
    PassEvents,
}

/// What was printed and is not yet written. One event may make any number of rows, so each may have to go out.
struct Output<W: Write> {
    buffer: Vec<u8>,
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> Output<W> {
    /// Adds a row, if it is wanted.
    #[inline]
    fn row(&mut self, filter: &Filter, view: &mut dyn View, op: &Op<'_>) {
        if !filter.matches(op) {
            return;
        }
        view.row(&mut self.buffer, op);
        self.spill();
    }

    /// Writes out what is too much to keep; a failure is kept for [`Output::result`].
    #[inline]
    fn spill(&mut self) {
        if self.buffer.len() >= CHUNK {
            self.failed = self.failed.take().or(self.to.write_all(&self.buffer).err());
            self.buffer.clear();
        }
    }

    /// Whether all rows could be written.
    fn result(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn write(&mut self) -> Result<()> {
        self.result()?;
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Rows<W> {
    /// Checks the filter; `utc` is for the times of day in it.
    pub fn new(filter: &FilterArgs, utc: bool, view: Box<dyn View>, out: W) -> Result<Rows<W>> {
        let moment = |option: &str, text: &Option<String>| {
            let spec = text.as_deref().map(TimeSpec::parse).transpose();
            spec.map_err(|error| anyhow!("{option}: {error}"))
        };
        let comm = filter.comm.iter().map(|glob| parse_comm(glob)).collect::<Result<_, _>>();
        let mut rows = Rows {
            since: moment("--since", &filter.since)?,
            until: moment("--until", &filter.until)?,
            filter: Filter {
                pids: filter.pid.clone(),
                comm: comm.map_err(|error| anyhow!("--comm: {error}"))?,
                ns: filter.ns.clone(),
                failed: filter.failed,
                slow: filter.slow,
                since: None,
                until: None,
            },
            utc,
            view,
            assembler: Assembler::new(),
            out: Output { buffer: Vec::with_capacity(2 * CHUNK), to: out, failed: None },
            malformed: 0,
            evicted: 0,
            begun: false,
            segment: None,
            continues: false,
            past: false,
        };
        rows.view.begin(&mut rows.out.buffer);
        Ok(rows)
    }

    /// A trace begins: its times mean something from here on.
    pub fn start(&mut self, realtime_ns: i64, boottime_ns: u64) -> Result<()> {
        self.finish_trace()?;
        let offset = realtime_ns.saturating_sub(boottime_ns as i64);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let context =
            TimeContext { start: realtime_ns, end: None, now: now.as_nanos() as i64, offset, utc: self.utc };
        self.filter.since = self.since.map(|spec| spec.resolve(&context));
        self.filter.until = self.until.map(|spec| spec.resolve(&context));
        // What was open as recording began may have begun at any time.
        self.assembler.since(self.filter.since.filter(|since| *since > boottime_ns));
        self.view.clock(Clock { offset_ns: Some(offset) });
        Ok(())
    }

    /// A file begins. If it goes on where the one before ended, so do the calls.
    fn start_file(&mut self, header: &FileHeader, complaints: &mut Complaints) -> Result<()> {
        let (session, index) = (header.session_uuid, header.segment_index);
        let (realtime_ns, boottime_ns) = (header.created_realtime_ns, header.created_boottime_ns);
        (self.continues, self.past) = (false, false);
        let same = |(before, _): &([u8; 16], u32)| *before == session && session != [0; 16];
        match self.segment.replace((session, index)).filter(same).map(|(_, before)| before) {
            Some(before) if before.checked_add(1) == Some(index) => {
                let offset_ns = Some(realtime_ns.saturating_sub(boottime_ns as i64));
                self.view.clock(Clock { offset_ns });
                return Ok(());
            }
            Some(before) if before < index => complaints.segments(before, index),
            _ => {}
        }
        self.start(realtime_ns, boottime_ns)
    }

    pub fn host(&mut self, name: &str) {
        self.view.host(name);
    }

    #[inline]
    pub fn event(&mut self, bytes: &[u8]) -> Result<()> {
        let Rows { filter, view, out, assembler, .. } = self;
        if assembler.event(bytes, &mut |op| out.row(filter, &mut **view, op)).is_err() {
            self.malformed += 1;
        }
        self.out.result()
    }

    pub fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        let Rows { filter, view, out, assembler, .. } = self;
        // What is shown is not later, so a later one is none of its business.
        if filter.until.is_none_or(|until| clock.boottime_ns <= until) {
            view.clock(Clock { offset_ns: Some(clock.realtime_ns.saturating_sub(clock.boottime_ns as i64)) });
        }
        assembler.clock(clock.boottime_ns, &mut |op| out.row(filter, &mut **view, op));
        self.out.result()
    }

    /// Whether what happened then may be of the time that is asked for.
    fn concerns(&self, from_ns: u64, to_ns: u64) -> bool {
        let Filter { since, until, .. } = self.filter;
        since.is_none_or(|since| to_ns >= since) && until.is_none_or(|until| from_ns <= until)
    }

    pub fn lost(&mut self, lost: &Lost) {
        if lost.reason.counts_events() && self.concerns(lost.from_ns, lost.to_ns) {
            self.assembler.missing(Some(lost.to_ns));
            let why = lost.reason.to_string();
            let between = Some((lost.from_ns, lost.to_ns));
            let lost = views::Lost { events: lost.count, cpu: lost.cpu, between, why: &why };
            self.view.lost(&mut self.out.buffer, &lost);
            self.out.spill();
        }
    }

    pub fn remark(&mut self, marker: &Marker) -> Result<()> {
        if self.concerns(marker.boottime_ns, marker.boottime_ns) {
            let (kind, time) = (marker.kind.to_string(), marker.boottime_ns);
            let remark = views::Remark { time, kind: &kind, text: &marker.text };
            self.view.remark(&mut self.out.buffer, &remark);
            self.out.spill();
        }
        self.out.result()
    }

    /// What has not returned by now will not, in this trace.
    fn finish_trace(&mut self) -> Result<()> {
        let Rows { filter, view, out, assembler, .. } = self;
        assembler.finish(&mut |op| out.row(filter, &mut **view, op));
        self.evicted += assembler.take_evicted();
        *assembler = Assembler::new();
        self.out.write()
    }

    /// Reads a trace to its end; true if anything of it is missing.
    pub fn read(&mut self, mut reader: Reader, mut complaints: Complaints) -> Result<bool> {
        while self.next(&mut reader, &mut complaints)? {}
        Ok(self.complain(&reader, complaints))
    }

    /// Reads one item; false where there is none.
    #[inline]
    pub fn next(&mut self, reader: &mut Reader, complaints: &mut Complaints) -> Result<bool> {
        let then = match reader.next() {
            Ok(Some(item)) => self.item(item, complaints)?,
            Ok(None) => return Ok(false),
            Err(error) => {
                // What was read before stays good; where nothing was, not even a heading is printed.
                if self.begun {
                    self.finish_trace()?;
                }
                return Err(error).with_context(|| complaints.name().to_string());
            }
        };
        match then {
            Then::GoOn => {}
            Then::Narrow => reader.narrow(self.filter.since, self.filter.until),
            Then::PassEvents => {
                self.past = true;
                reader.pass_events();
            }
        }
        Ok(true)
    }

    #[inline]
    fn item(&mut self, item: Item<'_>, complaints: &mut Complaints) -> Result<Then> {
        self.begun = true;
        match item {
            Item::Event(event) => self.event(event.bytes)?,
            Item::Start { header: Some(header), .. } => {
                self.start_file(header, complaints)?;
                return Ok(Then::Narrow);
            }
            Item::Start { header: None, .. } => {
                self.segment = None;
                self.finish_trace()?;
            }
            Item::Metadata(metadata) => self.host(&metadata.hostname),
            Item::Clock(clock) => self.clock(&clock)?,
            Item::Marker(marker) => self.remark(&marker)?,
            Item::Lost(lost) if self.concerns(lost.from_ns, lost.to_ns) => {
                complaints.lost(&lost);
                self.lost(&lost);
            }
            Item::Damage(damage) => {
                self.assembler.missing(None);
                complaints.damage(&damage);
            }
            Item::Stats(stats) => complaints.stats(&stats),
            Item::Later if !self.assembler.waits(self.filter.since, self.filter.until) => {
                return Ok(Then::PassEvents);
            }
            Item::End { end, .. } => self.continues = end.flags & CONTINUED != 0,
            _ => {}
        }
        Ok(Then::GoOn)
    }

    /// Says what is missing from a trace that has been read; true if anything is.
    pub fn complain(&mut self, reader: &Reader, complaints: Complaints) -> bool {
        let evicted = std::mem::take(&mut self.evicted) + self.assembler.take_evicted();
        complaints.end(reader.state(), std::mem::take(&mut self.malformed), evicted)
    }

    /// Whether the file read last says that another follows.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Whether nothing that is asked for can come any more.
    pub fn past(&self) -> bool {
        self.past
    }

    /// Writes out what there is.
    pub fn flush(&mut self) -> Result<()> {
        self.out.write()?;
        self.out.to.flush()?;
        Ok(())
    }

    /// Ends the view: nothing follows.
    pub fn end(&mut self) -> Result<()> {
        self.finish_trace()?;
        self.view.end(&mut self.out.buffer);
        self.flush()
    }
}

/// The view that the options ask for.
pub fn view(args: &ViewArgs) -> Box<dyn View> {
    let clock = Clock::default();
    if args.classic {
        Box::new(views::Classic)
    } else if args.json {
        Box::new(Json::lines("", clock))
    } else if args.detail {
        Box::new(Detail::new(clock, args.utc))
    } else {
        let stamps = if args.time { vec![Stamp::Clock] } else { Vec::new() };
        Box::new(Text::new(TextOptions { stamps, utc: args.utc, ..TextOptions::default() }))
    }
}

/// Reads one trace after the other; true if anything is missing from any of them.
pub fn read_all<W: Write>(rows: &mut Rows<W>, files: &[PathBuf]) -> Result<bool> {
    // All are opened first: a mistyped name should not show half an answer.
    let readers = files.iter().map(|path| input::reader(path)).collect::<Result<Vec<_>>>()?;
    let mut lossy = false;
    for (reader, path) in readers.into_iter().zip(files) {
        lossy |= rows.read(reader, Complaints::new(path))?;
    }
    Ok(lossy)
}
