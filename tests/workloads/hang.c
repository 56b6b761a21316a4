/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hang SCRATCH COMM: two calls that do not return, by threads named COMM, on a FUSE mount whose server never answers.
 * Prints "hanging PID PID" when they have been begun, waits for its standard input to end, then lets them fail.
 */
#include "common.h"

/* Until a child waits in this call. /proc/PID/syscall begins with its number, or with a word while it runs. */
static void until_in(pid_t child, long call)
{
	char file[64], now[32] = "";

	snprintf(file, sizeof(file), "/proc/%d/syscall", child);
	while (atol(now) != call) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof(now) - 1);

		ok(n);
		now[n] = 0;
		close(fd);
		usleep(1000);
	}
}

static pid_t hanging(const char *comm, int fuse, void (*call)(void))
{
	pid_t child = fork();

	if (child)
		return child;
	/* Only the parent holds the server's end: when it goes, whatever way, the calls return. */
	close(fuse);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, comm);
	call();
	_exit(0);
}

/*
 * Their strings are on the stack, where they are in memory; mount(8) has its own on the heap. Constants that this child
 * has never touched could only be read once the call has returned.
 */
static void hanging_mount(void)
{
	char source[] = "a source", target[] = "mnt/below", type[] = "tmpfs", data[] = "size=1m";

	m(source, target, type, MS_NOSUID, data);
}

static void hanging_umount(void)
{
	char target[] = "mnt/below/further";

	u(target, MNT_DETACH);
}

int main(int argc, char **argv)
{
	char options[64];
	char byte;
	int fuse;

	if (argc != 3)
		return 2;
	private_scratch(argv[1]);
	ok(mkdir("mnt", 0755));
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	ok(fuse);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	ok(m("unanswered", "mnt", "fuse", MS_NODEV | MS_NOSUID, options));
	pid_t one = hanging(argv[2], fuse, hanging_mount);
	pid_t two = hanging(argv[2], fuse, hanging_umount);

	until_in(one, SYS_mount);
	until_in(two, SYS_umount2);
	printf("hanging %d %d\n", one, two);
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	close(fuse);
	wait_for(one);
	wait_for(two);
	ok(u("mnt", MNT_DETACH));
	printf("released\n");
	return 0;
}
