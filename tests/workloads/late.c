/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * late SCRATCH: calls whose strings are not in memory when the call begins, so that no BPF program can read them there.
 * They lie in mapped files, one page each, dropped from the page table before each call. What has to come out of it
 * stands in live.rs. Not for use under strace: it reads the strings, which brings them in.
 */
#include "common.h"

/* A private mapping of a new file with this text in it, which nobody has touched yet. */
static char *untouched(const char *text, void *at)
{
	static int number;
	char name[32];
	char *map;
	int fd;

	snprintf(name, sizeof(name), "page %d", number++);
	fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ok(fd);
	ok(write(fd, text, strlen(text) + 1));
	ok(ftruncate(fd, PAGE));
	map = mmap(at, PAGE, PROT_READ, MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, 0);
	ok(map == MAP_FAILED ? -1 : 0);
	close(fd);
	return map;
}

static char *drop(char *page)
{
	ok(madvise(page, PAGE, MADV_DONTNEED));
	return page;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	private_scratch(argv[1]);

	char *source = untouched("late source", NULL);
	char *target = untouched("late target", NULL);
	char *type = untouched("tmpfs", NULL);
	char *data = untouched("size=1m,mode=700", NULL);

	/* 1-4: each alone, the others at hand. */
	ok(mkdir("late target", 0755));
	ok(m(drop(source), "late target", "tmpfs", 0, "size=1m"));
	ok(u(drop(target), 0));
	ok(m("here", "late target", drop(type), 0, "size=1m"));
	ok(u("late target", 0));
	ok(m("here", "late target", "tmpfs", 0, drop(data)));
	ok(u(drop(target), MNT_DETACH));

	/* 7, 8: all of them at once. */
	ok(m(drop(source), drop(target), drop(type), MS_NOSUID, drop(data)));
	ok(u(drop(target), 0));

	/* 9: the call fails, but the kernel had read them. */
	char *missing = untouched("no such place", NULL);

	m(drop(source), missing, drop(type), 0, drop(data));

	/* 10, 11: the kernel refuses before it looks at the string, so nobody ever brings it in. */
	u(drop(target), 0x200);
	m(NULL, "late target", drop(type), MS_PRIVATE | MS_REC | 0x200, "x");

	/* 12: it begins in memory and goes on in a page that is not there. */
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ok(two == MAP_FAILED ? -1 : 0);
	memcpy(two + PAGE - 5, "first", 5);
	untouched(", second", two + PAGE);
	u(two + PAGE - 5, 0);
	return 0;
}
