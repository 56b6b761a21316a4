/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * say NAME [COUNT [THREADS]]: umount2(NAME), which fails, so many times in each of the threads: a call that can be found
 * again and changes nothing.
 * say -d NAME: the same, once, from a daemon, whose parent has ended by then. Returns after the call has been made.
 * say -u NAME: the same, thousands of times a second, until there is something on standard input.
 */
#include "common.h"
#include <poll.h>
#include <pthread.h>

static void from_a_daemon(const char *name)
{
	int made[2];
	char byte;
	pid_t parent;

	ok(pipe(made));
	parent = fork();
	ok(parent);
	if (parent) {
		wait_for(parent);
		close(made[1]);
		read(made[0], &byte, 1);
		return;
	}
	parent = getpid();
	ok(setsid());
	if (fork())
		_exit(0);
	while (getppid() == parent)
		usleep(1000);
	u(name, 0);
	_exit(0);
}

static void until_told(const char *name)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	while (!poll(&input, 1, 0)) {
		u(name, 0);
		usleep(100);
	}
}

static const char *name;
static long count = 1;

static void *say(void *none)
{
	for (long left = count; left > 0; left--)
		u(name, 0);
	return none;
}

int main(int argc, char **argv)
{
	pthread_t threads[16];
	long more;

	if (argc == 3 && !strcmp(argv[1], "-d")) {
		from_a_daemon(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "-u")) {
		until_told(argv[2]);
		return 0;
	}
	more = argc == 4 ? atol(argv[3]) - 1 : 0;
	if (argc < 2 || argc > 4 || more < 0 || more > 16)
		return 2;
	name = argv[1];
	if (argc > 2)
		count = atol(argv[2]);
	for (long i = 0; i < more; i++)
		ok(pthread_create(&threads[i], NULL, say, NULL) ? -1 : 0);
	say(NULL);
	for (long i = 0; i < more; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
