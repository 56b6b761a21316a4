# Runs in the guest: live.sh [WAY]... records known work with each way to attach, all of them where none is named, and leaves
# in /out/WAY what check.py needs to judge it: traces, what the workloads say must be in them, messages and exit statuses.
# A WAY is what record's --attach takes, or "compat": tracepoints with --compat.

# One that has ended runs no program any more, though it still has its number.
wait_for_recorder() {
	until grep -qs 'recording into' "$1" || ! readlink "/proc/$2/exe" >/dev/null; do
		sleep 0.1
	done
}

# Where a program is taken off a function, the kernel runs none at the return (fexit) of calls that are in it just then
# (bpf_tramp_image_put()): those of the recorder before, whose links a child of it still holds, have to be gone.
wait_for_links() {
	case $way in
	tracepoint | compat) ;;
	*) while pidof exe >/dev/null; do sleep 0.1; done ;;
	esac
}

# Only the calls of the work are recorded. Some on processor 0, where perf has what somebody else records by tracepoints.
record_calls() {
	wait_for_links
	# shellcheck disable=SC2086 # two words or more
	mountsnoop record $attach --queries -o "$out/calls.mst" -- \
		sh -c 'calls /tmp/calls && taskset 1 newcalls /tmp/newcalls && compat' >"$out/calls.said" 2>"$out/calls.err"
	echo $? >"$out/calls.status"
}

# The calls of everybody are recorded, so that the recorder does not have to look who makes them.
record_storm() {
	name=$1
	wait_for_links
	# shellcheck disable=SC2086
	mountsnoop record $attach --ring-size 32M -o "$out/$name.mst" 2>"$out/$name.err" &
	recorder=$!
	wait_for_recorder "$out/$name.err" $recorder
	storm "$@" >"$out/$name.said"
	echo $? >"$out/$name.work"
	kill -INT $recorder
	wait $recorder
	echo $? >"$out/$name.status"
}

# How a WAY is asked for, and where its results go.
choose() {
	case $1 in
	compat) attach="--attach tracepoint --compat" ;;
	*) attach="--attach $1" ;;
	esac
	out=/out/$1
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
# Whoever else records, the known work is the same to each.
mountsnoop record --attach tracepoint -o /tmp/other.mst 2>/tmp/other.err &
other=$!
wait_for_recorder /tmp/other.err $other
grep -q 'recording into' /tmp/other.err || cat /tmp/other.err >/out/left
for way; do
	choose "$way"
	mkdir "$out" /tmp/calls /tmp/newcalls
	record_calls
	rm -rf /tmp/calls /tmp/newcalls
done
kill -INT $other
wait $other
echo "the known work: done after $(cut -d' ' -f1 /proc/uptime) s"
for way; do
	choose "$way"
	# Not where the kernel refuses this way.
	if grep -q 'recording into' "$out/calls.err"; then
		mkdir /tmp/failing /tmp/tmpfs
		record_storm failing 4 6000 /tmp/failing
		record_storm tmpfs 40 30 /tmp/tmpfs
		rm -rf /tmp/failing /tmp/tmpfs
	fi
	echo "$way: done after $(cut -d' ' -f1 /proc/uptime) s"
done
if grep -q tracefs /proc/mounts || [ -e /sys/kernel/tracing/events ]; then
	echo "a tracefs was left behind" >>/out/left
fi
