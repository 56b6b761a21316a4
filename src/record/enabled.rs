//! Recording, where it is built in. `disabled.rs` is its twin.

#[path = "capture.rs"]
mod capture;
#[path = "clock.rs"]
mod clock;
#[path = "command.rs"]
mod command;
#[path = "file.rs"]
mod file;
#[path = "host.rs"]
mod host;
#[path = "session.rs"]
mod session;
#[path = "tracefs.rs"]
mod tracefs;

pub use file::TraceFile;
pub use session::run;

use super::Attachment;

/// What one CPU's counters say (`struct ms_counters`).
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    seen: u64,
    ring_full: u64,
    map_full: u64,
    overflow: u64,
}

/// What the threads tell the one that writes.
enum Message {
    /// The programs run.
    Attached(Attachment),
    /// Events, each with its length as u32 before it.
    Events(Vec<u8>),
    /// Nothing more comes; one entry for each possible CPU.
    Detached(Vec<Counters>),
    /// The capture thread gave up.
    Failed(anyhow::Error),
    /// The command has ended.
    Command(super::CommandEnd),
    /// A signal that asks to stop.
    Signal(i32),
}
