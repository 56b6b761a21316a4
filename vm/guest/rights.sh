# Runs in the guest: which capabilities are enough to record, for root and for another user, where tracefs is mounted and
# where it is not. The tables of docs/permissions.md are from here. Needs in /bin: mountsnoop, and tests/workloads/rights.c
# and say.c as static programs.
# Usage: rights.sh 'WAY-TO-ATTACH...' 'CAPABILITY,......', the capabilities by number: 'fentry tracepoint' '38,39 21'
ways=$1 sets=$2
mkdir /tmp/all
chmod 777 /tmp/all

# where uid capabilities way
try() {
	said=$(rights "$2" "$3" mountsnoop record -q --attach "$4" -o /tmp/all/t.mst -- say found 2>&1 | tr '\n' ' ')
	calls=$(mountsnoop replay /tmp/all/t.mst 2>/dev/null | grep -c 'umount2("found"')
	printf '%-9s uid %-5s %-12s %-10s %s %s\n' "$1" "$2" "$3" "$4" "$([ "$calls" = 1 ] && echo yes || echo no)" "$said"
	rm -f /tmp/all/t.mst
}

try_all() {
	for set in $sets; do
		for way in $ways; do
			for uid in 0 65534; do
				try "$1" "$uid" "$set" "$way"
			done
		done
	done
}

uname -r
tail -n +1 /proc/sys/kernel/perf_event_paranoid /proc/sys/kernel/unprivileged_bpf_disabled
try_all unmounted
mount -t tracefs none /sys/kernel/tracing
mount -t debugfs none /sys/kernel/debug
try_all mounted
