//! Runs the command that `record -- COMMAND` asks for, and waits for it and for the orphans it leaves.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::SyncSender;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait};

use super::super::CommandEnd;
use super::{Message, rights};

/// A command that runs.
pub(super) struct Running {
    pid: Pid,
}

impl Running {
    /// Starts it with our own standard streams. Its end comes through `out`.
    ///
    /// # Errors
    /// How it could not be started, as a [`CommandEnd`].
    pub(super) fn start(command: &[OsString], out: SyncSender<Message>) -> Result<Running, CommandEnd> {
        let Some((program, args)) = command.split_first() else { return Err(CommandEnd::NotFound) };
        // Daemons it leaves behind become our children, not init's: so they can still be told from everybody else.
        // Where that is refused they are only not followed.
        let _ = set_child_subreaper(Some(rustix::process::getpid()));
        let child = Command::new(program).args(args).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CommandEnd::NotFound,
            _ => CommandEnd::CannotExecute(error.to_string()),
        })?;
        let Some(pid) = Pid::from_raw(child.id() as i32) else { return Err(CommandEnd::NotFound) };
        std::thread::spawn(move || {
            rights::keep_none();
            reap(pid, &out);
        });
        Ok(Running { pid })
    }

    /// Passes a signal on.
    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended already.
        let _ = kill_process(self.pid, signal);
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get() as u32
    }
}

/// Waits for every child there is, so that none stays a zombie, and reports the one that matters.
fn reap(command: Pid, out: &SyncSender<Message>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => {
                let status = ExitStatus::from_raw(status.as_raw());
                let end = match (status.code(), status.signal()) {
                    (Some(code), _) => CommandEnd::Exited(code),
                    (None, signal) => CommandEnd::Killed(signal.unwrap_or_default()),
                };
                if out.send(Message::Command(end)).is_err() {
                    return;
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
