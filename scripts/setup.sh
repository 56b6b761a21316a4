#!/bin/sh
# Installs what is missing to build and test on Debian or a relative of it. What is there already is left alone.
# Usage: setup.sh PROGRAM-OR-FILE=PACKAGE ...
set -eu

missing=
for pair in "$@"; do
	what=${pair%%=*} package=${pair#*=}
	case $what in
	/*) [ -e "$what" ] && continue ;;
	*) command -v "$what" >/dev/null 2>&1 && continue ;;
	esac
	missing="$missing $package"
done
if [ -n "$missing" ]; then
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 || {
			echo "missing:$missing; install them as root, or install sudo" >&2
			exit 1
		}
		as_root=sudo
	fi
	command -v apt-get >/dev/null 2>&1 || {
		echo "missing, by their Debian names:$missing; install what your distribution calls them" >&2
		exit 1
	}
	echo "installing:$missing" >&2
	$as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of words
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")
if ! command -v cargo >/dev/null 2>&1; then
	echo "cargo is missing: install Rust $oldest or newer as https://rustup.rs says, then run this again" >&2
	[ -z "${SUDO_USER:-}" ] || echo "if $SUDO_USER has it: run this without sudo, which is called where it is needed" >&2
	exit 1
fi
have=$(cargo --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$oldest" "$have" | sort -V | head -n 1)" != "$oldest" ]; then
	echo "cargo $have is too old: install Rust $oldest or newer as https://rustup.rs says, then run this again" >&2
	exit 1
fi
