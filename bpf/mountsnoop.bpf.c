// SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0
/*
 * The programs. First what is copied of each call at its beginning and its return, below that the ways to attach, which
 * unpack arguments and stop. Facts about calls are in calls.h, the making of an event in capture.h.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "event.h"
#include "calls.h"
#include "numbers.h"
#include "capture.h"
#include "identity.h"
#include "regs.h"
#include "inflight.h"
#include "call.h"

#define NO_DIR -1

/* The calls by name, for the recorder, which attaches to them by name. */
struct ms_named {
	__u8 name[16];
	__u16 number;
	__u16 selective;
};
#define NAMED(name, number, count) { #name, number, SELECTIVE(number) },
const volatile struct ms_named ms_names[] = { MS_CALLS(NAMED) };

/* fsconfig(2): what `value` points to depends on `cmd`. */
enum { FSCONFIG_SET_STRING = 1, FSCONFIG_SET_BINARY = 2, FSCONFIG_SET_PATH = 3, FSCONFIG_SET_PATH_EMPTY = 4 };

static __always_inline void put_fsconfig_value(struct scratch *s)
{
	__u64 cmd = s->in.args[1] & 0xffffffff, value = s->in.args[3];

	if (!value || (cmd >= FSCONFIG_SET_STRING && cmd <= FSCONFIG_SET_PATH_EMPTY && cmd != FSCONFIG_SET_BINARY)) {
		int first = put_string(s->slot, 3, value);

		if (cmd >= FSCONFIG_SET_PATH && first >= 0 && first != '/')
			s->relative |= (__s32)s->in.args[4] == AT_FDCWD;
	} else if (cmd == FSCONFIG_SET_BINARY) {
		put_bytes(s->slot, 3, value, (__u32)s->in.args[4]);
	} else {
		put_number(s, 3, value);
	}
}

/* struct mnt_id_req and struct ns_id_req begin with their size. */
static __always_inline void put_request(struct scratch *s, __u32 arg)
{
	__u64 address = s->in.args[arg];
	__u32 size = 0;

	if (address && bpf_probe_read_user(&size, sizeof(size), (void *)address))
		size = 24;
	put_bytes(s->slot, arg, address, size);
}

static __always_inline void put_a_path(struct scratch *s, __u32 arg, int dir)
{
	int first = put_string(s->slot, arg, s->in.args[arg]);

	if (first >= 0 && first != '/')
		s->relative |= dir < 0 || (__s32)s->in.args[dir & 7] == AT_FDCWD;
}

/* When a call begins: copy every argument, then say what else is known of it. */
#define NUMBER(n) put_number(s, n, s->in.args[n]);
#define STRING(n) put_string(s->slot, n, s->in.args[n]);
#define PATH(n, dir) put_a_path(s, n, dir);
#define BYTES(n, size) put_bytes(s->slot, n, s->in.args[n], s->in.args[size]);
#define REQUEST(n) put_request(s, n);
#define FSCONFIG_VALUE(n) put_fsconfig_value(s);
#define CONTEXT_FD(n)                \
	put_number(s, n, s->in.args[n]); \
	put_context(s, n, s->in.args[n], 0);
#define MOUNT_FD(n)                  \
	put_number(s, n, s->in.args[n]); \
	put_mount(s, n, s->in.args[n]);
#define NAMESPACE_FD(n)                            \
	put_number(s, n, s->in.args[n]);           \
	if (!put_namespace(s, n, s->in.args[n]))   \
		put_namespace_of_process(s, n, s->in.args[n]);
#define PUT_ARGS(name, number, count)                           \
	static __noinline int put_args_##name(struct scratch *s) \
	{                                                        \
		ARGS_OF_##name return 0;                         \
	}
MS_CALLS(PUT_ARGS)
#undef NUMBER
#undef STRING
#undef PATH
#undef BYTES
#undef REQUEST
#undef FSCONFIG_VALUE
#undef CONTEXT_FD
#undef MOUNT_FD
#undef NAMESPACE_FD

/* When it has returned: read what could not be read before. */
#define UNREAD(n) (s->in.unread & (1 << (n)))
#define NUMBER(n)
#define STRING(n)      \
	if (UNREAD(n)) \
		put_string(s->slot, n, s->in.args[n]);
#define PATH(n, dir) STRING(n)
#define BYTES(n, size) \
	if (UNREAD(n)) \
		put_bytes(s->slot, n, s->in.args[n], s->in.args[size]);
#define REQUEST(n)     \
	if (UNREAD(n)) \
		put_request(s, n);
#define FSCONFIG_VALUE(n) \
	if (UNREAD(n))    \
		put_fsconfig_value(s);
#define CONTEXT_FD(n)
#define MOUNT_FD(n)
#define NAMESPACE_FD(n)
#define RESULT_CONTEXT                     \
	if (ret >= 0 && s->exit.ret >= 0)  \
		put_context(s, MS_ARG_RESULT, ret, 1);
