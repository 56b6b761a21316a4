#!/usr/bin/env python3
"""Judges what guest/live.sh brought out of a guest, with the host's mountsnoop: a line for each way to attach.

Usage: check.py MOUNTSNOOP DIRECTORY NAME
A way that loses calls may pass if it is not the one that mountsnoop takes by itself, and the trace says how many.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

CHOSEN = ("auto", "default")
LOSSY = 3
STORM_CALLS = {"failing": 4 * 6000, "tmpfs": 40 * 30 * 2}


class Failed(Exception):
    pass


def fail_unless(good, message):
    if not good:
        raise Failed(message)


def text(path):
    return path.read_text(errors="backslashreplace") if path.exists() else ""


class Way:
    """One way to attach: the directory that its recordings are in."""

    def __init__(self, mountsnoop, directory):
        self.mountsnoop = mountsnoop
        self.directory = directory
        self.chosen = directory.name in CHOSEN

    def status(self, name):
        return int(text(self.directory / f"{name}.status") or -1)

    def said(self, name, suffix="err"):
        return text(self.directory / f"{name}.{suffix}").strip()

    def run(self, *arguments):
        done = subprocess.run([self.mountsnoop, *arguments], capture_output=True)
        fail_unless(done.returncode in (0, LOSSY), f"{' '.join(arguments)}: {done.stderr.decode()}")
        return done

    def replay(self, name, *options):
        return self.run("replay", *options, str(self.directory / f"{name}.mst")).stdout.decode()

    def rows(self, name):
        rows = [json.loads(line) for line in self.replay(name, "--json").splitlines()]
        # What else the workloads do, such as unshare(2), is not what is checked.
        return [row for row in rows if row["call"] in ("mount", "umount2", "umount")]

    def recorded(self, name):
        fail_unless(self.status(name) == 0, f"{name}: status {self.status(name)}: {self.said(name)}")


def calls(way):
    """Line for line what the workload says, and the fields that text does not show."""
    way.recorded("calls")
    expected = way.said("calls", "said").splitlines()
    got = [line for line in way.replay("calls").splitlines() if re.search(r"\d  (mount|umount2)\(", line)]
    for number, (want, have) in enumerate(zip(expected, got)):
        fail_unless(want == have, f"call {number + 1}:\n  expected {want[:300]}\n  got      {have[:300]}")
    fail_unless(len(expected) == len(got) > 20, f"{len(got)} calls instead of {len(expected)}: {got[-1:]}")

    rows = way.rows("calls")
    main, late = rows[0], next(row for row in rows if row["args"].get("fstype", {}) and row["text"].startswith('mount("far"'))
    fail_unless(late["args"]["source"] == {"text": "far", "capture": "late", "length": 3}, f"late: {late}")
    last = {key: rows[-1][key] for key in ("call", "uid", "ppid", "ret", "error", "finished")}
    want = {"call": "umount2", "uid": 1, "ppid": main["pid"], "ret": -1, "error": "EPERM", "finished": True}
    fail_unless(last == want, f"the last call: expected {want}, got {last}")
    fail_unless(all(row["duration_ns"] > 0 and row["cgroup_id"] > 0 for row in rows), "a call took no time")
    return f"calls {len(got)}"


COMPAT = [
    'mount[32]("compat", "/no/such/place", "tmpfs", 0x0, "a") = -ENOENT',
    'umount2[32]("/no/such/place", MNT_DETACH) = -ENOENT',
    'umount[32]("/no/such/place") = -ENOENT',
]


def compat(way):
    """All calls of a 32-bit program are seen, or none: a way to attach need not see them, as the trace then says."""
    way.recorded("compat")
    # Its strings may not have been touched before: when they were read is not the question here.
    seen = [row["text"].replace(" /* late */", "") for row in way.rows("compat") if row["comm"] == "compat"]
    fail_unless(seen in (COMPAT, []), f"32-bit calls: {seen}")
    info = way.run("info", str(way.directory / "compat.mst")).stdout.decode()
    fail_unless(bool(seen) != ("calls of 32-bit programs are not recorded" in info), f"32-bit calls: {len(seen)} seen, but {info}")
    return f"32-bit {len(seen)}/{len(COMPAT)}"


def intact(row, numbers):
    """Do all strings of a storm's call belong to its caller? Notes the number in `numbers`."""
    args = row["args"]
    if row["call"] == "umount2":
        return args["target"] == f"/tmp/tmpfs/{row['pid']}"
    found = re.fullmatch(rf"storm {row['pid']} (\d+)", str(args["source"]))
    if not found:
        return False
    number = int(found[1])
    numbers[row["pid"]].append(number)
    targets = (f"/tmp/failing/missing/{row['pid']}", f"/tmp/tmpfs/{row['pid']}")
    return args["target"] in targets and args["fstype"] == "tmpfs" and args["data"] == f"mode={number & 0o777:o}"


