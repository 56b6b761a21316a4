/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * counted COUNT: makes so many calls of umount2 that fail, and prints how many of their beginnings and of their ends perf has counted
 * meanwhile: what another program sees of the same tracepoints.
 */
#include "common.h"
#include <linux/perf_event.h>

static int counter(const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	char path[128];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "tracing/events/syscalls/%s/id", name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &attr.config) != 1) {
		fprintf(stderr, "%s: no number\n", path);
		exit(1);
	}
	fclose(file);
	ok(fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
	return fd;
}

static unsigned long long count(int fd)
{
	unsigned long long count;

	ok(read(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -1);
	return count;
}

int main(int argc, char **argv)
{
	int calls = argc > 1 ? atoi(argv[1]) : 1, begun, ended;

	private_scratch("scratch");
	ok(mkdir("tracing", 0700));
	ok(m("tracefs", "tracing", "tracefs", 0, NULL));
	begun = counter("sys_enter_umount");
	ended = counter("sys_exit_umount");
	for (int i = 0; i < calls; i++)
		u("counted", 0);
	printf("%llu begun, %llu ended\n", count(begun), count(ended));
}