/* With OPEN_TREE_NAMESPACE (7.0) and FSMOUNT_NAMESPACE (7.1) it is a namespace that the descriptor stands for. */
#define RESULT_MOUNT                                           \
	if (ret >= 0 && s->exit.ret >= 0) {                    \
		if (!put_namespace(s, MS_ARG_RESULT, ret))     \
			put_mount(s, MS_ARG_RESULT, ret);      \
	}
#define PUT_REST(name, number, count)                                      \
	static __noinline int put_rest_##name(struct scratch *s, __s32 ret) \
	{                                                                   \
		ARGS_OF_##name RESULT_OF_##name return 0;                   \
	}
MS_CALLS(PUT_REST)

/*
 * Which call it is, is only known when the programs run. Global functions, which the verifier looks at once for each program,
 * whatever is known of the call where they are called.
 */
#define CASE_ARGS(name, number, count) \
	case number:                   \
		return put_args_##name(s);
__noinline int put_args(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);

	switch (s ? s->in.call : 0) {
		MS_CALLS(CASE_ARGS)
	}
	return 0;
}

#define CASE_REST(name, number, count) \
	case number:                   \
		return put_rest_##name(s, ret);
__noinline int put_rest(__u32 slot, __s32 ret)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);

	switch (s ? s->in.call : 0) {
		MS_CALLS(CASE_REST)
	}
	return 0;
}

/*
 * Each way to attach has one program for all beginnings and one for all returns: a program takes the verifier ten milliseconds
 * and more. Where there must be others, they are a few instructions and then go on in that one, which the recorder has put
 * here. Several maps, because the kernel lets only programs that are attached alike share one: for beginnings and returns since
 * 6.18, for functions with one prototype since 6.12 and in 6.1.176. That of clone3 is another where BTF names it as its stub in kernel/sys_ni.c does.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} enter_body SEC(".maps"), exit_body SEC(".maps"), clone3_enter_body SEC(".maps"), clone3_exit_body SEC(".maps");

/*
 * Since 6.13 a program may have its stack in memory of the CPU, for it is never run twice at once there. One that others go on in
 * can be, where they are preempted. A program with a tail call, if only one that is never made, keeps to the thread's stack
 * (check_max_stack_depth() in kernel/bpf/verifier.c).
 */
const volatile __u8 never = 0;
#define KEEP_STACK(ctx, body)             \
	if (never)                        \
		bpf_tail_call(ctx, &body, 0);

/*
 * The syscalls: tracepoints, on every kernel. Those of SELECTIVE calls have programs of their own: the kernel counts how
 * often it left a program out, and most of those would have had nothing to tell.
 *
 * What a call has no argument for, on the kernel's stack, is read all the same: a program that looked there itself could not be
 * attached. put_args_NAME does not.
 *
 * Where a program returns 0, perf gets no event of the call, whoever asked for one (perf_syscall_enter() in trace_syscalls.c).
 */
#define SHOW_OTHERS 1

SEC("tracepoint")
int tp_enter(struct trace_enter *ctx)
{
	__u32 call = native_call(ctx->nr);
	__u64 args[ARGS_MAX] = {};

	bpf_probe_read_kernel(args, sizeof(args), ctx->args);
	if (call)
		on_enter(call, MS_ABI_NATIVE, args);
	KEEP_STACK(ctx, enter_body)
	return SHOW_OTHERS;
}

SEC("tracepoint")
int tp_exit(struct trace_exit *ctx)
{
	__u32 call = native_call(ctx->nr);

	if (call)
		on_exit(call, MS_ABI_NATIVE, ctx->ret);
	KEEP_STACK(ctx, exit_body)
	return SHOW_OTHERS;
}

SEC("tracepoint")
int tp_enter_selective(struct trace_enter *ctx)
{
	__u32 call = native_call(ctx->nr);
	__u64 args[ARGS_MAX] = {};

	bpf_probe_read_kernel(args, sizeof(args), ctx->args);
	if (may_enter(call, args[0], args[1]))
		bpf_tail_call(ctx, &enter_body, 0);
	return SHOW_OTHERS;
}

SEC("tracepoint")
int tp_exit_selective(struct trace_exit *ctx)
{
	if (may_exit(native_call(ctx->nr), MS_ABI_NATIVE))
		bpf_tail_call(ctx, &exit_body, 0);
	return SHOW_OTHERS;
}

/*
 * fentry and fexit on the function behind each call, native and compat: no other system call pays anything. Each function needs a
 * program of its own. For a call of a 32-bit program the kernel looks at the lower half of what its function returns.
 */
#define RETURNED(abi, ret) ((abi) == MS_ABI_COMPAT ? (__s32)(ret) : (ret))
#define CALL_OF(abi, nr) ((abi) == MS_ABI_COMPAT ? compat_call(nr) : native_call(nr))

