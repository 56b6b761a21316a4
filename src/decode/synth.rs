//! Builds event bytes, for tests and benches: what the kernel side would have written, by the offsets of `layout`.
//! It must not know what the bytes mean.

use crate::layout as l;

/// An event being put together.
#[derive(Debug, Clone)]
pub struct Builder {
    header: Vec<u8>,
    sections: Vec<u8>,
}

/// A call that begins: task 1 of process 1, "sh", in namespace 4026531840, unless told otherwise.
pub fn enter(call: u16) -> Builder {
    begin(call, l::ENTER, l::ENTER_SIZE).comm(b"sh")
}

/// A call that has returned 0, by the same task unless told otherwise.
pub fn exit(call: u16) -> Builder {
    begin(call, l::EXIT, l::EXIT_SIZE)
}

/// A mount(2) that begins; `None` is a NULL pointer.
pub fn mount(
    source: Option<&[u8]>,
    target: Option<&[u8]>,
    fstype: Option<&[u8]>,
    flags: u64,
    data: Option<&[u8]>,
) -> Builder {
    enter(1).optional(0, source).optional(1, target).optional(2, fstype).number(3, flags).optional(4, data)
}

/// An umount2(2) that begins.
pub fn umount2(target: &[u8], flags: u64) -> Builder {
    enter(2).string(0, target).number(1, flags)
}

/// What is told of a process: by default of process 1, "sh".
pub fn process() -> Builder {
    begin(0, l::PROCESS, l::ENTER_SIZE).comm(b"sh")
}

fn begin(call: u16, phase: u8, size: usize) -> Builder {
    let builder = Builder { header: vec![0; size], sections: Vec::new() };
    builder.put(l::CALL, &call.to_le_bytes()).put(l::PHASE, &[phase]).task(1, 1).mnt_ns(4_026_531_840)
}

