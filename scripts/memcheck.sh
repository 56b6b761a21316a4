#!/usr/bin/env bash
# Looks for reads and writes of memory that they should not make, in the readers and in zstd's C: AddressSanitizer over their
# tests, valgrind over the program with every fixture, Miri over the tests of what is Rust alone. Says what it ran.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}
# What decompresses, parses or prints a trace. Not the test of memory, which is taken up by the sanitizer itself.
tests=(format:: decode:: assemble:: views:: corpus:: years:: --skip spec)

echo "=== AddressSanitizer: ${tests[*]}"
# Stable Rust comes with the sanitizer's library, but not with leave to ask for it. --target keeps it from build scripts.
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CC=clang CFLAGS=-fsanitize=address CARGO_TARGET_DIR=$target/asan \
	cargo test --locked --no-default-features --target "$host" --lib --test tests -- "${tests[@]}"

echo "=== valgrind: every command on every fixture"
cargo build --locked --no-default-features
for trace in fixtures/*.mst fixtures/*/*.mst; do
	for command in "replay -d" "export -F csv -o -" stats "info --blocks"; do
		# shellcheck disable=SC2086 # a list of words
		valgrind -q --error-exitcode=99 "$target/debug/mountsnoop" $command "$trace" >/dev/null 2>"$target/valgrind.txt" ||
			[ $? != 99 ] || { cat "$target/valgrind.txt" && exit 1; }
	done
	echo "$trace: nothing found"
done

# The tests under these names call no C and make no loop of millions; the one left out below makes records of 1 MiB.
pure=(format::tests::cold format::tests::header format::sniff decode::known decode::structs decode::event::tests::a assemble::pair::tests::a)
if cargo +nightly miri --version; then
	echo "=== Miri: ${pure[*]}"
	MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR=$target/miri cargo +nightly miri test --locked --no-default-features --lib -- "${pure[@]}" \
		--skip every_record_that_is_written
else
	echo "=== Miri was NOT run: rustup toolchain install nightly --component miri"
fi
