//! What can be typed. Types only: nothing here is opened, resolved or done. The doc comments are the help texts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mountsnoop::record::{AttachMode, Durability, FlightOptions};

use crate::tool_args::{CompactArgs, CutArgs, MergeArgs, RepairArgs, VerifyArgs};

/// Record every mount call of this host, and replay, summarize and export the trace anywhere.
///
/// Without a command: print mount calls as they happen (needs root).
#[derive(Debug, Parser, PartialEq)]
#[command(name = "mountsnoop", version, max_term_width = 110, args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  sudo mountsnoop                                   print mount calls as they happen
  sudo mountsnoop record -o trace.mst               record until Ctrl-C
  sudo mountsnoop record -o boot.mst -- ./start.sh  record one command and what it starts
  mountsnoop replay trace.mst --failed              print the calls that failed
  mountsnoop replay -f trace.mst                    print them while they are recorded
  mountsnoop stats trace.mst --by error,process     count them
  mountsnoop export trace.mst -o trace.csv          convert

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but events were lost or the file is damaged or was not closed,
4 the file needs a newer mountsnoop.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub view: ViewArgs,
    #[command(flatten)]
    pub capture: CaptureArgs,
}

#[derive(Debug, Subcommand, PartialEq)]
pub enum Command {
    Record(RecordArgs),
    Replay(ReplayArgs),
    Stats(StatsArgs),
    Export(ExportArgs),
    Info(InfoArgs),
    Verify(VerifyArgs),
    Repair(RepairArgs),
    Cut(CutArgs),
    Merge(MergeArgs),
    Compact(CompactArgs),
}

/// Capture mount calls into a trace file.
#[derive(Debug, Args, PartialEq)]
#[command(after_help = "Examples:
  sudo mountsnoop record -o trace.mst                   until Ctrl-C
  sudo mountsnoop record -o trace.mst --duration 30s
  sudo mountsnoop record -o trace.mst -- podman run -d redis
  sudo mountsnoop record -o - | ssh host 'cat > trace.mst'
  sudo mountsnoop record -o host.mst --rotate-size 64M --keep 10
  sudo mountsnoop record -o host.mst --flight-recorder 30s      kill -USR2 PID writes what it holds

With a COMMAND the exit status is that of the command, 128+signal if a signal killed it,
125 if recording failed, 126 if the command cannot be executed, 127 if there is none.")]
#[command(group = clap::ArgGroup::new("rotates").multiple(true).args(["rotate_size", "rotate_time"]))]
pub struct RecordArgs {
    /// Write the trace to FILE, `-` for standard output; the file must not exist yet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Overwrite FILE if it exists
    #[arg(long)]
    pub force: bool,
    /// Stop after this long, for example 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Compression: 0 is the fastest, 19 the smallest
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(i32).range(0..=19))]
    pub compress: i32,
    /// When to bring what was written to the disk: this often, `none`: when the kernel does, or after each `block`
    #[arg(long, value_name = "TIME|none|block", default_value = "5s", value_parser = durability)]
    pub sync: Durability,
    /// Begin another file when one has grown to SIZE: FILE.000000.mst, FILE.000001.mst, ... SIGHUP does it too
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub rotate_size: Option<u64>,
    /// Begin another file when one is this old
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub rotate_time: Option<Duration>,
    /// Keep the newest N files and remove the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "rotates")]
    pub keep: Option<u32>,
    /// Stop when the trace has grown to SIZE, all its files together
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_size: Option<u64>,
    /// Write nothing, but hold what happened last in memory, so much or so long; SIGUSR2 writes it to FILE.000000.mst, ...
    #[arg(long, value_name = "SIZE|TIME", value_parser = held)]
    #[arg(conflicts_with_all = ["rotates", "max_size", "force"])]
    pub flight_recorder: Option<Held>,
    /// With --flight-recorder: go on for this long after it was asked, and then write
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s", requires = "flight_recorder")]
    pub post: Duration,
    /// Also print the calls as they happen
    #[arg(long)]
    pub print: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Only this process and its threads (repeatable)
    #[arg(short, long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Only calls made in this mount namespace: the inode that `readlink /proc/PID/ns/mnt` shows (repeatable)
    #[arg(long, value_name = "INODE")]
    pub ns: Vec<u32>,
    /// Only calls that fail; they are recorded when they return, so a call that hangs is not seen
    #[arg(long)]
    pub failed: bool,
    #[command(flatten)]
    pub capture: CaptureArgs,
    #[command(flatten)]
    pub view: ViewArgs,
    /// Record only this command and the processes it starts
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How calls are captured; the same for `record` and for printing live.
#[derive(Debug, Args, PartialEq)]
#[command(next_help_heading = "Capture")]
pub struct CaptureArgs {
    /// Room for events between the kernel and mountsnoop: a power of two
    #[arg(long, value_name = "BYTES", default_value = "8M", value_parser = ring_size)]
    pub ring_size: u32,
    /// How to attach to the kernel
    #[arg(long, value_enum, default_value_t)]
    pub attach: Attach,
    /// With tracepoints: record 32-bit calls too; every system call of every process pays for it
    #[arg(long)]
    pub compat: bool,
    /// Record statmount, listmount and listns too, which otherwise are only counted
    #[arg(long)]
    pub queries: bool,
    /// With -p: the processes that those start too
    #[arg(long, requires = "pid")]
    pub follow_forks: bool,
    /// Only processes in this cgroup: its directory below /sys/fs/cgroup
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// Only these calls, for example mount,umount2,move_mount
    #[arg(long, value_name = "CALL,...", value_delimiter = ',')]
    pub calls: Vec<String>,
    /// How long an event may wait before it is written out
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = duration)]
    pub flush: Duration,
}

