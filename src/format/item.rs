//! What a reader hands out.
//! Must not know how it was read.

use std::fmt;

use super::cold::{ChildExit, ClockSync, Lost, Metadata};
use super::damage::Damage;
use super::header::{End, FileHeader};
use super::record::RawRecord;
use super::stats::RecorderStats;

/// One item of a trace, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A trace begins; an input may hold several.
    Start {
        /// Its header; `None` where it is damaged.
        header: Option<&'a FileHeader>,
        /// Which trace of this input, from 0.
        segment_no: u32,
    },
    /// What the trace was taken with.
    Metadata(Box<Metadata>),
    /// The clocks at one moment.
    Clock(ClockSync),
    /// An event.
    Event(RawEvent<'a>),
    /// Something that happened and is not in the trace.
    Lost(Lost),
    /// The recorder's own books.
    Stats(Box<RecorderStats>),
    /// How the recorded program ended.
    ChildExit(ChildExit),
    /// A record that this version does not know.
    Unknown(RawRecord<'a>),
    /// A damaged place. Reading goes on after it.
    Damage(Damage),
    /// A trace ends in order.
    End {
        /// Its last words.
        end: End,
        /// Where they begin, bytes from the start of the input.
        offset: u64,
    },
}

/// The bytes of an event and where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEvent<'a> {
    /// Where the header of its block begins, bytes from the start of the input.
    pub block_offset: u64,
    /// Its number in the trace, from 0. Damaged blocks count: it is the same whatever is missing before it.
    pub index: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is more to read.
    Reading,
    /// The last trace ended in order.
    Closed,
    /// The last trace has no END.
    Cut,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Reading => "not read to its end",
            State::Closed => "closed by the recorder",
            State::Cut => {
                "cut: it has no END, so the recorder is still running, was killed, or the copy is not whole; \
                 everything up to there was read"
            }
        })
    }
}