impl Builder {
    fn put(mut self, at: usize, bytes: &[u8]) -> Builder {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// When, ns of CLOCK_BOOTTIME.
    pub fn time(self, ns: u64) -> Builder {
        self.put(l::TIME, &ns.to_le_bytes())
    }

    /// On which CPU, and the how manieth there.
    pub fn cpu(self, cpu: u32, seq: u64) -> Builder {
        self.put(l::CPU, &cpu.to_le_bytes()).put(l::SEQ, &seq.to_le_bytes())
    }

    /// By which process and thread.
    pub fn task(self, pid: u32, tid: u32) -> Builder {
        self.put(l::PID, &pid.to_le_bytes()).put(l::TID, &tid.to_le_bytes())
    }

    /// In which mount namespace.
    pub fn mnt_ns(self, inode: u32) -> Builder {
        self.put(l::MNT_NS, &inode.to_le_bytes())
    }

    /// The thread's name, at most 16 bytes (enter only).
    pub fn comm(self, name: &[u8]) -> Builder {
        let mut field = [0; l::COMM_LEN];
        field[..name.len()].copy_from_slice(name);
        self.put(l::COMM, &field)
    }

    /// Parent, user and cgroup (enter only).
    pub fn owner(self, ppid: u32, uid: u32, cgroup: u64) -> Builder {
        self.put(l::PPID, &ppid.to_le_bytes())
            .put(l::UID, &uid.to_le_bytes())
            .put(l::CGROUP, &cgroup.to_le_bytes())
    }

    /// When the process began, ns of CLOCK_BOOTTIME (enter and process only).
    pub fn start(self, ns: u64) -> Builder {
        self.put(l::START, &ns.to_le_bytes())
    }

    /// The number of the mount namespace, and the task as its own pid namespace sees it (enter and process only).
    pub fn namespaces(self, mnt_ns_id: u64, pid_ns: u32, ns_pid: u32, ns_tid: u32) -> Builder {
        self.put(l::MNT_NS_ID, &mnt_ns_id.to_le_bytes())
            .put(l::PID_NS, &pid_ns.to_le_bytes())
            .put(l::NS_PID, &ns_pid.to_le_bytes())
            .put(l::NS_TID, &ns_tid.to_le_bytes())
    }

    /// `MS_FLAG_*`.
    pub fn flags(self, flags: u16) -> Builder {
        self.put(l::FLAGS, &flags.to_le_bytes())
    }

    /// The calling convention.
    pub fn abi(self, abi: u8) -> Builder {
        self.put(l::ABI, &[abi])
    }

    /// The header as its first version was, 80 bytes (enter and process only).
    pub fn first_header(mut self) -> Builder {
        self.header.truncate(l::ENTER_MIN);
        self
    }

    /// What the call returned (exit only).
    pub fn ret(self, ret: i64) -> Builder {
        self.put(l::RET, &ret.to_le_bytes())
    }

    /// `bytes` more in the header than this version knows.
    pub fn longer_header(mut self, bytes: usize) -> Builder {
        self.header.resize(self.header.len() + bytes, 0xff);
        self
    }

    /// An argument passed by value.
    pub fn number(self, arg: u8, value: u64) -> Builder {
        self.section(l::SECTION_NUMBER, arg, l::STATE_WHOLE, &value.to_le_bytes())
    }

    /// A string, read whole.
    pub fn string(self, arg: u8, bytes: &[u8]) -> Builder {
        self.section(l::SECTION_STRING, arg, l::STATE_WHOLE, bytes)
    }

    /// A string, or a NULL pointer.
    pub fn optional(self, arg: u8, bytes: Option<&[u8]>) -> Builder {
        match bytes {
            Some(bytes) => self.string(arg, bytes),
            None => self.null(arg),
        }
    }

    /// The beginning of a longer string.
    pub fn cut(self, arg: u8, bytes: &[u8]) -> Builder {
        self.section(l::SECTION_STRING, arg, l::STATE_CUT, bytes)
    }

    /// A string that could not be read.
    pub fn fault(self, arg: u8, address: u64) -> Builder {
        self.section(l::SECTION_STRING, arg, l::STATE_FAULT, &address.to_le_bytes())
    }

    /// A NULL pointer.
    pub fn null(self, arg: u8) -> Builder {
        self.section(l::SECTION_STRING, arg, l::STATE_NULL, b"")
    }

    /// A structure or binary data, read whole.
    pub fn bytes(self, arg: u8, bytes: &[u8]) -> Builder {
        self.section(l::SECTION_BYTES, arg, l::STATE_WHOLE, bytes)
    }

    /// The mount that a descriptor is on; no argument is what was returned.
    pub fn mount(self, arg: Option<u8>, unique_id: u64, key: u64, id: u32, dev: u32) -> Builder {
        let mut bytes = [0; l::MOUNT_SIZE];
        bytes[l::MOUNT_UNIQUE_ID..][..8].copy_from_slice(&unique_id.to_le_bytes());
        bytes[l::MOUNT_KEY..][..8].copy_from_slice(&key.to_le_bytes());
        bytes[l::MOUNT_ID..][..4].copy_from_slice(&id.to_le_bytes());
        bytes[l::MOUNT_DEV..][..4].copy_from_slice(&dev.to_le_bytes());
        self.section(l::SECTION_MOUNT, arg.unwrap_or(l::ARG_RESULT), l::STATE_WHOLE, &bytes)
    }

    /// The filesystem that a descriptor configures.
    pub fn fscontext(self, arg: Option<u8>, key: u64, purpose: u32) -> Builder {
        let mut bytes = [0; l::FSCONTEXT_SIZE];
        bytes[l::FSCONTEXT_KEY..][..8].copy_from_slice(&key.to_le_bytes());
        bytes[l::FSCONTEXT_PURPOSE..][..4].copy_from_slice(&purpose.to_le_bytes());
        self.section(l::SECTION_FSCONTEXT, arg.unwrap_or(l::ARG_RESULT), l::STATE_WHOLE, &bytes)
    }

    /// The namespace behind a descriptor.
    pub fn namespace(self, arg: Option<u8>, inode: u32) -> Builder {
        let mut bytes = [0; l::NAMESPACE_SIZE];
        bytes[l::NAMESPACE_INODE..][..4].copy_from_slice(&inode.to_le_bytes());
        self.section(l::SECTION_NAMESPACE, arg.unwrap_or(l::ARG_RESULT), l::STATE_WHOLE, &bytes)
    }

    /// The working directory: names, the last of the path first, a NUL behind each.
    pub fn cwd(self, names: &[u8]) -> Builder {
        self.section(l::SECTION_CWD, 0, l::STATE_WHOLE, names)
    }

    /// The root directory, likewise.
    pub fn root(self, names: &[u8]) -> Builder {
        self.section(l::SECTION_ROOT, 0, l::STATE_WHOLE, names)
    }

    /// The program of a process, likewise.
    pub fn exe(self, names: &[u8]) -> Builder {
        self.section(l::SECTION_EXE, 0, l::STATE_WHOLE, names)
    }

    /// The cgroup of a process, likewise; `arg` says in which version.
    pub fn cgroup(self, arg: u8, names: &[u8]) -> Builder {
        self.section(l::SECTION_CGROUP, arg, l::STATE_WHOLE, names)
    }

    /// An ancestor; its name has at most 16 bytes.
    pub fn parent(self, generation: u8, pid: u32, comm: &[u8]) -> Builder {
        let mut bytes = [0; l::PARENT_SIZE];
        bytes[l::PARENT_PID..][..4].copy_from_slice(&pid.to_le_bytes());
        bytes[l::PARENT_COMM..][..comm.len()].copy_from_slice(comm);
        self.section(l::SECTION_PARENT, generation, l::STATE_WHOLE, &bytes)
    }

    /// A string read when the call returned.
    pub fn late(self, arg: u8, bytes: &[u8]) -> Builder {
        self.section(l::SECTION_STRING, arg, l::STATE_LATE, bytes)
    }

    /// Any section at all.
    pub fn section(mut self, kind: u8, arg: u8, state: u8, bytes: &[u8]) -> Builder {
        self.sections.extend([kind, arg, state, 0]);
        self.sections.extend((bytes.len() as u32).to_le_bytes());
        self.sections.extend(bytes);
        self
    }

    /// The event's bytes.
    pub fn build(self) -> Vec<u8> {
        let len = self.header.len() as u16;
        let mut bytes = self.put(l::HEADER_LEN, &len.to_le_bytes());
        bytes.header.append(&mut bytes.sections);
        bytes.header
    }
}
