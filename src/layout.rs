//! Sizes and offsets of the event bytes: the mirror of `bpf/event.h`, for machines without clang.
//! Knows nothing else. The recorder compares it with the compiled BPF object when it is built.

/// `ms_header.header_len`: offset of the u16 that says where the sections begin.
pub const HEADER_LEN: usize = 0;
/// `ms_header.call`, u16.
pub const CALL: usize = 2;
/// `ms_header.phase`, u8.
pub const PHASE: usize = 4;
/// `ms_header.abi`, u8.
pub const ABI: usize = 5;
/// `ms_header.flags`, u16.
pub const FLAGS: usize = 6;
/// `ms_header.time`, u64, ns of CLOCK_BOOTTIME.
pub const TIME: usize = 8;
/// `ms_header.seq`, u64.
pub const SEQ: usize = 16;
/// `ms_header.cpu`, u32.
pub const CPU: usize = 24;
/// `ms_header.pid`, u32.
pub const PID: usize = 28;
/// `ms_header.tid`, u32.
pub const TID: usize = 32;
/// `ms_header.mnt_ns`, u32.
pub const MNT_NS: usize = 36;
/// Size of `ms_header`, bytes.
pub const COMMON_SIZE: usize = 40;
/// No event is longer, bytes: what `bpf/capture.h` can write, more than three times.
pub const EVENT_MAX: usize = 64 << 10;

/// `ms_enter.ppid`, u32.
pub const PPID: usize = 40;
/// `ms_enter.uid`, u32.
pub const UID: usize = 44;
/// `ms_enter.gid`, u32.
pub const GID: usize = 48;
/// `ms_enter.cgroup`, u64.
pub const CGROUP: usize = 56;
/// `ms_enter.comm`, [`COMM_LEN`] bytes, NUL-padded.
pub const COMM: usize = 64;
/// Bytes of a task's name (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// Size of `ms_enter` in its first version, bytes: what every reader may rely on.
pub const ENTER_MIN: usize = 80;
/// `ms_enter.start`, u64, ns of CLOCK_BOOTTIME.
pub const START: usize = 80;
/// `ms_enter.mnt_ns_id`, u64.
pub const MNT_NS_ID: usize = 88;
/// `ms_enter.pid_ns`, u32.
pub const PID_NS: usize = 96;
/// `ms_enter.pid_ns_level`, u32.
pub const PID_NS_LEVEL: usize = 100;
/// `ms_enter.ns_pid`, u32.
pub const NS_PID: usize = 104;
/// `ms_enter.ns_tid`, u32.
pub const NS_TID: usize = 108;
/// Size of `ms_enter`, bytes.
pub const ENTER_SIZE: usize = 112;

/// `ms_exit.ret`, i64.
pub const RET: usize = 40;
/// Size of `ms_exit`, bytes.
pub const EXIT_SIZE: usize = 48;

/// `ms_section.kind`, u8.
pub const SECTION_KIND: usize = 0;
/// `ms_section.arg`, u8.
pub const SECTION_ARG: usize = 1;
/// `ms_section.state`, u8.
pub const SECTION_STATE: usize = 2;
/// `ms_section.len`, u32.
pub const SECTION_LEN: usize = 4;
/// Size of `ms_section`, bytes.
pub const SECTION_SIZE: usize = 8;

/// `ms_header.phase` of a call that begins.
pub const ENTER: u8 = 1;
/// `ms_header.phase` of a call that has returned.
pub const EXIT: u8 = 2;

/// `ms_header.phase` of what is told of a process before its first call.
pub const PROCESS: u8 = 3;

/// `ms_header.abi` of a native call.
pub const ABI_NATIVE: u8 = 0;
/// `ms_header.abi` of a 32-bit call on a 64-bit kernel.
pub const ABI_COMPAT: u8 = 1;

