//! Recording, where it is built in. `disabled.rs` is its twin.

#[path = "about.rs"]
mod about;
#[path = "asked.rs"]
mod asked;
#[path = "attach.rs"]
mod attach;
#[path = "capture.rs"]
mod capture;
#[path = "clock.rs"]
mod clock;
#[path = "command.rs"]
mod command;
#[path = "epoch.rs"]
mod epoch;
#[path = "file.rs"]
mod file;
#[path = "flight.rs"]
mod flight;
#[path = "host.rs"]
mod host;
#[path = "kernel_types.rs"]
mod kernel_types;
#[path = "linger.rs"]
mod linger;
#[path = "link.rs"]
mod link;
#[path = "load.rs"]
mod load;
#[path = "losses.rs"]
mod losses;
#[path = "memory.rs"]
mod memory;
#[path = "messages.rs"]
mod messages;
#[path = "names.rs"]
mod names;
#[path = "output.rs"]
mod output;
#[path = "place.rs"]
mod place;
#[path = "programs.rs"]
mod programs;
#[path = "rights.rs"]
mod rights;
#[path = "segment.rs"]
mod segment;
#[path = "session.rs"]
mod session;
#[path = "signals.rs"]
mod signals;
#[path = "skeleton.rs"]
mod skeleton;
#[path = "sync.rs"]
mod sync;
#[path = "tally.rs"]
mod tally;
#[path = "tracefs.rs"]
mod tracefs;

pub use file::trace;
pub use linger::held;
pub use rights::not_recording;
pub use session::run;

use super::Attachment;
use crate::format::ClockSync;

/// What one CPU's counters say (`struct ms_counters`).
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    seen: u64,
    ring_full: u64,
    map_full: u64,
    overflow: u64,
    queries: u64,
}

/// What the kernel side counted.
#[derive(Debug, Default)]
struct Books {
    /// One entry for each possible CPU.
    cpus: Vec<Counters>,
    /// How often the kernel did not run a program, by program; such calls are in no other count.
    missed: Vec<(String, u64)>,
    /// Why it is not known whether the kernel ran the programs every time.
    doubt: Option<String>,
}

/// What the threads tell the one that writes.
enum Message {
    /// The programs run.
    Attached(Attachment),
    /// Events, each with its length as u32 before it.
    Events(Vec<u8>),
    /// What time it is. Of what happened before, nothing is still to come.
    Clock(ClockSync),
    /// Between these two boot times the kernel side began to tell of every process again.
    Epoch { asked_ns: u64, begun_ns: u64 },
    /// Nothing more comes.
    Detached(Books),
    /// The capture thread gave up.
    Failed(anyhow::Error),
    /// The command has ended.
    Command(super::CommandEnd),
    /// A signal.
    Signal(i32),
}
