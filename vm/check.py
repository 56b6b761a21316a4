#!/usr/bin/env python3
"""Judges what guest/live.sh brought out of a guest, with the host's mountsnoop: a line for each way to attach.

Usage: check.py MOUNTSNOOP DIRECTORY KERNEL
A way that loses calls may pass if it is not the one that mountsnoop takes by itself, and the trace says how many.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

LOSSY = 3
# The first of Debian's kernels that lets programs attach in this way: EOPNOTSUPP in 6.1, unknown in 5.10. No other refusal is right.
SINCE = {"kprobe": (6, 12)}
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
        self.name = directory.name
        # The way that mountsnoop takes by itself: it may lose nothing.
        self.chosen = self.name == "auto"

    def status(self, name):
        return int(text(self.directory / f"{name}.status") or -1)

    def said(self, name, suffix="err"):
        return text(self.directory / f"{name}.{suffix}").strip()

    def run(self, *arguments):
        done = subprocess.run([self.mountsnoop, *arguments], capture_output=True)
        fail_unless(done.returncode in (0, LOSSY), f"{' '.join(arguments)}: {done.stderr.decode()}")
        return done

    def info(self, name):
        return json.loads(self.run("info", "--json", str(self.directory / f"{name}.mst")).stdout)

    def replay(self, name, *options):
        return self.run("replay", *options, str(self.directory / f"{name}.mst")).stdout.decode()

    def rows(self, name):
        return [json.loads(line) for line in self.replay(name, "--json").splitlines()]

    def recorded(self, name):
        fail_unless(self.status(name) == 0, f"{name}: status {self.status(name)}: {self.said(name)}")


def holds(have, want):
    """Does JSON have what another has? Of objects and lists it may have more."""
    if isinstance(want, dict):
        return isinstance(have, dict) and all(key in have and holds(have[key], want[key]) for key in want)
    if isinstance(want, list):
        return isinstance(have, list) and all(any(holds(one, each) for one in have) for each in want)
    return have == want


def split(said):
    """What a workload has said: the lines that replay must print, what else is to hold of each, and the calls that are lacking."""
    lines, facts, lacking = [], collections.defaultdict(list), set()
    for line in said.splitlines():
        if line.startswith("lacks "):
            lacking.add(line.removeprefix("lacks "))
        elif line.startswith("\t"):
            facts[len(lines) - 1].append(json.loads(line))
        else:
            lines.append(line)
    return lines, facts, lacking


def same_lines(expected, got, excused):
    """The same lines in the same order; where events were lost, no more of them differ than that excuses."""
    if excused:
        differ = max((collections.Counter(expected) - collections.Counter(got)).total(),
                     (collections.Counter(got) - collections.Counter(expected)).total())
        fail_unless(differ <= excused, f"{differ} calls are not as expected, but only {excused} events were lost")
        return
    for number, (want, have) in enumerate(zip(expected, got)):
        fail_unless(want == have, f"call {number + 1}:\n  expected {want[:500]}\n  got      {have[:500]}")
    longer = max(expected, got, key=len)
    fail_unless(len(expected) == len(got), f"{len(got)} calls instead of {len(expected)}: {longer[min(len(expected), len(got)):]}")


def lost(info, programs):
    """How many events of certain programs are said to be lost. Only a program that serves no other calls counts them exactly: that
    of clone(2) also runs where no namespace is made, those of --compat for every system call there is."""
    missed = info["stats"]["missed"]
    return info["lost"] - sum(count for program, count in missed if not re.search(programs, program))


NATIVE, COMPAT, STORM = "^(?!raw_)", "^raw_|_compat_|^kmulti_", "_(mount|umount)$|^kmulti_|^tp_(enter|exit)$"


def complete(made, lacking):
    """Nothing of what is recorded goes untested without being named. Says what the kernel lacks."""
    calls_h = pathlib.Path(__file__).parent.parent / "bpf" / "calls.h"
    known = {name.lower() for name in re.findall(r"\tCALL\(\w+, MS_CALL_(\w+),", calls_h.read_text())}
    fail_unless(len(known) >= 20, f"{calls_h} has another form: {known}")
    fail_unless(made | lacking == known, f"not made: {known - made - lacking}, unknown: {(made | lacking) - known}")
    return f" (no {', '.join(sorted(lacking))})" if lacking else ""


def paired(shown, rows):
    """Each row with its line. While a machine is so slow that its recorder lags behind its clock, a call that has returned is shown
    as unfinished first; that is a line more, and no row."""
    lines = iter(shown)
    for row in rows:
        line = next((line for line in lines if row["text"] in line or not line.endswith("<unfinished ...>")), "no line")
        fail_unless(row["text"] in line, f"{row['text']}: the next line is {line}")
        yield line, row
    left = [line for line in lines if not line.endswith("<unfinished ...>")]
    fail_unless(not left, f"lines without a row: {left}")


def native(way, lines, facts, lacking, info):
    """Line for line what the workloads say, and the members of JSON that text does not show."""
    # A line that tells of a loss is no call.
    shown = [line for line in way.replay("calls").splitlines()[1:] if not line.startswith("--")]
    got = [(line, row) for line, row in paired(shown, way.rows("calls")) if row["comm"] not in ("compat", None)]
    # What was missed and told of as it returned is told in other words.
    excused = lost(info, NATIVE) + sum(row["status"] == "missed" for _, row in got)
    same_lines(lines, [line for line, _ in got], excused)
    for number, (_, row) in enumerate(got if not excused else []):
        for fact in facts[number]:
            have = {key: row.get(key) for key in fact}
            fail_unless(holds(have, fact), f"{row['text']}:\n  expected {fact}\n  got      {have}")
        fail_unless(row["duration_ns"] > 0 and row["cgroup_id"] > 0, f"{row['text']} took no time: {row}")
    # umount(2) without flags is a call of 32-bit programs alone.
    without = complete({re.search(r"(\w+)\(", line)[1] for line in lines} | {"umount"}, lacking)
    says = {call for call, _ in info["recorder"]["missing"] if not call.startswith(("compat ", "refused ", "skipped "))}
    fail_unless(says == lacking, f"the kernel lacks {sorted(lacking)}, the trace says {sorted(says)}")
    return f"calls {len(got)}{without}"


def compat(way, lines, lacking, info):
    """All calls of a 32-bit program are seen, or none: tracepoints alone do not see them, and then the trace says so."""
    complete({line.split("[")[0] for line in lines}, lacking)
    # Its strings may not have been touched before: when they were read is not the question here. Where every system call is
    # looked at, so are those that the kernel lacks.
    got = [row["text"].replace(" /* late */", "") for row in way.rows("calls") if row["comm"] == "compat"]
    got = [line for line in got if not line.endswith("= -ENOSYS")]
    blind = "compat calls" in dict(info["recorder"]["missing"])
    fail_unless(blind == (way.name == "tracepoint") or way.name == "auto", f"32-bit calls not recorded: {blind}")
    same_lines([] if blind else lines, got, lost(info, COMPAT))
    return f"32-bit {len(got)}/{len(lines)}"


def calls(way):
    way.recorded("calls")
    info = way.info("calls")
    fail_unless(not (info["lost"] and way.chosen), f"lost {info['lost']}")
    mode, unseen = info["recorder"]["attach_mode"], dict(info["recorder"]["missing"])
    fail_unless(("skipped returns" in unseen) == (mode == "fentry"), f"what {mode} does not see: {unseen}")
    lines, facts, lacking = split(way.said("calls", "said"))
    of_32 = [line for line in lines if re.match(r"\w+\[32\]\(", line)]
    lacking_32 = {call.removesuffix("[32]") for call in lacking if call.endswith("[32]")}
    lacking = {call for call in lacking if not call.endswith("[32]")}
    notes = [
        native(way, [line for line in lines if line not in of_32], facts, lacking, info),
        compat(way, of_32, lacking_32, info),
    ]
    return "; ".join(notes) + (f"; lost {info['lost']}" if info["lost"] else "")


def plain(arg):
    """A string, whenever it was read: of a call that nobody saw begin that is when it returned."""
    return arg["text"] if isinstance(arg, dict) and arg.get("capture") == "late" else arg


def intact(row, numbers):
    """Do all strings of a storm's call belong to its caller? Notes the number in `numbers`."""
    args = {name: plain(arg) for name, arg in row["args"].items()}
    if row["call"] == "umount2":
        return args["target"] == f"/tmp/tmpfs/{row['pid']}"
    found = re.fullmatch(rf"storm {row['pid']} (\d+)", str(args["source"]))
    if not found:
        return False
    number = int(found[1])
    numbers[row["pid"]].append(number)
    targets = (f"/tmp/failing/missing/{row['pid']}", f"/tmp/tmpfs/{row['pid']}")
    return args["target"] in targets and args["fstype"] == "tmpfs" and args["data"] == f"mode={number & 0o777:o}"


