//! Captures mount calls on this host and hands them, in order, to a [`Sink`]. The only module that touches libbpf.
//! Must not know what an event means: it reads where an event happened and when, nothing else.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::format::{ChildExit, ClockSync, Lost, Marker, Metadata, RecorderStats};

pub mod preflight;
mod trace_options;

#[cfg_attr(feature = "record", path = "enabled.rs")]
#[cfg_attr(not(feature = "record"), path = "disabled.rs")]
mod imp;

pub use imp::{held, not_recording, run, trace};
pub use trace_options::{Durability, FlightOptions, Request, TraceOptions, Trigger, Wish};

/// What to record, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Room for events between the kernel and the recorder, bytes; a power of two, at least 4096.
    pub ring_bytes: u32,
    /// Stop after this long.
    pub duration: Option<Duration>,
    /// The longest time an event waits in memory before the sink is told to flush.
    pub flush: Duration,
    /// Record only what this command and its descendants do, and stop when it ends. Program first, then its arguments.
    pub command: Vec<OsString>,
    /// Call [`Sink::progress`] once a second.
    pub progress: bool,
    /// How to attach.
    pub attach: AttachMode,
    /// With tracepoints: 32-bit calls too, at a price for every system call of every process.
    pub compat: bool,
    /// Record statmount, listmount and listns too, which otherwise are only counted.
    pub queries: bool,
    /// What the kernel side leaves out before it copies anything.
    pub only: Only,
    /// The command line of the recorder, for the trace.
    pub args: Vec<String>,
    /// Compression level of the trace that is written, for its metadata; `None` where none is written.
    pub level: Option<i32>,
}

/// How the programs are attached to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttachMode {
    /// What loses nothing and costs least on this kernel.
    #[default]
    Auto,
    /// fentry and fexit on the functions behind the calls: free for every other system call.
    Fentry,
    /// kprobe.multi and kretprobe.multi on the same functions.
    Kprobe,
    /// The `syscalls:` tracepoints: work everywhere, and cost every system call a little.
    Tracepoint,
}

impl AttachMode {
    /// As in `--attach`.
    pub fn name(self) -> &'static str {
        match self {
            AttachMode::Auto => "auto",
            AttachMode::Fentry => "fentry",
            AttachMode::Kprobe => "kprobe",
            AttachMode::Tracepoint => "tracepoint",
        }
    }
}

/// What the kernel side records; everything else costs no copy. Empty and `None` mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// Processes, by thread group id in the initial pid namespace.
    pub pids: Vec<u32>,
    /// And whatever descends from them.
    pub follow_forks: bool,
    /// Mount namespaces, by inode.
    pub namespaces: Vec<u32>,
    /// A cgroup, by id.
    pub cgroup: Option<u64>,
    /// Calls, by number (`MS_CALL_*`).
    pub calls: Vec<u16>,
    /// Calls that fail. They are sent when they return, so one that hangs is not seen.
    pub failed: bool,
}

