/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * Which call a system call number is: for programs that serve all calls and are told no more than that.
 * It must not know what the calls are about.
 * Global functions, of whose result the verifier knows nothing: else it would look at all that follows once for each call.
 */
#ifndef MS_NUMBERS_H
#define MS_NUMBERS_H

/* Since 5.1 a new call has the same number everywhere. */
static __always_inline __u32 newer_call(__u64 nr)
{
	switch (nr) {
	case 428: return MS_CALL_OPEN_TREE;
	case 429: return MS_CALL_MOVE_MOUNT;
	case 430: return MS_CALL_FSOPEN;
	case 431: return MS_CALL_FSCONFIG;
	case 432: return MS_CALL_FSMOUNT;
	case 433: return MS_CALL_FSPICK;
	case 435: return MS_CALL_CLONE3;
	case 442: return MS_CALL_MOUNT_SETATTR;
	case 457: return MS_CALL_STATMOUNT;
	case 458: return MS_CALL_LISTMOUNT;
	case 467: return MS_CALL_OPEN_TREE_ATTR;
	case 470: return MS_CALL_LISTNS;
	}
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* arch/x86/entry/syscalls/syscall_64.tbl */
__noinline int native_call(__u64 nr)
{
	switch (nr) {
	case 56: return MS_CALL_CLONE;
	case 155: return MS_CALL_PIVOT_ROOT;
	case 161: return MS_CALL_CHROOT;
	case 165: return MS_CALL_MOUNT;
	case 166: return MS_CALL_UMOUNT2;
	case 272: return MS_CALL_UNSHARE;
	case 308: return MS_CALL_SETNS;
	}
	return newer_call(nr);
}

/* arch/x86/entry/syscalls/syscall_32.tbl */
__noinline int compat_call(__u64 nr)
{
	switch (nr) {
	case 21: return MS_CALL_MOUNT;
	case 22: return MS_CALL_UMOUNT;
	case 52: return MS_CALL_UMOUNT2;
	case 61: return MS_CALL_CHROOT;
	case 120: return MS_CALL_CLONE;
	case 217: return MS_CALL_PIVOT_ROOT;
	case 310: return MS_CALL_UNSHARE;
	case 346: return MS_CALL_SETNS;
	}
	return newer_call(nr);
}
#elif defined(__TARGET_ARCH_arm64)
/* include/uapi/asm-generic/unistd.h */
__noinline int native_call(__u64 nr)
{
	switch (nr) {
	case 39: return MS_CALL_UMOUNT2;
	case 40: return MS_CALL_MOUNT;
	case 41: return MS_CALL_PIVOT_ROOT;
	case 51: return MS_CALL_CHROOT;
	case 97: return MS_CALL_UNSHARE;
	case 220: return MS_CALL_CLONE;
	case 268: return MS_CALL_SETNS;
	}
	return newer_call(nr);
}

/* arch/arm/tools/syscall.tbl: the EABI has no umount(2). */
__noinline int compat_call(__u64 nr)
{
	switch (nr) {
	case 21: return MS_CALL_MOUNT;
	case 52: return MS_CALL_UMOUNT2;
	case 61: return MS_CALL_CHROOT;
	case 120: return MS_CALL_CLONE;
	case 218: return MS_CALL_PIVOT_ROOT;
	case 337: return MS_CALL_UNSHARE;
	case 375: return MS_CALL_SETNS;
	}
	return newer_call(nr);
}
#endif

#endif
