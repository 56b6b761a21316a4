#!/bin/sh
# Runs guest/live.sh on kernels and judges it: one line for each kernel, number of processors, preemption and way to attach.
# Usage: suite.sh MOUNTSNOOP BOOT...
# MOUNTSNOOP is a static binary: it runs in the guests, which have no libraries, and here.
# A BOOT is KERNEL[:preempt=MODE][:Ncpus][:way=WAY]...: what kernels.sh takes, how it is booted, and the ways to attach that
# are tried, all of them where none is named: 6.1, 6.1:preempt=full:way=auto, newest:2cpus.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mountsnoop=$1
shift
guest=$cache/guest

build_guest_programs() {
	mkdir -p "$guest"
	for program in calls newcalls storm; do
		cc -O2 -Wall -Wextra -static -pthread -I "$root/tests/workloads" -o "$guest/$program" "$vm/guest/$program.c"
	done
	cc -m32 -O2 -Wall -Wextra -static -nostdlib -fno-stack-protector -fno-pic -no-pie -o "$guest/compat" "$root/tests/workloads/compat.c"
	strip -o "$guest/mountsnoop" "$mountsnoop"
}

failed=no
failure() {
	failed=yes
	printf '%-6s FAILED: %s\n' "$1" "$2"
}

# Sets what a BOOT asks for.
parse() {
	wanted=${1%%:*} preempt='' cpus=1 ways='' options=${1#"${1%%:*}"}
	for option in $(echo "$options" | tr : ' '); do
		case $option in
		preempt=?*) preempt=$option ;;
		[1-9]cpus) cpus=${option%cpus} ;;
		way=?*) ways="$ways ${option#way=}" ;;
		*) fail "$1: expected preempt=MODE, Ncpus or way=WAY behind the kernel, not \"$option\"" ;;
		esac
	done
}

# What the guest says goes to a log, what comes of it to check.py.
boot() {
	begun=$(date +%s) log=$cache/$name.log results=$cache/results/$name
	rm -rf "$results"
	if "$vm/run.sh" "$kernel" --cpus "$cpus" --append "$preempt" --timeout 900 --file "$guest/mountsnoop" \
		--file "$guest/calls" --file "$guest/newcalls" --file "$guest/storm" --file "$guest/compat" \
		--file "$vm/guest/live.sh" -- "sh /bin/live.sh $ways" >"$log" 2>&1; then
		mv "$cache/$kernel/out" "$results"
		python3 "$vm/check.py" "$mountsnoop" "$results" "$kernel" || failed=yes
	else
		failure "$kernel" "the guest: see $log"
		tail -n 5 "$log"
	fi
	say "$name: $(($(date +%s) - begun)) s$(sed -n 's/.*\(trying once more\).*/, after \1/p' "$log")"
}

for asked in "$@"; do
	parse "$asked"
done
build_guest_programs
mkdir -p "$cache/results"
done=' '
for asked in "$@"; do
	parse "$asked"
	if ! kernel=$("$vm/kernels.sh" "$wanted"); then
		failure "$wanted" "not to be had, as said above"
		continue
	fi
	name=$kernel$(echo "$options" | tr : -)
	# Two may be the same: "newest", and what it is today.
	case $done in *" $name "*) continue ;; esac
	done="$done$name "
	if [ -n "$preempt" ] && ! grep -q PREEMPT_DYNAMIC "$cache/$kernel/version"; then
		printf '%-6s skipped: its preemption cannot be chosen when it is booted\n' "$kernel"
		continue
	fi
	boot
done
[ "$failed" = no ]
