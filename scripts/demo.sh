#!/bin/sh
# Records a short run of real mounts inside a private mount namespace and shows what can be asked of the trace.
# Nothing of it is visible on the host. Usage: demo.sh MOUNTSNOOP
set -eu

mountsnoop=$(realpath "$1")
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

show() {
	printf '\n$ %s\n' "$*"
	"$@"
}

cat >work.sh <<'W'
mkdir lower upper work merged bind
mount -t tmpfs -o size=1m,mode=700 scratch upper
mkdir upper/u upper/w
mount -t overlay -o lowerdir=lower,upperdir=upper/u,workdir=upper/w layers merged
mount --bind merged bind
mount -o remount,bind,ro bind
umount upper || true
mount -t ext4 /dev/nothing bind || true
umount bind
umount -l merged
umount upper
W

# mount(8) of today prefers the new mount API, which this version does not record yet.
export LIBMOUNT_FORCE_MOUNT2=always
printf '$ mountsnoop record -o trace.mst -- unshare -m sh work.sh\n'
$as_root env LIBMOUNT_FORCE_MOUNT2=always "$mountsnoop" record -o trace.mst -- unshare -m sh work.sh
show "$mountsnoop" info trace.mst
show "$mountsnoop" replay trace.mst
show "$mountsnoop" replay trace.mst --failed -t
show "$mountsnoop" stats trace.mst
show "$mountsnoop" export trace.mst -o trace.csv
printf '\n$ head -n 3 trace.csv\n'
head -n 3 trace.csv
