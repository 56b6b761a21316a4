/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * What can be found out about a task and its file descriptors: who it is, where it stands, which mount or filesystem
 * context a descriptor means. Kernel addresses serve as identities only behind a keyed hash.
 */
#ifndef MS_IDENTITY_H
#define MS_IDENTITY_H

#define AT_FDCWD -100
#define NSFS_MAGIC 0x6e736673 /* include/uapi/linux/magic.h */
#define PID_FS_MAGIC 0x50494446
#define PIDFD_NAME 0x005d64666469705bULL /* "[pidfd]" */
#define ANCESTORS 4
#define NAMES_MAX 32 /* directories and mounts up to the root */
#define HIERARCHIES_MAX 24 /* of cgroups: v2, and one for each controller of v1 */

/* What a descriptor of fsopen() looks like, learned from the first one that is seen: the kernel exports no name for it. */
__u64 fscontext_operations = 0;

/* Raised by the recorder when every process is to be told of again, so that a reader can begin in the middle. */
volatile __u32 epoch = 0;

struct process {
	__u64 start;
	__u64 exe; /* address of its program's file: another after execve() */
	__u64 cgroups; /* address of its set of cgroups: another after a move in any hierarchy */
	__u64 epoch;
};

/* Processes that have been told of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

/* A mixing step of splitmix64 between two halves of a key that only the recorder knows. */
static __always_inline __u64 hashed(const void *address)
{
	__u64 x = (__u64)address ^ hash_key[0];

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) ^ hash_key[1];
}

/* The address of the file that a descriptor stands for, or 0. */
__noinline __u64 file_of(__s32 fd)
{
	struct file *file = 0;

	if (fd < 0 || (__u32)fd >= OF_TASK(files, fdt, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), OF_TASK(files, fdt, fd) + fd);
	return (__u64)file;
}

