//! Reaching tracefs where it is not mounted (containers, minimal systems), without changing anything on the host.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

const ROOT: &str = "/sys/kernel/tracing";

/// While this lives, [`ROOT`] shows tracefs to the calling thread.
pub(super) struct Tracefs {
    /// The mount namespace to go back to.
    home: Option<File>,
}

impl Tracefs {
    /// Finds tracefs, or mounts it in a mount namespace of this thread's own.
    ///
    /// The namespace is left again when the value is dropped, so that its copies of the host's mounts keep no
    /// filesystem busy.
    pub(super) fn reach() -> Result<Tracefs> {
        let here = Tracefs { home: None };
        if here.has("syscalls") {
            return Ok(here);
        }
        let home =
            File::open("/proc/thread-self/ns/mnt").context("failed to open this thread's mount namespace")?;
        unshare(CloneFlags::CLONE_NEWNS)
            .context("failed to take a mount namespace of its own to mount tracefs in")?;
        let here = Tracefs { home: Some(home) };
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
            .context("failed to make a mount namespace private")?;
        mount("tracefs", ROOT, "tracefs", MountFlags::empty(), None)
            .with_context(|| format!("failed to mount tracefs on {ROOT}"))?;
        Ok(here)
    }

    /// Is there an event (or a group of events) of this name?
    pub(super) fn has(&self, event: &str) -> bool {
        fs::metadata(Path::new(ROOT).join("events").join(event)).is_ok()
    }
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // A thread that stayed would only pin some mounts until it ends: not worth failing a recording for.
            let _ = setns(home.as_fd(), CloneFlags::CLONE_NEWNS);
        }
    }
}
