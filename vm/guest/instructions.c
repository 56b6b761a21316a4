/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * instructions: how many instructions a system call takes, to the kernel and back, in a machine whose clock is the number of its
 * instructions (QEMU's -icount shift=0: the time stamp counter goes on by one with each).
 * Prints for getppid, and for a mount of four strings that fails, the least and the median of many batches, and the size of one.
 * The two differ only where something interrupts more than half of the batches.
 */
#include "common.h"
#include <x86intrin.h>

#define BATCHES 1000
#define BATCH 100

static void getppid_once(void)
{
	syscall(SYS_getppid);
}

static void fail(void)
{
	m("source", "/no/such/directory", "tmpfs", MS_NODEV, "size=1m");
}

static int ascending(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, void (*once)(void))
{
	static unsigned long long took[BATCHES];

	for (int batch = 0; batch < BATCHES; batch++) {
		unsigned long long from = __rdtsc();

		for (int i = 0; i < BATCH; i++)
			once();
		took[batch] = __rdtsc() - from;
	}
	qsort(took, BATCHES, sizeof(*took), ascending);
	printf("%s %llu %llu %d\n", name, took[0], took[BATCHES / 2], BATCH);
}

int main(void)
{
	measure("getppid", getppid_once);
	measure("mount", fail);
	return 0;
}
