/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * How one event is put together and sent, whatever hook it came from: maps, filters, begin/put/send.
 * It must not know which system calls there are: that is calls.h.
 */
#ifndef MS_CAPTURE_H
#define MS_CAPTURE_H

/* Room for one string: one byte more than is kept, so that a longer one can be told from one that just fits. */
#define STRING_ROOM (sizeof(struct ms_section) + MS_STRING_MAX + 1)
#define NUMBER_ROOM (sizeof(struct ms_section) + sizeof(__u64))
#define STRINGS_MAX 4 /* strings in one call: mount(2) has the most */
#define ARGS_MAX 6
#define EVENT_MAX (sizeof(struct ms_enter) + STRINGS_MAX * STRING_ROOM + ARGS_MAX * NUMBER_ROOM)

struct scratch {
	union {
		struct ms_header h;
		struct ms_enter enter;
		struct ms_exit exit;
		__u8 bytes[EVENT_MAX];
	};
};

/* A call in flight of which something is left to do when it returns. */
struct inflight {
	__u64 string[ARGS_MAX]; /* user address of each argument that could not be read; 0: nothing to read */
	__u32 call;
	__u32 zero;
};

/* Set before the program is loaded; the verifier drops what is switched off. */
const volatile __u32 only_descendants_of = 0; /* thread group id; 0: everybody */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* --ring-size */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_counters);
} counters SEC(".maps");

/*
 * One slot a program, not one for all: where programs can be preempted (fentry since 6.1 with preempt=full, tracepoints
 * since 7.2) another program may run on this CPU half-way through, but never the same one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MS_PROGRAMS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tid */
	__type(value, struct inflight);
} inflights SEC(".maps");

/* Puts the type into BTF, so that the recorder can compare it with src/layout.rs. */
struct ms_enter ms_enter_in_btf = {};
struct ms_exit ms_exit_in_btf = {};
struct ms_section ms_section_in_btf = {};

static __always_inline struct ms_counters *my_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* Is this task the given process or one it started, however long ago? */
static __always_inline bool descends_from(__u32 tgid)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	for (int i = 0; i < 64 && task; i++) {
		__u32 at = BPF_CORE_READ(task, tgid);

		if (at == tgid)
			return true;
		if (at <= 1)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

static __always_inline bool wanted(void)
{
	return !only_descendants_of || descends_from(only_descendants_of);
}

static __always_inline bool filtering(void)
{
	return only_descendants_of != 0;
}

static __always_inline struct scratch *begin(__u16 call, __u8 phase)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct ms_counters *count = my_counters();
	__u32 slot = PROGRAM_SLOT(call, phase);
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	__u64 id = bpf_get_current_pid_tgid();

	if (!s || !count)
		return 0;
	s->h.header_len = phase == MS_ENTER ? sizeof(struct ms_enter) : sizeof(struct ms_exit);
	s->h.call = call;
	s->h.phase = phase;
	s->h.abi = 0;
	s->h.flags = 0;
	s->h.time = bpf_ktime_get_boot_ns();
	s->h.seq = count->seen++;
	s->h.cpu = bpf_get_smp_processor_id();
	s->h.pid = id >> 32;
	s->h.tid = (__u32)id;
	s->h.mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	return s;
}

/*
 * The next section, or NULL where the event has no room for it. `at` is the number of bytes written so far. The empty
 * asm keeps the compiler from moving the bound away from its use, where the verifier must see it.
 */
static __always_inline struct ms_section *section(struct scratch *s, __u32 *at, __u32 room)
{
	struct ms_counters *count;

	asm volatile("" : "+r"(*at));
	if (*at <= EVENT_MAX - room)
		return (void *)&s->bytes[*at];
	count = my_counters();
	if (count)
		count->overflow++;
	s->h.flags |= MS_FLAG_OVERFLOW;
	return 0;
}

