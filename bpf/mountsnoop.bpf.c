// SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0
/*
 * The programs: a pair for each call, which unpacks its arguments and stops. Facts about calls are in calls.h, the
 * making of an event in capture.h. Another way to attach is another pair of macros at the end of this file.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "event.h"
#include "calls.h"
#include "capture.h"

#define ENTER_NUMBER(n) put_number(s, &at, n, args[n]);
#define ENTER_STRING(n)                             \
	if (!put_string(s, &at, n, args[n], 0)) {   \
		in.string[n] = args[n];             \
		unread = true;                      \
	}
#define EXIT_NUMBER(n)
#define EXIT_STRING(n)                              \
	if (in && in->string[n])                    \
		put_string(s, &at, n, in->string[n], MS_STATE_LATE);

/* The body of each call, the same for every way to attach: `args` are its arguments, `ret` what it returned. */
#define BODY(name, number)                                                             \
	static __always_inline int on_enter_##name(const __u64 *args)                  \
	{                                                                              \
		struct inflight in = { .call = number };                               \
		__u32 at = sizeof(struct ms_enter);                                    \
		bool unread = false;                                                   \
		struct scratch *s;                                                     \
                                                                                       \
		if (!wanted() || !(s = begin(number, MS_ENTER)))                       \
			return 0;                                                      \
		ARGS_OF_##name(ENTER_STRING, ENTER_NUMBER);                            \
		send_enter(s, at, &in, unread);                                        \
		return 0;                                                              \
	}                                                                              \
	static __always_inline int on_exit_##name(__s64 ret)                           \
	{                                                                              \
		struct inflight *in = returning(number);                               \
		__u32 at = sizeof(struct ms_exit);                                     \
		struct scratch *s;                                                     \
                                                                                       \
		if ((filtering() && !in) || !(s = begin(number, MS_EXIT)))             \
			return 0;                                                      \
		ARGS_OF_##name(EXIT_STRING, EXIT_NUMBER);                              \
		send_exit(s, at, ret, in);                                             \
		return 0;                                                              \
	}
MS_CALLS(BODY)

/* The syscalls: tracepoints, on every kernel. */
#define TRACEPOINTS(name, number)                                                      \
	SEC("tracepoint/syscalls/sys_enter_" #name)                                    \
	int enter_##name(struct trace_enter *ctx)                                      \
	{                                                                              \
		return on_enter_##name(ctx->args);                                     \
	}                                                                              \
	SEC("tracepoint/syscalls/sys_exit_" #name)                                     \
	int exit_##name(struct trace_exit *ctx)                                        \
	{                                                                              \
		return on_exit_##name(ctx->ret);                                       \
	}
MS_CALLS(TRACEPOINTS)

/* The thread group id of the caller as the kernel knows it: getpid() in a pid namespace is another number. */
__u32 self_tgid = 0;

SEC("raw_tp")
int self_id(void *ctx)
{
	self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
