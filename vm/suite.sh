#!/bin/sh
# Runs guest/live.sh on each kernel and judges it: one line for each kernel, preemption mode and way to attach.
# Usage: suite.sh MOUNTSNOOP [KERNEL]...
# MOUNTSNOOP is a static binary: it runs in the guests, which have no libraries, and here.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mountsnoop=$1
shift
guest=$cache/guest
mkdir -p "$guest"
for program in calls storm; do
	cc -O2 -Wall -Wextra -static -pthread -I "$root/tests/workloads" -o "$guest/$program" "$vm/guest/$program.c"
done
cc -m32 -O2 -Wall -Wextra -static -nostdlib -fno-stack-protector -fno-pic -no-pie -o "$guest/compat" "$vm/guest/compat.c"
strip -o "$guest/mountsnoop" "$mountsnoop"

# One boot; what it says goes to a log, what comes of it to check.py.
try() {
	name=$1 kernel=$2
	shift 2
	begun=$(date +%s)
	if "$vm/run.sh" "$kernel" "$@" --timeout 900 --file "$guest/mountsnoop" --file "$guest/calls" --file "$guest/storm" \
		--file "$guest/compat" --file "$vm/guest/live.sh" -- sh /bin/live.sh >"$cache/$name.log" 2>&1; then
		rm -rf "$cache/results/$name"
		mv "$cache/$kernel/out" "$cache/results/$name"
		python3 "$vm/check.py" "$mountsnoop" "$cache/results/$name" "$name" || failed=yes
	else
		failed=yes
		printf '%-16s FAILED: the guest: see %s\n' "$name" "$cache/$name.log"
		tail -n 5 "$cache/$name.log"
	fi
	say "$name: $(($(date +%s) - begun)) s$(sed -n 's/.*\(trying once more\).*/, after \1/p' "$cache/$name.log")"
}

failed=no
mkdir -p "$cache/results"
for wanted in "$@"; do
	if ! kernel=$("$vm/kernels.sh" "$wanted"); then
		failed=yes
		printf '%-16s FAILED: not to be had\n' "$wanted"
		continue
	fi
	try "$kernel" "$kernel"
	# Where a task may be preempted in the middle of a BPF program other things go wrong.
	if grep -q PREEMPT_DYNAMIC "$cache/$kernel/version"; then
		try "$kernel-full" "$kernel" --append preempt=full
	fi
	try "$kernel-2cpus" "$kernel" --cpus 2
done
[ "$failed" = no ]
