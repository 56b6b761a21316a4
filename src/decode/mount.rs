//! What a mount(2) asks for: one call that is six, told apart by its flags.
//! It must not know how the arguments got here.

use super::bytes::Capture;
use super::calls::{Argument, Mount, Value};
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

impl<'a> Mount<'a> {
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

    /// What the others say about an argument.
    #[inline]
    pub(super) fn refine(&self, arg: &mut Argument<'a>) {
        if let ("data", Value::Str(data)) = (arg.name, arg.value)
            && self.has_binary_data()
        {
            arg.value = Value::Bytes(super::UserStr { capture: beginning(data.capture), ..data });
        }
    }

    /// Whether the filesystem takes a structure for data and the caller gave it one: such a structure begins with a small
    /// number, its version, and so with a control character, as no text does (nfs and coda; FS_BINARY_MOUNTDATA).
    fn has_binary_data(&self) -> bool {
        let binary = |fstype: &[u8]| matches!(fstype, b"nfs" | b"nfs4" | b"coda");
        let structure = |data: &[u8]| data.first().is_some_and(|&byte| byte < b' ');
        self.data.text().is_some_and(structure) && self.fstype.text().is_some_and(binary)
    }

    /// A bit for each argument that the kernel does not look at in this operation.
    #[inline]
    pub(super) fn ignored(&self) -> u8 {
        const SOURCE: u8 = 1 << 0;
        const FSTYPE: u8 = 1 << 2;
        const DATA: u8 = 1 << 4;
        match self.operation() {
            Some(MountOperation::RemountBind | MountOperation::Propagation) => SOURCE | FSTYPE | DATA,
            Some(MountOperation::Remount) => SOURCE | FSTYPE,
            Some(MountOperation::Bind | MountOperation::Move) => FSTYPE | DATA,
            Some(MountOperation::New) | None => 0,
        }
    }
}

/// Of binary data read as a string there is only what stands before the first zero byte.
fn beginning(capture: Capture) -> Capture {
    if capture == Capture::Whole { Capture::Cut } else { capture }
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
