/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * What is kept of a call between its two ends, and what can be said of a return that finds nothing kept: why no program
 * saw the call begin. It must not know when this is asked.
 */
#ifndef MS_INFLIGHT_H
#define MS_INFLIGHT_H

#define SIGSYS 31
#define FIRST_RETURNS 4096 /* threads of which first_returns knows; an older one may be said to have begun earlier again */

/* Set when all programs are attached, ns of CLOCK_BOOTTIME: whoever is older may have begun its call before. */
volatile __u64 attached_at = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tid */
	__type(value, struct inflight);
} inflights SEC(".maps");

/* Threads of which one return without a beginning has been seen, with when they began: the next one has another reason. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FIRST_RETURNS);
	__type(key, __u32);
	__type(value, __u64);
} first_returns SEC(".maps");

/* Beginnings that were told of as the call returned, by call and calling convention: they are not missing after all. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_CALLS_END);
	__type(key, __u32);
	__type(value, __u64);
} rebuilt SEC(".maps");

static __always_inline void remember(struct scratch *s)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct ms_counters *count;

	if (bpf_map_update_elem(&inflights, &tid, &s->in, BPF_ANY)) {
		count = my_counters();
		if (count)
			count->map_full++;
	}
}

/* What is known of the call that this thread made, if anything is left to do for it. */
static __always_inline struct inflight *returning(__u32 call)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct inflight *in = bpf_map_lookup_elem(&inflights, &tid);

	return in && in->call == call ? in : 0;
}

static __always_inline void forget(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&inflights, &tid);
}

static __always_inline bool under_seccomp(void)
{
	return bpf_core_field_exists(struct task_struct, seccomp.mode) && OF_TASK(seccomp.mode);
}

/* Whether this thread may have made its call before the recording began. */
static __always_inline bool older_than_recording(void)
{
	return !attached_at || OF_TASK(start_boottime) < attached_at;
}

/*
 * Can a call of this thread return without a program having seen it begin? Then those that are seen leave a mark. That
 * costs two changes of a map: whoever cannot need it does not pay for it.
 */
static __always_inline bool leaves_mark(void)
{
	return can_miss || (returns_of_all && (older_than_recording() || under_seccomp() || OF_TASK(ptrace)));
}

/* Why no program saw the beginning of this call: what cannot be ruled out, as flags of the event. */
static __noinline int unseen_because(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), why = can_miss ? MS_FLAG_MISSED : 0;
	__u64 start, *known;

	if (!returns_of_all)
		return why;
	if (under_seccomp()) {
		why |= MS_FLAG_SECCOMP;
		/* SECCOMP_RET_TRAP and _KILL: the signal waits for the thread. */
		if (OF_TASK(pending.signal.sig[0]) & (1UL << (SIGSYS - 1)))
			return MS_FLAG_SECCOMP | MS_FLAG_SIGSYS;
	}
	if (OF_TASK(ptrace))
		why |= MS_FLAG_TRACER;
	if (!older_than_recording())
		return why;
	start = OF_TASK(start_boottime);
	known = bpf_map_lookup_elem(&first_returns, &tid);
	if (known && *known == start)
		return why;
	bpf_map_update_elem(&first_returns, &tid, &start, BPF_ANY);
	return why | MS_FLAG_EARLIER;
}

/* A beginning that the kernel kept from us is being told of after all: strike it from what is missing. */
static __always_inline void made_up_for(__u32 call, __u32 abi)
{
	__u32 key = call + abi * MS_CALLS_END;
	__u64 *count = bpf_map_lookup_elem(&rebuilt, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
