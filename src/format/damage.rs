//! What a reader met that should not be there, and what it costs. Reading went on after it.
//! Must not know how it was found.

use std::fmt;

use super::record::RecordError;

/// One damaged place of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins, bytes from the start of the input.
    pub offset: u64,
    /// How many bytes were passed over; `None` where that means nothing.
    pub len: Option<u64>,
    /// What is wrong.
    pub reason: DamageReason,
    /// How many events it costs; `None` where nobody can know.
    pub events_lost: Option<u64>,
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageReason {
    /// The input ends inside a header or a block.
    TornTail,
    /// The rest of the input is zero bytes.
    ZeroTail,
    /// The bytes of a block are not the ones written.
    BadChecksum {
        /// The checksum its header gives.
        expected: u32,
        /// The one its bytes have.
        found: u32,
    },
    /// There should be a header here.
    BadHeader,
    /// The bytes of a block are the ones written, but not one zstd frame of the announced size.
    BadFrame(&'static str),
    /// Blocks or events are missing.
    Gap {
        /// Number of the block that should follow.
        expected_block: u64,
        /// Number of the block that does; `None`: the END does.
        found_block: Option<u64>,
    },
    /// Blocks of another file, as disks hold them after a power failure.
    ForeignBlock,
    /// A record that must be understood and is not: the rest of its block is not read.
    Unsupported {
        /// Its kind.
        kind: u16,
    },
    /// The rest of the input is no part of a trace.
    TrailingGarbage,
    /// A record that is wrong although its block is intact.
    BadRecord(RecordError),
    /// An intact block that does not hold as many records as its header says.
    BadCount {
        /// Records and events announced.
        expected: (u32, u32),
        /// Records and events found.
        found: (u32, u32),
    },
    /// The next trace begins, and this one has no END.
    NoEnd,
    /// An END without the recorder's statistics before it.
    NoStats,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damage at offset {}", self.offset)?;
        if let Some(len) = self.len.filter(|len| *len > 0) {
            write!(f, " ({len} bytes)")?;
        }
        write!(f, ": {}; ", self.reason)?;
        match self.events_lost {
            Some(1) => f.write_str("1 event lost")?,
            Some(n) => write!(f, "{n} events lost")?,
            None => f.write_str("how many events are lost is unknown")?,
        }
        write!(f, "; {}", self.reason.remedy())
    }
}

impl fmt::Display for DamageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DamageReason::TornTail => f.write_str("the trace ends in the middle of a block"),
            DamageReason::ZeroTail => {
                f.write_str("only zero bytes from here on, where a block or the END should be")
            }
            DamageReason::BadChecksum { expected, found } => {
                write!(f, "a block has checksum {found:#010x}, where {expected:#010x} was written")
            }
            DamageReason::BadHeader => f.write_str("no valid header, where one should be"),
            DamageReason::BadFrame(what) => write!(f, "a block that cannot be decompressed: {what}"),
            DamageReason::Gap { expected_block, found_block: Some(found) } => {
                write!(f, "block {found} follows, where block {expected_block} should")
            }
            DamageReason::Gap { expected_block, found_block: None } => {
                write!(f, "the END follows, where block {expected_block} should")
            }
            DamageReason::ForeignBlock => f.write_str("blocks of another recording, not read"),
            DamageReason::Unsupported { kind } => {
                write!(
                    f,
                    "a record of kind {kind:#06x} that must be understood and is not; its block is not read on"
                )
            }
            DamageReason::TrailingGarbage => f.write_str("bytes that belong to no trace"),
            DamageReason::BadRecord(what) => write!(f, "a block is intact but written wrongly: {what}"),
            DamageReason::BadCount { expected, found } => write!(
                f,
                "a block is intact but written wrongly: {} records and {} events, where its header says {} and {}",
                found.0, found.1, expected.0, expected.1
            ),
            DamageReason::NoEnd => {
                f.write_str("another trace begins, and the one before it has no END: it was cut")
            }
            DamageReason::NoStats => f.write_str("the trace ends without the recorder's statistics"),
        }
    }
}

impl DamageReason {
    /// Its name, for programs and for searching.
    pub fn name(&self) -> &'static str {
        match self {
            DamageReason::TornTail => "torn-tail",
            DamageReason::ZeroTail => "zero-tail",
            DamageReason::BadChecksum { .. } => "bad-checksum",
            DamageReason::BadHeader => "bad-header",
            DamageReason::BadFrame(_) => "bad-frame",
            DamageReason::Gap { .. } => "gap",
            DamageReason::ForeignBlock => "foreign-block",
            DamageReason::Unsupported { .. } => "unsupported",
            DamageReason::TrailingGarbage => "trailing-garbage",
            DamageReason::BadRecord(_) => "bad-record",
            DamageReason::BadCount { .. } => "bad-count",
            DamageReason::NoEnd => "no-end",
            DamageReason::NoStats => "no-stats",
        }
    }

    /// What the user can do.
    fn remedy(&self) -> &'static str {
        match self {
            DamageReason::Unsupported { .. } => "use a newer mountsnoop to see it",
            DamageReason::TornTail | DamageReason::NoEnd => {
                "everything before it was read; if there is a longer copy, use that"
            }
            DamageReason::ZeroTail | DamageReason::TrailingGarbage => "everything before it was read",
            DamageReason::BadRecord(_) | DamageReason::BadCount { .. } => {
                "please report it: the recorder that wrote this has a bug"
            }
            _ => "the rest was read; if there is another copy, compare",
        }
    }
}
