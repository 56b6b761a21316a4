//! Items of a trace, or of a recording as it happens, to the rows of one view: the one path that live printing, replay,
//! export and stats all take, so that they cannot differ.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use mountsnoop::assemble::Op;
use mountsnoop::filter::{Filter, TimeSpec, Window, parse_comm};
use mountsnoop::format::{CONTINUED, ClockSync, Events, FileHeader, Item, Lost, Marker, Reader, Source};
use mountsnoop::views::{self, Clock, Detail, Json, Remark, Stamp, Text, TextOptions, View};

use crate::args::{FilterArgs, ViewArgs};
use crate::input::{self, Complaints};
use crate::outgoing::Outgoing;
use crate::relay;
use crate::streams::{Stream, Streams};

/// Where the number of the trace stands in the number of an event.
pub const TRACE_SHIFT: u32 = 40;

/// The rows of one view, on their way to `W`.
pub struct Rows<W: Write> {
    filter: Filter,
    streams: Streams,
    /// The number of the trace, as the upper bits of the numbers of its events.
    trace: u64,
    pub out: Outgoing<W>,
    /// Threads that may be used for reading.
    pub threads: usize,
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

impl<W: Write + Send> Rows<W> {
    /// Checks the filter; `utc` is for the times of day in it.
    pub fn new(filter: &FilterArgs, utc: bool, view: Box<dyn View>, out: W) -> Result<Rows<W>> {
        let comm = filter.comm.iter().map(|glob| parse_comm(glob)).collect::<Result<_, _>>();
        let rows = Rows {
            filter: Filter {
                pids: filter.pid.clone(),
                comm: comm.map_err(|error| anyhow!("--comm: {error}"))?,
                ns: filter.ns.clone(),
                failed: filter.failed,
                slow: filter.slow,
                since: None,
                until: None,
            },
            streams: Streams::new(window(filter, utc)?),
            trace: 0,
            out: Outgoing::new(view, out),
            threads: relay::threads(),
            malformed: 0,
            evicted: 0,
            begun: false,
            segment: None,
            continues: false,
            past: false,
        };
        Ok(rows)
    }

    /// A trace begins: its times mean something from here on.
    pub fn start(&mut self, realtime_ns: i64, boottime_ns: u64) -> Result<()> {
        self.finish_trace()?;
        self.streams.begin(realtime_ns, boottime_ns);
        self.tell();
        Ok(())
    }

    /// Tells the view what is being read now.
    fn tell(&mut self) {
        let Stream { window, clock, host, .. } = &self.streams.now;
        (self.filter.since, self.filter.until) = *window;
        self.out.clock(*clock);
        self.out.host(host);
    }

