//! The flight recorder: a sink that writes nothing until somebody asks for what happened last.
//! Must not know what an event means, nor how what happened last is kept.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::SIGUSR2;

use super::super::{FlightOptions, Request, Sink, TraceOptions, Trigger, Unwritten, Wish};
use super::file::event_info;
use super::memory::Memory;
use super::place::{self, Opened};
use super::sync::Syncer;
use super::{clock, host, names};
use crate::format::{
    ChildExit, ClockSync, FileIdentity, Lost, Marker, Metadata, RecorderStats, Writer, WriterOptions,
};
use crate::layout;

/// A flight recorder, and where its traces go.
pub(super) struct FlightRecorder {
    path: PathBuf,
    options: TraceOptions,
    flight: FlightOptions,
    state: Option<Flying>,
    /// The name of the next file has this number, or a higher one.
    number: u32,
    /// What is held is to be written.
    asked: Option<Asked>,
    bytes: u64,
    why: Vec<String>,
    said: Vec<String>,
}

/// What happened before this moment is to be written, once all of that has come.
struct Asked {
    trigger: Trigger,
    boottime_ns: u64,
    at: Instant,
}

/// After so long without events, what happened before has come.
const SETTLED: Duration = Duration::from_secs(1);

struct Flying {
    metadata: Metadata,
    begun: ClockSync,
    writer: Writer<Memory>,
    syncer: Syncer,
    /// When processes were last told of again, and what had been kept by then.
    fresh: (Instant, u64),
    wished: bool,
    /// Events that had come when the last one came, and when that was.
    quiet: (u64, Instant),
}

impl FlightRecorder {
    pub fn create(path: &Path, options: &TraceOptions, flight: FlightOptions) -> Result<FlightRecorder> {
        // A directory that is not there should be known of before there is anything to lose.
        if place::directory(path).is_none() {
            bail!("cannot write traces to {}: its directory does not exist: create it first", path.display());
        }
        Ok(FlightRecorder {
            path: path.to_owned(),
            options: options.clone(),
            flight,
            state: None,
            number: 0,
            asked: None,
            bytes: 0,
            why: Vec::new(),
            said: Vec::new(),
        })
    }

    fn flying(&mut self) -> Result<&mut Flying> {
        match &mut self.state {
            Some(flying) => Ok(flying),
            None => bail!("the flight recorder {} has not begun", self.path.display()),
        }
    }

    fn writer(&mut self) -> Result<&mut Writer<Memory>> {
        Ok(&mut self.flying()?.writer)
    }

    /// The next name that nobody has.
    fn next_path(&mut self) -> PathBuf {
        loop {
            let path = names::numbered(&self.path, self.number);
            self.number += 1;
            if path.symlink_metadata().is_err() {
                return path;
            }
        }
    }

    /// Writes what is held now. What fails costs this file, not the recording.
    fn dump(&mut self, trigger: &Trigger) -> Result<()> {
        self.writer()?.flush()?;
        let path = self.next_path();
        match self.dump_to(&path, trigger) {
            Ok((events, bytes)) => {
                self.bytes += bytes;
                self.said.push(format!("{trigger}: wrote {events} events to {}", path.display()));
            }
            Err(error) => {
                let why = format!("failed to write the trace {}: {error:#}", path.display());
                self.why.push(why.clone());
                self.said.push(why);
            }
        }
        Ok(())
    }

    fn dump_to(&mut self, path: &Path, trigger: &Trigger) -> Result<(u64, u64)> {
        let level = self.options.level;
        let flying = self.flying()?;
        let now = clock::sample();
        let memory = flying.writer.get_ref();
        let since_ns = memory.since().unwrap_or(flying.begun.boottime_ns);
        let ago = now.boottime_ns.saturating_sub(since_ns);
        let since = ClockSync {
            boottime_ns: since_ns,
            realtime_ns: now.realtime_ns.saturating_sub(ago as i64),
            monotonic_ns: now.monotonic_ns.saturating_sub(ago),
            tai_ns: now.tai_ns.saturating_sub(ago as i64),
            ..now
        };
        let mut metadata = flying.metadata.clone();
        metadata.filters.push(format!(
            "what a flight recorder held at {trigger}: nothing from before {}.{:09} s of boot time, when this trace begins",
            since_ns / 1_000_000_000,
            since_ns % 1_000_000_000
        ));
        let identity = FileIdentity {
            boot_id: metadata.boot_id,
            host_id: host::host_id(),
            created_realtime_ns: since.realtime_ns,
            created_boottime_ns: since.boottime_ns,
            ..FileIdentity::random()?
        };
        let opened = Opened::at(path, false)?;
        let (file, _) = opened.begin(path)?;
        let to_sync = file.try_clone()?;
        let options = WriterOptions { level, ..WriterOptions::default() };
        let mut writer = Writer::new(file, options, identity, &metadata, &since)?;
        let (events, lost) = memory.write_to(&mut writer)?;
        let stats = RecorderStats {
            seen: events + lost,
            sent: events,
            ring_full: lost,
            written: events,
            stopped_by: trigger.to_string(),
            ..RecorderStats::default()
        };
        let totals = writer.close(&stats, &now)?;
        opened.stays();
        flying.syncer.begun(to_sync);
        flying.syncer.closed();
        Ok((events, totals.file_bytes))
    }

