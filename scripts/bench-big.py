#!/usr/bin/env python3
"""Reads traces that are too long to be recorded for it, and prints what that took as Markdown tables.

    scripts/bench-big.py MOUNTSNOOP [--blocks N] [--events N] [--directory DIRECTORY]

benches/big.rs makes them. The first has as many blocks as one of ten gigabytes, but small
ones: how fast a place in it is found, by its index, and from header to header where a crash has left none. The second is long:
how much memory it takes to read all of it. Both are deleted afterwards.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers.parts import timed
from peers.tools import run

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOOKS = 10
# Seconds before the end of the trace that are asked for.
LAST = 5
# The last frame of a closed trace, which alone says where the index is: docs/FORMAT.md.
END = 56


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("mountsnoop", type=pathlib.Path)
    parser.add_argument("--blocks", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--directory", help="where there is room for a gigabyte or more")
    args = parser.parse_args()
    args.mountsnoop = args.mountsnoop.resolve()
    return args


def make(trace, *numbers):
    """A trace by benches/big.rs, and what that says of it: its events, and when the last was."""
    said = run("cargo", "bench", "-q", "--locked", "--bench", "big", "--", trace, *numbers, cwd=ROOT)
    return map(int, said.split())


def look(command):
    """The least ms of several runs, after one that warms the cache; KiB that were read; lines that came out."""
    took, kib, lines = [], 0, 0
    for _ in range(LOOKS + 1):
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            lines = process.stdout.read().count(b"\n")
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            took.append(time.monotonic() - begun)
            counters = pathlib.Path(f"/proc/{process.pid}/io").read_text()
        kib = int(counters.split("rchar: ")[1].split()[0]) / 1024
    return min(took[1:]) * 1000, kib, lines


def find(args, directory):
    """A place in many blocks."""
    trace, crashed = directory / "blocks.mst", directory / "crashed.mst"
    # Two events a block: fewer, and the index would be as large as what it lists.
    _, last_ns = make(trace, 2 * args.blocks, 2)
    size = trace.stat().st_size
    print(f"| {args.blocks:,} blocks, {size / 1e6:,.0f} MB | ms | KiB read | without index: ms | KiB read | lines |")
    print("|---|---:|---:|---:|---:|---:|")
    run("cp", trace, crashed)
    os.truncate(crashed, size - END)
    since = f"@{last_ns // 10**9 - LAST}"
    for name, options in (("info", ["info"]), (f"replay, the last {LAST} s", ["replay", "--since", since])):
        ms, kib, lines = look([args.mountsnoop, *options, trace])
        ms_without, kib_without, lines_without = look([args.mountsnoop, *options, crashed])
        print(f"| {name} | {ms:.1f} | {kib:,.0f} | {ms_without:,.0f} | {kib_without:,.0f} | {lines}, {lines_without} |")
    trace.unlink()
    crashed.unlink()


def read(args, directory):
    """All of many events."""
    trace = directory / "events.mst"
    begun = time.monotonic()
    events, _ = make(trace, args.events)
    size = trace.stat().st_size
    print(f"\n| {events:,} events, {size / 1e6:,.0f} MB, {size / events:.1f} bytes each; made in {time.monotonic() - begun:.0f} s "
          "| s | million events a second | MiB resident |")
    print("|---|---:|---:|---:|", flush=True)
    commands = [["info"], ["verify"], ["stats"], ["replay"], ["replay", "--comm", "nothing"], ["export", "-F", "ndjson", "-o", "-"],
                ["export", "-F", "csv", "-o", "-"]]
    for command in commands:
        seconds, mib = timed([args.mountsnoop, *command, trace])
        print(f"| {' '.join(command)} | {seconds:.1f} | {events / seconds / 1e6:.2f} | {mib:.1f} |", flush=True)


def main():
    args = arguments()
    # Its files are large: they go when it is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=args.directory) as directory:
        os.chdir(directory)
        find(args, pathlib.Path(directory))
        read(args, pathlib.Path(directory))


if __name__ == "__main__":
    main()
