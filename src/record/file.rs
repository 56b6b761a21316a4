//! The sink that writes a trace: into one file, or one file after the other; when each ends, and when its bytes are safe.
//! Must not know how a recording comes about.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::SIGHUP;

use super::super::{Request, Sink, TraceOptions, Unwritten, Wish};
use super::flight::FlightRecorder;
use super::output::Output;
use super::place::{self, Opened};
use super::segment::Segment;
use super::sync::Syncer;
use super::{host, names};
use crate::format::{
    ChildExit, ClockSync, EventInfo, FileIdentity, Lost, Marker, Metadata, RecorderStats, WriterOptions,
};
use crate::layout;

/// How long to wait before it is tried again to begin another file.
const AGAIN: Duration = Duration::from_secs(10);

/// The sink that these options ask for. It is opened at once, so that a wrong path fails before anything is recorded.
///
/// # Errors
/// An existing file, unless [`TraceOptions::force`] is set; a symbolic link and a trace that is being recorded always.
pub fn trace(path: &Path, options: &TraceOptions) -> Result<Box<dyn Sink>> {
    let several = options.flight.is_some() || options.rotates();
    if several && path == Path::new("-") {
        bail!("standard output is one file: name a file with -o, from which the others have their names");
    }
    Ok(match &options.flight {
        Some(flight) => Box::new(FlightRecorder::create(path, options, flight.clone())?),
        None => Box::new(TraceFile::create(path, options)?),
    })
}

/// What the header of an event says about it.
pub(super) fn event_info(head: &layout::Common, bytes: &[u8]) -> EventInfo {
    EventInfo {
        time_ns: head.time,
        op_bit: head.call.min(63) as u8,
        failed: head.failed(bytes),
        incomplete: head.incomplete(),
    }
}

/// A trace being written to files or to standard output.
struct TraceFile {
    /// As the user names it.
    path: PathBuf,
    options: TraceOptions,
    state: State,
    /// What is already complete: bytes, and events that could not be written.
    bytes_before: u64,
    dropped_before: u64,
    why: Vec<String>,
    said: Vec<String>,
    wish: Option<Wish>,
    /// A wish that is fulfilled by the next file, or by the end, is not repeated.
    wished: bool,
    /// No other file is begun before.
    next_try: Option<Instant>,
}

enum State {
    Opened(Opened),
    Writing(Box<Current>),
    Closed,
}

/// The file that is being written.
struct Current {
    segment: Segment,
    identity: FileIdentity,
    metadata: Metadata,
    syncer: Syncer,
    began: Instant,
}

impl TraceFile {
    fn create(path: &Path, options: &TraceOptions) -> Result<TraceFile> {
        if options.rotates() && !options.force {
            names::must_be_free(path)?;
        }
        let mut trace = TraceFile {
            path: path.to_owned(),
            options: options.clone(),
            state: State::Closed,
            bytes_before: 0,
            dropped_before: 0,
            why: Vec::new(),
            said: Vec::new(),
            wish: None,
            wished: false,
            next_try: None,
        };
        trace.state = State::Opened(Opened::at(&trace.file_path(0), options.force)?);
        Ok(trace)
    }

    fn file_path(&self, index: u32) -> PathBuf {
        if self.options.rotates() { names::numbered(&self.path, index) } else { self.path.clone() }
    }

    fn current(&mut self) -> Result<&mut Current> {
        match &mut self.state {
            State::Writing(current) => Ok(current),
            _ => bail!("the trace {} is not being written", self.path.display()),
        }
    }

    fn segment(&mut self) -> Result<&mut Segment> {
        Ok(&mut self.current()?.segment)
    }

    /// Begins the file of this number.
    fn segment_at(
        &self,
        opened: Opened,
        identity: FileIdentity,
        metadata: &Metadata,
        clock: &ClockSync,
    ) -> Result<(Segment, Option<std::fs::File>)> {
        let path = self.file_path(identity.segment_index);
        let failed = || format!("failed to write the trace {}", path.display());
        let (file, is_file) = opened.begin(&path).with_context(failed)?;
        // A device or a pipe has nothing to bring anywhere.
        let to_sync = if is_file { Some(file.try_clone().with_context(failed)?) } else { None };
        let options = WriterOptions { level: self.options.level, ..WriterOptions::default() };
        let output = Output::new(file, is_file);
        let segment = Segment::begin(path.display().to_string(), output, options, identity, metadata, clock)?;
        opened.stays();
        Ok((segment, to_sync))
    }

    /// Passes on what the file has to say, and what the disk says of it.
    fn listen(&mut self) {
        let State::Writing(current) = &mut self.state else { return };
        self.said.extend(current.segment.said());
        if let Some(error) = current.syncer.failure() {
            let why = format!("failed to bring the trace {} to the disk: {error}", self.path.display());
            self.why.push(why.clone());
            self.said.push(why);
        }
    }

    /// The file that is being written has grown or aged enough, or the trace has.
    fn look_at_limits(&mut self, now: Instant) {
        let State::Writing(current) = &self.state else { return };
        let (bytes, options) = (current.segment.output().bytes(), &self.options);
        let wish = if options.max_size.is_some_and(|most| self.bytes_before + bytes >= most) {
            Wish::Stop("the trace had grown to its largest size".to_string())
        } else if self.next_try.is_none_or(|at| now >= at)
            && (options.rotate_size.is_some_and(|most| bytes >= most)
                || options.rotate_time.is_some_and(|most| now >= current.began + most))
        {
            Wish::NextFile
        } else {
            return;
        };
        if !std::mem::replace(&mut self.wished, true) {
            self.wish = Some(wish);
        }
    }

