//! The sink that writes a trace file: how the file is created, who owns it, when its bytes are safe.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use super::super::Sink;
use super::host;
use crate::format::{
    ChildExit, ClockSync, EventInfo, FileIdentity, Lost, Metadata, RecorderStats, Writer, WriterOptions, lock,
};
use crate::layout;

/// A trace being written to a file or to standard output.
pub struct TraceFile {
    name: String,
    level: i32,
    state: State,
}

enum State {
    /// Opened, so that a wrong path fails before anything is recorded; nothing written yet. `new`: where, if the file
    /// was not there before.
    Opened {
        output: Output,
        new: Option<PathBuf>,
    },
    Writing(Box<Writer<Output>>),
    Closed {
        bytes: u64,
    },
}

/// Counts what goes through it, so that a summary can say.
struct Output {
    to: To,
    bytes: u64,
}

enum To {
    File(File),
    Stdout(io::Stdout),
}

impl TraceFile {
    /// Opens `path` for writing, `-` for standard output. An existing file is an error unless `force` is set; a
    /// symbolic link and a trace that is being recorded always are.
    pub fn create(path: &Path, force: bool, level: i32) -> Result<TraceFile> {
        let name = path.display().to_string();
        let (to, new) = if path == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                bail!(
                    "a trace is binary and standard output is a terminal: redirect it, or name a file with -o"
                );
            }
            lock(&stdout, &name)?;
            (To::Stdout(stdout), None)
        } else {
            let (file, is_new) = open(path, force)?;
            lock(&file, &name)?;
            (To::File(file), is_new.then(|| path.to_owned()))
        };
        Ok(TraceFile { name, level, state: State::Opened { output: Output { to, bytes: 0 }, new } })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        match &self.state {
            State::Opened { output, .. } => output.bytes,
            State::Writing(writer) => writer.get_ref().bytes,
            State::Closed { bytes } => *bytes,
        }
    }

    fn writer(&mut self) -> Result<&mut Writer<Output>> {
        match &mut self.state {
            State::Writing(writer) => Ok(writer),
            _ => bail!("the trace {} is not being written", self.name),
        }
    }

    fn failed(&self) -> String {
        format!("failed to write the trace {}", self.name)
    }
}

/// A recording that never began leaves no empty file behind, which would be in the way of the next attempt.
impl Drop for TraceFile {
    fn drop(&mut self) {
        if let State::Opened { new: Some(path), .. } = &self.state {
            // It is empty: whoever finds it after all loses nothing.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The file, and whether it is new. What an existing one holds stays until the recording begins.
fn open(path: &Path, force: bool) -> Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if force && error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((options.open(path).map_err(|error| explain(error, path))?, false))
        }
        Err(error) => Err(explain(error, path)),
    }
}

/// From here on nobody else writes the file, and readers see that it is growing.
fn lock(file: impl AsFd, name: &str) -> Result<()> {
    let regular = fstat(&file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    // On a filesystem without locks readers cannot know whether the trace is growing, which is no reason not to record.
    if regular && lock::hold(&file).is_ok_and(|held| !held) {
        bail!(
            "cannot write the trace {name}: it is being recorded by another mountsnoop: wait until that has ended, or \
             choose another name with -o"
        );
    }
    Ok(())
}

/// Makes what was opened a new trace: empty, private, its owner's. A device or a pipe is left as it is.
fn make_new(file: &File) -> Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0).context("failed to empty the file")?;
        file.set_permissions(Permissions::from_mode(0o600)).context("failed to make it private")?;
        give_to_sudo_user(file);
    }
    Ok(())
}

fn explain(error: io::Error, path: &Path) -> anyhow::Error {
    let name = PathBuf::from(path).display().to_string();
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "it exists: choose another name, or overwrite it with --force",
        io::ErrorKind::NotFound => "its directory does not exist: create it first",
        io::ErrorKind::IsADirectory => "it is a directory: name a file in it",
        _ if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            "it is a symbolic link, which is not followed: name the file itself"
        }
        _ => "choose another place with -o",
    };
    anyhow::Error::new(error).context(format!("cannot write the trace {name}: {hint}"))
}

/// Under sudo the file belongs to the person who typed the command.
fn give_to_sudo_user(file: &File) {
    let id = |name: &str| std::env::var(name).ok()?.parse().ok();
    if let Some(uid) = id("SUDO_UID") {
        // Where the filesystem has no owners the trace stays root's, which is no reason not to record.
        let _ = std::os::unix::fs::fchown(file, Some(uid), id("SUDO_GID"));
    }
}

impl Sink for TraceFile {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        let State::Opened { .. } = self.state else { bail!("the trace {} was begun twice", self.name) };
        let State::Opened { output, .. } = std::mem::replace(&mut self.state, State::Closed { bytes: 0 })
        else {
            return Ok(());
        };
        if let To::File(file) = &output.to {
            make_new(file).with_context(|| self.failed())?;
        }
        let identity = FileIdentity {
            boot_id: metadata.boot_id,
            host_id: host::host_id(),
            created_realtime_ns: clock.realtime_ns,
            created_boottime_ns: clock.boottime_ns,
            ..FileIdentity::random().context("failed to get random bytes for the trace's id")?
        };
        let options = WriterOptions { level: self.level, ..WriterOptions::default() };
        let writer =
            Writer::new(output, options, identity, metadata, clock).with_context(|| self.failed())?;
        self.state = State::Writing(Box::new(writer));
        self.flush()
    }

    fn event(&mut self, head: &layout::Common, bytes: &[u8]) -> Result<()> {
        let info = EventInfo {
            time_ns: head.time,
            op_bit: head.call.min(63) as u8,
            failed: head.failed(bytes),
            incomplete: head.incomplete(),
        };
        match self.writer()?.event(&info, bytes) {
            Ok(()) => Ok(()),
            Err(error) => Err(error).with_context(|| self.failed()),
        }
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        self.writer()?.clock(clock)?;
        Ok(())
    }

    fn fresh(&mut self, clock: &ClockSync) -> Result<()> {
        match self.writer()?.fresh(clock) {
            Ok(()) => Ok(()),
            Err(error) => Err(error).with_context(|| self.failed()),
        }
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        self.writer()?.lost(lost)?;
        Ok(())
    }

    fn child_exit(&mut self, exit: &ChildExit) -> Result<()> {
        self.writer()?.child_exit(exit)?;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match self.writer()?.flush() {
            Ok(()) => Ok(()),
            Err(error) => Err(error).with_context(|| self.failed()),
        }
    }

    fn end(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        self.writer()?;
        let State::Writing(writer) = std::mem::replace(&mut self.state, State::Closed { bytes: 0 }) else {
            return Ok(());
        };
        let (output, _) = writer.finish(stats, clock).with_context(|| self.failed())?;
        self.state = State::Closed { bytes: output.bytes };
        // A device or a pipe has nothing to bring anywhere.
        if let To::File(file) = &output.to
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            file.sync_all()
                .with_context(|| format!("failed to bring the trace {} to the disk", self.name))?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match &mut self.to {
            To::File(file) => file.write(bytes),
            To::Stdout(stdout) => stdout.write(bytes),
        }?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Stdout(stdout) => stdout.flush(),
        }
    }
}
