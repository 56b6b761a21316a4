/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Says on standard output what `mountsnoop replay` must print for each call that a program makes: the call stands beside
 * its expectation, with the result, so that nothing has to be computed to know what is right. A call that the kernel does
 * not have is named instead: "lacks listns".
 */
#ifndef EXPECT_H
#define EXPECT_H

#include "common.h"

/* CALL(m("x", ...), mount("x", ...) = 0): makes the call on the left, and expects the line on the right as it stands. */
#define CALL(call, ...) LINE(call, #__VA_ARGS__)
/* The same with the line as a string. */
#define LINE(call, line)                           \
	do {                                       \
		const char *where = about_me();    \
		long got = (call);                 \
		expect(where, line, got, errno);   \
	} while (0)
/* ALSO("{\"uid\": %d}", 1): what `mountsnoop replay --json` must show, among other things, of the call before. */
#define ALSO(...) (printf("\t" __VA_ARGS__), putchar('\n'), fflush(stdout))

/* Kept open, for a process may change its root; with a high number, so that the next descriptors are 3, 4, ... */
static int proc(void)
{
	static int high = -1;

	if (high < 0) {
		int low = open("/proc", O_PATH | O_CLOEXEC);

		ok(low);
		ok(high = fcntl(low, F_DUPFD_CLOEXEC, 100));
		close(low);
	}
	return high;
}

/* COMM PID TID MNT_NS as mountsnoop shows them, before the call that may change them. */
static const char *about_me(void)
{
	static __thread char text[128];
	char task[64] = "", comm[16] = "";
	struct stat ns;
	int pid = 0, tid = 0;

	/* Not getpid(): the ids are those of the initial pid namespace, whose /proc this is. */
	ok(readlinkat(proc(), "thread-self", task, sizeof(task) - 1));
	ok(sscanf(task, "%d/task/%d", &pid, &tid) == 2 ? 0 : -1);
	ok(fstatat(proc(), "thread-self/ns/mnt", &ns, 0));
	ok(prctl(PR_GET_NAME, comm));
	snprintf(text, sizeof(text), "%-16s %-7d %-7d %-11lu ", comm, pid, tid, (unsigned long)ns.st_ino);
	return text;
}

static void expect(const char *where, const char *line, long got, int error)
{
	const char *result = strrchr(line, '=');
	char real[32];

	if (got < 0 && error == ENOSYS) {
		printf("lacks %.*s\n", (int)strcspn(line, "("), line);
		return;
	}
	if (got < 0)
		snprintf(real, sizeof(real), "= -%s", strerrorname_np(error));
	else
		snprintf(real, sizeof(real), "= %ld", got);
	if (!result || strcmp(result, real)) {
		fprintf(stderr, "the kernel says %s, not: %s\n", real, line);
		exit(1);
	}
	printf("%s%s\n", where, line);
	fflush(stdout);
}

/* Bytes in a page of a file that is not in memory when the call begins. */
static void *not_there(const void *bytes, size_t size)
{
	char name[] = "page-XXXXXX", *page;
	int fd = mkstemp(name);

	ok(fd);
	ok(write(fd, bytes, size));
	ok(ftruncate(fd, PAGE));
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	ok(page == MAP_FAILED ? -1 : 0);
	ok(madvise(page, PAGE, MADV_DONTNEED));
	close(fd);
	return page;
}

#endif
