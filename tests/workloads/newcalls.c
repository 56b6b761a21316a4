/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * newcalls SCRATCH: the calls beside mount(2) and umount2(2), each flag, pointer and size of them. What each should look like
 * is said by strace, so results may differ between kernels. Each process begins with mark().
 * newcalls attr: open_tree_attr(2), which strace need not know.
 */
#include "common.h"

#define OPEN_TREE 428
#define MOVE_MOUNT 429
#define FSOPEN 430
#define FSCONFIG 431
#define FSMOUNT 432
#define FSPICK 433
#define CLONE3 435
#define MOUNT_SETATTR 442
#define OPEN_TREE_ATTR 467
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
/* Every argument as wide as its register: what stands in the upper half of an int's is not defined otherwise. */
#define A(x) ((long)(x))
#define call(nr, ...) call_(nr, __VA_ARGS__, 0L, 0L, 0L, 0L, 0L)
#define call_(nr, a, b, c, d, e, ...) syscall(nr, A(a), A(b), A(c), A(d), A(e))

static const char *const NOWHERE = "no/such/directory";

struct attr {
	uint64_t set, clr, propagation, userns_fd, more[1000];
};

static struct attr *attr_of(uint64_t set, uint64_t clr, uint64_t propagation, uint64_t userns_fd)
{
	static struct attr attr;

	attr = (struct attr){ set, clr, propagation, userns_fd };
	return &attr;
}

static void mark(const char *who)
{
	call(SYS_chroot, who);
}

/* What returned a descriptor has done enough. */
static void done(long fd)
{
	if (fd >= 0)
		close(fd);
}

static void in_a_child(const char *who, void (*what)(void))
{
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	mark(who);
	what();
	_exit(0);
}

static void *no_access(void)
{
	void *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok(page == MAP_FAILED ? -1 : 0);
	return page;
}

static char *repeated(size_t length, char c)
{
	char *text = malloc(length + 1);

	memset(text, c, length);
	text[length] = 0;
	return text;
}

/* Each bit alone, none, all, and some. `with` is always there too. */
static size_t words(uint64_t with, int bits, uint64_t *out)
{
	size_t n = 0;

	for (int bit = 0; bit < bits; bit++)
		out[n++] = with | 1ull << bit;
	out[n++] = with;
	out[n++] = bits == 64 ? ~0ull : (1ull << bits) - 1;
	out[n++] = with | 3;
	return n;
}

static void flags(void)
{
	uint64_t w[80];
	size_t n = words(0, 32, w);

	for (size_t i = 0; i < n; i++) {
		done(call(FSOPEN, "tmpfs", w[i]));
		call(FSMOUNT, -1, w[i], 0);
		call(FSMOUNT, -1, 1, w[i]);
		done(call(FSPICK, AT_FDCWD, NOWHERE, w[i]));
		call(MOVE_MOUNT, AT_FDCWD, NOWHERE, AT_FDCWD, "to", w[i]);
		done(call(OPEN_TREE, AT_FDCWD, NOWHERE, w[i]));
		call(MOUNT_SETATTR, AT_FDCWD, NOWHERE, w[i], attr_of(1, 0, 0, 0), 32);
	}
	call(MOVE_MOUNT, AT_FDCWD, NOWHERE, AT_FDCWD, "to", 0x377);
	call(OPEN_TREE, AT_FDCWD, NOWHERE, 0x89903);
}

static void attributes(void)
{
	static const unsigned sizes[] = { 0, 8, 16, 31, 32, 33, 40, 64, 512, 513, 1000, 4096, 4097, 0xffffffff };
	uint64_t w[80];
	size_t n = words(0, 64, w);
	struct attr attr = { .set = 1 };

	for (int atime = 0; atime < 0x100; atime += 0x10) {
		struct attr a = { .set = atime, .clr = atime ^ 0x70 };
		long fs = call(FSOPEN, "tmpfs", 1);

		call(FSCONFIG, fs, 6, NULL, NULL, 0);
		done(call(FSMOUNT, fs, 1, atime));
		done(call(FSMOUNT, fs, 1, atime | 9));
		close(fs);
		call(MOUNT_SETATTR, AT_FDCWD, ".", 0, &a, 32);
	}
	for (size_t i = 0; i < n; i++) {
		call(MOUNT_SETATTR, -1, "", 0x1000, attr_of(w[i], 0, 0, 0), 32);
		call(MOUNT_SETATTR, -1, "", 0x1000, attr_of(0, w[i], 0, 0), 32);
		call(MOUNT_SETATTR, -1, "", 0x1000, attr_of(0, 0, w[i], w[i]), 32);
	}
	for (size_t i = 0; i < COUNT(sizes); i++)
		call(MOUNT_SETATTR, AT_FDCWD, ".", 0, &attr, sizes[i]);
	attr.more[0] = 7;
	for (size_t i = 0; i < COUNT(sizes); i++)
		call(MOUNT_SETATTR, AT_FDCWD, ".", 0, &attr, sizes[i]);
	attr.more[0] = 0, attr.more[20] = 0x0102030405060708;
	for (size_t i = 0; i < COUNT(sizes); i++)
		call(MOUNT_SETATTR, AT_FDCWD, ".", 0, &attr, sizes[i]);
	for (size_t i = 0; i < COUNT(sizes); i++)
		call(MOUNT_SETATTR, AT_FDCWD, ".", 0, NULL, sizes[i]);
	ok(call(MOUNT_SETATTR, AT_FDCWD, ".", 0, attr_of(0, 0x20008f, 0, 0), 32));
	call(MOUNT_SETATTR, AT_FDCWD, NULL, 0, attr_of(0, 0, 0, 0), 32); /* 0: nothing to do, nothing looked at */
}