/// Where a recording goes. Calls come in the order of what happened; an error ends the recording.
pub trait Sink {
    /// The programs are attached: from now on nothing is missed.
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()>;
    /// The bytes of one event (`bpf/event.h`), of which `head` is the start.
    fn event(&mut self, head: &crate::layout::Common, bytes: &[u8]) -> Result<()>;
    /// How the clocks stand. Comes every ten seconds, and one second after the last event of a burst.
    fn clock(&mut self, clock: &ClockSync) -> Result<()>;
    /// From here on every process is told of again: what comes can be understood without what came before.
    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        self.clock(clock)
    }
    /// The same, and what comes is to stand in another file. `stats`: the books of the one that ends here. False where that
    /// goes on after all.
    fn next_file(&mut self, _stats: &RecorderStats, clock: &ClockSync) -> Result<bool> {
        self.fresh(clock).map(|()| false)
    }
    /// Something was lost, here.
    fn lost(&mut self, lost: &Lost) -> Result<()>;
    /// The command has ended.
    fn child_exit(&mut self, exit: &ChildExit) -> Result<()>;
    /// Something that a reader should know of this moment.
    fn marker(&mut self, marker: &Marker) -> Result<()>;
    /// [`Options::flush`] has passed since the first event that may not be out yet, or a batch has ended for a sink
    /// that wants every batch out.
    fn flush(&mut self) -> Result<()>;
    /// The recording is over: everything that could be captured has been handed over.
    fn end(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()>;
    /// What was handed over and could not be kept.
    fn unwritten(&self) -> Unwritten {
        Unwritten::default()
    }
    /// Bytes written so far.
    fn bytes(&self) -> u64 {
        0
    }
    /// What a person should know, since this was asked last.
    fn said(&mut self) -> Vec<String> {
        Vec::new()
    }
    /// Comes between all the others, and when [`Sink::due`] says; each wish is expressed once.
    fn tick(&mut self, _now: Instant) -> Result<Option<Wish>> {
        Ok(None)
    }
    /// When it has something to do whatever happens.
    fn due(&self) -> Option<Instant> {
        None
    }
    /// The signals that ask something of it: SIGHUP for [`Request::NextFile`], SIGUSR2 for [`Request::Dump`]. A sink that
    /// has any creates files while the recording goes on.
    fn signals(&self) -> &'static [i32] {
        &[]
    }
    /// Somebody asks something of it.
    fn request(&mut self, _request: Request) {}
    /// For a person who waits; once a second, if [`Options::progress`] asks for it.
    fn progress(&mut self, _so_far: &Progress) {}
}

/// Numbers for a status line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since the programs were attached.
    pub elapsed: Duration,
    /// Events handed to the sink.
    pub events: u64,
    /// Events known to be lost.
    pub lost: u64,
}

/// What a sink could not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwritten {
    /// Events.
    pub events: u64,
    /// What else went wrong, a sentence each.
    pub why: Vec<String>,
}

/// How a recording went.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Since the programs were attached, until they were detached.
    pub elapsed: Duration,
    /// Events that reached the sink.
    pub events: u64,
    /// Events that did not, for whatever reason.
    pub lost: u64,
    /// Those of them that the sink could not keep, and what else went wrong there.
    pub unwritten: Unwritten,
    /// Strings and sections missing from events that are there.
    pub parts_lost: u64,
    /// Why the recorder's own counts do not prove that nothing else is missing.
    pub doubt: Option<String>,
    /// How [`Options::command`] ended.
    pub command: Option<CommandEnd>,
}

impl Summary {
    /// Whether something is missing from the recording, or may be.
    pub fn lossy(&self) -> bool {
        self.lost > 0 || self.parts_lost > 0 || self.doubt.is_some() || !self.unwritten.why.is_empty()
    }

    /// What is missing, a sentence each with what to do.
    pub fn complaints(&self) -> Vec<String> {
        let mut said = Vec::new();
        let unwritten = self.unwritten.events;
        if self.lost > unwritten {
            said.push(format!(
                "{} events were lost while recording: use a larger --ring-size; info says why",
                self.lost - unwritten
            ));
        }
        if unwritten > 0 {
            said.push(format!("{unwritten} events were lost because they could not be written"));
        }
        said.extend(self.unwritten.why.iter().cloned());
        if self.parts_lost > 0 {
            said.push(format!("{} arguments of recorded calls were lost", self.parts_lost));
        }
        said.extend(self.doubt.clone());
        said
    }
}

/// How the command that was recorded has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEnd {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// There is no such program.
    NotFound,
    /// It cannot be executed; why.
    CannotExecute(String),
}

/// How the programs were attached, and what is therefore not seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `tracepoint`.
    pub mode: String,
    /// Why that mode.
    pub reason: String,
    /// Names of the kernel events the programs are attached to.
    pub attached: Vec<String>,
    /// What this kernel lacks or hides, and what that means.
    pub missing: Vec<(String, String)>,
    /// Whether programs can be preempted while they count. Then two may take the same number, and a gap in the numbers
    /// of a CPU proves no loss.
    pub counts_collide: bool,
}
