#!/bin/sh
# Starts containers, one after the other, as small programs start them (bubblewrap) and as engines do (crun, on an overlay).
# What `make bench-peers` records as "churn". In an empty directory, inside a private mount namespace.
# Usage: churn-work.sh COUNT bubblewrap|crun...
set -eu

count=$1
shift

bubblewrap() {
	bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run --unshare-pid --unshare-ipc --unshare-uts true
}

# An image whose only program does nothing, and what crun is to know of a container.
prepare_crun() {
	mkdir -p lower/bin lower/dev lower/proc lower/sys lower/tmp lower/etc
	echo 'int main(void) { return 0; }' >true.c
	cc -O2 -static -o lower/bin/true true.c
	crun spec
	sed -i 's/"terminal": true/"terminal": false/; s/^\(\t*\)"sh"$/\1"\/bin\/true"/; s/"hostname": ".*"/"hostname": "IDENTIFIER"/' config.json
	# crun 1.8 refuses a host that has both versions of cgroups. It makes none here.
	mount -t cgroup2 none /sys/fs/cgroup
}

crun_container() {
	id=$(printf 'container %s' "$1" | sha256sum | cut -c1-64)
	mkdir -p "$id/rootfs" "$id/upper" "$id/work"
	sed "s/IDENTIFIER/$id/" config.json >"$id/config.json"
	mount -t overlay overlay -o "lowerdir=$PWD/lower,upperdir=$PWD/$id/upper,workdir=$PWD/$id/work" "$PWD/$id/rootfs"
	crun --cgroup-manager=disabled run -b "$id" "$id"
	umount "$PWD/$id/rootfs"
	rm -r "$id"
}

for kind; do
	[ "$kind" != crun ] || prepare_crun
	for number in $(seq "$count"); do
		case $kind in
		bubblewrap) bubblewrap ;;
		crun) crun_container "$number" ;;
		*) echo "churn-work.sh: \"$kind\" is not a kind of container: expected bubblewrap or crun" >&2 && exit 2 ;;
		esac
	done
done
