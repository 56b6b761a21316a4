/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * unseen ROLE: calls that return without having been entered.
 *   refused: a child for each way in which seccomp answers mount(2); each makes an ordinary call before and after.
 *   emulated: a child whose tracer keeps it from entering mount(2).
 *   waiting: prints "ready", waits for a line, and is refused twice, with an ordinary call in between.
 *   entering NAMESPACE: setns(2) to it, under a filter that lets everything pass.
 *   compat: the same as a 32-bit program makes it, refused.
 */
#include "common.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>

#define I386_MOUNT 21

/* The filter's answer to mount(2); everything else is allowed. Returns what seccomp(2) does. */
static int filter(unsigned answer, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount, 2, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, I386_MOUNT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	int ret;

	ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ok(ret = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
	return ret;
}

/* On the stack, where it is in memory: nobody else is going to read it. */
static long mount_here(void)
{
	char source[] = "a source", target[] = "/no/such/place", type[] = "tmpfs", data[] = "size=1m";

	return m(source, target, type, MS_NOSUID, data);
}

static void on_signal(int number)
{
	(void)number;
}

/* Answers one call with success. */
static void *supervisor(void *listener)
{
	struct seccomp_notif asked = { 0 };
	struct seccomp_notif_resp answer = { 0 };
	volatile int *fd = listener;

	while (*fd < 0)
		usleep(1000);
	ok(ioctl(*fd, SECCOMP_IOCTL_NOTIF_RECV, &asked));
	answer.id = asked.id;
	ok(ioctl(*fd, SECCOMP_IOCTL_NOTIF_SEND, &answer));
	return NULL;
}

static void answered(unsigned answer)
{
	volatile int listener = -1;
	pthread_t thread;

	signal(SIGSYS, on_signal);
	u("before", 0);
	if (answer == SECCOMP_RET_USER_NOTIF) {
		ok(pthread_create(&thread, NULL, supervisor, (void *)&listener) ? -1 : 0);
		listener = filter(answer, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	} else {
		filter(answer, 0);
	}
	mount_here();
	u("after", 0);
	_exit(0);
}

static void refused(void)
{
	const unsigned answers[] = { SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EROFS, SECCOMP_RET_TRAP,
				     SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_USER_NOTIF };

	for (unsigned i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		pid_t child = fork();
		int status;

		if (!child)
			answered(answers[i]);
		ok(child);
		ok(waitpid(child, &status, 0));
	}
}

static void emulated(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		ok(ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		mount_here();
		_exit(0);
	}
	ok(child);
	ok(waitpid(child, &status, 0));
	/* As it stops it is still in the call that sent the signal; the next one is mount(2). */
	ok(ptrace(PTRACE_SYSEMU, child, 0, 0));
	ok(waitpid(child, &status, 0));
	ok(ptrace(PTRACE_CONT, child, 0, 0));
	ok(waitpid(child, &status, 0));
}

static void waiting(void)
{
	char byte;

	filter(SECCOMP_RET_ERRNO | EPERM, 0);
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) == 1 && byte != '\n')
		;
	mount_here();
	u("in between", 0);
	mount_here();
}

static void entering(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ok(fd);
	filter(SECCOMP_RET_ALLOW, 0);
	ok(setns(fd, CLONE_NEWNS));
	u("inside", 0);
}

#ifdef __x86_64__
/* As a 32-bit program does it, by a number of its own and with addresses below 4 GiB. */
static void compat(void)
{
	struct strings {
		char source[16], target[16], type[16], data[16];
	} *low = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret;

	ok(low == MAP_FAILED ? -1 : 0);
	*low = (struct strings){ "a source", "/no/such/place", "tmpfs", "size=1m" };
	filter(SECCOMP_RET_ERRNO | EPERM, 0);
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"((long)I386_MOUNT), "b"(low->source), "c"(low->target), "d"(low->type),
			   "S"((long)MS_NOSUID), "D"(low->data)
			 : "memory", "r8", "r9", "r10", "r11");
	ok(ret == -EPERM ? 0 : -1);
}
#else
static void compat(void)
{
}
#endif

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	if (!strcmp(role, "refused"))
		refused();
	else if (!strcmp(role, "emulated"))
		emulated();
	else if (!strcmp(role, "waiting"))
		waiting();
	else if (!strcmp(role, "compat"))
		compat();
	else if (!strcmp(role, "entering") && argc == 3)
		entering(argv[2]);
	else
		return 2;
	return 0;
}
