//! What a mount(2) asks for: one call that is six, told apart by its flags.
//! It must not know how the arguments got here.

use super::calls::Mount;
use super::uapi::{self, MOUNT_FLAGS};

/// What a mount(2) asks for, which its flags decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountOperation {
    /// Change the flags of one mount.
    RemountBind,
    /// Change the options of a superblock.
    Remount,
    /// Show a tree in another place too.
    Bind,
    /// Change how mounts below propagate.
    Propagation,
    /// Move a mount.
    Move,
    /// Mount a filesystem.
    New,
}

impl Mount<'_> {
    /// Which of its operations this call is; `None` where the flags are not in the trace.
    /// The order is that of path_mount() in fs/namespace.c (read in 6.12).
    pub fn operation(&self) -> Option<MountOperation> {
        const REMOUNT: u64 = uapi::value(&MOUNT_FLAGS, "MS_REMOUNT");
        const BIND: u64 = uapi::value(&MOUNT_FLAGS, "MS_BIND");
        const MOVE: u64 = uapi::value(&MOUNT_FLAGS, "MS_MOVE");
        const PROPAGATION: u64 = uapi::value(&MOUNT_FLAGS, "MS_SHARED")
            | uapi::value(&MOUNT_FLAGS, "MS_PRIVATE")
            | uapi::value(&MOUNT_FLAGS, "MS_SLAVE")
            | uapi::value(&MOUNT_FLAGS, "MS_UNBINDABLE");
        let flags = MOUNT_FLAGS.effective(self.flags?);
        Some(match flags {
            _ if flags & (REMOUNT | BIND) == REMOUNT | BIND => MountOperation::RemountBind,
            _ if flags & REMOUNT != 0 => MountOperation::Remount,
            _ if flags & BIND != 0 => MountOperation::Bind,
            _ if flags & PROPAGATION != 0 => MountOperation::Propagation,
            _ if flags & MOVE != 0 => MountOperation::Move,
            _ => MountOperation::New,
        })
    }

    /// Whether the kernel does not look at that argument in this operation.
    pub(super) fn ignores(&self, arg: &str) -> bool {
        let ignored: &[&str] = match self.operation() {
            Some(MountOperation::RemountBind | MountOperation::Propagation) => &["source", "fstype", "data"],
            Some(MountOperation::Remount) => &["source", "fstype"],
            Some(MountOperation::Bind | MountOperation::Move) => &["fstype", "data"],
            Some(MountOperation::New) | None => &[],
        };
        ignored.contains(&arg)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Call, Event, synth};
    use super::*;

    #[test]
    fn mount_operations_have_the_kernels_precedence() {
        for (flags, want, ignored) in [
            (0, MountOperation::New, ""),
            (1 << 10, MountOperation::New, ""),
            (0xc0ed_0000, MountOperation::New, ""),
            (32, MountOperation::Remount, "source fstype"),
            (32 | 4096, MountOperation::RemountBind, "source fstype data"),
            (32 | 1 << 18, MountOperation::Remount, "source fstype"),
            (4096 | 16384, MountOperation::Bind, "fstype data"),
            (4096 | 1 << 20, MountOperation::Bind, "fstype data"),
            (1 << 18 | 16384, MountOperation::Propagation, "source fstype data"),
            (1 << 17 | 8192, MountOperation::Propagation, "source fstype data"),
            (8192, MountOperation::Move, "fstype data"),
        ] {
            let bytes = synth::mount(Some(b"a"), Some(b"b"), None, flags, None).build();
            let call = Call::decode(1, Some(Event::decode(&bytes).unwrap().sections), None);
            let Call::Mount(mount) = call else { panic!("not a mount") };
            assert_eq!(mount.operation(), Some(want), "{flags:#x}");
            let mut got = Vec::new();
            call.args(|arg| got.extend(arg.ignored.then_some(arg.name)));
            assert_eq!(got.join(" "), ignored, "{flags:#x}");
        }
    }
}
