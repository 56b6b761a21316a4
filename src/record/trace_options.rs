//! How a trace is to be written: into which files, when they are safe on the disk, and what can be asked meanwhile.
//! Must not know how any of that is done.

use std::fmt;
use std::time::Duration;

/// How a trace file is written.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Overwrite a file that exists.
    pub force: bool,
    /// Compression, 0 to 19.
    pub level: i32,
    /// When what was written is brought to the disk.
    pub sync: Durability,
    /// Begin another file when one has grown to this, bytes.
    pub rotate_size: Option<u64>,
    /// Begin another file when one is this old.
    pub rotate_time: Option<Duration>,
    /// Keep so many files; the oldest are removed.
    pub keep: Option<u32>,
    /// Stop when all files together have grown to this, bytes.
    pub max_size: Option<u64>,
    /// Write nothing until somebody asks for what happened last.
    pub flight: Option<FlightOptions>,
}

impl TraceOptions {
    /// Whether the recording may be written to several files, one after the other.
    pub fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_time.is_some()
    }
}

/// What a flight recorder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightOptions {
    /// At most so many bytes, compressed.
    pub bytes: u64,
    /// At least the events of so long, as far as `bytes` allow.
    pub age: Option<Duration>,
    /// Goes on for this long after it was asked, and then writes.
    pub post: Duration,
}

/// Why a flight recorder writes what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// Somebody sent SIGUSR2.
    Signal,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::Signal => f.write_str("SIGUSR2"),
        }
    }
}

/// What somebody asks of a sink while a recording goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To begin another file.
    NextFile,
    /// To write what it holds.
    Dump(Trigger),
}

/// What a sink asks of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Every process is to be told of again: [`super::Sink::fresh`] will say from where on.
    Fresh,
    /// The same, and there is to be another file: [`super::Sink::next_file`].
    NextFile,
    /// An end, for this reason.
    Stop(String),
}

impl Default for TraceOptions {
    fn default() -> TraceOptions {
        TraceOptions {
            force: false,
            level: 1,
            sync: Durability::Every(Duration::from_secs(5)),
            rotate_size: None,
            rotate_time: None,
            keep: None,
            max_size: None,
            flight: None,
        }
    }
}

/// When what was written is brought to the disk: what a power failure can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the kernel does it anyway.
    None,
    /// This often, and when a file is closed.
    Every(Duration),
    /// After each block, as fast as the disk can.
    Block,
}
