#!/bin/sh
# Boots a kernel in QEMU, runs a script in it as root, and exits with the script's status. What the script says comes out
# as it is said; what it leaves in /out is found in target/vm/KERNEL/out/ afterwards.
# Usage: run.sh KERNEL [--cpus N] [--append ARGUMENTS] [--timeout SECONDS] [--icount SHIFT] [--file FILE]... -- SCRIPT...
# SCRIPT is one shell command, as sh -c takes it; each FILE stands in the guest's /bin. With --icount the guest's clock is the
# number of its instructions, 2^SHIFT ns each.
# 124: the time was up; 125: the virtual machine failed, twice where it looked like the emulator's fault.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

kernel=${1:?which kernel?}
shift
cpus=1 append='' limit=300 icount='' files=''
while [ $# -gt 0 ]; do
	case $1 in
	--cpus) cpus=$2 ;;
	--append) append=$2 ;;
	--timeout) limit=$2 ;;
	# sleep=off: an idle processor jumps to its next timer.
	--icount) icount="-icount shift=$2,sleep=off" ;;
	--file) files="$files $2" ;;
	--) break ;;
	*) fail "\"$1\" is not an option of this script" ;;
	esac
	shift 2
done
[ "${1:-}" = -- ] || fail "expected -- and a command"
shift
[ -s "$cache/$kernel/vmlinuz" ] || fail "$kernel is not here: kernels.sh $kernel fetches it"

dir=$cache/$kernel
mkdir -p "$dir"
printf '%s\n' "$*" >"$dir/script"
# shellcheck disable=SC2086 # a list of words
"$vm/initramfs.sh" "$kernel" "$dir/script" "$dir/initramfs" $files

boot() {
	rm -rf "$dir/out" "$dir/output" "$dir/console"
	truncate -s 0 "$dir/disk" "$dir/console" "$dir/output"
	truncate -s 256M "$dir/disk"
	# -no-reboot with panic=-1: a panic ends the run. The second port is where the script speaks.
	# Without cmpxchg16b: QEMU 7.2 sometimes leaves another value in the flags after it, seen as double faults in the
	# allocator of 6.12, which takes it where the processor has it. One thread for all processors: with more, one may run
	# code that the guest has just patched on another as it was before (seen as an int3 that nobody knows of, in 7.2).
	# no_timer_check: whether the timer ticks is found out against a clock that goes on while a busy host does not run us.
	# shellcheck disable=SC2086 # two words or none
	nice -n 10 timeout -k 5 "$limit" qemu-system-x86_64 $icount \
		-accel "${VM_ACCEL:-tcg,thread=single}" -cpu max,-cx16 -smp "$cpus" -m 1024 -nodefaults -display none -no-reboot \
		-serial "file:$dir/console" -serial "file:$dir/output" \
		-drive "file=$dir/disk,format=raw,if=virtio,cache=unsafe" \
		-kernel "$dir/vmlinuz" -initrd "$dir/initramfs" \
		-append "console=ttyS0 loglevel=5 panic=-1 no_timer_check $append" </dev/null >"$dir/qemu" 2>&1 &
	qemu=$!
	trap 'kill $qemu 2>/dev/null' EXIT
	trap 'exit 143' INT TERM
	tail -n +1 -s 0.2 -f --pid=$qemu "$dir/output" 2>/dev/null | sed -u '/^@vm-began$/d; /^@vm-status /d; s/@vm-status [0-9]*$//' &
	said=$!
	ended=0
	wait $qemu || ended=$?
	wait $said || true
	trap - EXIT INT TERM
}

# Not of our making: it stopped before the script's first word, or panicked without a BPF program on the stack.
emulator_fault() {
	grep -q '^@vm-began' "$dir/output" || return 0
	grep -aq 'Kernel panic' "$dir/console" && ! grep -aq 'bpf_prog\|bpf_trampoline\|__bpf_' "$dir/console"
}

for try in 1 2; do
	boot
	status=$(sed -n 's/.*@vm-status \([0-9]*\)$/\1/p' "$dir/output")
	if [ -n "$status" ]; then
		mkdir -p "$dir/out"
		tar -C "$dir/out" -xf "$dir/disk" 2>/dev/null || true
		exit "$status"
	fi
	grep -a -B 2 -A 30 -m 1 -e 'Kernel panic' -e 'BUG:' -e 'Oops' "$dir/console" >&2 || true
	cat "$dir/qemu" >&2
	emulator_fault && [ "$try" = 1 ] || break
	say "$kernel: the virtual machine failed; trying once more"
done
[ "$ended" != 124 ] || { say "$kernel: no end after $limit seconds; the console is in $dir/console"; exit 124; }
say "$kernel: the virtual machine ended without a status; the console is in $dir/console"
exit 125