static __always_inline void put_number(struct scratch *s, __u32 *at, __u8 arg, __u64 value)
{
	struct ms_section *sec = section(s, at, NUMBER_ROOM);

	if (!sec)
		return;
	sec->kind = MS_SECTION_NUMBER;
	sec->arg = arg;
	sec->state = MS_STATE_WHOLE;
	sec->zero = 0;
	sec->len = sizeof(value);
	__builtin_memcpy(sec + 1, &value, sizeof(value));
	*at += NUMBER_ROOM;
}

/*
 * One string, as far as it can be read now. Returns false where a page was missing: a BPF program may not wait for one,
 * so such a string is read again when the call returns, after the kernel itself has brought the page in.
 */
static __always_inline bool put_string(struct scratch *s, __u32 *at, __u8 arg, __u64 address, __u8 late)
{
	struct ms_section *sec = section(s, at, STRING_ROOM);
	char beyond;
	long n;

	if (!sec)
		return true;
	sec->kind = MS_SECTION_STRING;
	sec->arg = arg;
	sec->zero = 0;
	if (!address) {
		/* Asking the helper for NULL would take a real fault, a microsecond. */
		sec->state = MS_STATE_NULL;
		sec->len = 0;
		*at += sizeof(*sec);
		return true;
	}
	n = bpf_probe_read_user_str(sec + 1, MS_STRING_MAX + 1, (void *)address);
	if (n < 0) {
		if (late)
			return false; /* nothing new: what the enter event says stands */
		s->h.flags |= MS_FLAG_INCOMPLETE;
		sec->state = MS_STATE_FAULT;
		sec->len = sizeof(address);
		__builtin_memcpy(sec + 1, &address, sizeof(address));
		*at += NUMBER_ROOM;
		return false;
	}
	if (n > 0)
		n--; /* the NUL, which the helper counts; some kernels not in an empty string */
	sec->state = late;
	if (n >= MS_STRING_MAX) {
		/* All the room was used: does the string end here, or was it cut? */
		n = MS_STRING_MAX;
		if (bpf_probe_read_user(&beyond, 1, (void *)(address + MS_STRING_MAX)) || beyond) {
			sec->state |= MS_STATE_CUT;
			s->h.flags |= MS_FLAG_INCOMPLETE;
		}
	}
	sec->len = n;
	*at += sizeof(*sec) + n;
	return true;
}

static __always_inline void send(struct scratch *s, __u32 size)
{
	struct ms_counters *count;

	asm volatile("" : "+r"(size));
	if (size > sizeof(*s))
		size = sizeof(*s);
	/*
	 * No flag: the kernel wakes the reader only if it had caught up with this very record. The reader rests a few
	 * milliseconds after each round, so a burst costs one wake-up a round, and none can be missed.
	 */
	if (bpf_ringbuf_output(&ring, s, size, 0)) {
		count = my_counters();
		if (count)
			count->ring_full++;
	}
}

/* `unread`: some string has to be read when the call returns. Where events are filtered, a call in flight is one that
 * passed: its exit is not judged again, for what is judged may have changed meanwhile. */
static __always_inline void send_enter(struct scratch *s, __u32 size, struct inflight *in, bool unread)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 owner = bpf_get_current_uid_gid();
	struct ms_counters *count;
	__u32 tid = s->h.tid;

	if ((unread || filtering()) && bpf_map_update_elem(&inflights, &tid, in, BPF_ANY)) {
		count = my_counters();
		if (count)
			count->map_full++;
	}
	s->enter.ppid = BPF_CORE_READ(task, real_parent, tgid);
	s->enter.uid = (__u32)owner;
	s->enter.gid = owner >> 32;
	s->enter.zero = 0;
	s->enter.cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(s->enter.comm, sizeof(s->enter.comm));
	send(s, size);
}

/* What is known of the call that this thread made, if anything is left to do for it. */
static __always_inline struct inflight *returning(__u16 call)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct inflight *in = bpf_map_lookup_elem(&inflights, &tid);

	return in && in->call == call ? in : 0;
}

static __always_inline void send_exit(struct scratch *s, __u32 size, __s64 ret, struct inflight *in)
{
	__u32 tid = s->h.tid;

	s->exit.ret = ret;
	if (in)
		bpf_map_delete_elem(&inflights, &tid);
	send(s, size);
}

#endif