static void options(void)
{
	static const size_t lengths[] = { 0, 1, 254, 255, 256, 257, 1000, 4095 };
	static char blob[2000] = "a\0b\0\377\376\n\"";
	int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), file = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	long fs = call(FSOPEN, "tmpfs", 1);

	ok(dir);
	ok(file);
	ok(fs);
	for (size_t i = 8; i < sizeof(blob); i++)
		blob[i] = i;
	for (unsigned cmd = 0; cmd < 12; cmd++) {
		call(FSCONFIG, fs, cmd, NULL, NULL, 0);
		close(fs);
		ok(fs = call(FSOPEN, "tmpfs", 1));
		call(FSCONFIG, fs, cmd, "size", NULL, 0);
		call(FSCONFIG, fs, cmd, "size", "1m", 0);
		call(FSCONFIG, fs, cmd, "size", "1m", 3);
		call(FSCONFIG, fs, cmd, "ro", NULL, 0);
		call(FSCONFIG, fs, cmd, "", "", -1);
		call(FSCONFIG, fs, cmd, "fd", NULL, file);
		call(FSCONFIG, fs, cmd, NULL, "1m", AT_FDCWD);
		call(FSCONFIG, -1, cmd, "size", "1m", 2);
		call(FSCONFIG, file, cmd, "size", "1m", 1);
		close(fs);
		ok(fs = call(FSOPEN, "tmpfs", 1));
	}
	call(FSCONFIG, fs, -1, "size", "1m", 0);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char *text = repeated(lengths[i], 'v');

		call(FSCONFIG, fs, 1, "size", text, 0);
		call(FSCONFIG, fs, 1, text, "1m", 0);
		call(FSCONFIG, fs, 0, text, NULL, 0);
		call(FSCONFIG, fs, 3, "upperdir", text, AT_FDCWD);
		call(FSCONFIG, fs, 4, "upperdir", text, dir);
		done(call(FSOPEN, text, 0));
		free(text);
	}
	for (size_t size = 0; size < sizeof(blob); size = size * 2 + 1)
		call(FSCONFIG, fs, 2, "blob", blob, size);
	for (size_t size = 509; size < 516; size++)
		call(FSCONFIG, fs, 2, "blob", blob, size);
	call(FSCONFIG, fs, 3, "source", "file", dir);
	call(FSCONFIG, fs, 3, "source", "/", dir);
	call(FSCONFIG, fs, 3, "source", "file", AT_FDCWD);
	call(FSCONFIG, fs, 4, "source", "", file);
	call(FSCONFIG, fs, 5, "source", NULL, AT_FDCWD);
	call(FSCONFIG, fs, 1, "source", "a \t\n\"name\\\xff", 0);
	call(FSCONFIG, fs, 1, "mode", "700", 0);
	call(FSCONFIG, fs, 6, NULL, NULL, 0);
	call(FSCONFIG, fs, 7, NULL, NULL, 0);
	close(fs), close(dir), close(file);
}