/// `ms_header.flags`: some section is cut or could not be read.
pub const FLAG_INCOMPLETE: u16 = 1;
/// `ms_header.flags`: the event had no room for some section.
pub const FLAG_OVERFLOW: u16 = 2;
/// `ms_header.flags` of [`ENTER`]: put together when the call returned. The next four say why that may be.
pub const FLAG_REBUILT: u16 = 4;
/// `ms_header.flags`: a seccomp filter may have answered before the call was entered.
pub const FLAG_SECCOMP: u16 = 8;
/// `ms_header.flags`: a tracer may have kept the call from being entered.
pub const FLAG_TRACER: u16 = 16;
/// `ms_header.flags`: the call may have begun before the recording.
pub const FLAG_EARLIER: u16 = 32;
/// `ms_header.flags`: the kernel may not have run the program.
pub const FLAG_MISSED: u16 = 64;
/// `ms_header.flags`: the filter refused with SIGSYS, and `ret` says nothing.
pub const FLAG_SIGSYS: u16 = 128;

/// `ms_section.kind` of an argument passed by value, 8 bytes.
pub const SECTION_NUMBER: u8 = 1;
/// `ms_section.kind` of a string, without its NUL.
pub const SECTION_STRING: u8 = 2;
/// `ms_section.kind` of a structure or of binary data.
pub const SECTION_BYTES: u8 = 3;
/// `ms_section.kind` of the mount that a file descriptor is on ([`MOUNT_SIZE`] bytes).
pub const SECTION_MOUNT: u8 = 4;
/// `ms_section.kind` of what an fsopen() or fspick() descriptor stands for ([`FSCONTEXT_SIZE`] bytes).
pub const SECTION_FSCONTEXT: u8 = 5;
/// `ms_section.kind` of the working directory: names, the last one first, a NUL behind each.
pub const SECTION_CWD: u8 = 6;
/// `ms_section.kind` of the root directory of a task that has its own, likewise.
pub const SECTION_ROOT: u8 = 7;
/// `ms_section.kind` of the namespace behind a file descriptor ([`NAMESPACE_SIZE`] bytes).
pub const SECTION_NAMESPACE: u8 = 8;
/// `ms_section.kind` of the program a process runs: names, the last one first.
pub const SECTION_EXE: u8 = 9;
/// `ms_section.kind` of an ancestor, whose generation is the section's `arg` ([`PARENT_SIZE`] bytes).
pub const SECTION_PARENT: u8 = 10;
/// `ms_section.kind` of the cgroup of a process: names, the last one first. The section's `arg` is [`CGROUP_V1`], or 0 for v2.
pub const SECTION_CGROUP: u8 = 11;

/// `ms_section.arg` of a cgroup in a hierarchy of v1.
pub const CGROUP_V1: u8 = 1;

/// `ms_section.arg` of what the call returned.
pub const ARG_RESULT: u8 = 0xff;

/// `ms_mount.unique_id`, u64.
pub const MOUNT_UNIQUE_ID: usize = 0;
/// `ms_mount.key`, u64.
pub const MOUNT_KEY: usize = 8;
/// `ms_mount.id`, u32.
pub const MOUNT_ID: usize = 16;
/// `ms_mount.dev`, u32.
pub const MOUNT_DEV: usize = 20;
/// Size of `ms_mount`, bytes.
pub const MOUNT_SIZE: usize = 24;
/// `ms_fscontext.key`, u64.
pub const FSCONTEXT_KEY: usize = 0;
/// `ms_fscontext.purpose`, u32.
pub const FSCONTEXT_PURPOSE: usize = 8;
/// Size of `ms_fscontext`, bytes.
pub const FSCONTEXT_SIZE: usize = 16;
/// `ms_namespace.inode`, u32.
pub const NAMESPACE_INODE: usize = 0;
/// Size of `ms_namespace`, bytes.
pub const NAMESPACE_SIZE: usize = 8;
/// `ms_parent.pid`, u32.
pub const PARENT_PID: usize = 0;
/// `ms_parent.comm`, [`COMM_LEN`] bytes.
pub const PARENT_COMM: usize = 8;
/// Size of `ms_parent`, bytes.
pub const PARENT_SIZE: usize = 24;

/// `ms_section.state`: all of it.
pub const STATE_WHOLE: u8 = 0;
/// `ms_section.state`: the first [`STRING_MAX`] bytes of a longer string.
pub const STATE_CUT: u8 = 1;
/// `ms_section.state`: unreadable; the bytes are the address, u64.
pub const STATE_FAULT: u8 = 2;
/// `ms_section.state`: the pointer was NULL.
pub const STATE_NULL: u8 = 3;
/// `ms_section.state`: added when the bytes were read as the call returned.
pub const STATE_LATE: u8 = 0x80;

