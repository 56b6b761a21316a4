//! What a reader hands out.
//! Must not know how it was read.

use std::fmt;

use super::cold::{ChildExit, ClockSync, Lost, Metadata};
use super::damage::Damage;
use super::header::{End, FileHeader};
use super::index::Index;
use super::lock::Recorder;
use super::marker::Marker;
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
    /// What the headers of the blocks before it say.
    Index(Box<Index>),
    /// What comes next is later than the end of the part that is read ([`Reader::narrow`]): if nothing more of it is of
    /// interest, say so ([`Reader::pass_events`]).
    ///
    /// [`Reader::narrow`]: super::Reader::narrow
    /// [`Reader::pass_events`]: super::Reader::pass_events
    Later,
    /// A remark.
    Marker(Marker),
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
    /// The last trace has no END so far: somebody is writing it, and there may be more by now.
    Live,
    /// The last trace has no END, and nobody is writing it.
    Crashed,
    /// The last trace has no END; whether it is being written cannot be known of a pipe.
    Cut,
}

impl State {
    /// Of a trace without END, by what is known of its recorder ([`Scanner::recorder`]).
    ///
    /// [`Scanner::recorder`]: super::Scanner::recorder
    pub fn unclosed(recorder: Option<Recorder>) -> State {
        match recorder {
            Some(Recorder::Alive) => State::Live,
            Some(Recorder::Gone) => State::Crashed,
            Some(Recorder::Unknown) | None => State::Cut,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Reading => "not read to its end",
            State::Closed => "closed by the recorder",
            State::Live => "still being recorded",
            State::Crashed => {
                "not closed: it has no END and nobody is writing it, so the recorder was killed, or the copy is not whole"
            }
            State::Cut => {
                "not closed: it has no END, so the recorder is still running, was killed, or the copy is not whole"
            }
        })
    }
}