static void life_of_a_mount(void)
{
	long fs = call(FSOPEN, "tmpfs", 1), mnt, tree, pick;

	ok(fs);
	ok(call(FSCONFIG, fs, 1, "source", "here", 0));
	ok(call(FSCONFIG, fs, 6, NULL, NULL, 0));
	ok(mnt = call(FSMOUNT, fs, 1, 0xf));
	ok(call(MOVE_MOUNT, mnt, "", AT_FDCWD, "to", 4));
	call(MOVE_MOUNT, mnt, NULL, AT_FDCWD, "missing", 4);
	ok(tree = call(OPEN_TREE, AT_FDCWD, "to", 0x80001));
	ok(call(MOUNT_SETATTR, tree, "", 0x1000, attr_of(0x10, 0x70, 0, 0), 32));
	ok(call(MOVE_MOUNT, tree, "", AT_FDCWD, "from", 4));
	ok(pick = call(FSPICK, AT_FDCWD, "to", 1));
	call(FSCONFIG, pick, 1, "size", "64k", 0);
	call(FSCONFIG, pick, 7, NULL, NULL, 0);
	done(call(OPEN_TREE, AT_FDCWD, "from", 0x8001 | 0x80000));
	done(call(OPEN_TREE, mnt, "", 0x1000));
	done(call(OPEN_TREE, mnt, NULL, 0x1000));
	done(call(FSPICK, mnt, "", 8 | 1));
	close(fs), close(mnt), close(tree), close(pick);
	call(MOVE_MOUNT, AT_FDCWD, "from", AT_FDCWD, "missing", 0);
	call(MOVE_MOUNT, AT_FDCWD, "", AT_FDCWD, "", 0);
	call(MOVE_MOUNT, AT_FDCWD, NULL, AT_FDCWD, NULL, 0);
	u("from", MNT_DETACH), u("to", MNT_DETACH);
}

static void pointers(void)
{
	void *const bad[] = {
		(void *)1, (void *)8, (void *)0xdead000, no_access(), (void *)0x7fffffffffff, (void *)0x8000000000000000,
		(void *)0xffffffff81000000, (void *)~0ul,
	};
	static const int fds[] = { -1, -2, AT_FDCWD, -101, 99, 1000000, 0x7fffffff, (int)0x80000000 };
	long fs = call(FSOPEN, "tmpfs", 1);

	for (size_t i = 0; i < COUNT(bad); i++) {
		done(call(FSOPEN, bad[i], 0));
		for (int cmd = 0; cmd < 10; cmd++) {
			call(FSCONFIG, fs, cmd, bad[i], "x", 0);
			call(FSCONFIG, fs, cmd, "x", bad[i], 1);
		}
		call(FSPICK, AT_FDCWD, bad[i], 0);
		call(MOVE_MOUNT, AT_FDCWD, bad[i], AT_FDCWD, "to", 0);
		call(MOVE_MOUNT, AT_FDCWD, "to", AT_FDCWD, bad[i], 0);
		call(OPEN_TREE, AT_FDCWD, bad[i], 0);
		call(MOUNT_SETATTR, AT_FDCWD, bad[i], 0, attr_of(1, 0, 0, 0), 32);
		call(MOUNT_SETATTR, AT_FDCWD, "to", 0, bad[i], 32);
		call(SYS_pivot_root, bad[i], "to");
		call(SYS_pivot_root, "to", bad[i]);
		call(SYS_chroot, bad[i]);
		call(CLONE3, bad[i], 88);
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		call(FSCONFIG, fds[i], 0, "x", NULL, 0);
		call(FSCONFIG, fs, 3, "x", "y", fds[i]);
		call(FSCONFIG, fs, 5, "x", NULL, fds[i]);
		call(FSMOUNT, fds[i], 0, 0);
		call(FSPICK, fds[i], "x", 0);
		call(MOVE_MOUNT, fds[i], "x", fds[i], "/y", 0);
		call(OPEN_TREE, fds[i], "x", 0);
		call(MOUNT_SETATTR, fds[i], "x", 0, attr_of(1, 0, 0, 0), 32);
		call(SYS_setns, fds[i], 0);
		call(SYS_setns, fds[i], CLONE_NEWNS);
	}
	for (int kind = 0; kind < 2; kind++) {
		const char *none = kind ? "" : NULL;

		done(call(FSOPEN, none, 0));
		call(FSPICK, AT_FDCWD, none, 0);
		done(call(OPEN_TREE, AT_FDCWD, none, 0x80000));
		call(MOUNT_SETATTR, AT_FDCWD, none, 0, attr_of(1, 0, 0, 0), 32);
		call(SYS_pivot_root, none, none);
		call(SYS_chroot, none);
	}
	close(fs);
}

static void roots(void)
{
	/* Or it would change the parent's root too. */
	ok(unshare(CLONE_NEWNS));
	call(SYS_pivot_root, NOWHERE, "to");
	call(SYS_pivot_root, "to", "to");
	call(SYS_pivot_root, "/", "/");
	ok(m("none", "to", "tmpfs", 0, NULL));
	ok(mkdir("to/old", 0755));
	ok(mkdir("to/old/inside", 0755));
	ok(call(SYS_pivot_root, "to", "to/old"));
	call(SYS_chroot, "file");
	ok(call(SYS_chroot, "/old"));
	call(SYS_chroot, "inside");
	call(OPEN_TREE, AT_FDCWD, "/inside", 0x80001);
	call(FSPICK, AT_FDCWD, "inside/..", 0);
}

