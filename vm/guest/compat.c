/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * compat: calls as a 32-bit program makes them, by numbers of its own. Neither the system call tracepoints nor probes on
 * __x64_sys_* see them. Built without a C library, so that no 32-bit one has to be installed; prints nothing.
 * The calls are: mount("compat", "/no/such/place", "tmpfs", 0, "a") = -ENOENT, umount2("/no/such/place", 2) = -ENOENT,
 * and 32-bit umount(2), which 64-bit programs do not have: umount("/no/such/place") = -ENOENT.
 */
#define SYS32_exit 1
#define SYS32_mount 21
#define SYS32_umount 22
#define SYS32_umount2 52
#define ENOENT32 (-2)

static int call(int number, const void *a, const void *b, const void *c, unsigned long d, const void *e)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}

void _start(void)
{
	const char *nowhere = "/no/such/place";
	int wrong = call(SYS32_mount, "compat", nowhere, "tmpfs", 0, "a") != ENOENT32 ||
		    call(SYS32_umount2, nowhere, (void *)2, 0, 0, 0) != ENOENT32 ||
		    call(SYS32_umount, nowhere, 0, 0, 0, 0) != ENOENT32;

	call(SYS32_exit, (void *)(unsigned long)wrong, 0, 0, 0, 0);
	__builtin_unreachable();
}
