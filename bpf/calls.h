/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * The calls that are captured, and what has to be copied of each. To add one: a number in event.h, a row in MS_CALLS,
 * its arguments below it, and its row in src/decode/calls.rs.
 */
#ifndef MS_CALLS_H
#define MS_CALLS_H

/* CALL(name of the kernel function behind sys_, number, arguments that it has) */
#define MS_CALLS(CALL)                                     \
	CALL(mount, MS_CALL_MOUNT, 5)                      \
	CALL(umount, MS_CALL_UMOUNT2, 2)                   \
	CALL(oldumount, MS_CALL_UMOUNT, 1)                 \
	CALL(fsopen, MS_CALL_FSOPEN, 2)                    \
	CALL(fsconfig, MS_CALL_FSCONFIG, 5)                \
	CALL(fsmount, MS_CALL_FSMOUNT, 3)                  \
	CALL(fspick, MS_CALL_FSPICK, 3)                    \
	CALL(move_mount, MS_CALL_MOVE_MOUNT, 5)            \
	CALL(open_tree, MS_CALL_OPEN_TREE, 3)              \
	CALL(open_tree_attr, MS_CALL_OPEN_TREE_ATTR, 5)    \
	CALL(mount_setattr, MS_CALL_MOUNT_SETATTR, 5)      \
	CALL(pivot_root, MS_CALL_PIVOT_ROOT, 2)            \
	CALL(chroot, MS_CALL_CHROOT, 1)                    \
	CALL(unshare, MS_CALL_UNSHARE, 1)                  \
	CALL(setns, MS_CALL_SETNS, 2)                      \
	CALL(clone, MS_CALL_CLONE, 1)                      \
	CALL(clone3, MS_CALL_CLONE3, 2)                    \
	CALL(statmount, MS_CALL_STATMOUNT, 4)              \
	CALL(listmount, MS_CALL_LISTMOUNT, 4)              \
	CALL(listns, MS_CALL_LISTNS, 4)

#define MS_CALLS_END (MS_CALL_LISTNS + 1)

/*
 * The arguments of each, in order: NUMBER is a value, STRING a pointer to text, PATH a path of the file descriptor
 * in argument `dir` (NO_DIR: of the working directory), BYTES a pointer to as many bytes as argument `size` says, MOUNT_FD
 * and CONTEXT_FD a file descriptor whose identity matters.
 */
#define ARGS_OF_mount STRING(0) PATH(1, NO_DIR) STRING(2) NUMBER(3) STRING(4)
#define ARGS_OF_umount PATH(0, NO_DIR) NUMBER(1)
#define ARGS_OF_oldumount PATH(0, NO_DIR)
#define ARGS_OF_fsopen STRING(0) NUMBER(1)
#define ARGS_OF_fsconfig CONTEXT_FD(0) NUMBER(1) STRING(2) FSCONFIG_VALUE(3) NUMBER(4)
#define ARGS_OF_fsmount CONTEXT_FD(0) NUMBER(1) NUMBER(2)
#define ARGS_OF_fspick MOUNT_FD(0) PATH(1, 0) NUMBER(2)
#define ARGS_OF_move_mount MOUNT_FD(0) PATH(1, 0) MOUNT_FD(2) PATH(3, 2) NUMBER(4)
#define ARGS_OF_open_tree MOUNT_FD(0) PATH(1, 0) NUMBER(2)
#define ARGS_OF_open_tree_attr MOUNT_FD(0) PATH(1, 0) NUMBER(2) BYTES(3, 4) NUMBER(4)
#define ARGS_OF_mount_setattr MOUNT_FD(0) PATH(1, 0) NUMBER(2) BYTES(3, 4) NUMBER(4)
#define ARGS_OF_pivot_root PATH(0, NO_DIR) PATH(1, NO_DIR)
#define ARGS_OF_chroot PATH(0, NO_DIR)
#define ARGS_OF_unshare NUMBER(0)
#define ARGS_OF_setns NAMESPACE_FD(0) NUMBER(1)
#define ARGS_OF_clone NUMBER(0)
#define ARGS_OF_clone3 BYTES(0, 1) NUMBER(1)
#define ARGS_OF_statmount REQUEST(0) NUMBER(1) NUMBER(2) NUMBER(3)
#define ARGS_OF_listmount REQUEST(0) NUMBER(1) NUMBER(2) NUMBER(3)
#define ARGS_OF_listns REQUEST(0) NUMBER(1) NUMBER(2) NUMBER(3)

/* What the file descriptor that a call returned stands for: RESULT_CONTEXT, RESULT_MOUNT, or nothing. */
#define RESULT_OF_fsopen RESULT_CONTEXT
#define RESULT_OF_fspick RESULT_CONTEXT
#define RESULT_OF_fsmount RESULT_MOUNT
#define RESULT_OF_open_tree RESULT_MOUNT
#define RESULT_OF_open_tree_attr RESULT_MOUNT
#define RESULT_OF_mount
#define RESULT_OF_umount
#define RESULT_OF_oldumount
#define RESULT_OF_fsconfig
#define RESULT_OF_move_mount
#define RESULT_OF_mount_setattr
#define RESULT_OF_pivot_root
#define RESULT_OF_chroot
#define RESULT_OF_unshare
#define RESULT_OF_setns
#define RESULT_OF_clone
#define RESULT_OF_clone3
#define RESULT_OF_statmount
#define RESULT_OF_listmount
#define RESULT_OF_listns

/*
 * Calls that concern mounts only with certain arguments, and how to see it: everything else is left alone before
 * anything is spent on it, and so are the returns of such calls.
 */
#define CLONE_NEWNS 0x00020000
#define UNSHARE_EMPTY_MNTNS 0x00100000 /* 7.1 */
#define CLONE_EMPTY_MNTNS (1ULL << 37) /* 7.1, clone3 only */

#define SELECTIVE(call)                                                                          \
	((call) == MS_CALL_UNSHARE || (call) == MS_CALL_SETNS || (call) == MS_CALL_CLONE ||      \
	 (call) == MS_CALL_CLONE3 || (call) >= MS_CALL_STATMOUNT)

/* Once to the caller, and once, with 0, to the thread that it made. */
#define RETURNS_TWICE(call) ((call) == MS_CALL_CLONE || (call) == MS_CALL_CLONE3)

#endif
