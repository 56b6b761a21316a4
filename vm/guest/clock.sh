# Runs in the guest: somebody sets the wall clock while a recording runs. The trace must say so, and by how much, and its events
# must not jump. Needs in /bin: mountsnoop, and tests/workloads/say.c as a static program.
# Usage: clock.sh; prints "passed", or what was expected.
mountsnoop record --flush 20ms -o /tmp/clock.mst 2>/tmp/clock.said &
recorder=$!
until grep -q 'recording into' /tmp/clock.said; do
	sleep 0.1
done
say before
date -s "@$(($(date +%s) + 3600))" >/dev/null
# A remark is made at the next look at the clocks: within a flush of this call.
say after
until mountsnoop replay /tmp/clock.mst 2>/dev/null | grep -q 'clock step'; do
	sleep 0.1
done
date -s "@$(($(date +%s) - 7200))" >/dev/null
say back
until [ "$(mountsnoop replay /tmp/clock.mst 2>/dev/null | grep -c 'clock step')" = 2 ]; do
	sleep 0.1
done
kill -INT $recorder
wait $recorder

expect() {
	grep -q "$1" "$2" || { echo "expected in $2: $1" && cat "$2" && exit 1; }
}
mountsnoop info /tmp/clock.mst >/tmp/clock.info
expect 'complete   yes' /tmp/clock.info
expect 'remark .*clock step: the wall clock was set forward by 3[56][0-9][0-9]\.' /tmp/clock.info
expect 'remark .*clock step: the wall clock was set back by 7[12][0-9][0-9]\.' /tmp/clock.info
# Boot time only goes forward, by little.
mountsnoop replay --json --comm say /tmp/clock.mst | grep -o '"boottime_ns":[0-9]*' | cut -d: -f2 >/tmp/clock.times
sort -n -c /tmp/clock.times || exit 1
[ $(($(tail -n 1 /tmp/clock.times) - $(head -n 1 /tmp/clock.times))) -lt 600000000000 ] || exit 1
echo passed
