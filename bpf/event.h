/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * The wire contract: the bytes of one event, as the kernel side writes them and the trace file keeps them.
 * Fixed-width integers only, little-endian, no padding. src/layout.rs is its mirror, and the build compares the two.
 * Rules: a header only grows at its end (readers use header_len); numbers are never reused.
 */
#ifndef MS_EVENT_H
#define MS_EVENT_H

/* ms_header.phase */
#define MS_ENTER 1 /* the header is struct ms_enter */
#define MS_EXIT 2 /* the header is struct ms_exit */
#define MS_PROCESS 3 /* the header is struct ms_enter; sections tell of the process before its first call, and again if they change */

/* ms_header.call: one number a system call, never reused. Below 63: the block header has one bit for each. */
#define MS_CALL_MOUNT 1
#define MS_CALL_UMOUNT2 2
#define MS_CALL_UMOUNT 3 /* the old call of 32-bit programs, without flags */
#define MS_CALL_FSOPEN 4
#define MS_CALL_FSCONFIG 5
#define MS_CALL_FSMOUNT 6
#define MS_CALL_FSPICK 7
#define MS_CALL_MOVE_MOUNT 8
#define MS_CALL_OPEN_TREE 9
#define MS_CALL_OPEN_TREE_ATTR 10
#define MS_CALL_MOUNT_SETATTR 11
#define MS_CALL_PIVOT_ROOT 12
#define MS_CALL_CHROOT 13
#define MS_CALL_UNSHARE 14
#define MS_CALL_SETNS 15
#define MS_CALL_CLONE 16
#define MS_CALL_CLONE3 17
#define MS_CALL_STATMOUNT 18
#define MS_CALL_LISTMOUNT 19
#define MS_CALL_LISTNS 20

/* ms_header.abi: the calling convention */
#define MS_ABI_NATIVE 0
#define MS_ABI_COMPAT 1 /* a 32-bit call on a 64-bit kernel */

/* ms_header.flags */
#define MS_FLAG_INCOMPLETE 1 /* some section is not whole (cut or fault) */
#define MS_FLAG_OVERFLOW 2 /* the scratch space was full: sections are missing */
/*
 * Of MS_ENTER: no program saw the call begin, and this was put together when it returned, just before its MS_EXIT: time is
 * that of the return, and strings have the state MS_STATE_LATE. The four flags behind it are reasons that cannot be ruled
 * out: one alone is certain.
 */
#define MS_FLAG_REBUILT 4
#define MS_FLAG_SECCOMP 8 /* a seccomp filter answered before the call was entered */
#define MS_FLAG_TRACER 16 /* a tracer kept it from being entered */
#define MS_FLAG_EARLIER 32 /* it began before the recording */
#define MS_FLAG_MISSED 64 /* the kernel did not run the program, for it ran already on that CPU */
/* Of MS_EXIT: the filter refused with SIGSYS, and `ret` says nothing. Of MS_ENTER: its return is such a one. */
#define MS_FLAG_SIGSYS 128

/* ms_section.kind */
#define MS_SECTION_NUMBER 1 /* an argument passed by value: 8 bytes */
#define MS_SECTION_STRING 2 /* a NUL-terminated string: its bytes, without the NUL */
#define MS_SECTION_BYTES 3 /* a structure or binary data: as many bytes as the caller says there are */
#define MS_SECTION_MOUNT 4 /* struct ms_mount: the mount that a file descriptor is on */
#define MS_SECTION_FSCONTEXT 5 /* struct ms_fscontext: what a file descriptor of fsopen() or fspick() stands for */
#define MS_SECTION_CWD 6 /* a path: the working directory, where a path is relative to it */
#define MS_SECTION_ROOT 7 /* a path: the root directory of a task that has its own */
#define MS_SECTION_NAMESPACE 8 /* struct ms_namespace: what a file descriptor of a namespace stands for */
#define MS_SECTION_EXE 9 /* a path: the program that the process runs; MS_PROCESS only */
#define MS_SECTION_PARENT 10 /* struct ms_parent: arg 1 is the parent, 2 the grandparent ...; MS_PROCESS only */
#define MS_SECTION_CGROUP 11 /* a path: the cgroup of the task; arg 0 is cgroup v2, 1 a hierarchy of v1; MS_PROCESS only */

/* ms_section.arg of what the call returned; other sections name the argument they belong to */
#define MS_ARG_RESULT 0xff

