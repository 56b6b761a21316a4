#!/usr/bin/env python3
"""Measures mountsnoop beside other tools that show mount calls, and prints one Markdown table.

    scripts/bench-peers.py MOUNTSNOOP [--quick] [--rounds N] [--tools "mountsnoop,trace-cmd"] [PART...]

Parts: call storm size churn recorder start read; all of them if none is named. Needs root. Every round runs all tools one after
the other, and the next round the other way round; a cell is the median of the rounds, and a cost that of the differences
from the run without a tool in the same round. All files are in a tmpfs, all mounts in a mount namespace of its own.
"""

import argparse
import collections
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import parts
from peers.tools import complaint, recording, run, tools

ROOT = pathlib.Path(__file__).resolve().parent.parent
# trace-cmd resets these whatever it records, and gives up where it may not: it is given others to reset.
FUNCTION_TRACER = "set_ftrace_filter set_ftrace_notrace set_ftrace_pid set_ftrace_notrace_pid".split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("mountsnoop", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(parts.ALL))
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls, one round: whether it works at all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--attach", default="auto", help="how mountsnoop attaches")
    parser.add_argument("--tools", help="only these, with commas between them")
    args = parser.parse_intermixed_args()
    if unknown := set(args.parts) - set(parts.ALL):
        parser.error(f"no such part: {' '.join(sorted(unknown))}; there are {' '.join(parts.ALL)}")
    return args


def prepare(directory):
    """A place for files and mounts that nobody else sees; tracefs, which the tools would otherwise mount for everyone."""
    run("mount", "-t", "tmpfs", "-o", "size=80%", "scratch", directory)
    os.chdir(directory)
    tracing = pathlib.Path("/sys/kernel/tracing")
    if not (tracing / "events").exists():
        run("mount", "-t", "tracefs", "tracefs", tracing)
    if not pathlib.Path("/sys/kernel/debug/tracing").exists():
        run("mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug")
    if not (tracing / "set_ftrace_pid").exists() or not writable(tracing / "set_ftrace_pid"):
        for name in filter(lambda name: (tracing / name).exists(), FUNCTION_TRACER):
            run("mount", "--bind", "/dev/null", tracing / name)
    # It also fails when this grows while it is copied, as with each BPF program that is loaded.
    pathlib.Path("kallsyms").write_bytes(pathlib.Path("/proc/kallsyms").read_bytes())
    run("mount", "--bind", "kallsyms", "/proc/kallsyms")
    run("cc", "-O2", "-pthread", "-o", "load", ROOT / "tests/workloads/load.c")


def writable(path):
    try:
        os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


def able(candidates, load):
    """Those that see a call here, and of the others what they said."""
    working, unable = [], {}
    for tool in candidates:
        try:
            with recording(tool) as recorder:
                recorder.load(load, "fail", 100)
                recorder.stop()
                if recorder.kept():
                    working.append(tool)
                else:
                    unable[tool.name] = complaint(recorder.said())
        except (OSError, RuntimeError) as error:
            unable[tool.name] = str(error)
    return working, unable


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


def table(results, names):
    """Rows in the order in which they were first measured."""
    print("| |", " | ".join(names), "|")
    print("|---|" + "---:|" * len(names))
    for row, cells in results.items():
        print(f"| {row} |", " | ".join(show(cells.get(name)) for name in names), "|")


def show(values):
    if not values:
        return "–"
    value = statistics.median(values)
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text


def main():
    args = arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background would have the tools ignore it
    if "MOUNTSNOOP_BENCH_NS" not in os.environ:
        os.environ["MOUNTSNOOP_BENCH_NS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    mountsnoop = args.mountsnoop.resolve()
    with tempfile.TemporaryDirectory() as directory:
        try:
            prepare(directory)
            measure(args, mountsnoop)
        finally:
            os.chdir("/")
            subprocess.run(["umount", "-l", directory], check=False)


def measure(args, mountsnoop):
    load = pathlib.Path("load").absolute()
    candidates = tools(mountsnoop, args.attach)
    if args.tools:
        candidates = [tool for tool in candidates if tool.name in args.tools.split(",")]
    working, unable = able(candidates, load)
    before, begun = os.getloadavg()[0], time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    results = collections.defaultdict(lambda: collections.defaultdict(list))
    bench = parts.Bench(load, mountsnoop, working, results, 1 if args.quick else args.rounds, 10 if args.quick else 1)
    for part in args.parts or parts.ALL:
        print(f"{part} ...", file=sys.stderr)
        parts.ALL[part](bench)
    table(results, ["none", *(tool.name for tool in working)])
    print(f"\n{os.cpu_count()} × {processor()}, Linux {platform.release()}, {begun} UTC, load average {before:.1f} before and "
          f"{os.getloadavg()[0]:.1f} after; {bench.rounds} rounds{', quick' if args.quick else ''}.")
    print("Versions:", "; ".join(f"{tool.name}: {tool.version()}" for tool in working) + ".")
    for name, why in unable.items():
        print(f"{name} cannot run here: {why}")
    for sentence in sorted(bench.notes):
        print(sentence)


if __name__ == "__main__":
    main()
