#!/bin/sh
# Writes the initramfs of one run: busybox, our init, the kernel's modules, the script, and the files given, in /bin.
# Usage: initramfs.sh KERNEL SCRIPT OUT FILE...
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

kernel=$1 script=$2 out=$3
shift 3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/dev" "$dir/proc" "$dir/sys"
cp "$cache/busybox" "$dir/bin/"
cp "$vm/guest/init" "$dir/init"
cp -r "$cache/$kernel/modules" "$dir/modules"
cp "$script" "$dir/script"
for file in "$@"; do
	cp "$file" "$dir/bin/"
done
chmod 755 "$dir" "$dir/init" "$dir/bin/"*
# The guest unpacks it: gzip's fastest level saves reading without costing an emulated processor much.
(cd "$dir" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$out"
