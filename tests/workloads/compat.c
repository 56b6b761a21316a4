/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * compat: each call as a 32-bit program makes it, by a number of its own, and on standard output what replay must print for
 * it, or "lacks listns[32]". Neither the system call tracepoints nor probes on __x64_sys_* see them. Built without a C library, so
 * that no 32-bit one has to be installed. Numbers are those of the kernel's arch/x86/entry/syscalls/syscall_32.tbl and
 * arch/arm/tools/syscall.tbl.
 */
#define NULL ((void *)0)
#define ENOSYS 38
#define AT_FDCWD -100
#ifdef __arm__
#define NUMBER(x86, arm) arm
#define NONE 0xfff

static long syscall5(long number, long a, long b, long c, long d, long e)
{
	register long r7 __asm__("r7") = number, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d, r4 __asm__("r4") = e, r5 __asm__("r5") = 0;

	__asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
	return r0;
}
#else
#define NUMBER(x86, arm) x86

static long syscall5(long number, long a, long b, long c, long d, long e)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}
#endif

/* CALL((22, "x"), umount[32]("x") = -ENOENT): the call with that number, and the line expected of it. */
#define CALL(call, ...) said(made call, #__VA_ARGS__)
#define made(...) made_(__VA_ARGS__, 0, 0, 0, 0, 0)
#define made_(number, a, b, c, d, e, ...) syscall5(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

static void print(const char *text, char until)
{
	const char *end = text;

	while (*end && *end != until)
		end++;
	syscall5(4, 1, (long)text, end - text, 0, 0);
}

static void said(long ret, const char *line)
{
	if (ret == -ENOSYS)
		print("lacks ", 0);
	print(line, ret == -ENOSYS ? '(' : 0);
	print("\n", 0);
}

static void older(void)
{
	CALL((21, "compat", "/no/such/place", "tmpfs", 0, "a"), mount[32]("compat", "/no/such/place", "tmpfs", 0x0, "a") = -ENOENT);
	CALL((NUMBER(22, NONE), "/no/such/place"), umount[32]("/no/such/place") = -ENOENT);
	CALL((52, "/no/such/place", 2), umount2[32]("/no/such/place", MNT_DETACH) = -ENOENT);
	CALL((61, "/no/such/place"), chroot[32]("/no/such/place") = -ENOENT);
	CALL((NUMBER(217, 218), "/no/such/place", "/"), pivot_root[32]("/no/such/place", "/") = -ENOENT);
	CALL((120, 0x20211), clone[32](CLONE_FS|CLONE_NEWNS|SIGCHLD) = -EINVAL);
	CALL((NUMBER(310, 337), 0x20000), unshare[32](CLONE_NEWNS) = 0);
	CALL((NUMBER(346, 375), -1, 0x20000), setns[32](-1, CLONE_NEWNS) = -EBADF);
}

static void newer(void)
{
	static const unsigned long long noexec[4] = { 8 }, both[8] = { 0x20200, [4] = 17 }, nothing[4] = { 32, 5 };

	CALL((428, AT_FDCWD, "/no/such/place", 1), open_tree[32](AT_FDCWD, "/no/such/place", OPEN_TREE_CLONE) = -ENOENT);
	CALL((429, AT_FDCWD, "/no/such/place", AT_FDCWD, "/", 0),
	     move_mount[32](AT_FDCWD, "/no/such/place", AT_FDCWD, "/", 0x0) = -ENOENT);
	CALL((430, "no such type", 1), fsopen[32]("no such type", FSOPEN_CLOEXEC) = -ENODEV);
	CALL((431, -1, 1, "key", "value", 0), fsconfig[32](-1, FSCONFIG_SET_STRING, "key", "value", 0) = -EINVAL);
	CALL((432, -1, 1, 4), fsmount[32](-1, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV) = -EBADF);
	CALL((433, AT_FDCWD, "/no/such/place", 1), fspick[32](AT_FDCWD, "/no/such/place", FSPICK_CLOEXEC) = -ENOENT);
	CALL((435, both, 64),
	     clone3[32]({flags=CLONE_FS|CLONE_NEWNS, exit_signal=SIGCHLD, stack=0x0, stack_size=0x0}, 64) = -EINVAL);
	CALL((442, AT_FDCWD, "/no/such/place", 0, noexec, 32),
	     mount_setattr[32](AT_FDCWD, "/no/such/place", 0x0, {attr_set=MOUNT_ATTR_NOEXEC, attr_clr=0x0, propagation=0x0, userns_fd=0}, 32) = -ENOENT);
	CALL((467, AT_FDCWD, "/no/such/place", 1, noexec, 32),
	     open_tree_attr[32](AT_FDCWD, "/no/such/place", OPEN_TREE_CLONE, {attr_set=MOUNT_ATTR_NOEXEC, attr_clr=0x0, propagation=0x0, userns_fd=0}, 32) = -ENOENT);
	CALL((457, nothing, 0x1000, 16, 0),
	     statmount[32]({size=32, mnt_id=0x5, param=0x0}, 0x1000, 16, 0x0) = -EINVAL);
	CALL((458, nothing, 0x1000, 1, 0x100), listmount[32]({size=32, mnt_id=0x5, param=0x0}, 0x1000, 1, 0x100) = -EINVAL);
	CALL((470, nothing, 0x1000, 1, 1),
	     listns[32]({size=32, ns_id=0x5, ns_type=0x0, user_ns_id=0x0}, 0x1000, 1, 0x1) = -EINVAL);
}

void _start(void)
{
	older();
	newer();
	syscall5(1, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