static __always_inline struct mount *real_mount(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* Of which mount is the file that this descriptor stands for? */
static __noinline int put_mount(struct scratch *s, __u32 arg, __s32 fd)
{
	struct file *file = (void *)file_of(fd);
	struct ms_mount *to;
	struct ms_section *sec;
	struct vfsmount *mnt;
	struct mount *m;

	if (!file)
		return 0;
	mnt = BPF_CORE_READ(file, f_path.mnt);
	if (!mnt)
		return 0;
	sec = section(s, MS_SECTION_MOUNT, arg, sizeof(*sec) + sizeof(*to));
	if (!sec)
		return 0;
	to = (void *)(sec + 1);
	m = real_mount(mnt);
	to->unique_id = 0;
	if (bpf_core_field_exists(((struct mount___unique *)m)->mnt_id_unique))
		to->unique_id = BPF_CORE_READ((struct mount___unique *)m, mnt_id_unique);
	to->key = hashed(m);
	to->id = BPF_CORE_READ(m, mnt_id);
	to->dev = BPF_CORE_READ(mnt, mnt_sb, s_dev);
	end_section(s, sec, sizeof(*to));
	return 0;
}

/* Of which filesystem context? `fresh`: the descriptor is known to be of one, since fsopen() or fspick() returned it. */
static __noinline int put_context(struct scratch *s, __u32 arg, __s32 fd, __u32 fresh)
{
	struct file *file = (void *)file_of(fd);
	struct ms_fscontext *to;
	struct ms_section *sec;
	struct fs_context *fc;
	const void *operations;

	if (!file)
		return 0;
	operations = BPF_CORE_READ(file, f_op);
	if (fresh)
		fscontext_operations = (__u64)operations;
	if (!operations || (__u64)operations != fscontext_operations)
		return 0;
	fc = BPF_CORE_READ(file, private_data);
	sec = section(s, MS_SECTION_FSCONTEXT, arg, sizeof(*sec) + sizeof(*to));
	if (!sec)
		return 0;
	to = (void *)(sec + 1);
	to->key = hashed(fc);
	to->purpose = BPF_CORE_READ_BITFIELD_PROBED(fc, purpose);
	to->zero = 0;
	end_section(s, sec, sizeof(*to));
	return 0;
}

static __always_inline int put_namespace_inode(struct scratch *s, __u32 arg, __u32 inode)
{
	struct ms_namespace *to;
	struct ms_section *sec;

	sec = section(s, MS_SECTION_NAMESPACE, arg, sizeof(*sec) + sizeof(*to));
	if (!sec)
		return 0;
	to = (void *)(sec + 1);
	to->inode = inode;
	to->zero = 0;
	end_section(s, sec, sizeof(*to));
	return 1;
}

/* Of which namespace? Nothing, and 0, where the descriptor is of something else, as a pidfd is. */
static __noinline int put_namespace(struct scratch *s, __u32 arg, __s32 fd)
{
	struct file *file = (void *)file_of(fd);
	struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;

	if (!inode || BPF_CORE_READ(inode, i_sb, s_magic) != NSFS_MAGIC)
		return 0;
	return put_namespace_inode(s, arg, BPF_CORE_READ(inode, i_ino));
}

/* The mount namespace of the process that a pidfd stands for, which is what setns() enters by one. */
static __noinline int put_namespace_of_process(struct scratch *s, __u32 arg, __s32 fd)
{
	struct file *file = (void *)file_of(fd);
	struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
	struct task_struct *task;
	struct pid *pid = 0;
	__u64 name = 0;
	void *node;

	if (!inode)
		return 0;
	if (BPF_CORE_READ(inode, i_sb, s_magic) == PID_FS_MAGIC) { /* 6.9 */
		pid = BPF_CORE_READ(inode, i_private);
	} else {
		bpf_probe_read_kernel(&name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
		if (name == PIDFD_NAME)
			pid = BPF_CORE_READ(file, private_data);
	}
	node = pid ? BPF_CORE_READ(pid, tasks[0].first) : 0;
	if (!node)
		return 0;
	task = node - bpf_core_field_offset(struct task_struct, pid_links);
	return put_namespace_inode(s, arg, BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum));
}

/* A section of names begins. Until its way is known to end it counts as cut. */
static __always_inline bool begin_path(struct scratch *s, __u32 kind, __u32 arg)
{
	struct ms_section *sec = section(s, kind, arg, PATH_ROOM);

	if (!sec)
		return false;
	s->path = s->at;
	s->at += sizeof(*sec);
	s->path_state = MS_STATE_CUT;
	return true;
}

/* One name; false where it is the last that there is room for. */
static __always_inline bool put_name(struct scratch *s, const void *name)
{
	__u64 at = s->at;
	long n;

	asm volatile("" : "+r"(at));
	if (at > EVENT_MAX - NAME_ROOM || at - s->path > PATH_BYTES)
		return false;
	n = bpf_probe_read_kernel_str(&s->bytes[at], NAME_ROOM, name);
	if (n <= 0)
		return false;
	s->at = at + n;
	return true;
}

static __always_inline void end_path(struct scratch *s)
{
	struct ms_section *sec;
	__u64 at = s->path;

	asm volatile("" : "+r"(at));
	if (at > EVENT_MAX - sizeof(*sec))
		return;
	sec = (void *)&s->bytes[at];
	sec->state = s->path_state;
	sec->len = s->at - at - sizeof(*sec);
}

/*
 * Walks go up step by step, with a global function for each step: the verifier looks at that once for each program, and only
 * at the calls of it round by round. So their arguments are numbers, and where a walk has got stands in memory.
 */
#define WALK(steps, step, slot)                          \
	for (int round = 0; round < (steps); round++) {  \
		if (!step(slot))                         \
			break;                           \
	}

/* To the directory that a file is in, or from the root of a mount to where it is mounted. Returns whether to go on. */
__noinline int up_mounts(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct dentry *dentry, *parent;
	struct mount *m, *up;

	if (!s)
		return 0;
	dentry = (void *)s->walk_at;
	m = (void *)s->walk_in;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == BPF_CORE_READ(m, mnt.mnt_root) || dentry == parent) {
		up = BPF_CORE_READ(m, mnt_parent);
		if (up == m || !up) {
			s->path_state = MS_STATE_WHOLE;
			return 0;
		}
		s->walk_at = (__u64)BPF_CORE_READ(m, mnt_mountpoint);
		s->walk_in = (__u64)up;
		return 1;
	}
	s->walk_at = (__u64)parent;
	return put_name(s, BPF_CORE_READ(dentry, d_name.name));
}

