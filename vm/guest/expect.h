/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Says on standard output what `mountsnoop replay` must print for each call that a program makes: the call stands beside
 * its expectation, with the result, so that nothing has to be computed to know what is right.
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

/* COMM PID TID MNT_NS as mountsnoop shows them, before the call that may change them. */
static const char *about_me(void)
{
	static __thread char text[128];
	char task[64] = "", comm[16] = "";
	struct stat ns;
	int pid = 0, tid = 0;

	/* Not getpid(): the ids are those of the initial pid namespace, whose /proc this is. */
	ok(readlink("/proc/thread-self", task, sizeof(task) - 1));
	ok(sscanf(task, "%d/task/%d", &pid, &tid) == 2 ? 0 : -1);
	ok(stat("/proc/thread-self/ns/mnt", &ns));
	ok(prctl(PR_GET_NAME, comm));
	snprintf(text, sizeof(text), "%-16s %-7d %-7d %-11lu ", comm, pid, tid, (unsigned long)ns.st_ino);
	return text;
}

static void expect(const char *where, const char *line, long got, int error)
{
	const char *result = strrchr(line, '=');
	char real[32] = "= 0";

	if (got < 0)
		snprintf(real, sizeof(real), "= -%s", strerrorname_np(error));
	if (!result || strcmp(result, real)) {
		fprintf(stderr, "the kernel says %s, not: %s\n", real, line);
		exit(1);
	}
	printf("%s%s\n", where, line);
	fflush(stdout);
}

#endif
