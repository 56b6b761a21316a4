/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * storm failing|tmpfs PROCESSES ROUNDS DIR: many processes that make calls at once, so that one is preempted, or asleep,
 * in the middle of a call while another makes the same. Each call carries its caller and its number, so that a record
 * with somebody else's strings shows. Prints the number of calls made.
 *   failing: mount(2) of four strings, which fails at once
 *   tmpfs: mount(2) and umount2(2) that work; the second sleeps until everybody has let go of the mount
 */
#include "common.h"

static void round_of(const char *kind, const char *dir, int number)
{
	char source[64], target[256], data[64];

	snprintf(source, sizeof(source), "storm %d %d", getpid(), number);
	snprintf(data, sizeof(data), "mode=%o", number & 0777);
	if (!strcmp(kind, "failing")) {
		snprintf(target, sizeof(target), "%s/missing/%d", dir, getpid());
		ok(m(source, target, "tmpfs", 0, data) == -1 && errno == ENOENT ? 0 : -1);
		return;
	}
	snprintf(target, sizeof(target), "%s/%d", dir, getpid());
	if (number == 0)
		ok(mkdir(target, 0755));
	ok(m(source, target, "tmpfs", 0, data));
	ok(u(target, 0));
}

int main(int argc, char **argv)
{
	int processes, rounds, gate[2], failed = 0, status;
	char byte;

	if (argc != 5)
		return 2;
	processes = atoi(argv[2]);
	rounds = atoi(argv[3]);
	ok(unshare(CLONE_NEWNS));
	ok(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ok(pipe(gate));
	for (int i = 0; i < processes; i++) {
		pid_t child = fork();

		ok(child);
		if (child)
			continue;
		/* All of them begin when the last one has been started. */
		close(gate[1]);
		read(gate[0], &byte, 1);
		for (int number = 0; number < rounds; number++)
			round_of(argv[1], argv[4], number);
		exit(0);
	}
	close(gate[1]);
	while (wait(&status) > 0)
		failed |= status;
	printf("%d\n", processes * rounds * (strcmp(argv[1], "failing") ? 2 : 1));
	return failed != 0;
}