    fn listen(&mut self) {
        if let Some(error) = self.state.as_ref().and_then(|flying| flying.syncer.failure()) {
            let why = format!("failed to bring a trace to the disk: {error}");
            self.why.push(why.clone());
            self.said.push(why);
        }
    }
}

impl Sink for FlightRecorder {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        let options = WriterOptions { level: self.options.level, ..WriterOptions::default() };
        let memory = Memory::new(self.flight.clone());
        let writer = Writer::new(memory, options, FileIdentity::default(), metadata, clock)?;
        let syncer = Syncer::start(self.options.sync, place::directory(&self.path))
            .context("failed to start a thread")?;
        let (metadata, now) = (metadata.clone(), Instant::now());
        let (fresh, quiet) = ((now, 0), (0, now));
        self.state = Some(Flying { metadata, begun: *clock, writer, syncer, fresh, wished: false, quiet });
        Ok(())
    }

    fn event(&mut self, head: &layout::Common, bytes: &[u8]) -> Result<()> {
        if let Some(asked) = self.asked.take_if(|asked| head.time >= asked.boottime_ns) {
            self.dump(&asked.trigger)?;
        }
        Ok(self.writer()?.event(&event_info(head, bytes), bytes)?)
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        Ok(self.writer()?.clock(clock)?)
    }

    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        let flying = self.flying()?;
        flying.writer.fresh(clock)?;
        (flying.fresh, flying.wished) = ((Instant::now(), flying.writer.get_ref().total()), false);
        Ok(())
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        Ok(self.writer()?.lost(lost)?)
    }

    fn child_exit(&mut self, exit: &ChildExit) -> Result<()> {
        Ok(self.writer()?.child_exit(exit)?)
    }

    fn marker(&mut self, marker: &Marker) -> Result<()> {
        Ok(self.writer()?.marker(marker)?)
    }

    fn flush(&mut self) -> Result<()> {
        self.writer()?.flush()?;
        self.listen();
        Ok(())
    }

    fn end(&mut self, _: &RecorderStats, _: &ClockSync) -> Result<()> {
        // Who asked is still waiting for it.
        if let Some(asked) = self.asked.take() {
            self.dump(&asked.trigger)?;
        }
        self.flying()?.syncer.finish();
        self.listen();
        if self.number == 0 {
            self.said
                .push("nobody asked for what the flight recorder holds: no trace was written".to_string());
        }
        Ok(())
    }

    fn unwritten(&self) -> Unwritten {
        Unwritten { events: 0, why: self.why.clone() }
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// Processes are told of again four times in what can be held: so much is let go at once.
    fn tick(&mut self, now: Instant) -> Result<Option<Wish>> {
        if let Some(flying) = &mut self.state {
            let totals = flying.writer.totals().events + flying.writer.unwritten_events();
            flying.quiet = if totals == flying.quiet.0 { flying.quiet } else { (totals, now) };
        }
        if self.due().is_some_and(|due| now >= due)
            && let Some(asked) = self.asked.take()
        {
            self.dump(&asked.trigger)?;
        }
        let (bytes, age) = (self.flight.bytes / 4, self.flight.age.map(|age| age / 4));
        let Some(flying) = &mut self.state else { return Ok(None) };
        let kept = flying.writer.get_ref().total() - flying.fresh.1;
        let old = age.is_some_and(|age| kept > 0 && now >= flying.fresh.0 + age);
        let wishes = (old || kept >= bytes) && !std::mem::replace(&mut flying.wished, true);
        Ok(wishes.then_some(Wish::Fresh))
    }

    fn due(&self) -> Option<Instant> {
        let (asked, flying) = (self.asked.as_ref()?, self.state.as_ref()?);
        Some(asked.at.max(flying.quiet.1) + SETTLED)
    }

    fn signals(&self) -> &'static [i32] {
        &[SIGUSR2]
    }

    fn request(&mut self, request: Request) {
        if let Request::Dump(trigger) = request {
            let boottime_ns = clock::boottime_ns().saturating_add(self.flight.post.as_nanos() as u64);
            self.asked.get_or_insert(Asked { trigger, boottime_ns, at: Instant::now() + self.flight.post });
        }
    }
}
