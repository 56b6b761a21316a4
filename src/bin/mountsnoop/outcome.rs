//! What a subcommand came to, and the exit status each outcome has: the only place that knows the numbers.

use std::io;
use std::process::ExitCode;

use mountsnoop::format;
use mountsnoop::record::CommandEnd;
use mountsnoop::tools::Refusal;

const FAILED: u8 = 1;
const LOSSY: u8 = 3;
const NEEDS_NEWER: u8 = 4;
/// As env(1), timeout(1) and the shells have it.
const RECORDER_FAILED: u8 = 125;
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;
const KILLED: u8 = 128;

/// How a subcommand that did not fail has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for was done.
    Done,
    /// It was done, but something is missing: events were lost, or a file is damaged. Stderr has said what.
    Lossy,
    /// A command was recorded, and ended like this.
    Command(CommandEnd),
}

impl Outcome {
    /// `Lossy` if `lossy`.
    pub fn lossy(lossy: bool) -> Outcome {
        if lossy { Outcome::Lossy } else { Outcome::Done }
    }

    /// The worse of two outcomes.
    pub fn and(self, other: Outcome) -> Outcome {
        if self == Outcome::Done { other } else { self }
    }

    /// The exit status.
    pub fn status(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Done => 0,
            Outcome::Lossy => LOSSY,
            Outcome::Command(CommandEnd::Exited(status)) => status as u8,
            Outcome::Command(CommandEnd::Killed(signal)) => KILLED.wrapping_add(signal as u8),
            Outcome::Command(CommandEnd::NotFound) => NOT_FOUND,
            Outcome::Command(CommandEnd::CannotExecute(_)) => CANNOT_EXECUTE,
        })
    }
}

/// The exit status of an error.
pub fn status_of(error: &anyhow::Error, recording_a_command: bool) -> ExitCode {
    let newer = |cause: &(dyn std::error::Error + 'static)| {
        let file = cause.downcast_ref().map(format::Error::kind);
        let record = cause.downcast_ref();
        matches!(file, Some(format::ErrorKind::NeedsNewer { .. }))
            || matches!(record, Some(Refusal::NeedsNewer { .. }))
    };
    ExitCode::from(if recording_a_command {
        RECORDER_FAILED
    } else if error.chain().any(newer) {
        NEEDS_NEWER
    } else {
        FAILED
    })
}

/// Whoever read our output has had enough: success, wherever in the chain it shows.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        let of_trace = cause.downcast_ref::<format::Error>().and_then(format::Error::io);
        cause
            .downcast_ref()
            .or(of_trace)
            .is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}