/// `--attach`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Attach {
    /// What loses nothing and costs least on this kernel
    #[default]
    Auto,
    /// fentry and fexit: free for every other system call
    Fentry,
    /// kprobe.multi and kretprobe.multi
    Kprobe,
    /// The syscalls: tracepoints
    Tracepoint,
}

impl From<Attach> for AttachMode {
    fn from(attach: Attach) -> AttachMode {
        match attach {
            Attach::Auto => AttachMode::Auto,
            Attach::Fentry => AttachMode::Fentry,
            Attach::Kprobe => AttachMode::Kprobe,
            Attach::Tracepoint => AttachMode::Tracepoint,
        }
    }
}

/// Print the calls of a trace.
#[derive(Debug, Args, PartialEq)]
pub struct ReplayArgs {
    /// Traces, in this order; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Go on as long as the last FILE is being recorded, and then with the next file of its recording
    #[arg(short, long)]
    pub follow: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Count the calls of a trace: by call, error, process, namespace and filesystem type.
#[derive(Debug, Args, PartialEq)]
pub struct StatsArgs {
    /// Traces, in this order; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What to count by: call, error, process, ns, fstype, pid, uid, ...; `+` joins keys, for example fstype+error
    #[arg(long, value_name = "KEY,...")]
    pub by: Option<String>,
    /// Rows a table has at the most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub top: usize,
    /// One JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Convert a trace to CSV or JSON.
#[derive(Debug, Args, PartialEq)]
pub struct ExportArgs {
    /// Traces, in this order; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write to OUT, `-` for standard output; its extension says the format
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// The format, whatever the extension
    #[arg(short = 'F', long, value_enum)]
    pub format: Option<ExportFormat>,
    /// Overwrite OUT if it exists
    #[arg(long)]
    pub force: bool,
    /// CSV: leave cells alone that a spreadsheet would take for a formula
    #[arg(long)]
    pub raw_csv: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What `export` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One line a call, RFC 4180
    Csv,
    /// One JSON array
    Json,
    /// One JSON object a line
    Ndjson,
}

/// Say what a trace holds, from its headers alone.
#[derive(Debug, Args, PartialEq)]
pub struct InfoArgs {
    /// Traces; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Also list the blocks
    #[arg(long)]
    pub blocks: bool,
    /// One JSON object a file
    #[arg(long)]
    pub json: bool,
}

/// Which calls.
#[derive(Debug, Default, Args, PartialEq)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Only this process and its threads (repeatable)
    #[arg(short, long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Only processes whose name matches this pattern, as in a shell (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub comm: Vec<String>,
    /// Only calls made in this mount namespace: the inode that `readlink /proc/PID/ns/mnt` shows (repeatable)
    #[arg(long, value_name = "INODE")]
    pub ns: Vec<u32>,
    /// Only calls that failed
    #[arg(long)]
    pub failed: bool,
    /// Only calls that took at least this long, for example 10ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub slow: Option<Duration>,
    /// Only calls that began at or after this time
    ///
    /// RFC 3339, HH:MM:SS[.nnn], now, -5m, +10s (from the start of the trace), @1700000000.5
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only calls that began before this time; the same forms
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
}

/// How calls are printed.
#[derive(Debug, Args, PartialEq)]
#[command(next_help_heading = "View")]
pub struct ViewArgs {
    /// Exactly the format of bcc's first mountsnoop
    #[arg(long, conflicts_with_all = ["time", "detail", "json"])]
    pub classic: bool,
    /// Print the time of day when each call began
    #[arg(short, long)]
    pub time: bool,
    /// Times in UTC instead of local time
    #[arg(long)]
    pub utc: bool,
    /// One field a line
    #[arg(short, long, conflicts_with = "json")]
    pub detail: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write for example 10ms, 30s or 5m"))
}

fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "none" => Ok(Durability::None),
        "block" => Ok(Durability::Block),
        time => duration(time).map(Durability::Every).map_err(|error| format!("{error}, or none, or block")),
    }
}

