//! The file that a tool writes: never one that it reads, whole or not there at all.
//! It must not know what is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mountsnoop::format::{Reader, lock};
use mountsnoop::tools::{self, Counts, Refusal, Said, verify};

use crate::input;
use crate::tool_args::OutputArgs;

/// A trace on its way to a file or to standard output.
pub struct Output {
    to: To,
    name: String,
    bytes: u64,
}

enum To {
    Stdout(io::Stdout),
    /// `at` is removed unless the work succeeds; `target`: what it replaces then.
    File {
        file: File,
        at: PathBuf,
        target: Option<PathBuf>,
    },
    Done,
}

impl Output {
    /// Opens what the options name. Refuses what is one of `inputs`, under whatever name.
    pub fn create(args: &OutputArgs, inputs: &[PathBuf]) -> Result<Output> {
        let name = input::output_name(&args.output);
        if args.output == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                bail!(
                    "a trace is binary and standard output is a terminal: redirect it, or name a file with -o"
                );
            }
            return Ok(Output { to: To::Stdout(stdout), name, bytes: 0 });
        }
        refuse_inputs(&args.output, inputs)?;
        let (at, target) = match fs::symlink_metadata(&args.output) {
            Ok(there) if args.force && there.is_file() => {
                refuse_live(&args.output)?;
                (beside(&args.output), Some(args.output.clone()))
            }
            Ok(_) if args.force => {
                bail!("cannot write {name}: it is no regular file: name another, or - for standard output")
            }
            _ => (args.output.clone(), None),
        };
        // Read, too: what was written is read again.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&at);
        let file = file.map_err(|error| explain(error, &name))?;
        // Readers see that it is growing. On a filesystem without locks they cannot, which is no reason not to write.
        let _ = lock::hold(&file);
        Ok(Output { to: To::File { file, at, target }, name, bytes: 0 })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads what was written, compares it with what should have been, brings it to the disk, and only then gives it its
    /// name. Says how many bytes it has.
    pub fn commit(mut self, written: Counts) -> Result<u64> {
        self.flush().with_context(|| format!("failed to write {}", self.name))?;
        if let To::File { file, at, target } = &self.to {
            check(at, written).with_context(|| format!("{} was not written as it should be", self.name))?;
            let failed = || format!("failed to bring {} to the disk", self.name);
            file.sync_all().with_context(failed)?;
            if let Some(target) = target {
                fs::rename(at, target).with_context(|| format!("failed to replace {}", self.name))?;
            }
            let dir = target.as_ref().unwrap_or(at).parent().filter(|dir| *dir != Path::new(""));
            File::open(dir.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all()).with_context(failed)?;
        }
        self.to = To::Done;
        Ok(self.bytes)
    }
}

/// What was not finished is not left behind.
impl Drop for Output {
    fn drop(&mut self) {
        if let To::File { at, .. } = &self.to {
            // Whoever finds it after all sees that it is not closed.
            let _ = fs::remove_file(at);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match &mut self.to {
            To::File { file, .. } => file.write(bytes),
            To::Stdout(stdout) => stdout.write(bytes),
            To::Done => Ok(0),
        }?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.flush(),
            To::File { .. } | To::Done => Ok(()),
        }
    }
}

/// What a tool could not do, with the names of files.
pub fn failure(error: tools::Error, inputs: &[PathBuf], output: &str) -> anyhow::Error {
    match error {
        tools::Error::Input(number, refusal) => {
            let name = inputs.get(number).map(|path| input::name(path)).unwrap_or_default();
            match refusal {
                Refusal::Unreadable(error) => anyhow::Error::new(error).context(name),
                refusal => anyhow::Error::new(refusal).context(name),
            }
        }
        tools::Error::Output(error) => {
            anyhow::Error::new(error).context(format!("{output}, of which nothing is left"))
        }
    }
}

/// Refuses an output that is one of the inputs, under whatever name.
pub fn refuse_inputs(output: &Path, inputs: &[PathBuf]) -> Result<()> {
    if output == Path::new("-") {
        return Ok(());
    }
    let file = |path: &Path| fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    let Some(output_file) = file(output) else { return Ok(()) };
    for path in inputs {
        let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
        if file(path) == Some(output_file) {
            bail!("{} is the input itself: write to another file", output.display());
        }
    }
    Ok(())
}

/// A trace that somebody records must not lose its name: what comes after would go nowhere.
fn refuse_live(output: &Path) -> Result<()> {
    if File::open(output).is_ok_and(|file| lock::probe(&file) == lock::Recorder::Alive) {
        bail!("cannot replace {}: it is being written: wait until that has ended", output.display());
    }
    Ok(())
}

/// A name that nobody uses, in the same directory, so that it can take the place of `path` at once.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn explain(error: io::Error, name: &str) -> anyhow::Error {
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "it exists: choose another name, or replace it with --force",
        io::ErrorKind::NotFound => {
            "its directory does not exist, or takes no files: create it, or choose another"
        }
        _ => "choose another place with -o",
    };
    anyhow::Error::new(error).context(format!("cannot write {name}: {hint}"))
}

fn check(path: &Path, written: Counts) -> Result<()> {
    let mut reader = Reader::from_file(File::open(path).context("cannot read it again")?)?;
    let (mut read, mut damage) = (Counts::default(), None);
    verify(&mut reader, &mut |said| match said {
        Said::Verdict(verdict) => {
            read.events += verdict.counts.events;
            read.records += verdict.counts.records;
            if !verdict.closed || verdict.damages.places > 0 {
                damage = Some(verdict);
            }
        }
        Said::Finding(_) | Said::Remark(_) => {}
    })?;
    if let Some(verdict) = damage {
        bail!("read again, it is {verdict}");
    }
    if read != written {
        return Err(anyhow!(
            "read again, it has {} events and {} records, where {} and {} were written: the disk may be failing",
            read.events,
            read.records,
            written.events,
            written.records
        ));
    }
    Ok(())
}
