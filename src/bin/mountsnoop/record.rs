//! `mountsnoop record`: opens the file, records into it, and says how it went.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use mountsnoop::decode::CALLS;
use mountsnoop::format::{ChildExit, ClockSync, Lost, Marker, Metadata, RecorderStats};
use mountsnoop::layout;
use mountsnoop::record::{
    self, CommandEnd, FlightOptions, Only, Options, Progress, Request, Sink, Summary, TraceOptions,
    Unwritten, Wish,
};

use crate::args::{CaptureArgs, FilterArgs, RecordArgs};
use crate::outcome::{self, Outcome};
use crate::printer::Printer;

pub fn run(args: &RecordArgs) -> Result<Outcome> {
    // Both outputs are opened before the work begins: a wrong path should not cost a recording.
    let to_stdout = args.output.as_os_str() == "-";
    if to_stdout && args.print {
        anyhow::bail!("-o - and --print both want standard output: write the trace to a file");
    }
    let file = record::trace(&args.output, &trace_options(args))?;
    let print = if args.print { Some(Printer::new(&FilterArgs::default(), &args.view)?) } else { None };
    let name = args.output.display().to_string();
    let status_line = !args.quiet && std::io::stderr().is_terminal();
    let mut sink = Tee { file, print, name, quiet: args.quiet, status_line };
    let options = options(args, status_line)?;
    let summary = record::run(&options, &mut sink)?;
    if !args.quiet {
        say(&summary, &sink);
    }
    Ok(outcome(&summary))
}

fn trace_options(args: &RecordArgs) -> TraceOptions {
    TraceOptions {
        force: args.force,
        level: args.compress,
        sync: args.sync,
        rotate_size: args.rotate_size,
        rotate_time: args.rotate_time,
        keep: args.keep,
        max_size: args.max_size,
        flight: args.flight_recorder.map(|held| FlightOptions { post: args.post, ..held.into() }),
    }
}

/// How to capture, as the options say; the same for live printing. What the kernel can decide is left to it.
pub fn capture_options(
    capture: &CaptureArgs,
    pids: &[u32],
    namespaces: &[u32],
    failed: bool,
) -> Result<Options> {
    let cgroup = capture.cgroup.as_deref().map(cgroup_id).transpose()?;
    let calls = capture.calls.iter().map(|name| call_number(name)).collect::<Result<_>>()?;
    Ok(Options {
        ring_bytes: capture.ring_size,
        duration: None,
        flush: capture.flush,
        command: Vec::new(),
        progress: false,
        attach: capture.attach.into(),
        compat: capture.compat,
        queries: capture.queries,
        only: Only {
            pids: pids.to_vec(),
            follow_forks: capture.follow_forks,
            namespaces: namespaces.to_vec(),
            cgroup,
            calls,
            failed,
        },
        args: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        level: None,
    })
}

/// A cgroup's id is the inode of its directory (cgroup v2).
fn cgroup_id(dir: &Path) -> Result<u64> {
    let metadata = std::fs::metadata(dir).with_context(|| {
        format!("--cgroup: cannot find {}: name a directory below /sys/fs/cgroup (cgroup v2)", dir.display())
    })?;
    Ok(metadata.ino())
}

fn call_number(name: &str) -> Result<u16> {
    let known = || CALLS.iter().map(|call| call.name).collect::<Vec<_>>().join(", ");
    let call = CALLS.iter().find(|call| call.name == name);
    call.map(|call| call.number)
        .ok_or_else(|| anyhow!("--calls: no call is named {name:?}: expected some of {}", known()))
}

fn options(args: &RecordArgs, progress: bool) -> Result<Options> {
    Ok(Options {
        duration: args.duration,
        command: args.command.clone(),
        progress,
        level: Some(args.compress),
        ..capture_options(&args.capture, &args.pid, &args.ns, args.failed)?
    })
}

fn outcome(summary: &Summary) -> Outcome {
    let lossy = Outcome::lossy(summary.lossy());
    match &summary.command {
        // What the command says comes first: that is what its caller asks for. Stderr tells of the loss.
        Some(end) => Outcome::Command(end.clone()),
        None => lossy,
    }
}

