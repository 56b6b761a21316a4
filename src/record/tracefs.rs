//! Reaching tracefs where it is not mounted (containers, minimal systems), without changing anything on the host.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::statfs;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

const ROOT: &str = "/sys/kernel/tracing";
const DEBUGFS: &str = "/sys/kernel/debug";
/// include/uapi/linux/magic.h
const TRACEFS_MAGIC: u64 = 0x7472_6163;
const DEBUGFS_MAGIC: u64 = 0x6462_6720;

/// While this lives, [`ROOT`] shows tracefs to the calling thread, and [`DEBUGFS`] debugfs, as far as its rights go.
pub(super) struct Tracefs {
    /// The mount namespace to go back to.
    home: Option<File>,
    /// Why they could not be mounted, where that was tried.
    refused: Option<anyhow::Error>,
}

impl Tracefs {
    /// Finds tracefs and debugfs, or mounts them in a mount namespace of this thread's own.
    ///
    /// The namespace is left again when the value is dropped, so that its copies of the host's mounts keep no
    /// filesystem busy.
    pub(super) fn reach() -> Tracefs {
        let missing = [("tracefs", ROOT, TRACEFS_MAGIC), ("debugfs", DEBUGFS, DEBUGFS_MAGIC)]
            .into_iter()
            .filter(|(_, place, magic)| statfs(*place).is_ok_and(|found| found.f_type as u64 != *magic));
        let mut here = Tracefs { home: None, refused: None };
        for (name, place, _) in missing {
            let mounted = here.enter_namespace().and_then(|()| {
                mount(name, place, name, MountFlags::empty(), None)
                    .with_context(|| format!("failed to mount {name} on {place}"))
            });
            // Without debugfs there is another way to tell how the kernel preempts.
            if let Err(error) = mounted {
                here.refused.get_or_insert(error);
            }
        }
        here
    }

    /// Takes a mount namespace for the calling thread, in which nothing that is mounted is seen by others.
    fn enter_namespace(&mut self) -> Result<()> {
        if self.home.is_some() {
            return Ok(());
        }
        let home =
            File::open("/proc/thread-self/ns/mnt").context("failed to open this thread's mount namespace")?;
        unshare(CloneFlags::CLONE_NEWNS).context("failed to take a mount namespace to mount it in")?;
        self.home = Some(home);
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
            .context("failed to make a mount namespace private")
    }

    /// Fails where tracepoints cannot be looked up, with what to do about it.
    pub(super) fn needed(&self) -> Result<()> {
        let events = Path::new(ROOT).join("events/syscalls");
        match (fs::metadata(&events), &self.refused) {
            (Ok(_), _) => Ok(()),
            (Err(error), _) if error.kind() == ErrorKind::PermissionDenied => bail!(
                "tracepoints are looked up in {ROOT}, which only root may read: run it with sudo, or with \
                 CAP_DAC_READ_SEARCH"
            ),
            (Err(_), Some(refused)) => bail!(
                "tracepoints are looked up in {ROOT}, and tracefs is not mounted there ({refused:#}): mount it (mount -t \
                 tracefs tracefs {ROOT}), or run with CAP_SYS_ADMIN, with which the recorder mounts it for itself"
            ),
            (Err(error), None) => {
                Err(error).with_context(|| format!("failed to look into {}", events.display()))
            }
        }
    }

    /// Where debugfs is, if it could be had.
    pub(super) fn debugfs(&self) -> &'static Path {
        Path::new(DEBUGFS)
    }

    /// Is there an event (or a group of events) of this name?
    pub(super) fn has(event: &str) -> bool {
        fs::metadata(Path::new(ROOT).join("events").join(event)).is_ok()
    }
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // Without CAP_SYS_CHROOT this thread stays, and pins some mounts until it ends: no reason not to record.
            let _ = setns(home.as_fd(), CloneFlags::CLONE_NEWNS);
        }
    }
}