def of_storm(row):
    return row["call"] == "umount2" or row["call"] == "mount" and row["args"]["target"] != "/"


def storm(way, name):
    """Every call, with its beginning, its end and its own strings; or the exact number of those that are missing."""
    fail_unless(way.said(name, "work") == "0", f"{name}: the work failed: {way.said(name)}")
    made = int(way.said(name, "said"))
    fail_unless(made == STORM_CALLS[name], f"{name}: {made} calls were made")
    # Not of the storm: what makes its namespace, and calls of other processes.
    rows = [row for row in way.rows(name) if row["comm"] in ("storm", None) and of_storm(row)]
    enters = sum(row["comm"] is not None for row in rows)
    exits = sum(row["finished"] for row in rows)
    numbers = collections.defaultdict(list)
    broken = [row for row in rows if row["comm"] is not None and not intact(row, numbers)]
    twice = sum(len(all_of_one) - len(set(all_of_one)) for all_of_one in numbers.values())
    missing = 2 * made - enters - exits
    info = way.info(name)
    said = lost(info, STORM)
    doubts = [doubt for doubt in info["doubts"] if "were lost while recording" not in doubt]
    note = f"{name} {enters}+{exits}/{made}"
    rebuilt = sum(row["status"] == "missed" for row in rows)
    note += f" rebuilt {rebuilt}" if rebuilt else ""
    if said or missing or doubts:
        note += "; ".join([f" lost {missing} said {said}", *doubts])
    fail_unless(not broken and not twice, f"{note}: {len(broken)} calls have strings of others, {twice} are there twice: {broken[:2]}")
    fail_unless(missing == said or doubts, f"{note}: the trace does not say what is missing")
    fail_unless(not (missing or doubts) or not way.chosen, note)
    fail_unless(way.status(name) == (LOSSY if info["lost"] else 0), f"{note}: status {way.status(name)}: {way.said(name)}")
    return note


