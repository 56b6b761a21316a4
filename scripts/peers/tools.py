"""The tools that are compared: how each is started, and how many of the load's calls are in what it left.

Knows nothing of what is measured.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

CALLS = "mount umount2 fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr pivot_root".split()
# bpftrace prints the strings of a mount when it begins, and the result of each when it returns.
BPFTRACE = """
BEGIN { printf("ready\\n"); }
tracepoint:syscalls:sys_enter_mount { printf("%s %d mount(%s, %s, %s, %x, %s)\\n", comm, tid, str(args->dev_name),
    str(args->dir_name), str(args->type), args->flags, str(args->data)); }
tracepoint:syscalls:sys_enter_umount { printf("%s %d umount(%s)\\n", comm, tid, str(args->name)); }
"""
BPFTRACE += "".join(
    f'tracepoint:syscalls:sys_enter_{call} {{ printf("%s %d {call}\\n", comm, tid); }}\n'
    for call in CALLS
    if call not in ("mount", "umount2")
)
BPFTRACE += "".join(
    f'tracepoint:syscalls:sys_exit_{call.replace("umount2", "umount")} {{ printf("%s %d = %d\\n", comm, tid, args->ret); }}\n'
    for call in CALLS
)
# Seconds: longer than any of them takes until it records, and until what it has is on its way to the file.
SETTLE = 2
READY_WITHIN = 30


def run(*argv, **options):
    """A command that has to succeed; its standard output."""
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, errors="replace", **options)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: status {done.returncode}: {complaint(done.stderr)}")
    return done.stdout


def complaint(text):
    """The line that says what went wrong: the first with such a word, else the last."""
    lines = text.strip().splitlines() or ["nothing was said"]
    words = re.compile(r"unable|error|fail|denied|not permitted|cannot", re.I)
    return next(filter(words.search, lines), lines[-1]).strip()


def matching(command, pattern):
    """How many lines of a command's output match, without keeping them."""
    with subprocess.Popen([str(arg) for arg in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        count = subprocess.run(["grep", "-acE", pattern], stdin=source.stdout, capture_output=True, check=False)
    return int(count.stdout)


def events(*letters):
    """-e for both ends of each call; the kernel's name for the tracepoint of umount2 is umount."""
    names = [call.replace("umount2", "umount") for call in CALLS]
    return [arg for name in names for end in ("enter", "exit") for arg in (*letters, f"syscalls:sys_{end}_{name}")]


class Tool:
    """One of them. `keeps` is the file it writes, or "out", its standard output; `returned` matches a call of the program COMM in
    the lines of `reader`. `ready` is what it says when it records, if it does say that. `wraps` means that it starts the load
    itself, and sees nothing else."""

    def __init__(self, name, package, command, returned, *, keeps="out", reader=("cat",), ready=None, wraps=False):
        self.name, self.package, self.command = name, package, [str(arg) for arg in command]
        self.keeps, self.reader, self.returned = keeps, list(reader), returned
        self.ready, self.wraps = ready, wraps

    def version(self):
        if not self.package:
            return run(self.command[0], "--version").split()[-1]
        return f"{self.package} {run('dpkg-query', '-W', '-f', '${Version}', self.package)}"


def tools(mountsnoop, attach):
    """All of them, ours first."""
    names = ",".join(CALLS)
    return [
        Tool("mountsnoop", None, [mountsnoop, "record", "-o", "t.mst", "--attach", attach], "^COMM ",
             keeps="t.mst", reader=[mountsnoop, "replay"], ready=b"recording into"),
        Tool("libbpf-tools", "libbpf-tools", ["/usr/sbin/mountsnoop"], "^COMM "),
        Tool("bcc", "bpfcc-tools", ["/usr/sbin/mountsnoop-bpfcc"], "^COMM "),
        Tool("bpftrace", "bpftrace", ["bpftrace", "-e", BPFTRACE], "^COMM .* = ", ready=b"ready\n"),
        Tool("perf trace", "linux-perf", ["perf", "trace", "-a", "-e", names, "-o", "t.txt"], " COMM/", keeps="t.txt"),
        Tool("perf record", "linux-perf", ["perf", "record", "-a", "-o", "perf.data", *events("-e")], "COMM .*sys_exit",
             keeps="perf.data", reader=["perf", "script", "-F", "comm,event", "-i"]),
        # -d: what the function tracer is set to is no concern of this.
        Tool("trace-cmd", "trace-cmd", ["trace-cmd", "record", "-d", "-o", "trace.dat", *events("-e")], "COMM-.*sys_exit",
             keeps="trace.dat", reader=["trace-cmd", "report", "-i"]),
        Tool("strace", "strace", ["strace", "-f", "-e", f"trace={names}", "-o", "t.txt"], " = ", keeps="t.txt", wraps=True),
    ]


class Recording:
    """A tool that runs, in a directory of its own."""

    def __init__(self, tool, directory):
        self.tool, self.dir = tool, pathlib.Path(directory)
        self.process = None
        self.stop_ms = None
        if tool and not tool.wraps:
            with open(self.dir / "out", "wb") as out, open(self.dir / "err", "wb") as err:
                self.process = subprocess.Popen(tool.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.dir)

    def settle(self):
        """Waits until it records, as far as that can be known."""
        until = time.monotonic() + READY_WITHIN
        while self.tool.ready and self.process.poll() is None and time.monotonic() < until:
            if any(self.tool.ready in (self.dir / name).read_bytes() for name in ("out", "err")):
                break
            time.sleep(0.05)
        time.sleep(SETTLE)

    def load(self, *args):
        """Runs the load: ns of one operation, operations a second."""
        prefix = self.tool.command if self.tool and self.tool.wraps else []
        return tuple(float(word) for word in run(*prefix, *args, cwd=self.dir).split())

    def processes(self):
        """Of the tool and what it started."""
        found, unseen = [], [self.process.pid]
        while unseen:
            found.append(unseen.pop())
            for children in pathlib.Path(f"/proc/{found[-1]}/task").glob("*/children"):
                unseen += map(int, children.read_text().split())
        return found

    def cpu(self):
        """ns that it ran, and how many times it went to sleep."""
        ran = slept = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                ran += int((task / "schedstat").read_text().split()[0])
                slept += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M)[1])
        return ran, slept

    def resident(self):
        """MiB: all of it, and without the buffers that it shares with the kernel."""
        kib, shared = 0, 0
        for pid in self.processes():
            for mapping in re.split(r"^(?=[0-9a-f]+-)", pathlib.Path(f"/proc/{pid}/smaps").read_text(), flags=re.M)[1:]:
                rss = int(re.search(r"^Rss:\s+(\d+)", mapping, re.M)[1])
                kib += rss
                shared += rss if " anon_inode:" in mapping.split("\n", maxsplit=1)[0] else 0
        return kib / 1024, (kib - shared) / 1024

    def stop(self):
        """As Ctrl-C does, until it has ended."""
        if not self.process or self.stop_ms is not None:
            return
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.stop_ms = (time.monotonic() - begun) * 1000

    def file(self):
        return self.dir / self.tool.keeps

    def kept(self, comm="load"):
        """Calls of the load that can be read back, or of programs whose names match."""
        pattern = self.tool.returned.replace("COMM", comm)
        return matching([*self.tool.reader, self.file()], pattern) if self.file().exists() else 0

    def said(self):
        """What it says of lost events, or of itself; the last of it."""
        return (self.dir / "err").read_text(errors="replace") if self.process else ""


@contextlib.contextmanager
def recording(tool, settle=True):
    """A tool that has begun to record, or none, in an empty directory."""
    directory = pathlib.Path(f"{tool.name.replace(' ', '-') if tool else 'none'}.dir").absolute()
    run("rm", "-rf", directory)
    os.mkdir(directory)
    recorder = Recording(tool, directory)
    try:
        if recorder.process and settle:
            recorder.settle()
        yield recorder
    finally:
        recorder.stop()
        run("rm", "-rf", directory)
