/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * who ROLE: calls whose circumstances matter, and on standard output what the kernel says of them elsewhere.
 */
#include "common.h"
#include <limits.h>

#define OPEN_TREE 428
#define MOVE_MOUNT 429
#define FSOPEN 430
#define FSCONFIG 431
#define FSMOUNT 432
#define FSPICK 433
#define LISTMOUNT 458

/* What statx says of the mount that a descriptor is on: mask 0x1000 asks for the id of mountinfo, 0x4000 for the unique one. */
static unsigned long long mount_of(long fd, unsigned mask)
{
	struct {
		uint32_t mask, more[35];
		uint64_t mnt_id, rest[13];
	} st;

	ok(syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, mask, &st));
	return st.mask & mask ? st.mnt_id : 0;
}

static void link_of(const char *what, const char *path)
{
	char target[PATH_MAX + 1] = "";

	ok(readlink(path, target, PATH_MAX));
	printf("%s %s\n", what, target);
}

static void where(void)
{
	char cwd[PATH_MAX];

	ok(getcwd(cwd, sizeof(cwd)) ? 0 : -1);
	printf("cwd %s\n", cwd);
}

/* Two contexts, one of them under two numbers; a mount from each; another context of one of the mounts. */
static void identities(const char *scratch)
{
	long one, two, again, mnt, other, pick, tree;

	private_scratch(scratch);
	ok(mkdir("a", 0755));
	ok(mkdir("b", 0755));
	ok(one = syscall(FSOPEN, "tmpfs", 1));
	ok(two = syscall(FSOPEN, "tmpfs", 1));
	ok(again = dup(one));
	ok(syscall(FSCONFIG, one, 1, "size", "1m", 0));
	ok(syscall(FSCONFIG, two, 1, "size", "2m", 0));
	ok(syscall(FSCONFIG, again, 1, "mode", "700", 0));
	ok(syscall(FSCONFIG, again, 6, NULL, NULL, 0));
	ok(syscall(FSCONFIG, two, 6, NULL, NULL, 0));
	ok(mnt = syscall(FSMOUNT, one, 1, 0));
	ok(other = syscall(FSMOUNT, two, 1, 0));
	printf("unique %llu %llu\n", mount_of(mnt, 0x4000), mount_of(other, 0x4000));
	printf("id %llu %llu\n", mount_of(mnt, 0x1000), mount_of(other, 0x1000));
	ok(syscall(MOVE_MOUNT, mnt, "", AT_FDCWD, "a", 4));
	ok(syscall(MOVE_MOUNT, other, "", AT_FDCWD, "b", 4));
	ok(tree = syscall(OPEN_TREE, AT_FDCWD, "a", 0x80001));
	printf("tree %llu\n", mount_of(tree, 0x4000));
	ok(pick = syscall(FSPICK, mnt, "", 9));
	syscall(FSCONFIG, pick, 7, NULL, NULL, 0);
	syscall(FSCONFIG, 0, 0, "x", NULL, 0); /* no context */
}

static void places(const char *scratch)
{
	char start[PATH_MAX];
	int old;

	ok(getcwd(start, sizeof(start)) ? 0 : -1);
	ok(old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	link_of("ns", "/proc/self/ns/mnt");
	ok(unshare(CLONE_NEWNS));
	link_of("ns", "/proc/self/ns/mnt");
	ok(syscall(SYS_setns, old, CLONE_NEWNS));
	link_of("ns", "/proc/self/ns/mnt");
	ok(chdir(start)); /* setns() went to the root */
	ok(unshare(CLONE_NEWNS));
	ok(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ok(m("none", scratch, "tmpfs", 0, NULL));
	ok(chdir(scratch));
	ok(mkdir("deep", 0755));
	ok(mkdir("deep/er", 0755));
	ok(m("none", "deep/er", "tmpfs", 0, NULL));
	ok(mkdir("deep/er/and er", 0755));
	ok(chdir("deep/er/and er"));
	where();
	u("a relative path", 0);
	u("/an/absolute/path", 0);
	link_of("exe", "/proc/self/exe");
	ok(chdir("../.."));
	where();
	ok(chroot("."));
	u("/in another root", 0);
	u("from there", 0);
}

static void a_child(const char *name)
{
	pid_t child = fork();

	if (!child) {
		if (name)
			u(name, 0);
		_exit(0);
	}
	wait_for(child);
}

static void forks(void)
{
	for (int i = 0; i < 1000; i++)
		a_child(NULL);
	u("after the forks", 0);
}

/* Successes and failures, and time between them. */
static void failing(const char *scratch)
{
	private_scratch(scratch);
	for (int i = 0; i < 5; i++) {
		ok(m("none", ".", "tmpfs", 0, NULL));
		u("fails", 0);
		syscall(FSOPEN, "no such", 0);
		close(syscall(FSOPEN, "tmpfs", 0));
		ok(u(".", MNT_DETACH));
		usleep(20000);
	}
}

/* Into the namespace of a child, by a descriptor of the child itself. */
static void pidfd(void)
{
	char path[64], byte;
	int there[2], done[2], fd;
	pid_t child;

	ok(pipe(there));
	ok(pipe(done));
	child = fork();
	if (!child) {
		ok(unshare(CLONE_NEWNS));
		close(there[1]);
		close(done[1]);
		ok(read(done[0], &byte, 1));
		_exit(0);
	}
	close(there[1]);
	ok(read(there[0], &byte, 1)); /* its end: the child has its namespace */
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", child);
	link_of("ns", path);
	ok(fd = syscall(SYS_pidfd_open, child, 0));
	ok(syscall(SYS_setns, fd, CLONE_NEWNS));
	close(done[1]);
	wait_for(child);
}

static void queries(void)
{
	uint64_t req[4] = { 32, ~0ull }, ids[4];

	syscall(LISTMOUNT, req, ids, 4, 0);
	syscall(LISTMOUNT, NULL, ids, 4, 1);
	req[1] = 5, req[2] = 3;
	syscall(LISTMOUNT - 1, req, ids, 32, 0);
}

/* Stays for its standard input, then makes a call, and lets a child make one. */
static void waiting(const char *name)
{
	char child[100], byte;

	printf("pid %d\n", getpid());
	fflush(stdout);
	while (read(0, &byte, 1) == 1 && byte != '\n')
		;
	u(name, 0);
	snprintf(child, sizeof(child), "child of %s", name);
	a_child(child);
}

/* Moves from one cgroup below a directory to the other, and makes a call in each. */
static void moves(const char *top)
{
	static const char *const names[] = { "one", "two" };
	char path[PATH_MAX], line[PATH_MAX];

	for (int i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s/cgroup.procs", top, names[i]);
		ok((file = fopen(path, "w")) ? 0 : -1);
		ok(fputs("0", file) < 0 || fclose(file) ? -1 : 0);
		ok((file = fopen("/proc/self/cgroup", "r")) ? 0 : -1);
		while (fgets(line, sizeof(line), file))
			printf("%s %s", names[i], line);
		fclose(file);
		u(names[i], 0);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "identities"))
		identities(argv[2]);
	if (!strcmp(argv[1], "places"))
		places(argv[2]);
	if (!strcmp(argv[1], "forks"))
		forks();
	if (!strcmp(argv[1], "failing"))
		failing(argv[2]);
	if (!strcmp(argv[1], "pidfd"))
		pidfd();
	if (!strcmp(argv[1], "queries"))
		queries();
	if (!strcmp(argv[1], "moves"))
		moves(argv[2]);
	if (!strcmp(argv[1], "waiting"))
		waiting(argv[2]);
	return 0;
}