def choice(way):
    """What was taken where nothing was asked for, which is not the second best."""
    recorder = way.info("calls")["recorder"]
    fail_unless("refused" not in recorder["attach_reason"], recorder["attach_reason"])
    return recorder["attach_mode"]


def judge(way, kernel):
    """The verdict and what it rests on."""
    if "recording into" not in way.said("calls"):
        why = way.said("calls").replace("\n", " | ")
        known = tuple(map(int, kernel.split("."))) < SINCE.get(way.name, (0,))
        return ("refused", [why[:160]]) if known else ("FAILED", [why])
    notes, verdict = [], "passed"
    storms = [lambda way: storm(way, "failing"), lambda way: storm(way, "tmpfs")]
    for check in [choice] * way.chosen + [calls] + storms:
        try:
            notes.append(check(way))
        except (Failed, ValueError, KeyError, AttributeError) as error:
            verdict = "FAILED"
            notes.append(f"[{type(error).__name__ if not isinstance(error, Failed) else 'wrong'}: {error}]")
    return verdict, notes


def main():
    mountsnoop, directory, kernel = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    cpus = text(directory / "cpus").strip()
    chosen = re.search(r"\((\w+)\)", text(directory / "preempt"))
    mode = chosen[1] if chosen else "-"
    label = f"{kernel:<6} {cpus} cpu{'s' if cpus != '1' else ' '}  {mode:<10}"
    asked = re.search(r"\bpreempt=(\w+)", text(directory / "cmdline"))
    wrong = [f"booted with {asked[0]}"] if asked and asked[1] != mode else []
    wrong += [text(path).strip() for path in [directory / "left"] if path.exists()]
    ways = sorted(path for path in directory.iterdir() if path.is_dir())
    wrong += [] if ways else ["no way to attach was tried"]
    good = not wrong
    for path in ways:
        verdict, notes = judge(Way(mountsnoop, path), kernel)
        good = good and verdict != "FAILED"
        print(f"{label} {path.name:<10}  {verdict:<7}  {'; '.join(notes)}", flush=True)
    for what in wrong:
        print(f"{label} FAILED: {what}")
    sys.exit(0 if good else 1)


main()
