# What people type: `make demo`, `make test`. Each installs what it needs first (Debian and relatives) and says so.
# The rest: `make vmtest` (on other kernels), `make static`, `make lint`, `make deny`, `make bench`, `make fixtures`.

BUILD_NEEDS = clang=clang cc=gcc /usr/include/libelf.h=libelf-dev /usr/include/zlib.h=zlib1g-dev pkg-config=pkg-config
RUN_NEEDS = unshare=util-linux mount=mount
# The archives come with the -dev packages of BUILD_NEEDS and the compiler; 32-bit code needs no 32-bit library.
VM_NEEDS = qemu-system-x86_64=qemu-system-x86 cpio=cpio xz=xz-utils zstd=zstd strip=binutils python3=python3
TEST_NEEDS = strace=strace zstd=zstd script=bsdutils python3=python3 setpriv=util-linux /usr/include/linux/mount.h=linux-libc-dev

# The commit is in every trace; a tree without git is "unknown".
export MOUNTSNOOP_COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

TARGET = $(or $(CARGO_TARGET_DIR),target)
TRIPLE = $(shell rustc -vV | sed -n 's/^host: //p')
STATIC = $(TARGET)/$(TRIPLE)/release/mountsnoop
# What vmtest boots: a series that Debian has, or the newest of all. KERNELS="6.1 newest" selects.
KERNELS = 5.10 6.1 6.12 newest

.PHONY: build static demo test vmtest lint deny bench

build:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo build --release --locked

# One file that runs on any Linux of this processor. --target, so that it is not asked of build scripts too.
static:
	scripts/setup.sh $(BUILD_NEEDS)
	LIBBPF_SYS_LIBRARY_PATH=$$(dirname $$(cc -print-file-name=libelf.a)) RUSTFLAGS=-Ctarget-feature=+crt-static \
		cargo build --release --locked --features static --target $(TRIPLE)

demo: build
	scripts/setup.sh $(RUN_NEEDS)
	scripts/demo.sh target/release/mountsnoop

test:
	scripts/setup.sh $(BUILD_NEEDS) $(RUN_NEEDS) $(TEST_NEEDS)
	cargo test --locked --no-fail-fast
	cargo test --locked --no-fail-fast --no-default-features

# Records on other kernels, in virtual machines: vm/README.md.
vmtest: static
	scripts/setup.sh $(VM_NEEDS)
	vm/suite.sh $(STATIC) $(KERNELS)

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	for script in scripts/*.sh vm/*.sh vm/guest/live.sh vm/guest/init $(wildcard .ci/run); do sh -n $$script || exit 1; done

deny:
	cargo deny --locked check bans licenses sources

bench:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo bench --locked
