/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * calls SCRATCH: more than 200 mount(2) and umount2(2) calls, as different from each other as they can be. What each of
 * them should look like is said by strace, so the results may differ between kernels. Each thread and each child begins
 * with mark(), by which the two accounts of it are brought together.
 */
#include "common.h"
#include <linux/capability.h>
#include <pthread.h>

static const char *const NOWHERE = "no/such/directory";

static void mark(const char *who)
{
	u(who, 0);
}

static void dir(const char *name)
{
	ok(mkdir(name, 0755));
}

static void file(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ok(fd);
	close(fd);
}

/* ---- what people do ---- */

static void binds(void)
{
	static const unsigned long remounts[] = {
		MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOSUID | MS_NODEV | MS_NOEXEC, MS_NOATIME, MS_NODIRATIME,
		MS_RELATIME, MS_STRICTATIME, MS_RDONLY | MS_NOATIME | MS_NODIRATIME, 0x100 /* MS_NOSYMFOLLOW */, 0,
	};

	dir("from");
	dir("from/below");
	dir("to");
	file("file");
	file("onto");
	ok(m("from", "to", NULL, MS_BIND, NULL));
	ok(m("tmpfs", "from/below", "tmpfs", 0, NULL));
	ok(u("to", 0));
	ok(m("from", "to", NULL, MS_BIND | MS_REC, NULL));
	for (size_t i = 0; i < sizeof(remounts) / sizeof(*remounts); i++)
		m("from", "to", "none", MS_REMOUNT | MS_BIND | remounts[i], "ignored");
	ok(u("to", MNT_DETACH));
	ok(m("file", "onto", "", MS_BIND, ""));
	ok(u("onto", UMOUNT_NOFOLLOW));
	ok(u("from/below", 0));
}

static void propagation(void)
{
	static const unsigned long kinds[] = { MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE };

	dir("tree");
	ok(m("tree", "tree", NULL, MS_BIND, NULL));
	for (int i = 0; i < 4; i++) {
		ok(m(NULL, "tree", NULL, kinds[i], NULL));
		ok(m("none", "tree", "ignored", kinds[i] | MS_REC, "ignored too"));
		ok(m("", "tree", "", kinds[i] | MS_SILENT, ""));
		m(NULL, "tree", NULL, kinds[i] | kinds[(i + 1) % 4], NULL);
		m(NULL, "tree", NULL, kinds[i] | MS_RDONLY, NULL);
	}
	m("tree", "to", NULL, MS_BIND, NULL); /* EINVAL: it is unbindable */
	ok(u("tree", 0));
}

static void moves(void)
{
	dir("tree/a");
	dir("tree/b");
	ok(m("moving", "tree/a", "tmpfs", 0, "size=64k"));
	ok(m("tree/a", "tree/b", NULL, MS_MOVE, NULL));
	m("tree/a", "tree/b", "x", MS_MOVE, "y"); /* EINVAL: nothing is mounted there */
	dir("tree/b/inside");
	m("tree/b", "tree/b/inside", NULL, MS_MOVE, NULL); /* ELOOP */
	ok(u("tree/b", 0));
}

