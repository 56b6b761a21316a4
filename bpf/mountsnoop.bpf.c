// SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0
/*
 * The programs. Each call has one body for its beginning and one for its return; below them stand the ways to attach,
 * which unpack arguments and stop. Facts about calls are in calls.h, the making of an event in capture.h.
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
 * For programs that serve many calls: which one it is, is only known when they run. What they cannot meet is left out: the
 * verifier would look at it all the same. Global functions, which it looks at once for each program, whatever is known of
 * the call where they are called.
 */
#define CASE_ARGS(name, number, count) \
	case number:                   \
		return put_args_##name(s);
#define CASE_REST(name, number, count) \
	case number:                   \
		return put_rest_##name(s, ret);
#define CASE_SELECTIVE_ARGS(name, number, count) \
	case number:                             \
		return SELECTIVE(number) ? put_args_##name(s) : 0;
#define CASE_SELECTIVE_REST(name, number, count) \
	case number:                             \
		return SELECTIVE(number) ? put_rest_##name(s, ret) : 0;
#define CASE_PLAIN_ARGS(name, number, count) \
	case number:                         \
		return SELECTIVE(number) ? 0 : put_args_##name(s);
#define CASE_PLAIN_REST(name, number, count) \
	case number:                         \
		return SELECTIVE(number) ? 0 : put_rest_##name(s, ret);
#define PUT_ANY(which, case_args, case_rest)                                         \
	__noinline int put_args_in_##which(__u32 slot)                               \
	{                                                                            \
		struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);          \
                                                                                     \
		switch (s ? s->in.call : 0) {                                        \
			MS_CALLS(case_args)                                          \
		}                                                                    \
		return 0;                                                            \
	}                                                                            \
	__noinline int put_rest_in_##which(__u32 slot, __s32 ret)                    \
	{                                                                            \
		struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);          \
                                                                                     \
		switch (s ? s->in.call : 0) {                                        \
			MS_CALLS(case_rest)                                          \
		}                                                                    \
		return 0;                                                            \
	}                                                                            \
	static __always_inline int put_args_##which(struct scratch *s)               \
	{                                                                            \
		return put_args_in_##which(s->slot);                                 \
	}                                                                            \
	static __always_inline int put_rest_##which(struct scratch *s, __s32 ret)    \
	{                                                                            \
		return put_rest_in_##which(s->slot, ret);                            \
	}
PUT_ANY(any, CASE_ARGS, CASE_REST)
PUT_ANY(plain, CASE_PLAIN_ARGS, CASE_PLAIN_REST)
PUT_ANY(selective, CASE_SELECTIVE_ARGS, CASE_SELECTIVE_REST)

/*
 * The syscalls: tracepoints, on every kernel: two programs for all beginnings and two for all returns, for each program costs
 * time as it is loaded. Two, because the kernel counts how often it left one out: most of those that serve SELECTIVE calls
 * would have had nothing to tell.
 *
 * What a call has no argument for, on the kernel's stack, is read all the same: a program that looked there itself could not be
 * attached. put_args_NAME does not.
 *
 * Where a program returns 0, perf gets no event of the call, whoever asked for one (perf_syscall_enter() in trace_syscalls.c).
 */
#define SHOW_OTHERS 1
#define TRACEPOINTS(enter, exit, which, is_mine)                                                     \
	SEC("tracepoint")                                                                            \
	int enter(struct trace_enter *ctx)                                                           \
	{                                                                                            \
		__u32 call = native_call(ctx->nr);                                                   \
		__u64 args[ARGS_MAX] = {};                                                           \
                                                                                                     \
		if (!is_mine(call))                                                                  \
			return SHOW_OTHERS;                                                          \
		bpf_probe_read_kernel(args, sizeof(args), ctx->args);                                \
		on_enter(call, MS_ABI_NATIVE, args, put_args_##which);                               \
		return SHOW_OTHERS;                                                                  \
	}                                                                                            \
	SEC("tracepoint")                                                                            \
	int exit(struct trace_exit *ctx)                                                             \
	{                                                                                            \
		__u32 call = native_call(ctx->nr);                                                   \
                                                                                                     \
		if (is_mine(call))                                                                   \
			on_exit(call, MS_ABI_NATIVE, ctx->ret, put_args_##which, put_rest_##which);  \
		return SHOW_OTHERS;                                                                  \
	}
#define PLAIN(call) ((call) && !SELECTIVE(call))
TRACEPOINTS(tp_enter, tp_exit, plain, PLAIN)
TRACEPOINTS(tp_enter_selective, tp_exit_selective, selective, SELECTIVE)

/*
 * fentry and fexit on the function behind each call: no other system call pays anything. For a call of a 32-bit program the
 * kernel looks at the lower half of what its function returns.
 */
#define RETURNED(abi, ret) ((abi) == MS_ABI_COMPAT ? (__s32)(ret) : (ret))
#define TRAMPOLINES(name, number, count)                                                             \
	SEC("fentry/" NATIVE_PREFIX #name)                                                           \
	int BPF_PROG(fentry_##name, struct pt_regs *regs)                                            \
	{                                                                                            \
		__u64 args[ARGS_MAX] = NATIVE_ARGS(regs);                                            \
                                                                                                     \
		on_enter(number, ABI_OF(regs), args, put_args_##name);                               \
		return 0;                                                                            \
	}                                                                                            \
	SEC("fexit/" NATIVE_PREFIX #name)                                                            \
	int BPF_PROG(fexit_##name, struct pt_regs *regs, long ret)                                   \
	{                                                                                            \
		__u32 abi = ABI_OF(regs);                                                            \
                                                                                                     \
		on_exit(number, abi, RETURNED(abi, ret), put_args_##name, put_rest_##name);          \
		return 0;                                                                            \
	}
MS_CALLS(TRAMPOLINES)

#ifdef COMPAT_PREFIX
#define COMPAT_TRAMPOLINES(name, number, count)                                                      \
	SEC("fentry/" COMPAT_PREFIX #name)                                                           \
	int BPF_PROG(fentry_compat_##name, struct pt_regs *regs)                                     \
	{                                                                                            \
		__u64 args[ARGS_MAX] = COMPAT_ARGS(regs);                                            \
                                                                                                     \
		on_enter(number, MS_ABI_COMPAT, args, put_args_##name);                              \
		return 0;                                                                            \
	}                                                                                            \
	SEC("fexit/" COMPAT_PREFIX #name)                                                            \
	int BPF_PROG(fexit_compat_##name, struct pt_regs *regs, long ret)                            \
	{                                                                                            \
		on_exit(number, MS_ABI_COMPAT, RETURNED(MS_ABI_COMPAT, ret), put_args_##name,        \
			put_rest_##name);                                                            \
		return 0;                                                                            \
	}
MS_CALLS(COMPAT_TRAMPOLINES)
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

		on_enter(call, MS_ABI_COMPAT, args, put_args_any);
	} else {
		__u64 args[ARGS_MAX] = READ_NATIVE_ARGS(regs);

		on_enter(call, MS_ABI_NATIVE, args, put_args_any);
	}
	return 0;
}

SEC("kretprobe.multi")
int kmulti_exit(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 call = cookie & 0x3f, abi = ABI_BY(cookie, regs_of_task());
	__s64 ret = PT_REGS_RC(ctx);

	on_exit(call, abi, RETURNED(abi, ret), put_args_any, put_rest_any);
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

		on_enter(call, MS_ABI_COMPAT, args, put_args_any);
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
	if (!call)
		return 0;
	on_exit(call, MS_ABI_COMPAT, ret, put_args_any, put_rest_any);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
