#!/bin/sh
# Fetches Debian's cloud kernels, with the few modules that the tests need, into target/vm/VERSION/.
# What is there already is not fetched again. Says on stdout what each wanted kernel is called: "6.1", or what "newest" is.
# Usage: kernels.sh [5.10 | 6.1 | 7.2+ | newest]...
# 7.2+ is 7.2, or where the mirror has it no longer, the newest: Debian drops a series some time after the next one.
# apt works in a directory of its own: neither the lists nor the packages of this machine are touched.
set -eu
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

suites="bullseye bookworm bookworm-backports trixie trixie-backports sid"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# In the order they must be inserted. One that is not a file is built in, or did not exist yet.
modules="virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk loop overlay fuse"

private_apt() {
	tool=$1
	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State="$cache/apt/state" -o Dir::State::lists="$cache/apt/state/lists" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$cache/apt/cache" \
		-o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}

# The Debian mirror that this machine uses itself, by its own lists or those in a directory.
mirror_of() {
	apt-get indextargets ${1:+-o Dir::State::lists="$1"} --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }'
}

# The lists of all suites; once a run at most.
lists() {
	[ -z "${listed:-}" ] || return 0
	listed=yes
	mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial" "$cache/apt/own/partial"
	mirror=$(mirror_of)
	if [ -z "$mirror" ]; then
		# Images of containers come without lists.
		apt-get update -qq -o Dir::State::lists="$cache/apt/own" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
			-o APT::Sandbox::User=root -o Acquire::Retries=3 >&2 || true
		mirror=$(mirror_of "$cache/apt/own")
	fi
	[ -n "$mirror" ] || fail "no Debian mirror among the sources of apt, where the kernels come from: see apt-get indextargets"
	for suite in $suites; do
		echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main"
	done >"$cache/apt/sources.list"
	say "reading the package lists of: $suites"
	# A suite that the mirror no longer has only takes its kernels away.
	private_apt apt-get update >&2 || say "not every suite could be read"
}

# The newest image of a kernel series all of which the mirror has, "" for none: linux-image-6.1.0-47-cloud-amd64 for 6.1.
image_of() {
	case $1 in
	newest) prefix=linux-image- ;;
	*) prefix=linux-image-$1. ;;
	esac
	for image in $(private_apt apt-cache pkgnames "$prefix" | grep -- '^linux-image-[0-9].*-cloud-amd64$' | sort -rV); do
		# apt-cache shows in <> what is named but is not there.
		case $(parts_of "$image") in
		*'<'*) say "$image: its $(parts_of "$image" | grep '<') is not on the mirror" ;;
		*) echo "$image" && break ;;
		esac
	done
}

# The packages that hold the files of an image: itself, and since 6.19 those that it was split into.
parts_of() {
	echo "$1"
	private_apt apt-cache depends --important "$1" | awk '$2 ~ /^<?linux-(binary|modules)-/ { print $2 }'
}

unpack() {
	package=$1 into=$2
	(cd "$into" && private_apt apt-get download "$package" >&2)
	for deb in "$into/$package"_*.deb; do
		dpkg-deb -x "$deb" "$into/tree"
		rm "$deb"
	done
}

# What a kernel image says of itself: its header points at the text (the kernel's Documentation/arch/x86/boot.rst).
version_of() {
	at=$(od -An -tu2 -j 526 -N 2 "$1")
	tail -c +$((at + 513)) "$1" | head -c 256 | tr '\0' '\n' | head -n 1
}

fetch_kernel() {
	series=$1 image=$2 dir=$3
	release=${image#linux-image-}
	rm -rf "$dir.part"
	mkdir -p "$dir.part/modules"
	say "$series: fetching $release"
	for package in $(parts_of "$image"); do
		unpack "$package" "$dir.part" || fail "$series: $package could not be fetched"
	done
	tree=$dir.part/tree
	for kernel in "$tree/boot/vmlinuz-$release" "$tree/usr/lib/modules/$release/vmlinuz"; do
		[ ! -e "$kernel" ] || mv "$kernel" "$dir.part/vmlinuz"
	done
	[ -s "$dir.part/vmlinuz" ] || fail "$image has no kernel where one was expected"
	says=$(version_of "$dir.part/vmlinuz")
	[ "${says%% *}" = "$release" ] || fail "$image was to be $release, but the kernel in it says: $says"
	number=10
	for module in $modules; do
		file=$(find "$tree" -name "$module.ko" -o -name "$module.ko.xz" -o -name "$module.ko.zst" | head -n 1)
		[ -n "$file" ] || continue
		case $file in
		*.xz) xz -dc "$file" ;;
		*.zst) zstd -dcq "$file" ;;
		*) cat "$file" ;;
		esac >"$dir.part/modules/$number-$module.ko"
		number=$((number + 1))
	done
	rm -rf "$tree"
	[ -n "$(find "$dir.part/modules" -name "*-virtio_blk.ko")" ] || fail "$image has no module virtio_blk, which is not built in"
	echo "$says" >"$dir.part/version"
	rm -rf "$dir"
	mv "$dir.part" "$dir"
}

kernel() {
	series=$1
	case $series in
	*+)
		series=${1%+}
		if [ ! -s "$cache/$series/version" ]; then
			lists
			[ -n "$(image_of "$series")" ] || { say "$series is no longer on the mirror: newest instead"; series=newest; }
		fi
		;;
	esac
	[ "$series" != newest ] || [ ! -s "$cache/newest" ] || series=$(cat "$cache/newest")
	if [ ! -s "$cache/$series/version" ]; then
		lists
		image=$(image_of "$series")
		[ -n "$image" ] || fail "$series: no cloud kernel of that series in: $suites"
		if [ "$series" = newest ]; then
			series=$(expr "$image" : 'linux-image-\([0-9]*\.[0-9]*\)')
			echo "$series" >"$cache/newest"
		fi
		[ -s "$cache/$series/version" ] || fetch_kernel "$series" "$image" "$cache/$series"
	fi
	echo "$series"
}

# One program for everything inside: busybox, static. Extracted, for to install it would remove the machine's own.
busybox() {
	[ ! -x "$cache/busybox" ] || return 0
	lists
	mkdir -p "$cache/busybox.part"
	unpack busybox-static "$cache/busybox.part" || fail "busybox-static could not be fetched"
	for file in "$cache/busybox.part/tree/bin/busybox" "$cache/busybox.part/tree/usr/bin/busybox"; do
		[ ! -e "$file" ] || mv "$file" "$cache/busybox"
	done
	rm -rf "$cache/busybox.part"
	[ -x "$cache/busybox" ] || fail "busybox-static has no busybox where one was expected"
}

mkdir -p "$cache"
busybox
for wanted in "$@"; do
	case $wanted in
	newest | [0-9]*.[0-9]*) kernel "$wanted" ;;
	*) fail "\"$wanted\" is no kernel: expected a series such as 6.1, one such as 7.2+, or newest" ;;
	esac
done
