/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the workloads share: the two calls without the C library in between, and strings that lie in awkward memory.
 * A call whose success the rest depends on goes through ok(), which ends the program with a sentence.
 */
#ifndef COMMON_H
#define COMMON_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

/* Not mount(): the library's prototypes would let the compiler assume that pointers are not NULL. */
static inline long m(const void *source, const void *target, const void *type, unsigned long flags, const void *data)
{
	return syscall(SYS_mount, source, target, type, flags, data);
}

static inline long u(const void *target, unsigned long flags)
{
	return syscall(SYS_umount2, target, flags);
}

#define ok(call)                                                                                       \
	do {                                                                                           \
		if ((call) < 0) {                                                                      \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, strerror(errno)); \
			exit(1);                                                                       \
		}                                                                                      \
	} while (0)

/* Mounts of this program stay in it, and all of them are under `scratch`, where it then is. */
static inline void private_scratch(const char *scratch)
{
	ok(unshare(CLONE_NEWNS));
	ok(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ok(m("scratch", scratch, "tmpfs", 0, "mode=700"));
	ok(chdir(scratch));
}

static inline void wait_for(pid_t child)
{
	int status;

	ok(child);
	ok(waitpid(child, &status, 0));
	if (status) {
		fprintf(stderr, "a child ended with status %#x\n", status);
		exit(1);
	}
}

#endif
