//! The records that user space writes: what the trace was taken with, clocks, losses, totals.
//! Must not know how they become bytes; field order is the file format (docs/FORMAT.md).

use std::fmt;
use std::io;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::codec::Cold;
use super::record;

/// What the trace was taken with, on what, and what it therefore cannot show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of the recorder.
    pub tool_version: String,
    /// Commit it was built from; empty where unknown.
    pub tool_commit: String,
    /// Its command line, secrets redacted.
    pub args: Vec<String>,
    /// `uname -n`.
    pub hostname: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`.
    pub kernel_version: String,
    /// `uname -m`.
    pub machine: String,
    /// Pretty name of the distribution.
    pub os: String,
    /// Bytes.
    pub page_size: u32,
    /// Possible CPUs.
    pub cpus: u32,
    /// The kernel's boot id.
    pub boot_id: [u8; 16],
    /// Inode of the initial mount namespace.
    pub init_mnt_ns: Option<u64>,
    /// Process id of the recorder, initial pid namespace.
    pub recorder_pid: u32,
    /// How the programs are attached (`fentry`, `kprobe.multi`, `tracepoint`).
    pub attach_mode: String,
    /// Why that way.
    pub attach_reason: String,
    /// What was attached.
    pub attached: Vec<String>,
    /// What was not attached, each with what is therefore not seen.
    pub missing: Vec<(String, String)>,
    /// Filters in force: what they drop is not in the trace.
    pub filters: Vec<String>,
    /// Size of the ring buffer.
    pub ring_bytes: u64,
    /// Longest time an event waits in memory.
    pub flush_ns: u64,
    /// Compression level.
    pub level: i32,
    /// Which secrets were removed.
    pub redaction: String,
    /// `--label key=value`.
    pub labels: Vec<(String, String)>,
}

impl Cold for Metadata {
    const KIND: u16 = record::METADATA;
}

/// The clocks of the host at one moment; `None` is a clock that could not be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSync {
    /// CLOCK_BOOTTIME, the clock of the events.
    pub boottime_ns: u64,
    /// CLOCK_REALTIME.
    pub realtime_ns: i64,
    /// CLOCK_MONOTONIC.
    pub monotonic_ns: u64,
    /// CLOCK_TAI.
    pub tai_ns: i64,
    /// Time that reading them took: how far apart they can be.
    pub bracket_ns: u64,
    /// `adjtimex`: estimated offset from true time.
    pub offset_ns: Option<i64>,
    /// `adjtimex`: largest possible offset.
    pub maxerror_ns: Option<i64>,
    /// `adjtimex`: the clock is synchronised.
    pub synced: Option<bool>,
}

impl Cold for ClockSync {
    const KIND: u16 = record::CLOCK_SYNC;
}

/// Why something is not in the trace. The number is what the file holds; only some have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LossReason(pub u32);

/// From here on a reason is this and the number of an error of the operating system, below 4096.
const WRITE_FAILED: u32 = 4096;

impl LossReason {
    /// Events: no room in the ring buffer.
    pub const RING_FULL: LossReason = LossReason(1);
    /// Strings: the call in flight could not be remembered, so they were not read again.
    pub const MAP_FULL: LossReason = LossReason(2);
    /// Sections: more bytes than an event may have.
    pub const OVERFLOW: LossReason = LossReason(3);
    /// Events: the kernel did not run the program.
    pub const MISSED: LossReason = LossReason(4);
    /// Events: the recorder's own queue was full.
    pub const USER_QUEUE: LossReason = LossReason(5);
    /// Events: the disk was full.
    pub const DISK_FULL: LossReason = LossReason(6);
    /// Events: they were recorded, and what held them, or the record of their loss, is damaged.
    pub const DAMAGED: LossReason = LossReason(7);

    /// The known reasons and their names.
    const NAMES: [(LossReason, &'static str); 7] = [
        (LossReason::RING_FULL, "ring buffer full"),
        (LossReason::MAP_FULL, "map of calls in flight full"),
        (LossReason::OVERFLOW, "event too long"),
        (LossReason::MISSED, "program not run by the kernel"),
        (LossReason::USER_QUEUE, "recorder too slow"),
        (LossReason::DISK_FULL, "disk full"),
        (LossReason::DAMAGED, "the file was damaged"),
    ];

    /// Events: writing failed with this error of the operating system. Those that say that there is no room are
    /// [`LossReason::DISK_FULL`].
    pub fn write_failed(errno: i32) -> LossReason {
        let no_room = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(Errno::raw_os_error);
        match u32::try_from(errno) {
            Ok(number) if !no_room.contains(&errno) => LossReason(WRITE_FAILED.saturating_add(number)),
            _ => LossReason::DISK_FULL,
        }
    }

    /// Whether the events came as far as the recorder, which could not write them.
    pub fn is_unwritten(self) -> bool {
        self == LossReason::DISK_FULL || self.errno().is_some()
    }

    /// The error behind [`LossReason::write_failed`].
    fn errno(self) -> Option<i32> {
        self.0.checked_sub(WRITE_FAILED).filter(|errno| *errno < 4096).map(|errno| errno as i32)
    }

    /// What users call it; `None` for a number this version does not know.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(reason, _)| *reason == self).map(|(_, name)| *name)
    }

    /// Whether it counts whole events; the others count parts of events that are there. An unknown reason counts
    /// events: to promise too little is the safer error.
    pub fn counts_events(self) -> bool {
        !matches!(self, LossReason::MAP_FULL | LossReason::OVERFLOW)
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.errno()) {
            (Some(name), _) => f.write_str(name),
            // With its number: the text is that of the reader's system.
            (None, Some(errno)) => write!(f, "writing failed: {}", io::Error::from_raw_os_error(errno)),
            (None, None) => write!(f, "reason {}", self.0),
        }
    }
}

/// Something that happened on the host and is not in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Not earlier than this, ns of CLOCK_BOOTTIME.
    pub from_ns: u64,
    /// Not later than this; [`u64::MAX`]: nobody knows.
    pub to_ns: u64,
    /// The CPU; `None`: any.
    pub cpu: Option<u32>,
    /// How many ([`Lost::known`]); [`LossReason::counts_events`] says of what.
    pub count: u64,
    /// Why.
    pub reason: LossReason,
}

impl Cold for Lost {
    const KIND: u16 = record::LOST;
}

impl Lost {
    /// How many; `None` where nobody knows: damage does not always tell what it cost.
    pub fn known(&self) -> Option<u64> {
        (self.reason != LossReason::DAMAGED || self.count > 0).then_some(self.count)
    }
}

/// How the program that `record -- COMMAND` ran has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildExit {
    /// Its process id.
    pub pid: u32,
    /// Its exit status, where it exited.
    pub status: Option<i32>,
    /// The signal that killed it, where one did.
    pub signal: Option<i32>,
    /// When, ns of CLOCK_BOOTTIME.
    pub boottime_ns: u64,
}

impl Cold for ChildExit {
    const KIND: u16 = record::CHILD_EXIT;
}
