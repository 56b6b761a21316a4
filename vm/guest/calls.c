/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * calls SCRATCH: one mount(2) or umount2(2) of each kind that matters to how calls are captured, and what replay must print
 * for it. tests/workloads/calls.c has more of them, but needs strace to say what is right, and this has to run anywhere.
 * Only results that have been the same since Linux 5.10.
 */
#include "expect.h"
#include <pthread.h>

static void ordinary(void)
{
	ok(mkdir("a", 0755));
	ok(mkdir("b", 0755));
	CALL(m("disk", "a", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700"),
	     mount("disk", "a", "tmpfs", MS_NOSUID|MS_NODEV, "size=64k,mode=700") = 0);
	CALL(m("a", "b", NULL, MS_BIND, NULL), mount("a", "b", NULL, MS_BIND, NULL) = 0);
	CALL(m(NULL, "b", "", MS_REMOUNT | MS_BIND | MS_RDONLY, ""),
	     mount(NULL, "b", "", MS_RDONLY|MS_REMOUNT|MS_BIND, "") = 0);
	LINE(m("", "b", "one", MS_SLAVE | MS_REC, "two"),
	     "mount(\"\", \"b\", \"one\" /* ignored */, MS_REC|MS_SLAVE, \"two\" /* ignored */) = 0");
	CALL(u("b", MNT_DETACH), umount2("b", MNT_DETACH) = 0);
	CALL(u("a", 0), umount2("a", 0x0) = 0);
}

static void failing(void)
{
	CALL(m("x", "a", "no such type", 0, "option"), mount("x", "a", "no such type", 0x0, "option") = -ENODEV);
	CALL(m("x", "missing", "tmpfs", 0, NULL), mount("x", "missing", "tmpfs", 0x0, NULL) = -ENOENT);
	CALL(u("a", 0), umount2("a", 0x0) = -EINVAL);
	CALL(u("a", 0x40), umount2("a", 0x40) = -EINVAL);
	CALL(u("tab\t", 0), umount2("tab\t", 0x0) = -ENOENT);
	CALL(u("", 0), umount2("", 0x0) = -ENOENT);
	CALL(u(NULL, 0), umount2(NULL, 0x0) = -EFAULT);
	CALL(u((void *)16, 0), umount2(0x10, 0x0) = -EFAULT);
	CALL(m("x", "a", (void *)4097, 0, NULL), mount("x", "a", 0x1001, 0x0, NULL) = -EFAULT);
}

/* The longest that is kept whole, and one that is cut to it. */
static void lengths(void)
{
	char name[5001], line[5100];

	memset(name, 'x', sizeof(name));
	name[4096] = 0;
	snprintf(line, sizeof(line), "umount2(\"%s\", 0x0) = -ENAMETOOLONG", name);
	LINE(u(name, 0), line);
	name[4096] = 'x';
	name[5000] = 0;
	snprintf(line, sizeof(line), "umount2(\"%.4096s\"..., 0x0) = -ENAMETOOLONG", name);
	LINE(u(name, 0), line);
}

static const char *far(const char *text)
{
	return not_there(text, strlen(text) + 1);
}

static void late(void)
{
	LINE(m(far("far"), far("a"), far("tmpfs"), 0, far("size=8k")),
	     "mount(\"far\" /* late */, \"a\" /* late */, \"tmpfs\" /* late */, 0x0, \"size=8k\" /* late */) = 0");
	ALSO("{\"args\": {\"source\": {\"text\": \"far\", \"capture\": \"late\", \"length\": 3}}}");
	LINE(u(far("a"), 0), "umount2(\"a\" /* late */, 0x0) = 0");
	LINE(u(far("never was"), MNT_FORCE), "umount2(\"never was\" /* late */, MNT_FORCE) = -ENOENT");
}

static void *thread(void *none)
{
	(void)none;
	ok(prctl(PR_SET_NAME, "another thread"));
	CALL(m("x", "a", "tmpfs", 0, NULL), mount("x", "a", "tmpfs", 0x0, NULL) = 0);
	CALL(u("a", 0), umount2("a", 0x0) = 0);
	return NULL;
}

static void from_a_thread(void)
{
	pthread_t id;

	ok(pthread_create(&id, NULL, thread, NULL) ? -1 : 0);
	pthread_join(id, NULL);
}

static void elsewhere(void)
{
	pid_t child, parent = getpid();

	/* Where the caller is process 1. */
	CALL(syscall(SYS_unshare, CLONE_NEWPID | CLONE_NEWNS), unshare(CLONE_NEWNS|CLONE_NEWPID) = 0);
	child = fork();
	if (child) {
		wait_for(child);
		return;
	}
	ok(getpid() == 1 ? 0 : -1);
	CALL(m("x", "b", "ramfs", MS_NOEXEC, NULL), mount("x", "b", "ramfs", MS_NOEXEC, NULL) = 0);
	CALL(u("b", UMOUNT_NOFOLLOW), umount2("b", UMOUNT_NOFOLLOW) = 0);
	ok(syscall(SYS_setresuid, 1, 1, 1));
	CALL(u("/", 0), umount2("/", 0x0) = -EPERM);
	ALSO("{\"uid\": 1, \"ppid\": %d, \"ret\": -1, \"error\": \"EPERM\", \"finished\": true}", parent);
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	ok(chdir(argv[1]));
	CALL(syscall(SYS_unshare, CLONE_NEWNS), unshare(CLONE_NEWNS) = 0);
	CALL(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) = 0);
	ordinary();
	failing();
	lengths();
	late();
	from_a_thread();
	elsewhere();
	return 0;
}
