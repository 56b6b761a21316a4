//! Where the file of a trace is, how it is created, and who owns it.
//! Must not know what is written there.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use crate::format::lock;

/// A file that nothing has been written to yet, or standard output. One that was not there before does not stay behind
/// unless it is begun.
pub(super) struct Opened {
    file: File,
    /// Where, if the file was not there before.
    new: Option<PathBuf>,
}

impl Opened {
    /// Opens `path` for writing, `-` for standard output. An existing file is an error unless `force` is set; a
    /// symbolic link and a trace that is being recorded always are.
    pub fn at(path: &Path, force: bool) -> Result<Opened> {
        let name = path.display();
        if path == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                bail!(
                    "a trace is binary and standard output is a terminal: redirect it, or name a file with -o"
                );
            }
            lock(&stdout, &name.to_string())?;
            let file = stdout.as_fd().try_clone_to_owned().context("failed to open standard output")?.into();
            return Ok(Opened { file, new: None });
        }
        let (file, is_new) = open(path, force)?;
        let opened = Opened { file, new: is_new.then(|| path.to_owned()) };
        lock(&opened.file, &name.to_string())?;
        Ok(opened)
    }

    /// Makes it a new trace: empty, private, its owner's. A device, a pipe and standard output are left as they are; the
    /// answer says whether it is a file.
    pub fn begin(&self, path: &Path) -> Result<(File, bool)> {
        let file = self.file.try_clone()?;
        let is_file = path != Path::new("-") && file.metadata()?.is_file();
        if is_file {
            file.set_len(0).context("failed to empty the file")?;
            file.set_permissions(Permissions::from_mode(0o600)).context("failed to make it private")?;
            give_to_sudo_user(&file);
        }
        Ok((file, is_file))
    }

    /// It has been written to.
    pub fn stays(mut self) {
        self.new = None;
    }
}

/// A recording that never began leaves no empty file behind, which would be in the way of the next attempt.
impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(path) = &self.new {
            // It is empty: whoever finds it after all loses nothing.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The directory that a file stands in, for bringing its name to the disk; `None` where there is none to speak of.
pub(super) fn directory(path: &Path) -> Option<File> {
    let parent = path.parent()?;
    File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).ok()
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

fn explain(error: io::Error, path: &Path) -> anyhow::Error {
    let name = path.display();
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "it exists: choose another name, or overwrite it with --force",
        io::ErrorKind::NotFound => {
            "its directory does not exist, or takes no files: create it, or choose another"
        }
        io::ErrorKind::IsADirectory => "it is a directory: name a file in it",
        _ if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            "it is a symbolic link, which is not followed: name the file itself"
        }
        _ => "choose another place with -o",
    };
    let said = format!("cannot write the trace {name}: {hint}");
    anyhow::Error::new(error).context(said)
}

/// Under sudo the file belongs to the person who typed the command.
fn give_to_sudo_user(file: &File) {
    let id = |name: &str| std::env::var(name).ok()?.parse().ok();
    if let Some(uid) = id("SUDO_UID") {
        // Where the filesystem has no owners the trace stays root's, which is no reason not to record.
        let _ = std::os::unix::fs::fchown(file, Some(uid), id("SUDO_GID"));
    }
}
