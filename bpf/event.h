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

/* ms_header.call: one number a system call, never reused. Below 64: the block header has one bit for each. */
#define MS_CALL_MOUNT 1
#define MS_CALL_UMOUNT2 2

/* ms_header.flags */
#define MS_FLAG_INCOMPLETE 1 /* some section is not whole (cut or fault) */
#define MS_FLAG_OVERFLOW 2 /* the scratch space was full: sections are missing */

/* ms_section.kind */
#define MS_SECTION_NUMBER 1 /* an argument passed by value: 8 bytes */
#define MS_SECTION_STRING 2 /* a NUL-terminated string: its bytes, without the NUL */

/* ms_section.state: the low bits say what the bytes are, MS_STATE_LATE when they were read */
#define MS_STATE_WHOLE 0
#define MS_STATE_CUT 1 /* the first MS_STRING_MAX bytes of a longer string */
#define MS_STATE_FAULT 2 /* could not be read; the 8 bytes are the user address */
#define MS_STATE_NULL 3 /* the pointer was NULL; no bytes */
#define MS_STATE_LATE 0x80 /* read when the call returned, not when it began */

/* The longest string kept: PATH_MAX, and the page that mount(2) takes as data. */
#define MS_STRING_MAX 4096
#define MS_COMM_LEN 16

/* What every event begins with: 40 bytes. */
struct ms_header {
	__u16 header_len; /* bytes before the first section */
	__u16 call; /* MS_CALL_* */
	__u8 phase; /* MS_ENTER or MS_EXIT */
	__u8 abi; /* 0: the native calling convention */
	__u16 flags; /* MS_FLAG_* */
	__u64 time; /* CLOCK_BOOTTIME, ns */
	__u64 seq; /* per CPU, counted before the ring buffer is asked for room */
	__u32 cpu;
	__u32 pid; /* thread group id, in the initial pid namespace */
	__u32 tid; /* thread id, likewise */
	__u32 mnt_ns; /* inode of the mount namespace at this moment */
};

/* A call begins: 80 bytes, then a section for each argument in order. */
struct ms_enter {
	struct ms_header h;
	__u32 ppid; /* thread group id of the real parent */
	__u32 uid; /* in the initial user namespace */
	__u32 gid;
	__u32 zero;
	__u64 cgroup; /* cgroup v2 id */
	char comm[MS_COMM_LEN];
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

/* One per CPU: what happened to the events of that CPU. seen = sent + ring_full. */
struct ms_counters {
	__u64 seen; /* events that began; the next sequence number */
	__u64 ring_full; /* events lost: no room in the ring buffer */
	__u64 map_full; /* strings lost: the call in flight could not be remembered, so they were not read again */
	__u64 overflow; /* sections lost: more bytes than an event may have */
};

#endif
