/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * newcalls SCRATCH: each call beside mount(2) and umount2(2), with what replay must print for it. As many as can be succeed:
 * then what descriptors stand for is read from structures of the kernel, which differ between releases.
 */
#include "expect.h"

/* Newer than the headers of Debian 12. */
#define SYS_statmount 457
#define SYS_listmount 458
#define SYS_open_tree_attr 467
#define SYS_listns 470

/* Every argument as wide as its register. */
#define A(x) ((long)(x))
#define call(nr, ...) call_(nr, __VA_ARGS__, 0L, 0L, 0L, 0L, 0L)
#define call_(nr, a, b, c, d, e, ...) syscall(SYS_##nr, A(a), A(b), A(c), A(d), A(e))

/* What statx(2) says of the mount of a descriptor, and 0 where the kernel does not: STATX_MNT_ID, STATX_MNT_ID_UNIQUE (6.8). */
#define ID 0x1000
#define UNIQUE 0x4000
static unsigned long long mount_of(int fd, unsigned mask)
{
	struct {
		uint32_t mask, more[35];
		uint64_t mnt_id, rest[13];
	} st;

	ok(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mask, &st));
	return st.mask & mask ? st.mnt_id : 0;
}

/* In the call before, the result or the argument of that name stands for the mount that this descriptor is on. */
static void same_mount(const char *arg, int fd)
{
	char unique[24] = "null";

	if (mount_of(fd, UNIQUE))
		snprintf(unique, sizeof(unique), "%llu", mount_of(fd, UNIQUE));
	ALSO("{\"ids\": [{\"arg\": \"%s\", \"kind\": \"mount\", \"id\": %llu, \"unique_id\": %s}]}", arg,
	     mount_of(fd, ID), unique);
}

static void in_a_child(void (*what)(void))
{
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	what();
	exit(0);
}