/// What a flight recorder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// So many bytes.
    Bytes(u64),
    /// What happened in this time.
    Time(Duration),
}

/// However much happens in the time that a flight recorder holds, it holds no more than this, bytes.
const HELD_MAX: u64 = 256 << 20;

impl From<Held> for FlightOptions {
    fn from(held: Held) -> FlightOptions {
        let (bytes, age) = match held {
            Held::Bytes(bytes) => (bytes, None),
            Held::Time(age) => (HELD_MAX, Some(age)),
        };
        FlightOptions { bytes, age, post: Duration::ZERO }
    }
}

fn held(text: &str) -> Result<Held, String> {
    let time = || duration(text).ok().filter(|time| !time.is_zero()).map(Held::Time);
    let held = bytes(text).ok().map(Held::Bytes).or_else(time);
    held.ok_or_else(|| "expected a size or a time, for example 64M or 30s".to_string())
}

/// A number of bytes, with K, M or G behind it for its multiples.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(*unit)?, *shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n > 0);
    bytes.ok_or_else(|| "expected a number of bytes, for example 512K, 64M or 1G".to_string())
}

/// A power of two.
fn ring_size(text: &str) -> Result<u32, String> {
    match bytes(text) {
        Ok(bytes) if bytes.is_power_of_two() && (4096..=1 << 30).contains(&bytes) => Ok(bytes as u32),
        _ => Err("expected a power of two from 4K to 1G, for example 8M".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_live() {
        let cli = parse("mountsnoop --failed -p 7 -p 8 -t");
        assert_eq!(
            (cli.command, cli.filter.failed, cli.filter.pid, cli.view.time),
            (None, true, vec![7, 8], true)
        );
    }

    #[test]
    fn the_command_to_record_keeps_its_own_options() {
        let Some(Command::Record(record)) = parse("mountsnoop record -o x.mst -- mount -t tmpfs").command
        else {
            panic!("not record")
        };
        assert_eq!(record.command, ["mount", "-t", "tmpfs"]);
    }

    #[test]
    fn times_may_begin_with_a_minus_sign() {
        let Some(Command::Replay(replay)) = parse("mountsnoop replay x.mst --since -5m --until +10s").command
        else {
            panic!("not replay")
        };
        assert_eq!(
            (replay.filter.since.as_deref(), replay.filter.until.as_deref()),
            (Some("-5m"), Some("+10s"))
        );
    }

    #[test]
    fn a_flight_recorder_holds_a_size_or_a_time() {
        let seconds = |s| Ok(Held::Time(Duration::from_secs(s)));
        for (text, expected) in
            [("64M", Ok(Held::Bytes(64 << 20))), ("30s", seconds(30)), ("5m", seconds(300))]
        {
            assert_eq!(held(text), expected, "{text}");
        }
        for wrong in ["0", "0s", "", "much"] {
            assert!(held(wrong).is_err(), "{wrong}");
        }
        let line =
            |options: &str| Cli::try_parse_from(format!("m record -o t.mst {options}").split(' ')).is_ok();
        assert!(
            line("--flight-recorder 30s --post 5s") && line("--rotate-size 1M --rotate-time 1h --keep 3")
        );
        for wrong in
            ["--keep 3", "--post 5s", "--flight-recorder 30s --rotate-size 1M", "--rotate-size 1M --keep 0"]
        {
            assert!(!line(wrong), "{wrong}");
        }
    }

    #[test]
    fn ring_sizes_are_powers_of_two() {
        assert_eq!(ring_size("8M"), Ok(8 << 20));
        assert_eq!(ring_size("4096"), Ok(4096));
        for wrong in ["3M", "2K", "2G", "", "M", "-1", "99999999999G"] {
            assert!(ring_size(wrong).is_err(), "{wrong}");
        }
    }
}
