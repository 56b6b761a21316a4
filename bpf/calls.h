/* SPDX-License-Identifier: GPL-2.0-only OR MIT OR Apache-2.0 */
/*
 * The calls that are captured, and nothing else about them than what has to be copied. To add one: a number in event.h,
 * a row in MS_CALLS, its arguments below it, and its decoder in src/decode/calls.rs.
 */
#ifndef MS_CALLS_H
#define MS_CALLS_H

/* CALL(name of the kernel function behind sys_, number) */
#define MS_CALLS(CALL)                 \
	CALL(mount, MS_CALL_MOUNT)     \
	CALL(umount, MS_CALL_UMOUNT2)

/* The arguments of each in order: STRING is a pointer to text, NUMBER a value. */
#define ARGS_OF_mount(STRING, NUMBER) STRING(0) STRING(1) STRING(2) NUMBER(3) STRING(4)
#define ARGS_OF_umount(STRING, NUMBER) STRING(0) NUMBER(1)

#define MS_CALLS_END (MS_CALL_UMOUNT2 + 1)

/* Each program has a number: see scratches in capture.h. */
#define PROGRAM_SLOT(call, phase) (2 * (call) + (phase) - MS_ENTER)
#define MS_PROGRAMS (2 * MS_CALLS_END)

#endif