def storm(way, name):
    """Every call, with its beginning, its end and its own strings; or the exact number of those that are missing."""
    fail_unless(way.said(name, "work") == "0", f"{name}: the work failed: {way.said(name)}")
    made = int(way.said(name, "said"))
    fail_unless(made == STORM_CALLS[name], f"{name}: {made} calls were made")
    # Not of the storm: the mount that makes its namespace private, and calls of other processes.
    rows = [row for row in way.rows(name) if row["comm"] in ("storm", None) and row["args"].get("flags") != PRIVATE]
    enters = sum(row["comm"] is not None for row in rows)
    exits = sum(row["finished"] for row in rows)
    numbers = collections.defaultdict(list)
    broken = [row for row in rows if row["comm"] is not None and not intact(row, numbers)]
    twice = sum(len(all_of_one) - len(set(all_of_one)) for all_of_one in numbers.values())
    lost = int(json.loads(way.run("info", "--json", str(way.directory / f"{name}.mst")).stdout)["lost"])
    missing = 2 * made - enters - exits
    note = f"{name} {enters}+{exits}/{made}"
    if lost or missing:
        note += f" lost {missing} said {lost}"
    fail_unless(not broken and not twice, f"{note}: {len(broken)} calls have strings of others, {twice} are there twice: {broken[:2]}")
    fail_unless(missing == lost, f"{note}: the trace does not say what is missing")
    fail_unless(missing == 0 or not way.chosen, note)
    fail_unless(way.status(name) == (LOSSY if lost else 0), f"{note}: status {way.status(name)}: {way.said(name)}")
    return note


PRIVATE = {"value": 0x44000, "names": ["MS_REC", "MS_PRIVATE"], "unknown": None}


def judge(way):
    """The verdict and what it rests on."""
    if way.status("nothing") != 0:
        why = way.said("nothing").replace("\n", " | ")
        return ("FAILED" if way.chosen else "refused"), [why]
    notes, verdict = [], "passed"
    for check in (calls, compat, lambda way: storm(way, "failing"), lambda way: storm(way, "tmpfs")):
        try:
            notes.append(check(way))
        except (Failed, ValueError, KeyError, AttributeError, StopIteration) as error:
            verdict = "FAILED"
            notes.append(f"[{type(error).__name__ if not isinstance(error, Failed) else 'wrong'}: {error}]")
    return verdict, notes


def main():
    mountsnoop, directory, name = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    mode = re.search(r"\((\w+)\)", text(directory / "preempt"))
    ways = sorted(path for path in directory.iterdir() if path.is_dir())
    good = bool(ways)
    for path in ways:
        verdict, notes = judge(Way(mountsnoop, path))
        good = good and verdict != "FAILED"
        print(f"{name:<16} {mode[1] if mode else '-':<10} {path.name:<12} {verdict:<8} {'; '.join(notes)}", flush=True)
    if (directory / "left").exists():
        good = False
        print(f"{name:<16} FAILED: {text(directory / 'left').strip()}")
    sys.exit(0 if good else 1)


main()