fn say(summary: &Summary, sink: &Tee) {
    if sink.status_line {
        eprint!("\r\x1b[K");
    }
    match &summary.command {
        Some(CommandEnd::NotFound) => eprintln!("mountsnoop: the command to record was not found"),
        Some(CommandEnd::CannotExecute(why)) => {
            eprintln!("mountsnoop: the command to record cannot be run: {why}")
        }
        Some(CommandEnd::Killed(signal)) => eprintln!("mountsnoop: signal {signal} killed the command"),
        Some(CommandEnd::Exited(_)) | None => {}
    }
    let Summary { events, lost, elapsed, .. } = summary;
    eprintln!(
        "[ mountsnoop record: {events} events, {lost} lost, {:.1} s, {} -> {} ]",
        elapsed.as_secs_f64(),
        size(sink.file.bytes()),
        sink.name
    );
    for complaint in summary.complaints() {
        eprintln!("mountsnoop: {complaint}");
    }
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The trace, and the terminal of whoever wants to watch it grow.
struct Tee {
    file: Box<dyn Sink>,
    print: Option<Printer>,
    name: String,
    quiet: bool,
    status_line: bool,
}

impl Tee {
    /// What the file has to say, now: who waits may be able to help.
    fn pass_on(&mut self) {
        for said in self.file.said() {
            if self.status_line {
                eprint!("\r\x1b[K");
            }
            eprintln!("mountsnoop: {said}");
        }
    }

    /// A reader of the printed calls who leaves does not end the recording: the trace is what matters.
    fn print(&mut self, what: impl FnOnce(&mut Printer) -> Result<()>) -> Result<()> {
        let Some(printer) = &mut self.print else { return Ok(()) };
        match what(printer) {
            Err(error) if outcome::is_broken_pipe(&error) => {
                self.print = None;
                Ok(())
            }
            result => result,
        }
    }
}

impl Sink for Tee {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        self.file.begin(metadata, clock)?;
        if !self.quiet {
            eprintln!("mountsnoop: recording into {} ({})", self.name, metadata.attach_mode);
        }
        self.print(|printer| printer.begin(metadata, clock))
    }

    fn event(&mut self, head: &layout::Common, bytes: &[u8]) -> Result<()> {
        self.file.event(head, bytes)?;
        self.print(|printer| printer.event(head, bytes))
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        self.file.clock(clock)?;
        self.print(|printer| printer.clock(clock))
    }

    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        self.file.fresh(clock)?;
        self.print(|printer| printer.fresh(clock))
    }

    fn next_file(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<bool> {
        let begun = self.file.next_file(stats, clock)?;
        self.print(|printer| printer.fresh(clock))?;
        Ok(begun)
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        self.file.lost(lost)?;
        self.print(|printer| printer.lost(lost))
    }

    fn child_exit(&mut self, exit: &ChildExit) -> Result<()> {
        self.file.child_exit(exit)
    }

    fn marker(&mut self, marker: &Marker) -> Result<()> {
        self.file.marker(marker)?;
        self.print(|printer| printer.marker(marker))
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()?;
        self.pass_on();
        self.print(|printer| printer.flush())
    }

    fn end(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        self.file.end(stats, clock)?;
        self.pass_on();
        self.print(|printer| printer.end(stats, clock))
    }

    fn unwritten(&self) -> Unwritten {
        self.file.unwritten()
    }

    fn tick(&mut self, now: Instant) -> Result<Option<Wish>> {
        let wish = self.file.tick(now)?;
        self.pass_on();
        Ok(wish)
    }

    fn due(&self) -> Option<Instant> {
        self.file.due()
    }

    fn signals(&self) -> &'static [i32] {
        self.file.signals()
    }

    fn request(&mut self, request: Request) {
        self.file.request(request);
    }

    fn progress(&mut self, so_far: &Progress) {
        let Progress { elapsed, events, lost } = so_far;
        let seconds = elapsed.as_secs();
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let file = size(self.file.bytes());
        // Nobody may be looking; a status line is not worth an error.
        let _ = write!(std::io::stderr(), "\r\x1b[K{clock}  {events} events  {lost} lost  {file}");
    }
}