static void filesystems(void)
{
	static const char *const options[] = {
		NULL, "", "size=1m", "size=50%,mode=1777", "size=4096,nr_inodes=10,mode=0700,uid=1,gid=2", "huge=never",
		"mpol=default", ",,size=8k,,", "size=", "size=x", "size", "nonsense", "nonsense=1", "mode=999", "uid=-1",
		"size=1m,size=2m", "noswap", "inode64", "a=b\\,c=d", " size=1m",
	};

	dir("fs");
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (m("a name", "fs", "tmpfs", 0, options[i]) == 0)
			ok(u("fs", 0));
	for (int bit = 0; bit < 12; bit++)
		if (m("none", "fs", "tmpfs", 1ul << bit & ~(unsigned long)MS_REMOUNT, "size=16k") == 0)
			ok(u("fs", 0));
	ok(m("x", "fs", "tmpfs", 0, NULL));
	ok(m("x", "fs", "ignored", MS_REMOUNT, "size=2m"));
	ok(m("", "fs", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	m(NULL, "fs", "", MS_REMOUNT, "nonsense");
	ok(u("fs", 0));

	static const char *const types[] = {
		"proc", "sysfs", "ramfs", "devtmpfs", "devpts", "mqueue", "cgroup2", "hugetlbfs", "pipefs", "autofs", "nfs",
		"ext4", "no_such_filesystem", "tmpfs.sub", ".", "TMPFS", "fuse.sshfs", "overlay", "squashfs", "iso9660",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (m("none", "fs", types[i], MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
			ok(u("fs", MNT_DETACH));
	dir("lower");
	dir("upper");
	dir("work");
	dir("low:er");
	m("overlay", "fs", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work");
	u("fs", 0);
	m("overlay", "fs", "overlay", MS_RDONLY, "lowerdir=low\\:er:lower,redirect_dir=off");
	u("fs", 0);
	m("overlay", "fs", "overlay", 0, "lowerdir=missing");
}

/* ---- every flag ---- */

static void mount_flags(void)
{
	static const unsigned long magic = MS_MGC_VAL;
	static const unsigned long some[] = {
		0, 0x200, 1ul << 40, 1ul << 63, ~0ul, 0xffffffff, 0x7fffffff, 0xffffffff00000000, 0x200 | MS_RDONLY,
		MS_RDONLY | 1ul << 32, magic, magic | MS_BIND, magic | MS_RDONLY | MS_NOSUID, magic | MS_REMOUNT | MS_BIND,
		magic | MS_MOVE, magic | 0x200, magic | 0xffff, magic | MS_SHARED, magic | 1ul << 40, magic >> 1, 0xc0ec0000, 0xc0ee0001,
		MS_BIND | MS_MOVE, MS_BIND | MS_SHARED, MS_REMOUNT | MS_SHARED, MS_REC, MS_REC | MS_REMOUNT,
	};

	for (int bit = 0; bit < 32; bit++)
		m("source", NOWHERE, "tmpfs", 1ul << bit, "data");
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		m("source", NOWHERE, "tmpfs", some[i], "data");
}

static void umount_flags(void)
{
	static const unsigned long some[] = {
		0, MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW, MNT_FORCE | MNT_DETACH, MNT_EXPIRE | MNT_DETACH,
		MNT_EXPIRE | MNT_FORCE, 15, 16, 0x80000000, 0xffffffff, ~0ul, MNT_DETACH | 1ul << 40,
		MNT_DETACH | 0x200,
	};

	dir("target");
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		u("target", some[i]);
		ok(m("none", "target", "tmpfs", 0, NULL));
		u("target", some[i]);
		u("target", MNT_DETACH);
	}
	ok(m("none", "target", "tmpfs", 0, NULL));
	u("target", MNT_EXPIRE); /* EAGAIN: marked */
	ok(u("target", MNT_EXPIRE));

	ok(symlink("target", "link"));
	ok(m("none", "target", "tmpfs", 0, NULL));
	u("link", UMOUNT_NOFOLLOW); /* EINVAL: a symbolic link is not a mount */
	ok(u("link", 0));
}

/* ---- what goes wrong ---- */

static void failures(void)
{
	int busy;

	ok(symlink("circle", "circle"));
	m("none", "circle/x", "tmpfs", 0, NULL); /* ELOOP */
	u("circle", 0);
	m("none", "file/x", "tmpfs", 0, NULL); /* ENOTDIR */
	m("from", "file", NULL, MS_BIND, NULL);
	m("file", "to", NULL, MS_BIND, NULL);
	m("missing", "to", NULL, MS_BIND, NULL); /* ENOENT */
	m("file", "to", "ext4", 0, NULL); /* ENOTBLK */
	m("none", "to", "no-such-type", 0, NULL); /* ENODEV */
	m("none", "to", NULL, 0, NULL); /* EINVAL */
	m("none", "to", "", 0, NULL);
	ok(mknod("nodriver", S_IFBLK | 0600, makedev(4095, 1048575)));
	m("nodriver", "to", "ext4", MS_RDONLY, NULL); /* ENXIO */
	ok(m("none", "to", "tmpfs", MS_NODEV, NULL));
	ok(mknod("to/device", S_IFBLK | 0600, makedev(7, 0)));
	m("to/device", "from", "ext4", MS_RDONLY, NULL); /* EACCES: device nodes do not work here */
	busy = open("to/busy", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ok(busy);
	u("to", 0); /* EBUSY */
	m(NULL, "to", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	close(busy);
	ok(u("to", 0));
	u("to", 0); /* EINVAL: not mounted */
}

static void without_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	ok(mkdir("locked", 0));
	ok(mkdir("locked/inside", 0755));
	ok(syscall(SYS_setresuid, 1, 1, 1));
	ok(syscall(SYS_capset, &header, none));
	mark("the child without rights");
	m("none", "to", "tmpfs", 0, NULL); /* EACCES or EPERM, by the order of the kernel's questions */
	m("none", "/", "tmpfs", 0, "size=1"); /* EPERM */
	m(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
	u("/", MNT_DETACH);
	u("/proc", UMOUNT_NOFOLLOW);
	m("none", "locked/inside", "tmpfs", 0, NULL); /* EACCES */
	u("locked/inside", 0);
	exit(0);
}

/* ---- strings: which bytes ---- */

static void bytes_of(const char *text, size_t length)
{
	char *name = strndup(text, length);

	/* As a name it may be refused (a slash in it, too long): the call is made all the same. */
	mkdir(name, 0755);
	if (m(name, name, "tmpfs", 0, NULL) == 0)
		ok(u(name, 0));
	m("none", "fs", name, 0, NULL);
	if (m("none", "fs", "tmpfs", 0, name) == 0)
		ok(u("fs", 0));
	free(name);
}

static void odd_bytes(void)
{
	static const char *const texts[] = {
		" ", "a b", " leading", "trailing ", "\t", "\n", "\r\n", "\033[31mred\033[0m\033]0;title\a", "\x7f", "\\", "\\n",
		"\"", "\\\"", "'", "\"\"", "`$(id)`", "%s%n", "a,b=c", "=1+1", "@x", "#", "NULL", "...", "\"...", "\"\"...",
		"x\", \"y\", \"\", 0x0, \"\") = 0\nmount            1       1       4026531840  mount(\"forged",
		"\xc3\xbc", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\xa6\x80", "e\xcc\x81", "\xe2\x80\xae" "desrever",
		"\xef\xbb\xbf" "bom", "\xc2\x85", "\xc2\xa0", "\xe2\x80\xa8", "\xef\xbf\xbd", "\xef\xbf\xbf",
		"\xc3", "\x80", "\xff\xfe", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "ok\xc3\xbc" "then\xe9" "not",
	};
	char all[256];
	int n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		bytes_of(texts[i], strlen(texts[i]));
	for (int c = 1; c < 256; c++)
		if (c != '/')
			all[n++] = c;
	bytes_of(all, n);
	for (int c = 1; c < 256; c++) {
		char one[] = { 'a', c, 'b', 0 };

		u(one, 0);
	}
}

/* ---- strings: where and how long ---- */

static void nothing_and_empty(void)
{
	for (int kind = 0; kind < 2; kind++) {
		const char *none = kind ? "" : NULL;

		m(none, "target", "tmpfs", 0, "size=1m");
		u("target", 0);
		m("source", none, "tmpfs", 0, "size=1m");
		m("source", "target", none, 0, "size=1m");
		m("source", "target", "tmpfs", 0, none);
		u("target", 0);
		m(none, none, none, 0, none);
		u(none, 0);
	}
}

static char *no_access(void)
{
	char *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok(page == MAP_FAILED ? -1 : 0);
	return page;
}

static void bad_pointers(void)
{
	const void *const bad[] = {
		(void *)1, (void *)8, (void *)0xdead000, no_access(), (void *)0x7fffffffffff, (void *)0x8000000000000000,
		(void *)0xffffffff81000000, (void *)~0ul,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		m(bad[i], "target", "tmpfs", 0, "size=1m");
		m("source", bad[i], "tmpfs", 0, "size=1m");
		m("source", "target", bad[i], 0, "size=1m");
		m("source", "target", "tmpfs", 0, bad[i]);
		/* The kernel does not look at these. */
		m(bad[i], NOWHERE, bad[i], MS_REMOUNT, bad[i]);
		m("source", NOWHERE, bad[i], MS_BIND, bad[i]);
		m(bad[i], NOWHERE, bad[i], MS_PRIVATE, bad[i]);
		u(bad[i], 0);
		u(bad[i], 0x200);
		u("target", MNT_DETACH);
	}
}

/* So much text that it ends with `tail`: a path with many "./" in it, which is as good as `tail` alone. */
static char *padded(size_t length, const char *tail)
{
	char *text = malloc(length + 1);
	size_t start = length - strlen(tail);

	for (size_t i = 0; i < start; i++)
		text[i] = (start - i) % 2 ? '/' : '.';
	if (start % 2)
		text[0] = '.', text[1] = '/', text[2] = '/';
	memcpy(text + start, tail, strlen(tail) + 1);
	return text;
}

static char *repeated(size_t length, char c)
{
	char *text = malloc(length + 1);

	memset(text, c, length);
	text[length] = 0;
	return text;
}

static void lengths(void)
{
	static const size_t sizes[] = {
		1, 2, 7, 15, 16, 127, 128, 254, 255, 256, 257, 1023, 1024, 2047, 2048, 4000, 4093, 4094, 4095, 4096, 4097, 5000, 8000,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *letters = repeated(sizes[i], 'x');
		char *commas = repeated(sizes[i], ',');

		m(letters, "target", "tmpfs", 0, NULL);
		u("target", 0);
		u(letters, 0);
		m("none", letters, "tmpfs", 0, NULL);
		m("none", "target", letters, 0, NULL);
		m("none", "target", "tmpfs", 0, letters);
		m("none", "target", "tmpfs", 0, commas); /* empty options mean nothing, however many */
		u("target", 0);
		if (sizes[i] > 10) {
			char *path = padded(sizes[i], "target");

			m(path, path, NULL, MS_BIND, NULL);
			u(path, UMOUNT_NOFOLLOW);
			free(path);
		}
		free(letters);
		free(commas);
	}
	/* Everything at once: as many bytes as one call can have. */
	char *longest = repeated(4095, 'y');

	m(longest, longest, longest, 0, longest);
	free(longest);
}

/* The last byte of what is returned is the last of its page, and behind it is nothing. */
static char *before_the_edge(const char *text, size_t bytes)
{
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok(two == MAP_FAILED ? -1 : 0);
	ok(munmap(two + PAGE, PAGE));
	return memcpy(two + PAGE - bytes, text, bytes);
}

static void edges(void)
{
	char *full = repeated(PAGE - 1, ',');
	char *fits = before_the_edge("target", sizeof("target"));
	char *type = before_the_edge("tmpfs", sizeof("tmpfs"));
	char *data = before_the_edge("size=1m", sizeof("size=1m"));
	char *empty = before_the_edge("", 1);
	char *whole_page = before_the_edge(full, PAGE);
	/* No NUL before the edge. */
	char *open_path = before_the_edge("target", strlen("target"));
	char *open_type = before_the_edge("tmpfs", strlen("tmpfs"));
	char *open_data = before_the_edge("size=1m", strlen("size=1m"));

	ok(m(fits, fits, type, 0, data));
	ok(u(fits, 0));
	m(empty, "target", type, 0, empty);
	u(fits, 0);
	m(fits, "target", "tmpfs", 0, whole_page);
	u("target", 0);
	m(open_path, "target", "tmpfs", 0, NULL);
	m("none", open_path, "tmpfs", 0, NULL);
	m("none", "target", open_type, 0, NULL);
	if (m("none", "target", "tmpfs", 0, open_data) == 0) /* the kernel takes data up to the edge */
		ok(u("target", 0));
	u(open_path, 0);
	free(full);
}

/* ---- who ---- */

static void *thread(void *argument)
{
	const char *name = argument;
	char path[32];

	mark(name);
	snprintf(path, sizeof(path), "%s/mounted", name);
	ok(mkdir(name, 0755));
	ok(mkdir(path, 0755));
	for (int i = 0; i < 5; i++) {
		ok(m(name, path, "tmpfs", MS_NOSUID, "size=64k"));
		ok(u(path, i % 2 ? MNT_DETACH : 0));
		u(path, 0);
	}
	return NULL;
}

static void threads(void)
{
	static const char *const names[] = { "thread 1", "thread 2", "thread 3" };
	pthread_t all[3];

	for (int i = 0; i < 3; i++)
		if (pthread_create(&all[i], NULL, thread, (void *)names[i]))
			exit(1);
	for (int i = 0; i < 3; i++)
		pthread_join(all[i], NULL);
}

static void child_namespace(void)
{
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	ok(unshare(CLONE_NEWNS));
	mark("the child in a namespace of its own");
	ok(m("none", "to", "ramfs", MS_NOEXEC, NULL));
	ok(u("to", 0));
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	umask(0);
	mark("the main thread");
	private_scratch(argv[1]);
	binds();
	propagation();
	moves();
	filesystems();
	mount_flags();
	umount_flags();
	failures();
	without_rights();
	odd_bytes();
	nothing_and_empty();
	bad_pointers();
	lengths();
	edges();
	threads();
	child_namespace();
	return 0;
}