    /// What follows is from this source.
    fn turn(&mut self, source: &Source) -> Result<()> {
        if self.streams.turn(source)? {
            self.tell();
        }
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
                self.show_clock(realtime_ns.saturating_sub(boottime_ns as i64));
                return Ok(());
            }
            Some(before) if before < index => complaints.segments(before, index),
            _ => {}
        }
        self.start(realtime_ns, boottime_ns)
    }

    fn show_clock(&mut self, offset_ns: i64) {
        self.streams.now.clock = Clock { offset_ns: Some(offset_ns) };
        self.out.clock(self.streams.now.clock);
    }

    pub fn host(&mut self, name: &str) {
        name.clone_into(&mut self.streams.now.host);
        self.out.host(name);
    }

    /// Keeps only one in so many of what is kept otherwise, for those who need memory for something else.
    pub fn share(&mut self, among: usize) {
        self.streams.share(among);
    }

    pub fn event(&mut self, bytes: &[u8]) -> Result<()> {
        let Rows { filter, out, streams, .. } = self;
        if streams.now.assembler.event(bytes, &mut |op| show(op, filter, out)).is_err() {
            self.malformed += 1;
        }
        self.out.result()
    }

    /// The same of events that follow each other in a block.
    fn events(&mut self, events: Events<'_>) -> Result<()> {
        let Rows { filter, out, streams, trace, .. } = self;
        let (block, trace) = (events.block(), *trace);
        let events = events.map(|(index, place)| (trace | index, place));
        self.malformed += streams.now.assembler.events(block, events, &mut |op| show(op, filter, out));
        self.out.result()
    }

    pub fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        // What is shown is not later, so a later one is none of its business.
        if self.filter.until.is_none_or(|until| clock.boottime_ns <= until) {
            self.show_clock(clock.realtime_ns.saturating_sub(clock.boottime_ns as i64));
        }
        self.tick(clock.boottime_ns)
    }

    /// Time has passed.
    fn tick(&mut self, boottime_ns: u64) -> Result<()> {
        let Rows { filter, out, streams, .. } = self;
        streams.now.assembler.clock(boottime_ns, &mut |op| show(op, filter, out));
        self.out.result()
    }

    /// Whether what happened then may be of the time that is asked for.
    fn concerns(&self, from_ns: u64, to_ns: u64) -> bool {
        let Filter { since, until, .. } = self.filter;
        since.is_none_or(|since| to_ns >= since) && until.is_none_or(|until| from_ns <= until)
    }

    pub fn lost(&mut self, lost: &Lost) {
        if lost.reason.counts_events() && self.concerns(lost.from_ns, lost.to_ns) {
            self.streams.now.assembler.missing(Some(lost.to_ns));
            let (events, cpu, why) = (lost.known(), lost.cpu, lost.reason.to_string());
            let between = Some((lost.from_ns, lost.to_ns));
            self.out.with(|view, out| view.lost(out, &views::Lost { events, cpu, between, why: &why }));
        }
    }

    pub fn remark(&mut self, marker: &Marker) -> Result<()> {
        self.tick(marker.boottime_ns)?;
        if self.concerns(marker.boottime_ns, marker.boottime_ns) {
            let (kind, time) = (marker.kind.to_string(), marker.boottime_ns);
            self.out.with(|view, out| view.remark(out, &Remark { time, kind: &kind, text: &marker.text }));
        }
        Ok(())
    }

    /// What has not returned by now will not, in this trace.
    fn finish_trace(&mut self) -> Result<()> {
        loop {
            let Rows { filter, out, streams, .. } = self;
            streams.now.assembler.finish(&mut |op| show(op, filter, out));
            self.evicted += streams.now.assembler.take_evicted();
            if !streams.next() {
                return self.out.write();
            }
            self.tell();
        }
    }

    /// Reads a trace to its end; true if anything of it is missing.
    pub fn read(&mut self, mut reader: Reader, mut complaints: Complaints) -> Result<bool> {
        self.read_on(&mut reader, &mut complaints)?;
        Ok(self.complain(&reader, complaints))
    }

    /// The same, or as far as it goes by now.
    pub fn read_on(&mut self, reader: &mut Reader, complaints: &mut Complaints) -> Result<()> {
        while self.next(reader, complaints)? {}
        Ok(())
    }

    /// Reads one item, or all events up to the next, or, where there is much, many blocks; false where there is nothing.
    pub fn next(&mut self, reader: &mut Reader, complaints: &mut Complaints) -> Result<bool> {
        if let Some(events) = reader.events() {
            self.begun = true;
            self.events(events)?;
            return Ok(true);
        }
        if self.threads > 1
            && let Some(lent) = reader.lend()
        {
            relay::relay(self, reader, complaints, lent, self.threads)?;
            return Ok(true);
        }
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

    /// What is no event.
    fn item(&mut self, item: Item<'_>, complaints: &mut Complaints) -> Result<Then> {
        self.begun = true;
        match item {
            // The first of a block.
            Item::Event(event) => {
                self.streams.now.assembler.number(self.trace | event.index);
                self.event(event.bytes)?;
            }
            Item::Start { header: Some(header), segment_no } => {
                self.trace = u64::from(segment_no) << TRACE_SHIFT;
                self.start_file(header, complaints)?;
                return Ok(Then::Narrow);
            }
            Item::Start { header: None, segment_no } => {
                self.trace = u64::from(segment_no) << TRACE_SHIFT;
                self.segment = None;
                self.finish_trace()?;
            }
            Item::Metadata(metadata) => self.host(&metadata.hostname),
            Item::Source(source) => self.turn(&source)?,
            Item::Marker(marker) => self.remark(&marker)?,
            Item::Clock(clock) | Item::Fresh(clock) => self.clock(&clock)?,
            Item::Lost(lost) if self.concerns(lost.from_ns, lost.to_ns) => {
                complaints.lost(&lost);
                self.lost(&lost);
            }
            Item::Damage(damage) => {
                self.streams.missing();
                complaints.damage(&damage);
            }
            Item::Stats(stats) => complaints.stats(&stats),
            Item::Later if !self.streams.now.assembler.waits(self.filter.since, self.filter.until) => {
                return Ok(Then::PassEvents);
            }
            Item::End { end, .. } => self.continues = end.flags & CONTINUED != 0,
            _ => {}
        }
        Ok(Then::GoOn)
    }

    /// Says what is missing from a trace that has been read; true if anything is.
    pub fn complain(&mut self, reader: &Reader, complaints: Complaints) -> bool {
        let evicted = std::mem::take(&mut self.evicted) + self.streams.take_evicted();
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
        self.out.flush()
    }

    /// Ends the view: nothing follows.
    pub fn end(&mut self) -> Result<()> {
        self.finish_trace()?;
        self.out.end()
    }
}

/// A row, if it is wanted.
#[inline]
fn show<W: Write>(op: &Op<'_>, filter: &Filter, out: &mut Outgoing<W>) {
    if filter.matches(op) {
        out.row(op);
    }
}

/// The part of a trace that the options ask for.
pub fn window(filter: &FilterArgs, utc: bool) -> Result<Window> {
    let moment = |option: &str, text: &Option<String>| {
        let spec = text.as_deref().map(TimeSpec::parse).transpose();
        spec.map_err(|error| anyhow!("{option}: {error}"))
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (since, until) = (moment("--since", &filter.since)?, moment("--until", &filter.until)?);
    Ok(Window { since, until, utc, now: now.as_nanos() as i64 })
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
pub fn read_all<W: Write + Send>(rows: &mut Rows<W>, files: &[PathBuf]) -> Result<bool> {
    // All are opened first: a mistyped name should not show half an answer.
    let readers = files.iter().map(|path| input::reader(path)).collect::<Result<Vec<_>>>()?;
    let mut lossy = false;
    for (reader, path) in readers.into_iter().zip(files) {
        lossy |= rows.read(reader, Complaints::new(path))?;
    }
    Ok(lossy)
}
