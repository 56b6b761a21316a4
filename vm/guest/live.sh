# Runs in the guest: records known work with each way to attach that this mountsnoop has, and leaves in /out/WAY what
# check.py needs to judge it: traces, what the workloads say must be in them, messages and exit statuses.

# wanted name of the file, then the work: only the work's own calls are recorded.
record_command() {
	name=$1
	shift
	# shellcheck disable=SC2086 # no word, or two
	mountsnoop record $attach -o "$out/$name.mst" -- "$@" >"$out/$name.said" 2>"$out/$name.err"
	echo $? >"$out/$name.status"
}

# The same, but the calls of everybody are recorded, so that the recorder does not have to look who makes them.
record_everybody() {
	name=$1
	shift
	# shellcheck disable=SC2086
	mountsnoop record $attach --ring-size 32M -o "$out/$name.mst" 2>"$out/$name.err" &
	recorder=$!
	for _ in $(seq 300); do
		grep -q 'recording into' "$out/$name.err" && break
		kill -0 $recorder 2>/dev/null || break
		sleep 0.1
	done
	"$@" >"$out/$name.said"
	echo $? >"$out/$name.work"
	kill -INT $recorder
	wait $recorder
	echo $? >"$out/$name.status"
}

# In a mount namespace of its own: the host of the recorder has no debugfs.
unshare -m sh -c 'mount -t debugfs none /sys/kernel/debug && cat /sys/kernel/debug/sched/preempt' \
	>/out/preempt 2>/dev/null
uname -r >/out/release

# The ways to attach, as the help of the option lists them; none while there is no such option.
ways=$(mountsnoop record -h | tr -s '\n ' ' ' | sed -n 's/.* --attach //p' |
	grep -o 'possible values: [^]]*' | head -n 1 | sed 's/possible values: //; s/,//g')
for way in ${ways:-default}; do
	attach="--attach $way"
	[ -n "$ways" ] || attach=
	out=/out/$way
	mkdir "$out" /tmp/calls /tmp/failing /tmp/tmpfs
	record_command nothing true
	if [ "$(cat "$out/nothing.status")" = 0 ]; then
		record_command calls calls /tmp/calls
		record_command compat compat
		record_everybody failing storm failing 4 6000 /tmp/failing
		record_everybody tmpfs storm tmpfs 40 30 /tmp/tmpfs
	fi
	rm -rf /tmp/calls /tmp/failing /tmp/tmpfs
	echo "$way: done after $(cut -d' ' -f1 /proc/uptime) s"
done
if grep -q tracefs /proc/mounts || [ -e /sys/kernel/tracing/events ]; then
	echo "a tracefs was left behind" >/out/left
fi
