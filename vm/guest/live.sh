# Runs in the guest: live.sh [WAY]... records known work with each way to attach, all of them where none is named, and leaves
# in /out/WAY what check.py needs to judge it: traces, what the workloads say must be in them, messages and exit statuses.
# A WAY is what record's --attach takes, or "compat": tracepoints with --compat.

# Only the calls of the work are recorded.
record_calls() {
	# shellcheck disable=SC2086 # two words or more
	mountsnoop record $attach --queries -o "$out/calls.mst" -- \
		sh -c 'calls /tmp/calls && newcalls /tmp/newcalls && compat' >"$out/calls.said" 2>"$out/calls.err"
	echo $? >"$out/calls.status"
}

# The calls of everybody are recorded, so that the recorder does not have to look who makes them.
record_storm() {
	name=$1
	# shellcheck disable=SC2086
	mountsnoop record $attach --ring-size 32M -o "$out/$name.mst" 2>"$out/$name.err" &
	recorder=$!
	# One that has ended runs no program any more, though it still has its number.
	until grep -qs 'recording into' "$out/$name.err" || ! readlink "/proc/$recorder/exe" >/dev/null; do
		sleep 0.1
	done
	storm "$@" >"$out/$name.said"
	echo $? >"$out/$name.work"
	kill -INT $recorder
	wait $recorder
	echo $? >"$out/$name.status"
}

# In a mount namespace of its own: the host of the recorder has no debugfs.
unshare -m sh -c 'mount -t debugfs none /sys/kernel/debug && cat /sys/kernel/debug/sched/preempt' \
	>/out/preempt 2>/dev/null
nproc >/out/cpus
cat /proc/cmdline >/out/cmdline

if [ $# = 0 ]; then
	# As the help of the option lists them.
	ways=$(mountsnoop record -h | tr -s '\n ' ' ' | sed -n 's/.* --attach //p' |
		grep -o 'possible values: [^]]*' | head -n 1 | sed 's/possible values: //; s/,//g')
	# shellcheck disable=SC2086
	set -- ${ways:-none-in-the-help} compat
fi
for way; do
	case $way in
	compat) attach="--attach tracepoint --compat" ;;
	*) attach="--attach $way" ;;
	esac
	out=/out/$way
	mkdir "$out" /tmp/calls /tmp/newcalls /tmp/failing /tmp/tmpfs
	record_calls
	# Not where the kernel refuses this way.
	if grep -q 'recording into' "$out/calls.err"; then
		record_storm failing 4 6000 /tmp/failing
		record_storm tmpfs 40 30 /tmp/tmpfs
	fi
	rm -rf /tmp/calls /tmp/newcalls /tmp/failing /tmp/tmpfs
	echo "$way: done after $(cut -d' ' -f1 /proc/uptime) s"
done
if grep -q tracefs /proc/mounts || [ -e /sys/kernel/tracing/events ]; then
	echo "a tracefs was left behind" >/out/left
fi