/// The longest string kept, bytes.
pub const STRING_MAX: usize = 4096;

/// The most bytes kept of a structure or of binary data.
pub const BYTES_MAX: usize = 512;

/// The bytes that every event begins with.
pub type Head = [u8; COMMON_SIZE];

/// What every event begins with, copied out of its bytes, in which it stands in the same order: so it is copied at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Common {
    /// Bytes before the first section.
    pub header_len: u16,
    /// Number of the call (`MS_CALL_*`).
    pub call: u16,
    /// [`ENTER`] or [`EXIT`].
    pub phase: u8,
    /// Calling convention: 0 is the native one.
    pub abi: u8,
    /// [`FLAG_INCOMPLETE`], [`FLAG_OVERFLOW`].
    pub flags: u16,
    /// ns of CLOCK_BOOTTIME.
    pub time: u64,
    /// Sequence number on `cpu`.
    pub seq: u64,
    /// The CPU it happened on.
    pub cpu: u32,
    /// Thread group id, initial pid namespace.
    pub pid: u32,
    /// Thread id, initial pid namespace.
    pub tid: u32,
    /// Inode of the mount namespace.
    pub mnt_ns: u32,
}

impl Common {
    /// Reads the start of an event; `None` where it is shorter than any event can be.
    #[inline]
    pub fn read(event: &[u8]) -> Option<Common> {
        event.first_chunk().map(Common::of)
    }

    /// The same of just these bytes.
    #[inline]
    pub fn of(head: &Head) -> Common {
        // No default is ever seen: all of these stand in it.
        let short = |at| u16_at(head, at).unwrap_or_default();
        let (word, long) =
            (|at| u32_at(head, at).unwrap_or_default(), |at| u64_at(head, at).unwrap_or_default());
        Common {
            header_len: short(HEADER_LEN),
            call: short(CALL),
            phase: head[PHASE],
            abi: head[ABI],
            flags: short(FLAGS),
            time: long(TIME),
            seq: long(SEQ),
            cpu: word(CPU),
            pid: word(PID),
            tid: word(TID),
            mnt_ns: word(MNT_NS),
        }
    }

    /// Whether `event`, which this is the start of, is the return of a call that failed.
    #[inline]
    pub fn failed(&self, event: &[u8]) -> bool {
        let negative = || u64_at(event, RET).is_some_and(|ret| (ret as i64) < 0);
        self.phase == EXIT && (self.flags & FLAG_SIGSYS != 0 || negative())
    }

    /// Whether some section is missing or not whole.
    #[inline]
    pub fn incomplete(&self) -> bool {
        self.flags & (FLAG_INCOMPLETE | FLAG_OVERFLOW) != 0
    }
}

/// The little-endian u16 at `offset`, or `None` where `bytes` end before it does.
#[inline]
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

/// The little-endian u32 at `offset`.
#[inline]
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

/// The little-endian u64 at `offset`.
#[inline]
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    /// The offsets are compared when the recorder is built; numbers are not in a BPF object. calls.rs compares those of calls.
    #[test]
    fn numbers_are_the_same_here_on_the_kernel_side_and_in_the_document() {
        let (here, document) = (include_str!("layout.rs"), include_str!("../docs/FORMAT.md"));
        let defines =
            include_str!("../bpf/event.h").lines().filter_map(|line| line.strip_prefix("#define MS_"));
        let mut seen = 0;
        for line in defines.filter(|line| !line.starts_with("CALL_")) {
            let mut words = line.split_whitespace();
            let (Some(name), Some(number)) = (words.next(), words.next()) else { continue };
            let (start, end) = (format!("pub const {name}: "), format!(" = {number};"));
            let same = here.lines().any(|line| line.starts_with(&start) && line.ends_with(&end));
            assert!(same, "src/layout.rs: {line}");
            if let Some(kind) = name.strip_prefix("SECTION_") {
                assert!(document.contains(&format!("\n| {number} | {kind} | ")), "docs/FORMAT.md: {line}");
            }
            if let Some(flag) = name.strip_prefix("FLAG_") {
                assert!(document.contains(&format!(" {flag}")), "docs/FORMAT.md: {line}");
            }
            seen += 1;
        }
        assert!(seen >= 33, "only {seen} numbers in bpf/event.h");
    }
}