/* ms_section.state: the low bits say what the bytes are, MS_STATE_LATE when they were read */
#define MS_STATE_WHOLE 0
#define MS_STATE_CUT 1 /* the first MS_STRING_MAX bytes of a longer string */
#define MS_STATE_FAULT 2 /* could not be read; the 8 bytes are the user address */
#define MS_STATE_NULL 3 /* the pointer was NULL; no bytes */
#define MS_STATE_LATE 0x80 /* read when the call returned, not when it began */

/* The longest string kept: PATH_MAX, and the page that mount(2) takes as data. */
#define MS_STRING_MAX 4096
/* The most bytes kept of a structure or of binary data. */
#define MS_BYTES_MAX 512
#define MS_COMM_LEN 16

/* What every event begins with: 40 bytes. */
struct ms_header {
	__u16 header_len; /* bytes before the first section */
	__u16 call; /* MS_CALL_* */
	__u8 phase; /* MS_ENTER or MS_EXIT */
	__u8 abi; /* MS_ABI_* */
	__u16 flags; /* MS_FLAG_* */
	__u64 time; /* CLOCK_BOOTTIME, ns */
	__u64 seq; /* per CPU, counted before the ring buffer is asked for room */
	__u32 cpu;
	__u32 pid; /* thread group id, in the initial pid namespace */
	__u32 tid; /* thread id, likewise */
	__u32 mnt_ns; /* inode of the mount namespace at this moment */
};

/* A call begins: 112 bytes, then a section for each argument in order, then what else is known. */
struct ms_enter {
	struct ms_header h;
	__u32 ppid; /* thread group id of the real parent */
	__u32 uid; /* in the initial user namespace */
	__u32 gid;
	__u32 zero;
	__u64 cgroup; /* cgroup v2 id; 1, the root, where there is only v1 */
	char comm[MS_COMM_LEN];
	/* from here on since the second version of this header (80 bytes in the first) */
	__u64 start; /* when the process began, ns of CLOCK_BOOTTIME: with pid it names the process */
	__u64 mnt_ns_id; /* never reused, unlike the inode; 0 where the kernel has none (before 5.11) */
	__u32 pid_ns; /* inode of the pid namespace the task lives in */
	__u32 pid_ns_level; /* 0: the initial one */
	__u32 ns_pid; /* pid as seen there */
	__u32 ns_tid; /* tid as seen there */
};

/* A call has returned: 48 bytes, then a section for each string that could only be read now. */
struct ms_exit {
	struct ms_header h;
	__s64 ret;
};

/* 8 bytes before the bytes of an argument. */
struct ms_section {
	__u8 kind; /* MS_SECTION_* */
	__u8 arg; /* which argument, from 0 */
	__u8 state; /* MS_STATE_* */
	__u8 zero;
	__u32 len; /* bytes that follow */
};

/* MS_SECTION_MOUNT: a mount, by whatever names it for good. No kernel address leaves the kernel. */
struct ms_mount {
	__u64 unique_id; /* since 6.8; 0 before */
	__u64 key; /* keyed hash of its address: the same mount has the same key while it lives, within one recording */
	__u32 id; /* as in mountinfo; reused */
	__u32 dev; /* of its superblock, as the kernel counts it: major << 20 | minor */
};

/* MS_SECTION_FSCONTEXT */
struct ms_fscontext {
	__u64 key; /* keyed hash of its address, as in ms_mount */
	__u32 purpose; /* 0 for a new mount, 1 for a submount, 2 to reconfigure (enum fs_context_purpose) */
	__u32 zero;
};

/* MS_SECTION_NAMESPACE */
struct ms_namespace {
	__u32 inode;
	__u32 zero;
};

/* MS_SECTION_PARENT */
struct ms_parent {
	__u32 pid;
	__u32 zero;
	char comm[MS_COMM_LEN];
};

/*
 * MS_SECTION_CWD, _ROOT, _EXE: the names from the file up to the root of its mount namespace, each with a NUL behind it,
 * the last one of the path first: "bin\0usr\0" is /usr/bin. The root itself has no names. state is MS_STATE_CUT where
 * the way up was longer than is kept: then the first names of the path are missing. MS_SECTION_CGROUP likewise: the names
 * up to the root of the hierarchy, whatever cgroup namespace the task is in.
 */

/* One per CPU: what happened to the events of that CPU. seen = sent + ring_full. */
struct ms_counters {
	__u64 seen; /* events that began; the next sequence number */
	__u64 ring_full; /* events lost: no room in the ring buffer */
	__u64 map_full; /* strings lost: the call in flight could not be remembered, so they were not read again */
	__u64 overflow; /* sections lost: more bytes than an event may have */
	__u64 queries; /* statmount, listmount and listns calls, which are counted even where they are not recorded */
};

#endif