#define TRAMPOLINE_BODIES(which)                                                                 \
	SEC("fentry")                                                                            \
	int BPF_PROG(trampoline_##which##enter, struct pt_regs *regs)                            \
	{                                                                                        \
		__u64 native[] = NATIVE_ARGS(regs), compat[] = COMPAT_ARGS(regs);                \
		__u32 abi = in_compat_call(regs) ? MS_ABI_COMPAT : MS_ABI_NATIVE;                \
		__u32 call = CALL_OF(abi, NUMBER_IN(regs));                                      \
                                                                                                 \
		if (call)                                                                        \
			on_enter(call, abi, abi == MS_ABI_COMPAT ? compat : native);             \
		KEEP_STACK(ctx, which##enter_body)                                               \
		return 0;                                                                        \
	}                                                                                        \
	SEC("fexit")                                                                             \
	int BPF_PROG(trampoline_##which##exit, struct pt_regs *regs, long ret)                   \
	{                                                                                        \
		__u32 abi = in_compat_call(regs) ? MS_ABI_COMPAT : MS_ABI_NATIVE;                \
		__u32 call = CALL_OF(abi, NUMBER_IN(regs));                                      \
                                                                                                 \
		if (call)                                                                        \
			on_exit(call, abi, RETURNED(abi, ret));                                  \
		KEEP_STACK(ctx, which##exit_body)                                                \
		return 0;                                                                        \
	}
TRAMPOLINE_BODIES()
TRAMPOLINE_BODIES(clone3_)

#define BODY_OF(number, phase) ((number) == MS_CALL_CLONE3 ? (void *)&clone3_##phase##_body : (void *)&phase##_body)
#define TRAMPOLINE(which, where, name, number, abi, ...)                                         \
	SEC("fentry/" where #name)                                                               \
	int BPF_PROG(fentry_##which##name, struct pt_regs *regs)                                 \
	{                                                                                        \
		__u64 args[ARGS_MAX] = __VA_ARGS__;                                              \
                                                                                                 \
		if (may_enter(number, args[0], args[1]))                                                     \
			bpf_tail_call(ctx, BODY_OF(number, enter), 0);                           \
		return 0;                                                                        \
	}                                                                                        \
	SEC("fexit/" where #name)                                                                \
	int BPF_PROG(fexit_##which##name, struct pt_regs *regs, long ret)                        \
	{                                                                                        \
		if (may_exit(number, abi))                                                       \
			bpf_tail_call(ctx, BODY_OF(number, exit), 0);                            \
		return 0;                                                                        \
	}
#define NATIVE_TRAMPOLINE(name, number, count) \
	TRAMPOLINE(, NATIVE_PREFIX, name, number, ABI_OF(regs), NATIVE_ARGS(regs))
MS_CALLS(NATIVE_TRAMPOLINE)
#ifdef COMPAT_PREFIX
#define COMPAT_TRAMPOLINE(name, number, count) \
	TRAMPOLINE(compat_, COMPAT_PREFIX, name, number, MS_ABI_COMPAT, COMPAT_ARGS(regs))
MS_CALLS(COMPAT_TRAMPOLINE)
#endif

/*
 * kprobe.multi and kretprobe.multi: two programs for all calls. The cookie says which function was hit: the call's number,
 * and the calling convention from bit 8 on.
 */
#define ABI_BY(cookie, regs) (((cookie) >> 8) & 1 ? MS_ABI_COMPAT : ABI_OF(regs))

SEC("kprobe.multi")
int kmulti_enter(struct pt_regs *ctx)
{
	struct pt_regs *regs = (void *)PT_REGS_PARM1(ctx);
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 call = cookie & 0x3f, abi = ABI_BY(cookie, regs);

	if (abi == MS_ABI_COMPAT) {
		__u64 args[ARGS_MAX] = READ_COMPAT_ARGS(regs);

		if (any_may_enter(call, args[0], args[1]))
			on_enter(call, MS_ABI_COMPAT, args);
	} else {
		__u64 args[ARGS_MAX] = READ_NATIVE_ARGS(regs);

		if (any_may_enter(call, args[0], args[1]))
			on_enter(call, MS_ABI_NATIVE, args);
	}
	return 0;
}

SEC("kretprobe.multi")
int kmulti_exit(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 call = cookie & 0x3f, abi = ABI_BY(cookie, regs_of_task());
	__s64 ret = PT_REGS_RC(ctx);

	if (any_may_exit(call, abi))
		on_exit(call, abi, RETURNED(abi, ret));
	return 0;
}

/*
 * --compat: 32-bit calls beside the tracepoints, which the kernel does not fire for them. Every system call of every process
 * comes by here, so the first question is the cheapest.
 */
struct raw_tracepoint {
	__u64 args[2];
};

SEC("raw_tp/sys_enter")
int raw_enter(struct raw_tracepoint *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__u32 call = compat_call(ctx->args[1]);

	if (!call || !in_compat_call(regs))
		return 0;
	{
		__u64 args[ARGS_MAX] = READ_COMPAT_ARGS(regs);

		if (any_may_enter(call, args[0], args[1]))
			on_enter(call, MS_ABI_COMPAT, args);
	}
	return 0;
}

SEC("raw_tp/sys_exit")
int raw_exit(struct raw_tracepoint *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__s64 ret = (__s32)ctx->args[1];
	__u32 call;

	if (!in_compat_call(regs))
		return 0;
	call = compat_call(NUMBER_OF(regs));
	if (call && any_may_exit(call, MS_ABI_COMPAT))
		on_exit(call, MS_ABI_COMPAT, ret);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
