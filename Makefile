# What people type: `make demo`, `make test`. Each installs what it needs first (Debian and relatives) and says so.
# The rest: `make build`, `make offline`, `make static`, `make vmtest` and `make icount` (on other kernels), `make lint`,
# `make deny`, `make bench`, `make bench-peers`, `make bench-big`, `make instructions`, `make fuzz`, `make memcheck`.

# PROGRAM-OR-FILE=PACKAGE, as scripts/setup.sh takes them.
OFFLINE_NEEDS = cc=gcc /usr/include/stdio.h=libc6-dev /etc/ssl/certs/ca-certificates.crt=ca-certificates
BUILD_NEEDS = $(OFFLINE_NEEDS) clang=clang /usr/include/libelf.h=libelf-dev /usr/include/zlib.h=zlib1g-dev \
	pkg-config=pkg-config
RUN_NEEDS = unshare=util-linux mount=mount
# The archives come with the -dev packages of BUILD_NEEDS and the compiler; 32-bit code needs no 32-bit library.
VM_NEEDS = qemu-system-x86_64=qemu-system-x86 cpio=cpio xz=xz-utils zstd=zstd strip=binutils python3=python3
TEST_NEEDS = strace=strace zstd=zstd script=bsdutils /usr/include/linux/mount.h=linux-libc-dev /usr/bin/time=time \
	/usr/lib/python3/dist-packages/zstandard/__init__.py=python3-zstandard
FUZZ_NEEDS = $(OFFLINE_NEEDS) c++=g++
PEERS_NEEDS = python3=python3 /usr/bin/time=time zstd=zstd bwrap=bubblewrap crun=crun perf=linux-perf strace=strace bpftrace=bpftrace \
	trace-cmd=trace-cmd /usr/sbin/mountsnoop=libbpf-tools /usr/sbin/mountsnoop-bpfcc=bpfcc-tools
MEMCHECK_NEEDS = $(OFFLINE_NEEDS) $(TEST_NEEDS) clang=clang valgrind=valgrind

target := $(or $(CARGO_TARGET_DIR),target)
static_target = $(shell rustc -vV | sed -n "s,^host: ,,p")
# What vmtest boots: series that Debian has, and the newest of all, each in three ways. KERNELS="6.1 newest" selects kernels,
# BOOTS="6.1 newest:2cpus" single boots; vm/suite.sh says what can be asked for.
KERNELS = 5.10 6.1 6.12 7.2+ newest
BOOTS = $(foreach kernel,$(KERNELS),$(kernel) $(kernel):preempt=full $(kernel):2cpus)
# What icount boots, and which ways to attach it compares there; tracepoints cost every call something, and show that it counts.
ICOUNT = 6.1:way=fentry:way=tracepoint 7.2+:way=kprobe:way=tracepoint
# How long fuzz runs, for all targets together, and which: `make fuzz FUZZ_SECONDS=36000 FUZZ_TARGETS="scan blocks"`.
FUZZ_SECONDS = 600
FUZZ_TARGETS =
# What bench-peers measures (call storm size churn recorder start read; empty: all), and its options.
PARTS =
OPTIONS =
# Tests that record need root: whoever is not builds them, and has them run by sudo.
test_runner := $(shell [ "$$(id -u)" = 0 ] || [ "$$MOUNTSNOOP_SKIP_LIVE" = 1 ] || echo "--config=\"target.'cfg(unix)'.runner='sudo -E'\"")

.PHONY: build offline static demo test vmtest icount lint deny bench instructions bench-peers bench-big fuzz memcheck

# The commit is in every trace; a tree without git is "unknown".
build static instructions: export MOUNTSNOOP_COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
build:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo build --release --locked

# One file that runs on any Linux of this processor. --target, so that it is not asked of build scripts too.
static:
	scripts/setup.sh $(BUILD_NEEDS)
	LIBBPF_SYS_LIBRARY_PATH=$$(dirname $$(cc -print-file-name=libelf.a)) RUSTFLAGS=-Ctarget-feature=+crt-static \
		cargo build --release --locked --features static --target $(static_target)

# Everything but recording: needs neither clang nor libelf.
offline:
	scripts/setup.sh $(OFFLINE_NEEDS)
	cargo build --locked --no-default-features

demo: build
	scripts/setup.sh $(RUN_NEEDS)
	scripts/demo.sh $(target)/release/mountsnoop

test:
	scripts/setup.sh $(BUILD_NEEDS) $(RUN_NEEDS) $(TEST_NEEDS)
	cargo test $(test_runner) --locked --no-fail-fast
	cargo test $(test_runner) --locked --no-fail-fast --no-default-features

# Records on other kernels, in virtual machines: vm/README.md.
vmtest: static
	scripts/setup.sh $(VM_NEEDS)
	vm/suite.sh $(target)/$(static_target)/release/mountsnoop $(BOOTS)

# What a recording costs calls that it does not record, in instructions: fails where that is not nothing.
icount: static
	scripts/setup.sh $(VM_NEEDS)
	vm/icount.sh $(target)/$(static_target)/release/mountsnoop $(ICOUNT)

lint:
	scripts/setup.sh $(BUILD_NEEDS) shellcheck=shellcheck
	shellcheck scripts/*.sh .ci/run
	shellcheck --severity=error --shell=sh -x -P SCRIPTDIR vm/*.sh vm/guest/*.sh
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check -- --config-path rustfmt.toml
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Where it is missing it is built once, for this project alone; not optimized, for it runs for a second.
deny: export PATH := $(abspath $(target))/tools/bin:$(PATH)
deny:
	cargo deny --version >/dev/null 2>&1 || \
		cargo install --locked --debug --no-default-features --root $(target)/tools cargo-deny@0.20.2
	cargo deny --locked check bans licenses sources

bench:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo bench --locked --bench pipeline

# Instructions of each stage, counted by callgrind, against benches/instructions.txt; MOUNTSNOOP_UPDATE=1 rewrites that.
instructions:
	scripts/setup.sh $(BUILD_NEEDS) valgrind=valgrind
	cargo bench --locked --bench instructions

# Beside other tools, as root, on a machine that does nothing else: PARTS="call storm" OPTIONS=--quick.
bench-peers: build
	scripts/setup.sh $(BUILD_NEEDS) $(RUN_NEEDS) $(PEERS_NEEDS)
	scripts/bench-peers.py $(OPTIONS) $(target)/release/mountsnoop $(PARTS)

# Traces of a million blocks and of 100 million events, made for it: by hand, it takes a quarter of an hour and 5 GB of disk.
bench-big: build
	scripts/setup.sh $(BUILD_NEEDS) /usr/bin/time=time python3=python3
	scripts/bench-big.py $(OPTIONS) $(target)/release/mountsnoop

# Coverage-guided, with the stable Rust that builds the program: fuzz/src/lib.rs says what, CONTRIBUTING.md what then.
fuzz:
	scripts/setup.sh $(FUZZ_NEEDS)
	scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# AddressSanitizer and valgrind over the readers, the C of zstd included; Miri over what is Rust alone, where it is installed.
memcheck:
	scripts/setup.sh $(MEMCHECK_NEEDS)
	scripts/memcheck.sh
