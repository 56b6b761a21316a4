# Runs in the guest: icount.sh WAY... counts the instructions of calls without a recorder, with one for each way to attach, and
# without once more. Prints a line for each, and ends with status 1 where getppid, which nobody asked about, took another number than
# without; with tracepoints it must, for a count that does not see those sees nothing.
# Needs in /bin: mountsnoop, instructions.
count() {
	# Once before it counts, so that what is done at the first time has been done.
	instructions >/dev/null
	instructions >/tmp/counted
	getppid=$(sed -n 's/^getppid //p' /tmp/counted)
	awk -v name="$1" '
		{ text = text sprintf("   %s %9.2f (median %9.2f)", $1, $2 / $4, $3 / $4) }
		END { printf "%-10s%s\n", name, text }' /tmp/counted
}

record() {
	mountsnoop record --attach "$1" --force -o /tmp/t.mst 2>/tmp/said &
	recorder=$!
	until grep -qs 'recording into' /tmp/said; do
		readlink "/proc/$recorder/exe" >/dev/null || { cat /tmp/said; exit 1; }
		sleep 0.1
	done
}

failed=0
expect() {
	[ "$getppid" = "$without" ] && is=equal || is=other
	[ $is = "$1" ] && return
	echo "FAILED: $2: least, median and batch of getppid are $getppid, without a recorder $without"
	failed=1
}

count none
without=$getppid
for way; do
	record "$way"
	count "$way"
	kill -INT $recorder
	wait $recorder || failed=1
	# The other call was recorded, or its price would say nothing.
	calls=$(mountsnoop replay /tmp/t.mst | grep -c '^instructions .*mount("source"')
	[ "$calls" -gt 0 ] || { echo "FAILED: $way: no mount was recorded" && failed=1; }
	case $way in
	tracepoint) expect other "$way must cost something" ;;
	*) expect equal "$way must cost nothing" ;;
	esac
done
count afterwards
expect equal "nothing may be left afterwards"
exit $failed