/* The names from a file up to the root of its mount namespace, its own first. */
__noinline int put_path(__u32 slot, __u32 kind, __u64 mnt, __u64 dentry)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);

	if (!s || !begin_path(s, kind, 0))
		return 0;
	s->walk_at = dentry;
	s->walk_in = (__u64)real_mount((void *)mnt);
	WALK(NAMES_MAX, up_mounts, slot)
	end_path(s);
	return 0;
}

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *node)
{
	if (bpf_core_field_exists(((struct kernfs_node___rcu *)node)->__parent))
		return BPF_CORE_READ((struct kernfs_node___rcu *)node, __parent);
	return BPF_CORE_READ(node, parent);
}

/*
 * A task is in one cgroup of each hierarchy, and mostly at the root of it. Which says where it belongs? First the hierarchy
 * that has a name and no controllers: an init system made it to know its processes (name=systemd). Where there is v2 beside
 * it, container runtimes leave v2 to whoever started them. Else the oldest in which the task is not at the root. Looks at
 * one hierarchy; returns whether to go on.
 */
__noinline int next_hierarchy(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct cgrp_cset_link *link;
	struct cgroup *cgroup;
	struct list_head *at;

	if (!s)
		return 0;
	at = (void *)s->walk_at;
	at = BPF_CORE_READ(at, next); /* they stand in the order in which they were made, v2 first */
	s->walk_at = (__u64)at;
	if (!at || (__u64)at == s->walk_in)
		return 0;
	link = (void *)at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
	cgroup = BPF_CORE_READ(link, cgrp);
	if (!parent_of(BPF_CORE_READ(cgroup, kn)))
		return 1;
	if (!s->walk_found)
		s->walk_found = (__u64)cgroup;
	if (!BPF_CORE_READ(cgroup, root, name[0]))
		return 1;
	s->walk_found = (__u64)cgroup;
	return 0;
}

/* To the cgroup above. Returns whether to go on. */
__noinline int up_cgroups(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct kernfs_node *node, *parent;

	if (!s)
		return 0;
	node = (void *)s->walk_at;
	parent = parent_of(node);
	if (!parent) {
		s->path_state = MS_STATE_WHOLE;
		return 0;
	}
	s->walk_at = (__u64)parent;
	return put_name(s, BPF_CORE_READ(node, name));
}

/* The names from a task's cgroup up to the root of its hierarchy. */
__noinline int put_cgroup(__u32 slot, __u64 set_address)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct css_set *set = (void *)set_address;
	struct cgroup *v2 = BPF_CORE_READ(set, dfl_cgrp), *cgroup;

	if (!s)
		return 0;
	s->walk_at = s->walk_in = (__u64)set + bpf_core_field_offset(struct css_set, cgrp_links);
	s->walk_found = 0;
	WALK(HIERARCHIES_MAX, next_hierarchy, slot)
	cgroup = s->walk_found ? (void *)s->walk_found : v2;
	if (!begin_path(s, MS_SECTION_CGROUP, cgroup != v2))
		return 0;
	s->walk_at = (__u64)BPF_CORE_READ(cgroup, kn);
	WALK(NAMES_MAX, up_cgroups, slot)
	end_path(s);
	return 0;
}

/* Where relative paths begin, and where absolute ones do if not at the root of the mount namespace. */
static __noinline int put_place(struct scratch *s)
{
	struct fs_struct *fs = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), fs);
	struct mount *m = real_mount(OF_TASK(fs, root.mnt)), *parent;

	if (!fs)
		return 0;
	parent = BPF_CORE_READ(m, mnt_parent);
	/* The root of a namespace is mounted on itself, or on the hidden rootfs. */
	if (OF_TASK(fs, root.dentry) != OF_TASK(fs, root.mnt, mnt_root) || BPF_CORE_READ(parent, mnt_parent) != parent)
		put_path(s->slot, MS_SECTION_ROOT, (__u64)BPF_CORE_READ(fs, root.mnt), (__u64)BPF_CORE_READ(fs, root.dentry));
	if (s->relative)
		put_path(s->slot, MS_SECTION_CWD, (__u64)BPF_CORE_READ(fs, pwd.mnt), (__u64)BPF_CORE_READ(fs, pwd.dentry));
	return 0;
}

