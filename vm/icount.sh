#!/bin/sh
# Counts the instructions that system calls take beside a recorder, in machines whose clock is the number of their instructions:
# guest/icount.sh says what must be equal. The same comes out each time, however busy the host is.
# Usage: icount.sh MOUNTSNOOP KERNEL[:way=WAY]...; MOUNTSNOOP is a static binary.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

mountsnoop=$1
shift
guest=$cache/guest
mkdir -p "$guest"
cc -O2 -Wall -Wextra -static -I "$root/tests/workloads" -o "$guest/instructions" "$vm/guest/instructions.c"
strip -o "$guest/mountsnoop" "$mountsnoop"

failed=no
for asked in "$@"; do
	ways=$(echo "${asked#"${asked%%:*}"}" | sed 's/:way=/ /g')
	kernel=$("$vm/kernels.sh" "${asked%%:*}") || { failed=yes && continue; }
	echo "$kernel: instructions for a call, the least and the median of 1,000 batches of 100"
	"$vm/run.sh" "$kernel" --icount 0 --timeout 1800 --file "$guest/mountsnoop" --file "$guest/instructions" \
		--file "$vm/guest/icount.sh" -- "sh /bin/icount.sh $ways" || failed=yes
done
[ "$failed" = no ]
