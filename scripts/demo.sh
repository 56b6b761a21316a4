#!/bin/sh
# Records a short run of real mounts inside a private mount namespace and shows what can be asked of the trace.
# Nothing of it is visible on the host, and nothing stays behind. Usage: demo.sh MOUNTSNOOP
set -eu

program=$(realpath "$1")
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >work.sh <<'W'
# So that mount(8) does the same everywhere: since util-linux 2.39 it prefers the new mount API.
export LIBMOUNT_FORCE_MOUNT2=always
mount -t tmpfs -o size=1m,mode=700 scratch /mnt
cd /mnt
mkdir lower upper work root bind
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work layers root
mount --bind root bind
mount -o remount,bind,ro bind
umount /mnt                        # fails: busy
mount -t ext4 /dev/nothing bind    # fails: no such device
umount bind
umount -l root
cd /
umount /mnt
W

mountsnoop() { "$program" "$@"; }
show() {
	printf '\n$ %s\n' "$*"
	"$@"
}

show cat work.sh
printf '\n$ mountsnoop record -o trace.mst -- unshare -m sh work.sh\n'
$as_root "$program" record -o trace.mst -- unshare -m sh work.sh
show mountsnoop info trace.mst
show mountsnoop replay trace.mst
show mountsnoop replay trace.mst --failed -t
show mountsnoop stats trace.mst --by call,error,fstype
show mountsnoop export trace.mst -o trace.csv
show cut -d, -f 4,8,9,16-20 trace.csv
