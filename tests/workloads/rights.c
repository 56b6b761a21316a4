/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rights UID CAPABILITY,... PROGRAM ARGUMENT...: runs the program as this user with exactly these capabilities, by number.
 * Root keeps them by its bounding set, everybody else by the ambient set.
 * rights file CAPABILITY,... PROGRAM: gives them to whoever runs the program, as setcap(8) does.
 */
#include "common.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/xattr.h>

static int give_to_file(unsigned long long wanted, const char *path)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE };

	data.data[0].permitted = wanted;
	data.data[1].permitted = wanted >> 32;
	ok(setxattr(path, "security.capability", &data, XATTR_CAPS_SZ_2, 0));
	return 0;
}

int main(int argc, char **argv)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	unsigned long long wanted = 0;
	uid_t uid;

	if (argc < 4)
		return 2;
	for (char *word = strtok(argv[2], ","); word; word = strtok(NULL, ","))
		wanted |= 1ull << atoi(word);
	if (!strcmp(argv[1], "file"))
		return give_to_file(wanted, argv[3]);
	uid = atoi(argv[1]);
	for (int cap = 0; !uid && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(wanted >> cap & 1))
			ok(prctl(PR_CAPBSET_DROP, cap));
	if (uid) {
		ok(prctl(PR_SET_KEEPCAPS, 1));
		ok(setgroups(0, NULL));
		ok(setresgid(uid, uid, uid));
		ok(setresuid(uid, uid, uid));
		for (int half = 0; half < 2; half++)
			data[half].effective = data[half].permitted = data[half].inheritable = wanted >> (32 * half);
		ok(syscall(SYS_capset, &header, data));
		for (int cap = 0; cap < 64; cap++)
			if (wanted >> cap & 1)
				ok(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "%s: %s\n", argv[3], strerror(errno));
	return 127;
}
