/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * How one event is put together and sent, whatever hook it came from: maps, filters, begin/put/send.
 * It must not know which system calls there are: that is calls.h. What can be found out about a task is identity.h.
 */
#ifndef MS_CAPTURE_H
#define MS_CAPTURE_H

/* Room for one string: one byte more than is kept, so that a longer one can be told from one that just fits. */
#define STRING_ROOM (sizeof(struct ms_section) + MS_STRING_MAX + 1)
#define NUMBER_ROOM (sizeof(struct ms_section) + sizeof(__u64))
#define BYTES_ROOM (sizeof(struct ms_section) + MS_BYTES_MAX)
#define NAME_ROOM 256 /* NAME_MAX and a NUL */
#define PATH_BYTES 2048 /* names of a directory that is told of: enough for any but the strangest */
#define PATH_ROOM (sizeof(struct ms_section) + PATH_BYTES + NAME_ROOM)
#define STRINGS_MAX 4 /* strings in one call: mount(2) has the most */
#define ARGS_MAX 6
/* Identities, the working and the root directory, beside the arguments. */
#define EXTRA_ROOM (4 * 64 + 2 * PATH_ROOM)
#define EVENT_MAX                                                                                      \
	(sizeof(struct ms_enter) + STRINGS_MAX * STRING_ROOM + ARGS_MAX * NUMBER_ROOM + BYTES_ROOM +   \
	 EXTRA_ROOM)

/* A call in flight, for what is left to do when it returns. */
struct inflight {
	__u64 time; /* when it began, ns of CLOCK_BOOTTIME; only where its beginning is sent as it returns */
	__u64 args[ARGS_MAX];
	__u32 call;
	__u16 unread; /* bit for each argument that could not be read */
	__u8 abi;
	__u8 unwanted; /* a filter left its beginning out, and so is its return */
};

/* An event in the making, and what is remembered of the call. */
struct scratch {
	__u32 at; /* bytes of the event so far */
	__u32 relative; /* some path is relative to the working directory */
	__u32 slot; /* its own number */
	__u32 path; /* begin_path(): where its section begins */
	__u32 path_state;
	__u32 late; /* MS_STATE_LATE where what is read now is read as the call returns */
	__u64 walk_at; /* a walk to some root: where it has got */
	__u64 walk_in; /* in which mount that is; where the list of hierarchies ends */
	__u64 walk_found;
	__u32 unseen; /* MS_FLAG_REBUILT and the reasons, where no program saw the call begin */
	struct inflight in;
	union {
		struct ms_header h;
		struct ms_enter enter;
		struct ms_exit exit;
		__u8 bytes[EVENT_MAX];
	};
};

/* Set before the program is loaded; the verifier drops what is switched off. */
const volatile __u32 not_of = 0; /* thread group id of the recorder: what it does itself is not told of */
const volatile __u32 only_descendants_of = 0; /* thread group id; 0: everybody */
const volatile __u8 only_pids = 0; /* `pids` lists the thread groups that are wanted */
const volatile __u8 follow_forks = 0; /* and their descendants too */
const volatile __u8 only_namespaces = 0; /* `namespaces` lists the mount namespaces that are wanted */
const volatile __u64 only_cgroup = 0; /* id; 0: all */
const volatile __u64 only_calls = 0; /* bit for each call that is wanted; 0: all */
const volatile __u8 only_failed = 0; /* calls that fail; both their events are sent when they return */
const volatile __u8 queries = 0; /* record statmount, listmount and listns, not only count them */
const volatile __u8 shared_scratch = 1; /* no program can be preempted: one slot for each phase will do */
const volatile __u8 returns_of_all = 0; /* programs at returns also run for calls that were never entered, or began earlier */
const volatile __u8 can_miss = 0; /* programs can be preempted, and then the kernel leaves others of the kind out */
const volatile __u8 keep_cpu = 0; /* switch preemption off for the length of a program, which not every verifier lets us */
const volatile __u32 task_struct_type = 0; /* the number of struct task_struct among the kernel's types */
const volatile __u64 hash_key[2] = {}; /* random: no kernel address can be had from a trace */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* --ring-size */
} ring SEC(".maps");

/*
 * The reader rests after it has emptied the ring buffer, so that a burst costs one wake-up and not one for each event; a byte in here
 * ends its rest early. Once for each rest: what else is sent meanwhile has no need of it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* a page */
} bell SEC(".maps");

/* Set by the reader, and taken back by whoever wakes it. */
volatile __u8 resting = 0;
const volatile __u64 ring_bell_at = 0; /* bytes in the ring buffer */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_counters);
} counters SEC(".maps");

/*
 * Where programs can be preempted (fentry since 6.1 with preempt=full, tracepoints since 7.2) another program may run on
 * this CPU half-way through, but never the same one: then each program has a slot of its own.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* MS_PROGRAMS where shared_scratch is off */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} pids SEC(".maps"), namespaces SEC(".maps");

