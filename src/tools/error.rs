//! Why a tool did not do what it was asked for.
//! Must not know the names of files: inputs have numbers.

use std::fmt;

use crate::format::{self, Damage, State, wire};

/// What ended the work.
#[derive(Debug)]
pub enum Error {
    /// An input, by its number from 0, and what is the matter with it.
    Input(usize, Refusal),
    /// The output cannot be written.
    Output(format::Error),
}

/// What is the matter with an input.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read, or is no trace.
    Unreadable(format::Error),
    /// It begins like a trace, and nothing in it can be read.
    Nothing,
    /// Something in it is damaged.
    Damaged(Damage),
    /// It was not closed.
    NotClosed(State),
    /// It holds a record that only a newer program understands.
    NeedsNewer {
        /// Its kind.
        kind: u16,
    },
    /// It holds several traces one after another.
    SeveralTraces,
    /// It is the same trace as an input before.
    Twice,
    /// With it there are more sources than a file can have.
    TooManySources,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REPAIR: &str = "make a clean trace of it first, with mountsnoop repair";
        match self {
            Refusal::Unreadable(error) => error.fmt(f),
            Refusal::Nothing => f.write_str(
                "it begins like a trace, and nothing of it can be read: if there is another copy, use that",
            ),
            Refusal::Damaged(damage) => write!(f, "{damage}; {REPAIR}"),
            Refusal::NotClosed(State::Live) => {
                write!(f, "the trace is {}: wait until that has ended", State::Live)
            }
            Refusal::NotClosed(state) => write!(f, "the trace is {state}; {REPAIR}"),
            Refusal::NeedsNewer { kind } => write!(
                f,
                "the trace holds records of kind {kind:#06x} that must be understood and are not: this mountsnoop \
                 would lose them, so use a newer one"
            ),
            Refusal::SeveralTraces => f.write_str(
                "there are several traces in this file, one after another, where one was expected",
            ),
            Refusal::Twice => f.write_str("this is the same trace as one named before: name each once"),
            Refusal::TooManySources => write!(
                f,
                "with it there would be more than {} sources in one trace: merge fewer",
                wire::MAX_SOURCES
            ),
        }
    }
}

impl std::error::Error for Refusal {}
