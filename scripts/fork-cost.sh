#!/bin/sh
# What a recording costs an ordinary fork, in pairs with and without a recorder of the whole host, every other pair the other
# way round. Prints what tests/workloads/forks.c measures in each run (ns for a fork with exit and wait, ns for a refused
# clone) and the medians, those of the differences included. docs/performance.md has what came of it.
# Usage: scripts/fork-cost.sh MOUNTSNOOP [ATTACH [PAIRS [FORKS]]]; needs root and cc.
set -eu

mountsnoop=$(realpath "$1")
attach=${2:-tracepoint} pairs=${3:-15} forks=${4:-5000}
root=$(dirname "$0")/..
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cc -O2 -o "$dir/forks" "$root/tests/workloads/forks.c"

without() {
	plain=$("$dir/forks" "$forks")
}

with() {
	"$mountsnoop" record --force --attach "$attach" -o "$dir/t.mst" 2>"$dir/said" &
	recorder=$!
	until grep -qs 'recording into' "$dir/said"; do
		kill -0 "$recorder" || { cat "$dir/said" >&2; exit 1; }
		sleep 0.05
	done
	recorded=$("$dir/forks" "$forks")
	kill -INT "$recorder"
	wait "$recorder"
}

median() {
	cut -d' ' -f"$1" "$dir/pairs" | sort -n | sed -n "$((pairs / 2 + 1))p"
}

for pair in $(seq "$pairs"); do
	if [ $((pair % 2)) = 0 ]; then without; with; else with; without; fi
	# shellcheck disable=SC2086 # two words each
	set -- $plain $recorded
	echo "$1 $3 $(($3 - $1)) $2 $4 $(($4 - $2))" | tee -a "$dir/pairs"
done
echo "fork, exit, wait: without $(median 1) ns, with $(median 2) ns, difference $(median 3) ns"
echo "refused clone:    without $(median 4) ns, with $(median 5) ns, difference $(median 6) ns"
