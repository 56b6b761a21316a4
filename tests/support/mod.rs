//! What the tests share: a directory for each test, commands run in it, and failures that tell everything.
//! It must not know what a trace holds: that is calls.rs here.

pub mod calls;
pub mod strace;
pub mod witness;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mountsnoop::record::preflight::System;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use calls::unbase64;

/// Nothing in these tests takes longer; whoever does hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(10);
/// What a failure shows of one stream, bytes.
const SHOWN: usize = 20_000;

/// A directory of this test's own, gone when the test is; the commands of the test run in it.
pub struct Dir(TempDir);

/// The directory for a test that records on this machine. `None` only where the caller asked to leave such tests out;
/// a machine on which they cannot run is a failure, for a test that skips itself proves nothing.
pub fn live() -> Option<Dir> {
    if std::env::var_os("MOUNTSNOOP_SKIP_LIVE").is_some_and(|set| set == "1") {
        // Not eprintln: what goes through it is not shown for a test that passes.
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED because MOUNTSNOOP_SKIP_LIVE=1: {name}");
        return None;
    }
    let missing = System::here().missing();
    assert!(
        missing.is_empty(),
        "this test records on the running kernel and cannot do so here: {}. To leave such tests out, set \
         MOUNTSNOOP_SKIP_LIVE=1",
        missing.join("; ")
    );
    Some(Dir::new())
}

/// Whether ids here are those of the kernel, which a trace has.
pub fn in_first_pid_namespace() -> bool {
    // PROC_PID_INIT_INO in include/linux/proc_ns.h
    std::fs::metadata("/proc/self/ns/pid").expect("/proc").ino() == 0xefff_fffc
}

