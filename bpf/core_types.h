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
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_RB_AVAIL_DATA = 0 };
/* Helpers that not every kernel has. */
enum bpf_func_id { BPF_FUNC_get_current_task_btf = 158 /* 5.11 */, BPF_FUNC_task_pt_regs = 175 /* 5.15 */ };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

/* 6.18 gave every namespace a number that is never reused. */
struct ns_common___numbered {
	__u64 ns_id;
};

/* fs/mount.h: private to the VFS; `ns` stood behind a counter until 5.11 (1a7b8969e664). */
struct mnt_namespace {
	struct ns_common ns;
};

/* Before 6.18 only mount namespaces had one. */
struct mnt_namespace___seq {
	__u64 seq;
};

struct pid_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[1]; /* the first: of the thread with this number */
	struct upid numbers[1];
};

struct qstr {
	const unsigned char *name;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	int mnt_id;
};

/* 6.8 gave mounts a number that is never reused. */
struct mount___unique {
	__u64 mnt_id_unique;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
	void *i_private;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	const void *f_op;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

enum fs_context_purpose { FS_CONTEXT_FOR_MOUNT };

struct fs_context {
	enum fs_context_purpose purpose : 8; /* others share its word */
};

struct mm_struct {
	struct file *exe_file;
};

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
};

/* 6.15 gave it another name (633488947ef6). */
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};

/* Of a hierarchy; v2 has no name, and most of v1 have none. */
struct cgroup_root {
	char name[64];
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct list_head {
	struct list_head *next;
};

/* A task's cgroups, one in each hierarchy. Tasks with the same ones share it. */
struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
};

/* kernel/cgroup/cgroup-internal.h */
struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
};

struct thread_info {
	__u32 status;
};

/* Empty without CONFIG_SECCOMP. */
struct seccomp {
	int mode;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct task_struct {
	struct thread_info thread_info;
	struct css_set *cgroups;
	struct seccomp seccomp;
	struct sigpending pending;
	unsigned int ptrace;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
	struct files_struct *files;
	struct mm_struct *mm;
	struct pid *thread_pid;
	struct hlist_node pid_links[1];
	__u64 start_boottime;
	char comm[16];
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, ax, cx, dx, si, di, bx, bp, sp, ip, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	__u64 regs[31];
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

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
