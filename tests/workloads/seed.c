/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The session in the example of the first mountsnoop (2016), with the arguments that mount(8), umount(8) and unshare(1)
 * passed then. Those of today pass others, or make other calls altogether.
 */
#include "common.h"

static void as(const char *comm, void (*what)(void))
{
	pid_t child = fork();

	if (child) {
		wait_for(child);
		return;
	}
	prctl(PR_SET_NAME, comm);
	what();
	exit(0);
}

static void bind(void)
{
	ok(m("/mnt", "/mnt", NULL, MS_MGC_VAL | MS_BIND, NULL));
}

static void umount_it(void)
{
	ok(u("/mnt", 0));
}

static void in_a_namespace(void)
{
	ok(unshare(CLONE_NEWNS));
	ok(m("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	as("mount", bind);
	as("umount", umount_it);
}

int main(void)
{
	as("mount", bind);
	as("umount", umount_it);
	as("unshare", in_a_namespace);
	return 0;
}