static void life_of_a_mount(void)
{
	struct mount_attr noatime = { .attr_set = MOUNT_ATTR_NOATIME, .attr_clr = MOUNT_ATTR__ATIME };

	CALL(call(fsopen, "tmpfs", FSOPEN_CLOEXEC), fsopen("tmpfs", FSOPEN_CLOEXEC) = 3);
	ALSO("{\"ids\": [{\"arg\": \"result\", \"kind\": \"fscontext\", \"purpose\": \"mount\"}]}");
	CALL(call(fsconfig, 3, FSCONFIG_SET_STRING, "size", "64k", 0),
	     fsconfig(3, FSCONFIG_SET_STRING, "size", "64k", 0) = 0);
	ALSO("{\"ids\": [{\"arg\": \"fd\", \"kind\": \"fscontext\", \"purpose\": \"mount\"}]}");
	LINE(call(fsconfig, 3, FSCONFIG_SET_BINARY, "blob", "a\0b", 3),
	     "fsconfig(3, FSCONFIG_SET_BINARY, \"blob\", \"\\x61\\x00\\x62\" /* 3 bytes */, 3) = -EINVAL");
	CALL(call(fsconfig, 3, FSCONFIG_CMD_CREATE, NULL, NULL, 0),
	     fsconfig(3, FSCONFIG_CMD_CREATE, NULL, NULL, 0) = 0);
	CALL(call(fsmount, 3, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV), fsmount(3, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV) = 4);
	same_mount("result", 4);
	CALL(call(move_mount, 4, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH),
	     move_mount(4, "", AT_FDCWD, "a", MOVE_MOUNT_F_EMPTY_PATH) = 0);
	same_mount("from_dirfd", 4);
	CALL(call(open_tree, AT_FDCWD, "a", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
	     open_tree(AT_FDCWD, "a", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) = 5);
	same_mount("result", 5);
	CALL(call(fspick, AT_FDCWD, "a", FSPICK_CLOEXEC), fspick(AT_FDCWD, "a", FSPICK_CLOEXEC) = 6);
	ALSO("{\"ids\": [{\"arg\": \"result\", \"kind\": \"fscontext\", \"purpose\": \"reconfigure\"}]}");
	LINE(call(mount_setattr, 5, "", AT_EMPTY_PATH, &noatime, sizeof(noatime)),
	     "mount_setattr(5, \"\", AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_NOATIME, attr_clr=MOUNT_ATTR__ATIME, "
	     "propagation=0x0, userns_fd=0}, 32) = 0");
	LINE(call(mount_setattr, AT_FDCWD, not_there("a", 2), 0, not_there(&noatime, sizeof(noatime)), sizeof(noatime)),
	     "mount_setattr(AT_FDCWD, \"a\" /* late */, 0x0, {attr_set=MOUNT_ATTR_NOATIME, attr_clr=MOUNT_ATTR__ATIME, "
	     "propagation=0x0, userns_fd=0} /* late */, 32) = 0");
	LINE(call(open_tree_attr, AT_FDCWD, "a", OPEN_TREE_CLONE, &noatime, sizeof(noatime)),
	     "open_tree_attr(AT_FDCWD, \"a\", OPEN_TREE_CLONE, {attr_set=MOUNT_ATTR_NOATIME, "
	     "attr_clr=MOUNT_ATTR__ATIME, propagation=0x0, userns_fd=0}, 32) = 7");
	CALL(u("a", MNT_DETACH), umount2("a", MNT_DETACH) = 0);
}

static void roots(void)
{
	CALL(m("root", "a", "tmpfs", 0, NULL), mount("root", "a", "tmpfs", 0x0, NULL) = 0);
	CALL(call(chroot, "a"), chroot("a") = 0);
	ok(chdir("/"));
	ok(mkdir("/new", 0755));
	CALL(m("new root", "/new", "tmpfs", 0, NULL), mount("new root", "/new", "tmpfs", 0x0, NULL) = 0);
	ok(mkdir("/new/old", 0755));
	CALL(call(pivot_root, "new", "new/old"), pivot_root("new", "new/old") = 0);
}

static unsigned long my_namespace(void)
{
	struct stat ns;

	ok(fstatat(proc(), "thread-self/ns/mnt", &ns, 0));
	return ns.st_ino;
}

/* A child that ends at once; its number in the parent. */
static long child_of(long pid)
{
	if (pid == 0)
		_exit(0);
	ok(pid);
	ok(waitpid(pid, NULL, __WALL));
	return pid;
}

/* Where the numbers of children are known: this is process 1. */
static void clones(void)
{
	uint64_t args[8] = { CLONE_NEWNS, [4] = SIGCHLD };

	CALL(child_of(call(clone, CLONE_NEWNS | SIGCHLD)), clone(CLONE_NEWNS|SIGCHLD) = 2);
	LINE(child_of(call(clone3, args, sizeof(args))),
	     "clone3({flags=CLONE_NEWNS, exit_signal=SIGCHLD, stack=0x0, stack_size=0x0}, 64) = 3");
}

static void namespaces(void)
{
	ok(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) == 3 ? 0 : -1);
	CALL(call(unshare, CLONE_NEWNS), unshare(CLONE_NEWNS) = 0);
	ALSO("{\"mnt_ns_after\": %lu}", my_namespace());
	CALL(call(setns, 3, CLONE_NEWNS), setns(3, CLONE_NEWNS) = 0);
	ALSO("{\"ids\": [{\"arg\": \"fd\", \"kind\": \"namespace\", \"inode\": %lu}]}", my_namespace());
	ok(unshare(CLONE_NEWPID));
	in_a_child(clones);
}

/* Recorded with --queries only. The answers go to an address that is known. */
static void queries(void)
{
	uint64_t *answer = mmap((void *)0x10000000, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint64_t all[] = { 24, -1, 0 }, one[] = { 24, mount_of(open(".", O_PATH), UNIQUE), 2 };
	uint64_t spaces[] = { 32, 0, CLONE_NEWNS, 0 };
	char line[200];

	ok(answer == MAP_FAILED ? -1 : 0);
	CALL(call(listmount, all, answer, 1, 0),
	     listmount({size=24, mnt_id=0xffffffffffffffff, param=0x0}, 0x10000000, 1, 0x0) = 1);
	snprintf(line, sizeof(line),
		 "statmount({size=24, mnt_id=%#llx, param=STATMOUNT_MNT_BASIC}, 0x10000000, 4096, 0x0) = 0",
		 (unsigned long long)one[1]);
	LINE(call(statmount, one, answer, PAGE, 0), line);
	CALL(call(listns, spaces, answer, 1, 0),
	     listns({size=32, ns_id=0x0, ns_type=CLONE_NEWNS, user_ns_id=0x0}, 0x10000000, 1, 0x0) = 1);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	ok(chdir(argv[1]));
	CALL(call(unshare, CLONE_NEWNS), unshare(CLONE_NEWNS) = 0);
	CALL(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) = 0);
	ok(mkdir("a", 0755));
	in_a_child(life_of_a_mount);
	in_a_child(roots);
	in_a_child(namespaces);
	in_a_child(queries);
	return 0;
}
