/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * forks COUNT: fork(2), _exit(2) and wait, one after the other; then as many times a clone(2) that the kernel refuses for its
 * flags, which is the same to a recorder and takes no time of its own. Prints, in ns, the median of a round of the first,
 * and the least that a thousand of the second took, divided by them: what interrupts a round is not its cost.
 */
#include "common.h"
#include <time.h>

static long long now(void)
{
	struct timespec time;

	ok(clock_gettime(CLOCK_MONOTONIC, &time));
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static void fork_once(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	wait_for(child);
}

static void refused_thousand(void)
{
	/* Signal handlers can be shared only with memory. */
	for (int left = 1000; left > 0; left--)
		ok(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0) == -1 && errno == EINVAL ? 0 : -1);
}

static long long *rounds(long count, void (*once)(void))
{
	long long *took = calloc(count, sizeof(*took));

	ok(took ? 0 : -1);
	for (long round = 0; round < count; round++) {
		took[round] = now();
		once();
		took[round] = now() - took[round];
	}
	qsort(took, count, sizeof(*took), ascending);
	return took;
}

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;

	if (count < 1000)
		return 2;
	printf("%lld ", rounds(count, fork_once)[count / 2]);
	printf("%lld\n", rounds(count / 100, refused_thousand)[0] / 1000);
	return 0;
}
