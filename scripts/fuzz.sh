#!/usr/bin/env bash
# Fuzzes each target of fuzz/ in turn: fuzz.sh SECONDS [TARGET ...], SECONDS for all together. Needs no nightly Rust and no
# cargo-fuzz, which can run the same targets: libFuzzer comes as a crate, and rustc's coverage as a pass of LLVM.
# What is found new goes below $work; an input that fails is kept in fuzz/artifacts and ends the run.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=$1
shift
[ $# -gt 0 ] || set -- scan records events blocks words

host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-../target}/fuzz
work=$target/corpus
# As cargo-fuzz has it. --target keeps it from build scripts and macros, which have no libFuzzer to report to.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
# Not --locked: what the program depends on may have changed, and its own lock is what is tested elsewhere.
CARGO_TARGET_DIR=$target cargo build --release --bins --target "$host"

for name in "$@"; do
	mkdir -p "$work/$name" "artifacts/$name"
	"$target/$host/release/$name" -max_total_time=$((seconds / $#)) -rss_limit_mb=2048 -timeout=20 -max_len=16384 \
		-print_final_stats=1 -artifact_prefix="artifacts/$name/" "$work/$name" "corpus/$name"
done
