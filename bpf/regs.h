/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * Where the arguments of a system call lie in the registers of each processor, what its functions are called, and how a call
 * of a 32-bit program is known.
 * It must not know which calls there are.
 */
#ifndef MS_REGS_H
#define MS_REGS_H

#if defined(__TARGET_ARCH_x86)
#define NATIVE_ARGS(r) { (r)->di, (r)->si, (r)->dx, (r)->r10, (r)->r8, (r)->r9 }
#define COMPAT_ARGS(r)                                                                               \
	{ (__u32)(r)->bx, (__u32)(r)->cx, (__u32)(r)->dx, (__u32)(r)->si, (__u32)(r)->di, (__u32)(r)->bp }
#define NATIVE_PREFIX "__x64_sys_"
/* 32-bit calls have functions of their own. */
#define COMPAT_PREFIX "__ia32_sys_"
/* The same where the registers are not ours to look at directly, and the number of the call. */
#define R(r, name) BPF_CORE_READ(r, name)
#define READ_NATIVE_ARGS(r) { R(r, di), R(r, si), R(r, dx), R(r, r10), R(r, r8), R(r, r9) }
#define READ_COMPAT_ARGS(r)                                                                          \
	{ (__u32)R(r, bx), (__u32)R(r, cx), (__u32)R(r, dx), (__u32)R(r, si), (__u32)R(r, di), (__u32)R(r, bp) }
#define NUMBER_OF(r) R(r, orig_ax)
#define X32_SYSCALL_BIT 0x40000000 /* arch/x86/include/uapi/asm/unistd.h */
#define NUMBER_IN(r) ((__u32)(r)->orig_ax & ~X32_SYSCALL_BIT)
#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h */

static __always_inline bool in_compat_call(struct pt_regs *regs)
{
	return OF_TASK(thread_info.status) & TS_COMPAT;
}

/* Of a call that came through a native function. */
#define ABI_OF(regs) MS_ABI_NATIVE
#elif defined(__TARGET_ARCH_arm64)
/* regs[0] is the result in the end. */
#define NATIVE_ARGS(r)                                                                               \
	{ (r)->orig_x0, (r)->regs[1], (r)->regs[2], (r)->regs[3], (r)->regs[4], (r)->regs[5] }
#define COMPAT_ARGS(r) NATIVE_ARGS(r)
#define R(r, n) BPF_CORE_READ(r, regs[n])
#define READ_NATIVE_ARGS(r) { BPF_CORE_READ(r, orig_x0), R(r, 1), R(r, 2), R(r, 3), R(r, 4), R(r, 5) }
#define READ_COMPAT_ARGS(r) READ_NATIVE_ARGS(r)
#define NATIVE_PREFIX "__arm64_sys_"
#define NUMBER_OF(r) BPF_CORE_READ(r, syscallno)
#define NUMBER_IN(r) ((__u32)(r)->syscallno)
#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */

static __always_inline bool in_compat_call(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, pstate) & PSR_MODE32_BIT;
}

/* No call that is recorded has a function of its own for 32-bit programs. */
#define ABI_OF(regs) (in_compat_call(regs) ? MS_ABI_COMPAT : MS_ABI_NATIVE)
#endif

/* The registers with which the current thread entered the kernel; 0 before 5.15. */
static __always_inline struct pt_regs *regs_of_task(void)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* The arguments of the system call that the current thread is in, for a program that is not given them. */
static __always_inline bool args_of_task(__u32 abi, __u64 *args)
{
	struct pt_regs *regs = regs_of_task();

	if (!regs)
		return false;
	if (abi == MS_ABI_COMPAT) {
		__u64 compat[] = COMPAT_ARGS(regs);

		__builtin_memcpy(args, compat, sizeof(compat));
	} else {
		__u64 native[] = NATIVE_ARGS(regs);

		__builtin_memcpy(args, native, sizeof(native));
	}
	return true;
}

#endif
