/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * The life of one call: its beginning, its return, and what a return says whose beginning no program saw.
 * It must not know the ways to attach, nor what the arguments of a call are.
 */
#ifndef MS_CALL_H
#define MS_CALL_H

/* Set when recording stops: detaching takes a while, and nothing shall be sent meanwhile. */
volatile __u8 stopped = 0;

/* Copy the arguments of the call that a slot of `scratches` is about: at its beginning, and the rest at its return. */
int put_args(__u32 slot);
int put_rest(__u32 slot, __s32 ret);

static __always_inline void preempt_off(void)
{
	if (keep_cpu && bpf_ksym_exists(bpf_preempt_disable))
		bpf_preempt_disable();
}

static __always_inline void preempt_on(void)
{
	if (keep_cpu && bpf_ksym_exists(bpf_preempt_enable))
		bpf_preempt_enable();
}

/* Does this call concern a mount namespace at all? Only asked of those in SELECTIVE. */
static __always_inline bool concerns_mounts(__u32 call, __u64 a0, __u64 a1)
{
	__u64 flags = 0;

	switch (call) {
	case MS_CALL_UNSHARE:
		return !!(a0 & (CLONE_NEWNS | UNSHARE_EMPTY_MNTNS));
	case MS_CALL_SETNS:
		return !(__u32)a1 || (a1 & CLONE_NEWNS);
	case MS_CALL_CLONE:
		return !!(a0 & CLONE_NEWNS);
	case MS_CALL_CLONE3:
		/* Where the flags cannot be read, it may. */
		return bpf_probe_read_user(&flags, sizeof(flags), (void *)a0) ||
		       (flags & (CLONE_NEWNS | CLONE_EMPTY_MNTNS));
	}
	return queries;
}

static __always_inline void count_query(__u32 call)
{
	struct ms_counters *count;

	if (call < MS_CALL_STATMOUNT)
		return;
	count = my_counters();
	if (count)
		count->queries++;
}

/*
 * Is a call that begins any concern of ours, with these first two arguments? What is asked first, and is all that is spent on most
 * of those in SELECTIVE.
 */
static __always_inline bool may_enter(__u32 call, __u64 a0, __u64 a1)
{
	if (stopped)
		return false;
	count_query(call);
	return !SELECTIVE(call) || concerns_mounts(call, a0, a1);
}

/* The same when it returns. The flags of clone3 are in memory, where they may have changed. */
static __always_inline bool may_exit(__u32 call, __u32 abi)
{
	__u64 args[ARGS_MAX] = {};

	if (!SELECTIVE(call) || call == MS_CALL_CLONE3 || !args_of_task(abi, args))
		return true;
	return concerns_mounts(call, args[0], args[1]);
}

/* Global functions, for programs that go on: the verifier would look at all of that once for each call. */
__noinline int any_may_enter(__u32 call, __u64 a0, __u64 a1)
{
	return may_enter(call, a0, a1);
}

__noinline int any_may_exit(__u32 call, __u32 abi)
{
	return may_exit(call, abi);
}

/* What no program saw begin: only where it can still be known. The thread that clone() made returns from it, too. */
static __always_inline bool concerned_mounts(__u32 call, __u32 abi, __s64 ret)
{
	__u64 args[ARGS_MAX] = {};

	if (!SELECTIVE(call))
		return true;
	return args_of_task(abi, args) && concerns_mounts(call, args[0], args[1]) && !(RETURNS_TWICE(call) && !ret);
}

/* A call that may_enter(). */
static __always_inline void on_enter(__u32 call, __u32 abi, const __u64 *args)
{
	struct scratch *s;
	bool want;

	if (stopped)
		return;
	want = wanted(call);
	/* What is wanted may be another matter when the call returns. */
	if (!want && !(filtering() && leaves_mark()))
		return;
	preempt_off();
	s = slot_of(call, MS_ENTER, abi);
	if (s) {
		s->in.call = call;
		s->in.abi = abi;
		s->in.unread = 0;
		s->in.unwanted = !want;
		s->in.time = 0;
		for (int i = 0; i < ARGS_MAX; i++)
			s->in.args[i] = args[i];
		if (!want) {
			remember(s);
		} else if (only_failed) {
			s->in.time = bpf_ktime_get_boot_ns();
			remember(s);
		} else {
			introduce(s);
			begin_event(s, MS_ENTER);
			put_task(s);
			put_args(s->slot);
			put_place(s);
			if (s->in.unread || filtering() || SELECTIVE(call) || leaves_mark())
				remember(s);
			send(s);
		}
	}
	preempt_on();
}

/* Tells of a beginning as the call returns: it was held back, or s->unseen says why no program saw it. */
static __always_inline void send_beginning(struct scratch *s, bool args_known)
{
	introduce(s);
	begin_event(s, MS_ENTER);
	s->h.flags |= s->unseen;
	if (s->unseen)
		s->late = MS_STATE_LATE;
	else
		s->h.time = s->in.time;
	put_task(s);
	if (args_known)
		put_args(s->slot);
	put_place(s);
	send(s);
	s->in.unread = 0; /* what could not be read just now cannot be read now */
	if (s->unseen == (MS_FLAG_REBUILT | MS_FLAG_MISSED))
		made_up_for(s->in.call, s->in.abi);
}

static __always_inline void send_return(struct scratch *s, __s64 ret)
{
	bool refused = s->unseen & MS_FLAG_SIGSYS;

	begin_event(s, MS_EXIT);
	s->exit.ret = ret;
	if (refused)
		s->h.flags |= MS_FLAG_SIGSYS;
	put_rest(s->slot, refused ? -1 : ret);
	send(s);
}

/* A return that may_exit(). */
static __always_inline void on_exit(__u32 call, __u32 abi, __s64 ret)
{
	bool known = false, unseen;
	struct inflight *in;
	struct scratch *s;

	if (stopped)
		return;
	if (only_calls && !(only_calls & (1ULL << call)))
		return;
	in = returning(call);
	if (in && in->unwanted) {
		forget();
		return;
	}
	unseen = !in && leaves_mark();
	if (unseen ? !concerned_mounts(call, abi, ret) || !wanted(call) : !in && (filtering() || SELECTIVE(call)))
		return;
	preempt_off();
	s = slot_of(call, MS_EXIT, abi);
	if (s) {
		s->in.call = call;
		s->in.abi = abi;
		s->in.unread = 0;
		s->unseen = 0;
		if (in) {
			__builtin_memcpy(&s->in, in, sizeof(s->in));
			forget();
		} else if (unseen) {
			s->unseen = MS_FLAG_REBUILT | unseen_because();
			known = args_of_task(abi, s->in.args);
		}
		if (!only_failed || ret < 0 || (s->unseen & MS_FLAG_SIGSYS)) {
			/* The first three are constants, and keep what follows out of programs that never need it. */
			if ((only_failed || can_miss || returns_of_all) && (only_failed || s->unseen))
				send_beginning(s, in || known);
			send_return(s, ret);
		}
	}
	preempt_on();
}

#endif
