// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * Tells a process its thread group id as the kernel knows it: in a pid namespace getpid() is another number. An object of
 * its own because the answer is needed before the other one is loaded.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>

__u32 self_tgid = 0;

SEC("raw_tp")
int self_id(void *ctx)
{
	self_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
