/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * The few kernel types that are touched, with only the members that are read: libbpf moves each access to where
 * the running kernel has the member (CO-RE), so order and size here mean nothing.
 * __VMLINUX_H__ keeps bpf_tracing.h from looking for another definition of them.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
/* bpf_helper_defs.h names these. */
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
#define bool _Bool
#define true 1
#define false 0

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

/* fs/mount.h: private to the VFS; `ns` stood behind a counter until 5.11 (1a7b8969e664). */
struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

/*
 * What a syscalls: tracepoint hands over (struct syscall_trace_enter and _exit in kernel/trace/trace.h): a common
 * header, the number, then the arguments as unsigned long. Stable since 2.6.31; read by offset, so not CO-RE.
 */
struct trace_enter {
	__u64 common;
	__s32 nr;
	__u32 pad;
	__u64 args[6];
};

struct trace_exit {
	__u64 common;
	__s32 nr;
	__u32 pad;
	__s64 ret;
};

#endif