impl Dir {
    pub fn new() -> Dir {
        Dir(tempfile::Builder::new().prefix("mountsnoop-test-").tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An empty directory in it.
    pub fn subdir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Compiles tests/workloads/NAME.c; it can then be run as `./NAME`.
    pub fn compile(&self, name: &str) -> &Dir {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workloads").join(format!("{name}.c"));
        let mut command = Command::new("cc");
        command.args(["-std=gnu11", "-Wall", "-O1", "-pthread", "-o", name]).arg(source);
        self.command(command).run().code(0);
        self
    }

    /// The same, as a 32-bit program; without a C library, since there need not be one for such programs.
    pub fn compile_32(&self, name: &str) -> &Dir {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workloads").join(format!("{name}.c"));
        let mut command = Command::new("cc");
        command.args([
            "-m32",
            "-Wall",
            "-O2",
            "-static",
            "-nostdlib",
            "-fno-stack-protector",
            "-fno-pic",
            "-no-pie",
        ]);
        command.args(["-o", name]).arg(source);
        self.command(command).run().code(0);
        self
    }

    /// `mountsnoop` with these arguments.
    pub fn mountsnoop<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Cmd {
        self.cmd(env!("CARGO_BIN_EXE_mountsnoop"), args)
    }

    /// The calls of a trace as JSON, those by tasks of this name only.
    #[track_caller]
    pub fn rows(&self, trace: &str, comm: &str) -> Vec<serde_json::Value> {
        let done = self.mountsnoop(["replay", "--json", "--comm", comm, trace]).run().code(0).silent();
        done.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Some other program.
    pub fn cmd<I: IntoIterator<Item: AsRef<OsStr>>>(&self, program: impl AsRef<OsStr>, args: I) -> Cmd {
        let mut command = Command::new(program);
        command.args(args);
        self.command(command)
    }

    /// A line of shell, in which `$mountsnoop` is the program under test.
    pub fn sh(&self, line: &str) -> Cmd {
        let mut cmd = self.cmd("sh", ["-c", line]);
        cmd.0.env("mountsnoop", env!("CARGO_BIN_EXE_mountsnoop"));
        cmd
    }

    fn command(&self, mut command: Command) -> Cmd {
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Whoever runs the tests may be root by way of sudo, and like colours.
        for name in ["SUDO_UID", "SUDO_GID", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        Cmd(command)
    }
}

/// Waits until something holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(LOOK);
    }
}

/// A command that has not been started.
pub struct Cmd(Command);

impl Cmd {
    /// Its standard input is a pipe, for [`Running::say`]; [`Running::wait`] closes it.
    pub fn with_stdin(mut self) -> Cmd {
        self.0.stdin(Stdio::piped());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Cmd {
        self.0.env(name, value);
        self
    }

    #[track_caller]
    pub fn run(self) -> Done {
        self.spawn().wait()
    }

    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        let line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        let mut child = match self.0.spawn() {
            Ok(child) => child,
            Err(error) => panic!("this test needs to run `{line}`, and that failed: {error}"),
        };
        let stdout = Stream::follow(child.stdout.take());
        let stderr = Stream::follow(child.stderr.take());
        Running { line, child, stdout, stderr, started: Instant::now() }
    }
}

/// What has come out of a stream so far.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Stream {
    fn follow(from: Option<impl Read + Send + 'static>) -> Stream {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = bytes.clone();
        let reader = from.map(|mut from| {
            std::thread::spawn(move || {
                let mut chunk = [0; 8192];
                while let Ok(n @ 1..) = from.read(&mut chunk) {
                    into.lock().expect("no reader panics").extend_from_slice(&chunk[..n]);
                }
            })
        });
        Stream { bytes, reader }
    }

    fn now(&self) -> Vec<u8> {
        self.bytes.lock().expect("no reader panics").clone()
    }
}

/// A command that runs; killed when the test ends before it.
pub struct Running {
    line: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
    started: Instant,
}

impl Running {
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child has a pid");
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.line));
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("with_stdin");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.line));
    }

    /// What it has written to stdout so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.stdout.now()).into_owned()
    }

    /// Waits until `found` makes something of what it has written to stdout.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        self.look(what, |running| found(&running.printed()))
    }

    /// Waits until `found` makes something of what it has written to stderr.
    #[track_caller]
    pub fn until_stderr<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        self.look(what, |running| found(&String::from_utf8_lossy(&running.stderr.now())))
    }

    /// Does something again and again until it has ended.
    #[track_caller]
    pub fn until_ended(&mut self, mut meanwhile: impl FnMut()) {
        while self.child.try_wait().expect("a child can be waited for").is_none() {
            if self.started.elapsed() > DEADLINE {
                self.give_up("did not end");
            }
            meanwhile();
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until a recorder says that it records.
    #[track_caller]
    pub fn until_recording(&mut self) {
        self.until_stderr("a word that it records", |said| said.contains("recording into").then_some(()));
    }

    #[track_caller]
    fn look<T>(&mut self, what: &str, mut found: impl FnMut(&Running) -> Option<T>) -> T {
        loop {
            // Asked before looking: what it wrote before it ended must not be missed.
            let ended = self.child.try_wait().expect("a child can be waited for");
            if ended.is_some() {
                self.drain();
            }
            if let Some(found) = found(self) {
                return found;
            }
            if let Some(status) = ended {
                self.done(status).fail(&format!("ended before there was {what}"));
            }
            if self.started.elapsed() > DEADLINE {
                self.give_up(&format!("waited in vain for {what}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Closes its standard input and waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Done {
        self.child.stdin.take();
        self.end()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Done {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.drain();
                return self.done(status);
            }
            if self.started.elapsed() > DEADLINE {
                self.give_up("did not end");
            }
            std::thread::sleep(LOOK);
        }
    }

    #[track_caller]
    fn give_up(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        let status = self.child.wait().expect("a child can be waited for");
        self.done(status).fail(&format!("{why}, and was killed after {DEADLINE:?}"))
    }

    /// Reads to the end; not for long, for some other process may have inherited the stream.
    fn drain(&mut self) {
        let patience = Instant::now() + Duration::from_secs(5);
        for stream in [&mut self.stdout, &mut self.stderr] {
            while stream.reader.as_ref().is_some_and(|reader| !reader.is_finished())
                && Instant::now() < patience
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn done(&self, status: ExitStatus) -> Done {
        Done { line: self.line.clone(), status, stdout: self.stdout.now(), stderr: self.stderr.now() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A command that has ended. Its methods fail the test with all that is known of it.
#[derive(Clone)]
pub struct Done {
    line: String,
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Done {
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        panic!(
            "\n{why}\n\n$ {}\n{}\n---- stdout\n{}\n---- stderr\n{}\n----\n",
            self.line,
            self.status,
            shown(&self.stdout),
            shown(&self.stderr)
        )
    }

    /// It must have exited with this status.
    #[track_caller]
    pub fn code(self, want: i32) -> Done {
        if self.status.code() != Some(want) {
            self.fail(&format!("expected exit status {want}"));
        }
        self
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap_or_else(|_| self.fail("stdout is not UTF-8"))
    }

    /// stdout must hold this.
    #[track_caller]
    pub fn has(self, needle: &str) -> Done {
        if !String::from_utf8_lossy(&self.stdout).contains(needle) {
            self.fail(&format!("expected on stdout: {needle}"));
        }
        self
    }

    #[track_caller]
    pub fn has_not(self, needle: &str) -> Done {
        if String::from_utf8_lossy(&self.stdout).contains(needle) {
            self.fail(&format!("not expected on stdout: {needle}"));
        }
        self
    }

    /// stderr must hold this.
    #[track_caller]
    pub fn says(self, needle: &str) -> Done {
        if !String::from_utf8_lossy(&self.stderr).contains(needle) {
            self.fail(&format!("expected on stderr: {needle}"));
        }
        self
    }

    #[track_caller]
    pub fn silent(self) -> Done {
        if !self.stderr.is_empty() {
            self.fail("expected nothing on stderr");
        }
        self
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN { format!("{text}\n... {} bytes more", bytes.len() - SHOWN) } else { text }
}

/// Bytes for the reader of a failure; of long ones the ends and the length.
fn quoted(bytes: &[u8]) -> String {
    match bytes.len() {
        0..200 => format!("\"{}\"", bytes.escape_ascii()),
        n => format!("\"{}[...]{}\" ({n} bytes)", bytes[..80].escape_ascii(), bytes[n - 20..].escape_ascii()),
    }
}
