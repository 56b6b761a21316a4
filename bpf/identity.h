/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * What can be found out about a task and its file descriptors: who it is, where it stands, which mount or filesystem
 * context a descriptor means. Kernel addresses serve as identities only behind a keyed hash.
 */
#ifndef MS_IDENTITY_H
#define MS_IDENTITY_H

#define AT_FDCWD -100
#define NSFS_MAGIC 0x6e736673 /* include/uapi/linux/magic.h */
#define ANCESTORS 4
#define NAMES_MAX 32 /* directories and mounts up to the root; the verifier looks at each round */

/* What a descriptor of fsopen() looks like, learned from the first one that is seen: the kernel exports no name for it. */
__u64 fscontext_operations = 0;

/* Raised by the recorder when every process is to be told of again, so that a reader can begin in the middle. */
volatile __u32 epoch = 0;

struct process {
	__u64 start;
	__u64 exe; /* address of its program's file: another after execve() */
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

static __always_inline struct file *file_of(__s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = 0;

	if (fd < 0 || !table || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline struct mount *real_mount(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* Of which mount is the file that this descriptor stands for? */
static __noinline int put_mount(struct scratch *s, __u32 arg, __s32 fd)
{
	struct file *file = file_of(fd);
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
	struct file *file = file_of(fd);
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

/* Of which namespace? Nothing, and 0, where the descriptor is of something else, as a pidfd is. */
static __noinline int put_namespace(struct scratch *s, __u32 arg, __s32 fd)
{
	struct file *file = file_of(fd);
	struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
	struct ms_namespace *to;
	struct ms_section *sec;

	if (!inode || BPF_CORE_READ(inode, i_sb, s_magic) != NSFS_MAGIC)
		return 0;
	sec = section(s, MS_SECTION_NAMESPACE, arg, sizeof(*sec) + sizeof(*to));
	if (!sec)
		return 0;
	to = (void *)(sec + 1);
	to->inode = BPF_CORE_READ(inode, i_ino);
	to->zero = 0;
	end_section(s, sec, sizeof(*to));
	return 1;
}

/*
 * The names from a file up to the root of its mount namespace, its own first. A global function, whose arguments must be
 * numbers: the verifier looks at it once for each program, not once for each call of it. And all that the loop changes is
 * kept in memory, of which the verifier knows nothing: so every round looks the same to it, and it stops following them.
 */
__noinline int put_path(__u32 slot, __u32 kind, __u64 mnt_address, __u64 dentry_address)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct dentry *dentry = (void *)dentry_address, *parent;
	struct mount *m = real_mount((void *)mnt_address), *up;
	struct ms_section *sec;
	__u64 at;
	long n;

	if (!s)
		return 0;
	sec = section(s, kind, 0, PATH_ROOM);
	if (!sec)
		return 0;
	s->path = s->at;
	s->at += sizeof(*sec);
	s->path_state = MS_STATE_CUT; /* until the root is reached */
	for (int i = 0; i < NAMES_MAX; i++) {
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == BPF_CORE_READ(m, mnt.mnt_root) || dentry == parent) {
			up = BPF_CORE_READ(m, mnt_parent);
			if (up == m || !up) {
				s->path_state = MS_STATE_WHOLE;
				break;
			}
			dentry = BPF_CORE_READ(m, mnt_mountpoint);
			m = up;
			continue;
		}
		at = s->at;
		asm volatile("" : "+r"(at));
		if (at > EVENT_MAX - NAME_ROOM || at - s->path > PATH_BYTES)
			break;
		n = bpf_probe_read_kernel_str(&s->bytes[at], NAME_ROOM, BPF_CORE_READ(dentry, d_name.name));
		if (n <= 0)
			break;
		s->at = at + n;
		dentry = parent;
	}
	at = s->path;
	asm volatile("" : "+r"(at));
	if (at > EVENT_MAX - sizeof(*sec))
		return 0;
	sec = (void *)&s->bytes[at];
	sec->state = s->path_state;
	sec->len = s->at - at - sizeof(*sec);
	return 0;
}

/* Where relative paths begin, and where absolute ones do if not at the root of the mount namespace. */
static __noinline int put_place(struct scratch *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct vfsmount *mnt = BPF_CORE_READ(fs, root.mnt);
	struct dentry *dentry = BPF_CORE_READ(fs, root.dentry);
	struct mount *m;

	if (!fs || !mnt)
		return 0;
	m = real_mount(mnt);
	/* The root of a namespace is mounted on itself, or on the hidden rootfs. */
	if (dentry != BPF_CORE_READ(mnt, mnt_root) || BPF_CORE_READ(m, mnt_parent, mnt_parent) != BPF_CORE_READ(m, mnt_parent))
		put_path(s->slot, MS_SECTION_ROOT, (__u64)mnt, (__u64)dentry);
	if (s->relative)
		put_path(s->slot, MS_SECTION_CWD, (__u64)BPF_CORE_READ(fs, pwd.mnt), (__u64)BPF_CORE_READ(fs, pwd.dentry));
	return 0;
}

static __always_inline void number_in_namespace(struct task_struct *task, __u32 *nr, __u32 *level, __u32 *ns)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 depth = BPF_CORE_READ(pid, level);
	struct upid *own = (void *)numbers + depth * bpf_core_type_size(struct upid);

	*nr = BPF_CORE_READ(own, nr);
	*level = depth;
	*ns = BPF_CORE_READ(own, ns, ns.inum);
}

static __always_inline __u64 mnt_ns_number(struct task_struct *task)
{
	struct mnt_namespace *ns = BPF_CORE_READ(task, nsproxy, mnt_ns);

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
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 owner = bpf_get_current_uid_gid();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	s->enter.ppid = BPF_CORE_READ(task, real_parent, tgid);
	s->enter.uid = (__u32)owner;
	s->enter.gid = owner >> 32;
	s->enter.zero = 0;
	s->enter.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(s->enter.comm, sizeof(s->enter.comm));
	s->enter.start = BPF_CORE_READ(leader, start_boottime);
	s->enter.mnt_ns_id = mnt_ns_number(task);
	number_in_namespace(leader, &s->enter.ns_pid, &s->enter.pid_ns_level, &s->enter.pid_ns);
	number_in_namespace(task, &s->enter.ns_tid, &s->enter.pid_ns_level, &s->enter.pid_ns);
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

/* Tells of the process before its first call in each epoch, and after each execve(): its program and its ancestors. */
static __noinline int introduce(struct scratch *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct process now = { .start = BPF_CORE_READ(task, group_leader, start_boottime), .exe = (__u64)exe, .epoch = epoch };
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *known = bpf_map_lookup_elem(&processes, &tgid);

	if (known && known->start == now.start && known->exe == now.exe && known->epoch == now.epoch)
		return 0;
	begin_event(s, MS_PROCESS);
	put_task(s);
	if (exe)
		put_path(s->slot, MS_SECTION_EXE, (__u64)BPF_CORE_READ(exe, f_path.mnt), (__u64)BPF_CORE_READ(exe, f_path.dentry));
	put_ancestors(s);
	/* If it is lost, it is told before the next call. */
	if (send(s))
		bpf_map_update_elem(&processes, &tgid, &now, BPF_ANY);
	return 0;
}

#endif