/* Put the types into BTF, so that the recorder can compare them with src/layout.rs. */
struct ms_section ms_section_in_btf = {};
struct ms_mount ms_mount_in_btf = {};
struct ms_fscontext ms_fscontext_in_btf = {};
struct ms_namespace ms_namespace_in_btf = {};
struct ms_parent ms_parent_in_btf = {};

/* Where the running kernel has them (6.10), they keep a program on the CPU from its first to its last line. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

static __always_inline struct ms_counters *my_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* 6.2. What comes of it may be read from like any pointer, but is trusted in nothing. */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/*
 * The current task, in a way that lets a program follow pointers from it without a helper for each, where the kernel does (5.11).
 * Without the cast each pointer that is followed has the verifier search all types of the kernel by name, for a millisecond.
 */
static __always_inline struct task_struct *this_task(void)
{
	if (bpf_ksym_exists(bpf_rdonly_cast) && task_struct_type)
		return bpf_rdonly_cast((void *)bpf_get_current_task(), task_struct_type);
	return bpf_get_current_task_btf();
}

/*
 * What a chain of pointers from the current task leads to, as BPF_CORE_READ() has it. An address that comes of it is one to
 * compare or to read from: a global function takes no pointers.
 */
#define OF_TASK(...)                                                                             \
	(bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf) ?           \
		 ___arrow(this_task(), __VA_ARGS__) :                                            \
		 BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), __VA_ARGS__))

/* Is this task, or one that it descends from however far, wanted? `tgid` 0: any that `pids` lists. */
static __noinline bool descends_from(__u32 tgid)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	for (int i = 0; i < 64 && task; i++) {
		__u32 at = BPF_CORE_READ(task, tgid);

		if (tgid ? at == tgid : !!bpf_map_lookup_elem(&pids, &at))
			return true;
		if (at <= 1)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

/* Cheapest first: nothing has been copied yet when this says no. */
static __always_inline bool wanted(__u32 call)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 ns;

	if (tgid == not_of)
		return false;
	if (only_calls && !(only_calls & (1ULL << call)))
		return false;
	if (only_cgroup && bpf_get_current_cgroup_id() != only_cgroup)
		return false;
	if (only_namespaces) {
		ns = OF_TASK(nsproxy, mnt_ns, ns.inum);
		if (!bpf_map_lookup_elem(&namespaces, &ns))
			return false;
	}
	if (only_pids && !(follow_forks ? descends_from(0) : !!bpf_map_lookup_elem(&pids, &tgid)))
		return false;
	return !only_descendants_of || descends_from(only_descendants_of);
}

/* Must the return of a call be known to belong to a beginning that was wanted? */
static __always_inline bool filtering(void)
{
	return only_descendants_of || only_pids || only_namespaces || only_cgroup || only_failed;
}

static __always_inline void begin_event(struct scratch *s, __u8 phase)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ms_counters *count = my_counters();

	s->at = phase == MS_EXIT ? sizeof(struct ms_exit) : sizeof(struct ms_enter);
	s->relative = 0;
	s->late = phase == MS_EXIT ? MS_STATE_LATE : 0;
	s->h.header_len = s->at;
	s->h.call = s->in.call;
	s->h.phase = phase;
	s->h.abi = s->in.abi;
	s->h.flags = 0;
	s->h.time = bpf_ktime_get_boot_ns();
	s->h.seq = count ? count->seen++ : 0;
	s->h.cpu = bpf_get_smp_processor_id();
	s->h.pid = id >> 32;
	s->h.tid = (__u32)id;
	s->h.mnt_ns = OF_TASK(nsproxy, mnt_ns, ns.inum);
}

static __always_inline struct scratch *slot_of(__u32 call, __u8 phase, __u32 abi)
{
	__u32 slot = phase - MS_ENTER;
	struct scratch *s;

	if (!shared_scratch)
		slot += 2 * (call + abi * MS_CALLS_END);
	s = bpf_map_lookup_elem(&scratches, &slot);
	if (s)
		s->slot = slot;
	return s;
}

/*
 * The next section, or NULL where the event has no room for it. The empty asm keeps the compiler from moving the bound
 * away from its use, where the verifier must see it.
 */
static __always_inline struct ms_section *section(struct scratch *s, __u8 kind, __u8 arg, __u32 room)
{
	struct ms_counters *count;
	struct ms_section *sec;
	__u64 at = s->at; /* 64 bits: a copy made to extend it would lose the bound */

	asm volatile("" : "+r"(at));
	if (at > EVENT_MAX - room) {
		count = my_counters();
		if (count)
			count->overflow++;
		s->h.flags |= MS_FLAG_OVERFLOW;
		return 0;
	}
	sec = (void *)&s->bytes[at];
	sec->kind = kind;
	sec->arg = arg;
	sec->state = MS_STATE_WHOLE;
	sec->zero = 0;
	return sec;
}

