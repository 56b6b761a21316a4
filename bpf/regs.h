/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * Where the arguments of a system call lie in the registers of each processor, and what its functions are called.
 * It must not know which calls there are.
 */
#ifndef MS_REGS_H
#define MS_REGS_H

#if defined(__TARGET_ARCH_x86)
#define NATIVE_ARGS(r) { (r)->di, (r)->si, (r)->dx, (r)->r10, (r)->r8, (r)->r9 }
#define COMPAT_ARGS(r)                                                                               \
	{ (__u32)(r)->bx, (__u32)(r)->cx, (__u32)(r)->dx, (__u32)(r)->si, (__u32)(r)->di, (__u32)(r)->bp }
#define NATIVE_PREFIX "__x64_sys_"
/* The same where the registers are not ours to look at directly. */
#define R(r, name) BPF_CORE_READ(r, name)
#define READ_NATIVE_ARGS(r) { R(r, di), R(r, si), R(r, dx), R(r, r10), R(r, r8), R(r, r9) }
#define READ_COMPAT_ARGS(r)                                                                          \
	{ (__u32)R(r, bx), (__u32)R(r, cx), (__u32)R(r, dx), (__u32)R(r, si), (__u32)R(r, di), (__u32)R(r, bp) }
#define COMPAT_PREFIX "__ia32_sys_"
#elif defined(__TARGET_ARCH_arm64)
/* regs[0] is the result in the end. */
#define NATIVE_ARGS(r)                                                                               \
	{ (r)->orig_x0, (r)->regs[1], (r)->regs[2], (r)->regs[3], (r)->regs[4], (r)->regs[5] }
#define COMPAT_ARGS(r) NATIVE_ARGS(r)
#define R(r, n) BPF_CORE_READ(r, regs[n])
#define READ_NATIVE_ARGS(r) { BPF_CORE_READ(r, orig_x0), R(r, 1), R(r, 2), R(r, 3), R(r, 4), R(r, 5) }
#define READ_COMPAT_ARGS(r) READ_NATIVE_ARGS(r)
#define NATIVE_PREFIX "__arm64_sys_"
#define COMPAT_PREFIX "__arm64_compat_sys_"
#endif

/* The arguments of the system call that the current thread is in, for a program that is not given them. */
static __always_inline bool args_of_task(__u32 abi, __u64 *args)
{
	struct pt_regs *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return false;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
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
