# shellcheck shell=sh
# What the scripts of this directory share; read with `.`, after `set -eu`.
# Everything that is fetched or built stands below target/vm/ and may be deleted at any time.

vm=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$vm")
cache=${VM_CACHE:-$root/target/vm}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$*"; exit 1; }