    /// Makes room for another file where there may be only so many.
    fn remove_oldest(&mut self, next: u32) {
        let oldest = self.options.keep.and_then(|keep| next.checked_sub(keep));
        let Some(oldest) = oldest else { return };
        let path = self.file_path(oldest);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.said.push(format!("cannot remove the oldest file {}: {error}", path.display()));
            }
            _ => {}
        }
    }

    /// Closes the file that is being written. What is there can be read whatever happens: no reason to fail.
    fn close(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        let current = self.current()?;
        let is_file = current.segment.output().is_file();
        let closed = current.segment.close(stats, clock);
        current.syncer.closed();
        let (bytes, dropped) = (current.segment.output().bytes(), current.segment.dropped());
        self.listen();
        self.bytes_before += bytes;
        self.dropped_before += dropped;
        match closed {
            Err(error) if is_file => {
                self.why.push(format!("{error:#}"));
                Ok(())
            }
            closed => closed,
        }
    }

    fn begin_next(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        let State::Writing(current) = &self.state else { bail!("no file is being written") };
        let index = current.identity.segment_index + 1;
        let identity = FileIdentity {
            file_uuid: FileIdentity::random()?.file_uuid,
            segment_index: index,
            created_realtime_ns: clock.realtime_ns,
            created_boottime_ns: clock.boottime_ns,
            ..current.identity
        };
        let metadata = current.metadata.clone();
        self.remove_oldest(index);
        let opened = Opened::at(&self.file_path(index), self.options.force)?;
        // Begun before the other is closed: if that fails, the other goes on.
        let (segment, to_sync) = self.segment_at(opened, identity, &metadata, clock)?;
        self.current()?.segment.will_continue();
        self.close(&RecorderStats { stopped_by: "the next file".to_string(), ..stats.clone() }, clock)?;
        let current = self.current()?;
        (current.segment, current.identity, current.began) = (segment, identity, Instant::now());
        to_sync.into_iter().for_each(|file| current.syncer.begun(file));
        Ok(())
    }
}

impl Sink for TraceFile {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        let State::Opened(opened) = std::mem::replace(&mut self.state, State::Closed) else {
            bail!("the trace {} was begun twice", self.path.display());
        };
        let identity = FileIdentity {
            boot_id: metadata.boot_id,
            host_id: host::host_id(),
            created_realtime_ns: clock.realtime_ns,
            created_boottime_ns: clock.boottime_ns,
            ..FileIdentity::random().context("failed to get random bytes for the trace's id")?
        };
        let (segment, to_sync) = self.segment_at(opened, identity, metadata, clock)?;
        let dir = place::directory(&self.path).filter(|_| to_sync.is_some());
        let syncer = Syncer::start(self.options.sync, dir).context("failed to start a thread")?;
        to_sync.into_iter().for_each(|file| syncer.begun(file));
        let (metadata, began) = (metadata.clone(), Instant::now());
        self.state = State::Writing(Box::new(Current { segment, identity, metadata, syncer, began }));
        self.flush()
    }

    fn event(&mut self, head: &layout::Common, bytes: &[u8]) -> Result<()> {
        self.segment()?.event(&event_info(head, bytes), bytes)
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        self.segment()?.passing(|writer| writer.clock(clock))
    }

    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        self.segment()?.passing(|writer| writer.fresh(clock))
    }

    fn next_file(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<bool> {
        self.wished = false;
        match self.begin_next(stats, clock) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.next_try = Some(Instant::now() + AGAIN);
                self.said.push(format!("{error:#}; the recording goes on in the file before"));
                self.fresh(clock)?;
                Ok(false)
            }
        }
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        self.segment()?.lost(lost)
    }

    fn child_exit(&mut self, exit: &ChildExit) -> Result<()> {
        self.segment()?.lasting(|writer| writer.child_exit(exit))
    }

    fn marker(&mut self, marker: &Marker) -> Result<()> {
        self.segment()?.lasting(|writer| writer.marker(marker))
    }

    fn flush(&mut self) -> Result<()> {
        let current = self.current()?;
        let has_gap = current.segment.flush()?;
        current.syncer.grown();
        if has_gap {
            // Of processes that were told of meanwhile nothing is known.
            self.wish.get_or_insert(Wish::Fresh);
        }
        self.listen();
        Ok(())
    }

    fn end(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        let closed = self.close(stats, clock);
        self.current()?.syncer.finish();
        self.listen();
        self.state = State::Closed;
        closed
    }

    fn unwritten(&self) -> Unwritten {
        let now = if let State::Writing(current) = &self.state { current.segment.dropped() } else { 0 };
        Unwritten { events: self.dropped_before + now, why: self.why.clone() }
    }

    fn bytes(&self) -> u64 {
        let now =
            if let State::Writing(current) = &self.state { current.segment.output().bytes() } else { 0 };
        self.bytes_before + now
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    fn tick(&mut self, now: Instant) -> Result<Option<Wish>> {
        self.look_at_limits(now);
        Ok(self.wish.take())
    }

    fn due(&self) -> Option<Instant> {
        let State::Writing(current) = &self.state else { return None };
        let age = self.options.rotate_time.filter(|_| !self.wished)?;
        self.next_try.max(Some(current.began + age))
    }

    fn signals(&self) -> &'static [i32] {
        if self.options.rotates() { &[SIGHUP] } else { &[] }
    }

    fn request(&mut self, request: Request) {
        if matches!(request, Request::NextFile) && !std::mem::replace(&mut self.wished, true) {
            self.wish = Some(Wish::NextFile);
        }
    }
}
