"""What is measured: each part adds rows to the table of results."""

import contextlib
import os
import pathlib
import re
import subprocess
import time

from .tools import Tool, recording, run

# The load, its arguments, and the row that it makes. With a rate, a call at a time; else several, flat out.
COSTS = [
    ("getppid, ns more a call", ["getppid", 2_000_000]),
    ("failing mount, ns more", ["fail", 100_000]),
    ("same, 5,000 a second, ns more", ["fail", 5_000, 1, 5_000]),
    ("same, 400-byte path, ns more", ["fail400", 50_000]),
    ("same, 4000-byte path, ns more", ["fail4000", 50_000]),
    ("same, 4000-byte path, 5,000 a second, ns more", ["fail4000", 5_000, 1, 5_000]),
    ("fsopen, 2 fsconfig, fsmount, closed, ns more", ["fsopen", 10_000]),
    ("mount and umount of a tmpfs, ns more", ["tmpfs", 10_000]),
]
STORMS = [
    ("of a burst of 200 from idle, % kept", ["fail", 200]),
    ("of a burst of 5,000, % kept", ["fail", 5_000]),
    ("2 threads flat out, 200,000 calls, % kept", ["fail", 100_000, 2]),
    ("30,000 calls flat out, 4000-byte paths, % kept", ["fail4000", 30_000]),
    ("10,000 a second for 5 s, % kept", ["fail", 50_000, 1, 10_000]),
    ("2 threads, 400,000 a second for 10 s, % kept", ["fail", 2_000_000, 2, 200_000]),
]
CHURN = pathlib.Path(__file__).resolve().parent.parent / "churn-work.sh"
# Those that write a file to be read later.
TRACES = ("mountsnoop", "perf record", "trace-cmd")
# What tools say of lost events, in the output or of their own accord.
LOSS = re.compile(rb"[^\n]*(?:\blost\b|\bLOST\b|\bdropp?ed\b|overrun: [1-9])[^\n]*")


