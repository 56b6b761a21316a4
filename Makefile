# What people type: `make demo`, `make test`. Each installs what it needs first (Debian and relatives) and says so.
# The rest: `make lint`, `make deny`, `make bench`, `make fixtures`.

BUILD_NEEDS = clang=clang cc=gcc /usr/include/libelf.h=libelf-dev /usr/include/zlib.h=zlib1g-dev pkg-config=pkg-config
RUN_NEEDS = unshare=util-linux mount=mount
TEST_NEEDS = strace=strace zstd=zstd script=bsdutils python3=python3 setpriv=util-linux /usr/include/linux/mount.h=linux-libc-dev

# The commit is in every trace; a tree without git is "unknown".
export MOUNTSNOOP_COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

.PHONY: build demo test lint deny bench

build:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo build --release --locked

demo: build
	scripts/setup.sh $(RUN_NEEDS)
	scripts/demo.sh target/release/mountsnoop

test:
	scripts/setup.sh $(BUILD_NEEDS) $(RUN_NEEDS) $(TEST_NEEDS)
	cargo test --locked --no-fail-fast
	cargo test --locked --no-fail-fast --no-default-features

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	sh -n scripts/*.sh .ci/run

deny:
	cargo deny --locked check bans licenses sources

bench:
	scripts/setup.sh $(BUILD_NEEDS)
	cargo bench --locked
