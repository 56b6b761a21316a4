/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * load KIND COUNT [THREADS [RATE]]: each thread does COUNT operations of that kind as fast as they go, or RATE of them a second.
 * Prints the median of what one took in ns, and how many a second it were in all. Several are timed together where one is
 * too short for the clock, and only operations are: not the waiting for the time of the next.
 * To be run where `tmpfs` may mount: in a directory and a mount namespace of its own.
 */
#include "common.h"
#include <linux/mount.h>
#include <pthread.h>
#include <time.h>

static char path[2][PAGE];

static void getppid_once(long i)
{
	(void)i;
	syscall(SYS_getppid);
}

/* All four strings are copied before the kernel finds that there is no such directory. */
static void fail(long i)
{
	(void)i;
	m("source", "/no/such/directory", "tmpfs", MS_NODEV, "size=1m");
}

static void fail400(long i)
{
	(void)i;
	m("source", path[0], "tmpfs", MS_NODEV, "size=1m");
}

static void fail4000(long i)
{
	(void)i;
	m("source", path[1], "tmpfs", MS_NODEV, "size=1m");
}

/* As containers do: long paths that differ by an identifier. */
static void varied(long i)
{
	char source[64], target[128];
	uint64_t id = (i + 1) * 0x9e3779b97f4a7c15;

	snprintf(source, sizeof(source), "/dev/mapper/volume-%ld", i % 50);
	snprintf(target, sizeof(target), "/var/lib/none/%016llx/merged", (unsigned long long)id);
	m(source, target, "ext4", MS_NODEV | MS_NOSUID, "errors=remount-ro,discard");
}

static void fsopen_sequence(long i)
{
	int context = syscall(SYS_fsopen, "tmpfs", 0), mount;

	(void)i;
	ok(context);
	ok(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "1m", 0));
	ok(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	ok(mount = syscall(SYS_fsmount, context, 0, 0));
	close(mount);
	close(context);
}

static void tmpfs(long i)
{
	(void)i;
	ok(m("source", ".", "tmpfs", MS_NODEV, "size=1m"));
	ok(u(".", 0));
}

/* The name of an operation, itself, and how many are timed together. */
static const struct kind {
	const char *name;
	void (*once)(long i);
	int batch;
} kinds[] = {
	{ "getppid", getppid_once, 1000 }, { "fail", fail, 20 },   { "fail400", fail400, 20 },
	{ "fail4000", fail4000, 20 },      { "varied", varied, 20 }, { "fsopen", fsopen_sequence, 1 },
	{ "tmpfs", tmpfs, 1 },
};

static const struct kind *kind;
static long count, rate;
static pthread_barrier_t together;

static long long now(void)
{
	struct timespec time;

	ok(clock_gettime(CLOCK_MONOTONIC, &time));
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *work(void *took)
{
	int batch = rate ? 1 : kind->batch;
	long long *batch_took = took, start;

	pthread_barrier_wait(&together);
	start = now();
	for (long done = 0; done + batch <= count; done += batch) {
		long long from = now();

		while (rate && from - start < done * 1000000000LL / rate)
			from = now();
		for (int i = 0; i < batch; i++)
			kind->once(done + i);
		*batch_took++ = (now() - from) / batch;
	}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* "/no/xxxx/xxxx...", so many bytes, each name short enough. */
static void lengthen(char *text, int bytes)
{
	for (int i = 0; i < bytes; i++)
		text[i] = i % 100 ? 'x' : '/';
}

int main(int argc, char **argv)
{
	long threads = argc > 3 ? atol(argv[3]) : 1, batches;
	pthread_t thread[64];
	long long *took, begun;

	count = argc > 2 ? atol(argv[2]) : 0;
	rate = argc > 4 ? atol(argv[4]) : 0;
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			kind = &kinds[i];
	if (!kind || threads < 1 || threads > 64 || rate < 0 || count < (rate ? 1 : kind->batch))
		return 2;
	lengthen(path[0], 400);
	lengthen(path[1], 4000);
	batches = count / (rate ? 1 : kind->batch);
	took = calloc(threads * batches, sizeof(*took));
	ok(took ? 0 : -1);
	ok(-pthread_barrier_init(&together, NULL, threads));
	begun = now();
	for (long i = 0; i < threads; i++)
		ok(-pthread_create(&thread[i], NULL, work, took + i * batches));
	for (long i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	begun = now() - begun;
	qsort(took, threads * batches, sizeof(*took), ascending);
	printf("%lld %.0f\n", took[threads * batches / 2], threads * count * 1e9 / begun);
	return 0;
}
