//! What can be typed behind the commands that work on whole traces. Types only, as in args.rs.

use std::path::PathBuf;

use clap::Args;

use crate::args::FilterArgs;

/// Read everything of a trace and say what is wrong with it, and whether it is proven to be complete.
#[derive(Debug, Args, PartialEq)]
#[command(
    after_help = "Each finding is a line: its name, where it is, how many bytes it takes up, how many events it costs, and what it is.
The last line of a trace is the verdict: complete, or what is missing.

Examples:
  mountsnoop verify trace.mst
  mountsnoop verify --json *.mst        one JSON object a finding or verdict

Exit status: 0 complete, 3 something is missing or damaged, 1 no trace, 4 the file needs a newer mountsnoop."
)]
pub struct VerifyArgs {
    /// Traces; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Where a tool writes to.
#[derive(Debug, Args, PartialEq)]
pub struct OutputArgs {
    /// Write to OUT, which must not exist yet
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Replace OUT if it exists, once everything is written
    #[arg(long)]
    pub force: bool,
}

/// Make a clean trace of what is left of a damaged one.
///
/// Everything intact is copied, and what is missing is said in the new trace. IN is only read. OUT is read again and compared
/// before success is reported.
#[derive(Debug, Args, PartialEq)]
#[command(after_help = "Examples:
  mountsnoop repair killed.mst -o clean.mst
  mountsnoop verify clean.mst

Exit status: 0 nothing was lost, 3 repaired, but events are missing, 1 failed, 4 IN needs a newer mountsnoop.")]
pub struct RepairArgs {
    /// The trace; `-` is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub to: OutputArgs,
}

/// Copy a part of a trace: the calls that a filter lets through.
///
/// What the calls need comes along: their processes, clocks, losses of that time, and what the trace was taken with. Nothing of
/// the other calls does. IN is read twice, so it must be a file.
#[derive(Debug, Args, PartialEq)]
#[command(after_help = "Examples:
  mountsnoop cut trace.mst -o failed.mst --failed
  mountsnoop cut trace.mst -o minute.mst --since 12:03:00 --until 12:04:00 --utc
  mountsnoop cut trace.mst -o one.mst -p 4711")]
pub struct CutArgs {
    /// The trace
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub to: OutputArgs,
    /// Times of day in UTC instead of local time
    #[arg(long)]
    pub utc: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Bring several traces into one, in the order of time.
///
/// Each event keeps its source, its host and its own clock. Recordings of one boot of a machine have one clock, and their order
/// is exact; others are laid side by side by the time of day, and stderr says for how many events that is not certain.
#[derive(Debug, Args, PartialEq)]
#[command(after_help = "Examples:
  mountsnoop merge node1.mst node2.mst -o both.mst
  mountsnoop replay both.mst --json     each call with its host")]
pub struct MergeArgs {
    /// Traces, each closed and undamaged
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub to: OutputArgs,
}

/// Make a trace smaller; nothing of what it says changes.
#[derive(Debug, Args, PartialEq)]
#[command(after_help = "Examples:
  mountsnoop compact trace.mst -o small.mst")]
pub struct CompactArgs {
    /// The trace, closed and undamaged; `-` is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub to: OutputArgs,
}