class Bench:
    """What the parts share: the load, who takes part, and where the results go."""

    def __init__(self, load, mountsnoop, tools, results, rounds, divide):
        self.load, self.mountsnoop, self.tools, self.results = load, mountsnoop, tools, results
        self.rounds, self.divide = rounds, divide
        self.notes = set()

    def each_round(self, *first):
        """All tools, in turn forwards and backwards; the number of the round with each."""
        for number in range(self.rounds):
            order = [*first, *self.tools]
            yield from ((number, tool) for tool in (reversed(order) if number % 2 else order))

    def recorders(self):
        """Those that see the whole host."""
        return [tool for tool in self.tools if not tool.wraps]

    def count(self, wanted):
        return max(wanted // self.divide, 1000) if wanted > 1000 else wanted

    def add(self, row, tool, value):
        self.results[row][tool.name if isinstance(tool, Tool) else "none"].append(value)


def call(bench):
    """What a call costs while a tool records, less what it costs in the same round while none does."""
    took = {}
    for number, tool in bench.each_round(None):
        with recording(tool) as recorder:
            for row, (kind, count, *rest) in COSTS:
                # strace makes a call 50 times as long.
                count = bench.count(count) // (20 if tool and tool.wraps else 1)
                took[number, tool, row] = recorder.load(bench.load, kind, count, *rest)[0]
    for (number, tool, row), ns in took.items():
        bench.add(row, tool, ns - (took[number, None, row] if tool else 0))


def storm(bench):
    """How many calls can be read back, of those that were made. The longest once only."""
    for row, (kind, count, *rest) in STORMS:
        count = bench.count(count)
        for number, tool in bench.each_round():
            if not tool.wraps and (number == 0 or count < 1_000_000):
                storm_once(bench, row, tool, [kind, count, *rest])


def storm_once(bench, row, tool, load):
    _, count, threads, rate, *_ = [*load, 1, 0] if len(load) == 2 else [*load, 0]
    with recording(tool) as recorder:
        reached = recorder.load(bench.load, *load)[1]
        time.sleep(0.5)
        recorder.stop()
        kept = 100 * recorder.kept() / (count * threads)
        bench.add(row, tool, kept)
        if tool.name == "mountsnoop":
            bench.notes.add(f"{row}: mountsnoop's trace is {verdict(bench.mountsnoop, recorder.file())}")
        if kept < 99.995:
            said = LOSS.search(recorder.said().encode() + tail(recorder.file()))
            what = said[0].decode(errors="replace").strip()[:160] if said else "nothing"
            bench.notes.add(f"Of loss {tool.name} said: {what}")
    if reached < 0.95 * threads * rate:
        bench.notes.add(f"{row}: {tool.name} let the load reach {reached:,.0f} a second only.")


def verdict(mountsnoop, file):
    """What the trace itself says of losses."""
    said = subprocess.run([mountsnoop, "verify", file], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).strip().splitlines()[-1].removeprefix(f"{file}: ")


def tail(file):
    """The end of a text; of a binary file nothing."""
    with open(file, "rb") as text:
        text.seek(max(os.fstat(text.fileno()).st_size - 4096, 0))
        end = text.read()
    return b"" if b"\0" in end else end


def size(bench):
    """Bytes of the file for a call that is in it, as it is and compressed further; once, for it hardly differs."""
    for name, kind in (("same calls", "fail"), ("varied calls", "varied")):
        count = bench.count(100_000)
        for tool in bench.recorders():
            with recording(tool) as recorder:
                recorder.load(bench.load, kind, count, 1, 50_000)
                recorder.stop()
                sizes(bench, tool, f"{name}, {{}}, bytes a call", recorder.file(), recorder.kept())


def sizes(bench, tool, row, file, calls):
    if not calls:
        bench.notes.add(f"{row.format('file')}: nothing was kept by {tool.name}.")
        return
    bench.add(row.format("as written"), tool, file.stat().st_size / calls)
    for level in (3, 19):
        packed = len(subprocess.run(["zstd", "-q", f"-{level}", "-c", file], capture_output=True, check=True).stdout)
        bench.add(row.format(f"zstd -{level}"), tool, packed / calls)


def churn(bench):
    """A hundred starts of containers: what a call of theirs takes on the disk. One tool after the other, for a program on a
    tracepoint can keep the event from perf."""
    starts = 100 // bench.divide
    for kind in ("bubblewrap", "crun"):
        for tool in bench.recorders():
            if tool.name not in TRACES:
                continue
            with recording(tool) as recorder:
                run("unshare", "-m", CHURN, starts, kind, cwd=recorder.dir)
                time.sleep(0.5)
                recorder.stop()
                calls = recorder.kept(".+")
                bench.add(f"{starts} starts by {kind}, calls", tool, calls)
                sizes(bench, tool, f"{starts} starts by {kind}, {{}}, bytes a call", recorder.file(), calls)


def recorder(bench):
    """What the tool itself takes: processor time, wake-ups, memory."""
    seconds = 60 // bench.divide
    for _, tool in bench.each_round():
        if tool.wraps:
            continue
        with recording(tool) as run_:
            before = run_.cpu()
            time.sleep(seconds)
            ran, slept = (after - at for after, at in zip(run_.cpu(), before))
            bench.add("idle, ms of processor a minute", tool, ran / 1e6 * 60 / seconds)
            bench.add("idle, wake-ups a minute", tool, slept * 60 / seconds)
            resident(bench, tool, run_, "when idle")
            before, count = run_.cpu()[0], bench.count(50_000)
            run_.load(bench.load, "varied", count, 1, 10_000)
            time.sleep(1)
            bench.add("10,000 varied calls a second, µs of processor a call", tool, (run_.cpu()[0] - before) / count / 1000)
            resident(bench, tool, run_, "after them")
            run_.stop()
            bench.add("stop to closed file, ms", tool, run_.stop_ms)


def resident(bench, tool, run_, when):
    everything, own = run_.resident()
    bench.add(f"resident {when}, MiB", tool, everything)
    bench.add(f"resident {when} beyond the buffers shared with the kernel, MiB", tool, own)


def start(bench):
    """A call every millisecond from the start: the first that was kept tells how long it took."""
    count, rate = 2000, 1000
    for _, tool in bench.each_round():
        if tool.wraps:
            continue
        with recording(tool, settle=False) as run_:
            run_.load(bench.load, "fail", count, 1, rate)
            run_.stop()
            bench.add("start to first capture, ms", tool, (count - run_.kept()) * 1000 / rate)


def read(bench):
    """How fast one big file of each is read, to /dev/null."""
    wanted = bench.count(1_000_000)
    files = pathlib.Path("read").absolute()
    files.mkdir()
    calls = {}
    for tool in bench.recorders():
        if tool.name not in TRACES:
            continue
        with recording(tool) as run_:
            run_.load(bench.load, "varied", wanted, 1, 50_000)
            time.sleep(0.5)
            run_.stop()
            calls[tool.name] = run_.kept()
            run_.file().rename(files / run_.file().name)
    ours, perf, dat = (files / name for name in ("t.mst", "perf.data", "trace.dat"))
    ms = bench.mountsnoop
    readers = [
        ("zstd -dc", "mountsnoop", ["zstd", "-dcq", ours]),
        ("text", "mountsnoop", [ms, "replay", ours]),
        ("text", "perf record", ["perf", "script", "-i", perf]),
        ("text", "trace-cmd", ["trace-cmd", "report", "-i", dat]),
        ("JSON", "mountsnoop", [ms, "export", ours, "-F", "ndjson", "-o", "-"]),
        ("JSON", "perf record", ["perf", "data", "convert", "--to-json", "/dev/null", "--force", "-i", perf]),
        ("CSV", "mountsnoop", [ms, "export", ours, "-F", "csv", "-o", "-"]),
        ("statistics", "mountsnoop", [ms, "stats", ours]),
        ("statistics", "perf record", ["perf", "report", "--stats", "-i", perf]),
        ("a filter that matches nothing", "mountsnoop", [ms, "replay", ours, "--comm", "nothing"]),
        ("verify", "mountsnoop", [ms, "verify", ours]),
    ]
    readers = [reader for reader in readers if calls.get(reader[1])]
    for number in range(bench.rounds):
        for row, name, command in reversed(readers) if number % 2 else readers:
            try:
                seconds, mib = timed(command)
            except RuntimeError as error:
                bench.notes.add(str(error))
                continue
            bench.results[f"read back: {row}, thousand calls a second"][name].append(calls[name] / seconds / 1000)
            bench.results[f"read back: {row}, MiB resident"][name].append(mib)
    run("rm", "-r", files)


def timed(command):
    """Seconds, and MiB at the most; as `time` sees it, for a child of Python's begins with the memory of Python."""
    begun = time.monotonic()
    run("/usr/bin/time", "-f", "%M", "-o", "resident", "sh", "-c", 'exec "$@" >/dev/null', "sh", *command)
    return time.monotonic() - begun, int(pathlib.Path("resident").read_text().split()[-1]) / 1024


ALL = {"call": call, "storm": storm, "size": size, "churn": churn, "recorder": recorder, "start": start, "read": read}