static __always_inline void end_section(struct scratch *s, struct ms_section *sec, __u32 len)
{
	sec->len = len;
	s->at += sizeof(*sec) + len;
}

static __always_inline void put_number(struct scratch *s, __u8 arg, __u64 value)
{
	struct ms_section *sec = section(s, MS_SECTION_NUMBER, arg, NUMBER_ROOM);

	if (!sec)
		return;
	__builtin_memcpy(sec + 1, &value, sizeof(value));
	end_section(s, sec, sizeof(value));
}

/*
 * A BPF program may not wait for a page. What could not be read now is read again when the call returns, after the kernel
 * itself has brought the page in; until then its address stands for it.
 */
static __always_inline void could_not_read(struct scratch *s, struct ms_section *sec, __u8 arg, __u64 address)
{
	if (s->h.phase == MS_EXIT)
		return; /* nothing new: what the beginning says stands */
	s->h.flags |= MS_FLAG_INCOMPLETE;
	s->in.unread |= 1 << arg;
	sec->state = MS_STATE_FAULT;
	__builtin_memcpy(sec + 1, &address, sizeof(address));
	end_section(s, sec, sizeof(address));
}

/*
 * One string, as far as it can be read now; its first byte, or -1. A global function, whose arguments must be numbers: the
 * verifier looks at it once for each program, not once for each call of it.
 */
__noinline int put_string(__u32 slot, __u32 arg, __u64 address)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct ms_section *sec = s ? section(s, MS_SECTION_STRING, arg, STRING_ROOM) : 0;
	char beyond;
	long n;

	if (!sec)
		return -1;
	if (!address) {
		/* Asking the helper for NULL would take a real fault, a microsecond. */
		sec->state = MS_STATE_NULL;
		end_section(s, sec, 0);
		return -1;
	}
	n = bpf_probe_read_user_str(sec + 1, MS_STRING_MAX + 1, (void *)address);
	if (n < 0) {
		could_not_read(s, sec, arg, address);
		return -1;
	}
	if (n > 0)
		n--; /* the NUL, which the helper counts; before 6.2 or so not in an empty string */
	sec->state = s->late;
	if (n >= MS_STRING_MAX) {
		/* All the room was used: does the string end here, or was it cut? */
		n = MS_STRING_MAX;
		if (bpf_probe_read_user(&beyond, 1, (void *)(address + MS_STRING_MAX)) || beyond) {
			sec->state |= MS_STATE_CUT;
			s->h.flags |= MS_FLAG_INCOMPLETE;
		}
	}
	end_section(s, sec, n);
	return n ? *(__u8 *)(sec + 1) : 0;
}

/* A structure or binary data of `size` bytes. A global function likewise. */
__noinline int put_bytes(__u32 slot, __u32 arg, __u64 address, __u64 size)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	struct ms_section *sec = s ? section(s, MS_SECTION_BYTES, arg, BYTES_ROOM) : 0;
	__u64 n = size < MS_BYTES_MAX ? size : MS_BYTES_MAX;

	if (!sec)
		return 0;
	if (!address) {
		sec->state = MS_STATE_NULL;
		end_section(s, sec, 0);
		return 0;
	}
	asm volatile("" : "+r"(n));
	if (n > MS_BYTES_MAX)
		n = MS_BYTES_MAX;
	if (bpf_probe_read_user(sec + 1, n, (void *)address)) {
		could_not_read(s, sec, arg, address);
		return 0;
	}
	sec->state = s->late;
	if (size > MS_BYTES_MAX) {
		sec->state |= MS_STATE_CUT;
		s->h.flags |= MS_FLAG_INCOMPLETE;
	}
	end_section(s, sec, n);
	return 0;
}

/* If the reader rests and what waits for it has become much. */
static __always_inline void ring_bell(void)
{
	__u8 byte = 0;

	if (!resting || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < ring_bell_at)
		return;
	resting = 0;
	bpf_ringbuf_output(&bell, &byte, sizeof(byte), 0);
}

/* Returns whether it has arrived. */
static __always_inline bool send(struct scratch *s)
{
	struct ms_counters *count;
	__u64 size = s->at;

	asm volatile("" : "+r"(size));
	if (size > EVENT_MAX)
		size = EVENT_MAX;
	/*
	 * No flag: the kernel wakes the reader only if it had caught up with this very record, so none can be missed. While it
	 * rests it waits for the bell alone.
	 */
	if (bpf_ringbuf_output(&ring, s->bytes, size, 0)) {
		count = my_counters();
		if (count)
			count->ring_full++;
		return false;
	}
	ring_bell();
	return true;
}

#endif