static void unshares(void)
{
	uint64_t w[80];
	size_t n = words(CLONE_NEWNS, 64, w);

	for (size_t i = 0; i < n; i++)
		call(SYS_unshare, w[i]);
	/* None of these concerns mounts. */
	for (size_t i = 0; i < n; i++)
		call(SYS_unshare, w[i] & ~(CLONE_NEWNS | 0x100000ul));
}

static void namespaces(void)
{
	static const int types[] = {
		0, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWNS | CLONE_NEWNET, 1, CLONE_NEWNS | 1, -1, CLONE_NEWUTS, 0x7fffffff,
	};
	int old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int pid = syscall(SYS_pidfd_open, getpid(), 0);

	ok(old);
	ok(net);
	ok(pid);
	ok(unshare(CLONE_NEWNS));
	for (size_t i = 0; i < COUNT(types); i++) {
		call(SYS_setns, old, types[i]);
		call(SYS_setns, net, types[i]);
		call(SYS_setns, pid, types[i]);
		call(SYS_setns, 99, types[i]);
	}
}

static void child(const char *who)
{
	mark(who);
	_exit(0);
}

static void clones(void)
{
	uint64_t w[80];
	size_t n = words(CLONE_NEWNS | CLONE_FS, 32, w); /* EINVAL: not both */
	uint64_t args[11] = { CLONE_NEWNS, [4] = SIGCHLD };
	pid_t pid;

	for (size_t i = 0; i < n; i++)
		if (w[i] != 0xffffffff)
			syscall(SYS_clone, w[i], 0, 0, 0, 0);
	for (int signal = 1; signal < 32; signal++)
		syscall(SYS_clone, (long)(CLONE_NEWNS | CLONE_FS | signal), 0, 0, 0, 0);
	if (!(pid = syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0)))
		child("child of clone");
	wait_for(pid);
	if (!(pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)))
		_exit(0);
	wait_for(pid);
	if (!(pid = call(CLONE3, args, 88)))
		child("child of clone3");
	wait_for(pid);
	if (!(pid = call(CLONE3, args, 64)))
		child("child of the first clone3");
	wait_for(pid);
	n = words(CLONE_NEWNS | CLONE_FS, 64, w);
	for (size_t i = 0; i < n; i++) {
		args[0] = w[i];
		/* strace tells of these in two places. */
		if (!(w[i] & (CLONE_PIDFD | CLONE_PARENT_SETTID)))
			call(CLONE3, args, 88);
	}
	args[0] = CLONE_NEWNS | CLONE_FS;
	for (int signal = 0; signal < 32; signal++) {
		args[4] = signal;
		call(CLONE3, args, 64 + 8 * (signal % 4));
	}
	args[5] = 0x10000, args[6] = 0x2000;
	call(CLONE3, args, 88);
	call(CLONE3, args, 32);
	args[0] = CLONE_FS | SIGCHLD; /* no namespace: not of interest */
	call(CLONE3, args, 88);
	call(CLONE3, NULL, 88);
}

/* strace knows nothing of it: what each is to look like stands in the test. */
static int with_attributes(void)
{
	struct attr attr = { .set = 0x10, .clr = 0x70 };

	mark("attr");
	ok(unshare(CLONE_NEWNS));
	ok(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ok(chdir("/"));
	close(9);
	call(OPEN_TREE_ATTR, AT_FDCWD, NOWHERE, 0x80001, &attr, 32);
	call(OPEN_TREE_ATTR, -1, "", 0x89901, attr_of(0x200001, 0, MS_SLAVE, -1), 32);
	call(OPEN_TREE_ATTR, -1, NOWHERE, 0, NULL, 0);
	call(OPEN_TREE_ATTR, -1, NULL, 2, NULL, 32);
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, &attr, 0);
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, &attr, 16);
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, &attr, 40);
	attr.more[0] = 7;
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, &attr, 40);
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, (void *)8, 32);
	attr.more[0] = 0;
	call(OPEN_TREE_ATTR, -1, "x", 0x80000, &attr, 4097);
	ok(dup2(call(OPEN_TREE_ATTR, AT_FDCWD, "/", 0x80001, &attr, 32), 9));
	call(MOUNT_SETATTR, 9, "", 0x1000, attr_of(1, 0, 0, 0), 32);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "attr"))
		return with_attributes();
	umask(0);
	mark("the main process");
	private_scratch(argv[1]);
	ok(mkdir("from", 0755));
	ok(mkdir("to", 0755));
	flags();
	attributes();
	options();
	life_of_a_mount();
	pointers();
	in_a_child("a child with a root of its own", roots);
	in_a_child("a child that unshares", unshares);
	in_a_child("a child in other namespaces", namespaces);
	clones();
	return 0;
}