/* A task's number in the pid namespace it lives in, `level` deep. */
static __always_inline struct upid *number_of(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

static __always_inline __u64 mnt_ns_number(void)
{
	struct mnt_namespace *ns = OF_TASK(nsproxy, mnt_ns);

	if (!ns)
		return 0;
	if (bpf_core_field_exists(((struct mnt_namespace___seq *)ns)->seq))
		return BPF_CORE_READ((struct mnt_namespace___seq *)ns, seq);
	if (bpf_core_field_exists(((struct ns_common___numbered *)0)->ns_id)) {
		void *common = (void *)ns + bpf_core_field_offset(struct mnt_namespace, ns);

		return BPF_CORE_READ((struct ns_common___numbered *)common, ns_id);
	}
	return 0;
}

/* Who makes the call: the header of MS_ENTER and MS_PROCESS events. */
static __always_inline void put_task(struct scratch *s)
{
	__u64 owner = bpf_get_current_uid_gid(), id = bpf_get_current_pid_tgid();
	__u32 level = OF_TASK(thread_pid, level);
	struct upid *number = number_of(OF_TASK(group_leader, thread_pid), level);

	s->enter.ppid = OF_TASK(real_parent, tgid);
	s->enter.uid = (__u32)owner;
	s->enter.gid = owner >> 32;
	s->enter.zero = 0;
	s->enter.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(s->enter.comm, sizeof(s->enter.comm));
	s->enter.start = OF_TASK(group_leader, start_boottime);
	s->enter.mnt_ns_id = mnt_ns_number();
	s->enter.pid_ns_level = level;
	s->enter.pid_ns = BPF_CORE_READ(number, ns, ns.inum);
	s->enter.ns_pid = s->enter.ns_tid = BPF_CORE_READ(number, nr);
	if ((__u32)id != id >> 32) {
		number = number_of(OF_TASK(thread_pid), level);
		s->enter.ns_tid = BPF_CORE_READ(number, nr);
	}
}

static __noinline int put_ancestors(struct scratch *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct ms_section *sec;
	struct ms_parent *to;

	for (__u32 generation = 1; generation <= ANCESTORS; generation++) {
		task = BPF_CORE_READ(task, real_parent, group_leader);
		if (!task || !BPF_CORE_READ(task, tgid))
			break;
		sec = section(s, MS_SECTION_PARENT, generation, sizeof(*sec) + sizeof(*to));
		if (!sec)
			break;
		to = (void *)(sec + 1);
		to->pid = BPF_CORE_READ(task, tgid);
		to->zero = 0;
		BPF_CORE_READ_STR_INTO(&to->comm, task, comm);
		end_section(s, sec, sizeof(*to));
	}
	return 0;
}

/*
 * Tells of the process before its first call in each epoch, and again after each execve() and each move to another cgroup:
 * its program, its cgroup and its ancestors.
 */
static __noinline int introduce(struct scratch *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process now = {
		.start = OF_TASK(group_leader, start_boottime),
		.exe = (__u64)OF_TASK(mm, exe_file),
		.cgroups = (__u64)OF_TASK(cgroups),
		.epoch = epoch,
	};
	struct file *exe;
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (known && known->start == now.start && known->exe == now.exe && known->cgroups == now.cgroups &&
	    known->epoch == now.epoch)
		return 0;
	begin_event(s, MS_PROCESS);
	put_task(s);
	exe = BPF_CORE_READ(task, mm, exe_file);
	if (exe)
		put_path(s->slot, MS_SECTION_EXE, (__u64)BPF_CORE_READ(exe, f_path.mnt), (__u64)BPF_CORE_READ(exe, f_path.dentry));
	if (now.cgroups)
		put_cgroup(s->slot, (__u64)BPF_CORE_READ(task, cgroups));
	put_ancestors(s);
	/* If it is lost, it is told before the next call. */
	if (send(s))
		bpf_map_update_elem(&processes, &tgid, &now, BPF_ANY);
	return 0;
}

#endif
