//! The sink that writes a trace file: which file, when it ends, when its bytes are safe.
//! Must not know how a recording comes about.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::super::{Sink, TraceOptions, Unwritten};
use super::host;
use super::output::Output;
use super::place::{self, Opened};
use super::segment::Segment;
use super::sync::Syncer;
use crate::format::{
    ChildExit, ClockSync, EventInfo, FileIdentity, Lost, Marker, Metadata, RecorderStats, WriterOptions,
};
use crate::layout;

/// A trace being written to a file or to standard output.
pub struct TraceFile {
    path: PathBuf,
    options: TraceOptions,
    state: State,
    unwritten: Unwritten,
    said: Vec<String>,
    fresh: bool,
}

enum State {
    /// Opened, so that a wrong path fails before anything is recorded; nothing written yet.
    Opened(Opened),
    Writing(Box<Segment>, Syncer),
    Closed {
        bytes: u64,
    },
}

impl TraceFile {
    /// Opens `path` for writing, `-` for standard output. An existing file is an error unless [`TraceOptions::force`] is set;
    /// a symbolic link and a trace that is being recorded always are.
    pub fn create(path: &Path, options: &TraceOptions) -> Result<TraceFile> {
        let opened = Opened::at(path, options.force)?;
        Ok(TraceFile {
            path: path.to_owned(),
            options: options.clone(),
            state: State::Opened(opened),
            unwritten: Unwritten::default(),
            said: Vec::new(),
            fresh: false,
        })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        match &self.state {
            State::Opened(_) => 0,
            State::Writing(segment, _) => segment.output().bytes(),
            State::Closed { bytes } => *bytes,
        }
    }

    /// What a person should know, since this was asked last.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn segment(&mut self) -> Result<&mut Segment> {
        match &mut self.state {
            State::Writing(segment, _) => Ok(segment),
            _ => bail!("the trace {} is not being written", self.path.display()),
        }
    }

    /// Passes on what the file has to say, and what the disk says of it.
    fn listen(&mut self) {
        let State::Writing(segment, syncer) = &mut self.state else { return };
        self.said.extend(segment.said());
        self.unwritten.events = segment.dropped();
        if let Some(error) = syncer.failure() {
            let why = format!("failed to bring the trace {} to the disk: {error}", self.path.display());
            self.unwritten.why.push(why.clone());
            self.said.push(why);
        }
    }
}

impl Sink for TraceFile {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        let closed = State::Closed { bytes: 0 };
        let State::Opened(opened) = std::mem::replace(&mut self.state, closed) else {
            bail!("the trace {} was begun twice", self.name());
        };
        let failed = || format!("failed to write the trace {}", self.path.display());
        let (file, is_file) = opened.begin(&self.path).with_context(failed)?;
        let dir = place::directory(&self.path).filter(|_| is_file);
        let syncer = Syncer::start(self.options.sync, dir).context("failed to start a thread")?;
        if is_file {
            // A device or a pipe has nothing to bring anywhere.
            syncer.begun(&file).with_context(failed)?;
        }
        let identity = FileIdentity {
            boot_id: metadata.boot_id,
            host_id: host::host_id(),
            created_realtime_ns: clock.realtime_ns,
            created_boottime_ns: clock.boottime_ns,
            ..FileIdentity::random().context("failed to get random bytes for the trace's id")?
        };
        let options = WriterOptions { level: self.options.level, ..WriterOptions::default() };
        let output = Output::new(file, is_file);
        let segment = Segment::begin(self.name(), output, options, identity, metadata, clock)?;
        opened.stays();
        self.state = State::Writing(Box::new(segment), syncer);
        self.flush()
    }

    fn event(&mut self, head: &layout::Common, bytes: &[u8]) -> Result<()> {
        let info = EventInfo {
            time_ns: head.time,
            op_bit: head.call.min(63) as u8,
            failed: head.failed(bytes),
            incomplete: head.incomplete(),
        };
        self.segment()?.event(&info, bytes)
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        self.segment()?.passing(|writer| writer.clock(clock))
    }

    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        self.segment()?.passing(|writer| writer.fresh(clock))
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
        // Of processes that were told of meanwhile nothing is known.
        self.fresh |= self.segment()?.flush()?;
        if let State::Writing(_, syncer) = &self.state {
            syncer.grown();
        }
        self.listen();
        Ok(())
    }

    fn wants_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    fn end(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        let segment = self.segment()?;
        let is_file = segment.output().is_file();
        let closed = segment.close(stats, clock);
        self.listen();
        if let State::Writing(_, syncer) = &mut self.state {
            syncer.closed();
            syncer.finish();
        }
        self.listen();
        self.state = State::Closed { bytes: self.bytes() };
        match closed {
            // What is there can be read: no reason to call the recording a failure.
            Err(error) if is_file => {
                self.unwritten.why.push(format!("{error:#}"));
                Ok(())
            }
            closed => closed,
        }
    }

    fn unwritten(&self) -> Unwritten {
        self.unwritten.clone()
    }
}
