//! The columns: one table, from which text, CSV, JSON, `--help` and `schema` all read.
//! It must not know how a cell is written in any of them.

use crate::assemble::{Op, Outcome};
use crate::decode::{Argument, Names, Part, errno};
use crate::layout;

/// One column.
pub struct Column {
    /// How it is asked for, and its name in CSV and JSON.
    pub key: &'static str,
    /// Its heading in text.
    pub title: &'static str,
    /// One sentence for `--help` and `schema`.
    pub help: &'static str,
    /// What its cells are, in the words of `schema`.
    pub kind: &'static str,
    /// Its width in text; 0 for one that may be as wide as it likes.
    pub width: usize,
    /// Whether it is a column of CSV.
    pub csv: bool,
    /// Whether it is a field of JSON.
    pub json: bool,
    /// Whether it says who made the call: the same for every call of a thread, until the thread or its process changes.
    pub of_caller: bool,
    /// Its cell in the row of a call.
    pub get: for<'a> fn(&Op<'a>) -> Cell<'a>,
}

/// A cell, before it is written in anyone's way.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// The trace does not have it.
    Missing,
    /// A truth.
    Bool(bool),
    /// A count, an id, a duration.
    Unsigned(u64),
    /// A return value.
    Signed(i64),
    /// A name of ours.
    Name(&'static str),
    /// A task's name, as bytes from the trace.
    Comm(&'a [u8]),
    /// A time, ns of CLOCK_BOOTTIME, to be shown as time of day.
    Time(u64),
    /// The host the trace is from, which the view knows.
    Host,
    /// The call's name.
    Call,
    /// One argument.
    Arg(Argument<'a>),
    /// All arguments.
    Args,
    /// The call as text.
    Text,
    /// A path, told by its names.
    Path(Names<'a>),
    /// What the path of a cgroup names, or that it names none; the path, where it is known.
    Part(Part, Option<Names<'a>>),
    /// What became of the call.
    Status,
    /// The arguments that the kernel did not look at.
    Ignored,
    /// What descriptors stand for.
    Ids,
    /// The ancestors of the process.
    Parents,
}

/// Where a column is shown.
const EVERYWHERE: (bool, bool, bool) = (true, true, false);
const CSV_ONLY: (bool, bool, bool) = (true, false, false);
/// The same, of a column that is [`Column::of_caller`].
const OF_CALLER: (bool, bool, bool) = (true, true, true);

macro_rules! columns {
    ($($key:literal, $title:literal, $kind:literal, $width:literal, $shown:expr, $get:expr, $help:literal;)*) => {
        &[$(Column {
            key: $key, title: $title, help: $help, kind: $kind, width: $width,
            csv: $shown.0, json: $shown.1, of_caller: $shown.2, get: $get,
        }),*]
    };
}

/// All columns, in the order of CSV and JSON.
#[rustfmt::skip]
pub static COLUMNS: &[Column] = columns! {
    "schema", "SCHEMA", "integer", 6, EVERYWHERE, |_| Cell::Unsigned(SCHEMA), "version of this list of columns; columns are only ever added";
    "time", "TIME", "time", 15, EVERYWHERE, |op| Cell::Time(op.time()), "when the call began (when it returned, if its beginning was lost)";
    "boottime_ns", "BOOTTIME_NS", "integer", 16, EVERYWHERE, |op| Cell::Unsigned(op.time()), "the same, in ns of CLOCK_BOOTTIME";
    "duration_ns", "DURATION_NS", "integer", 12, EVERYWHERE, |op| or_missing(op.duration_ns(), Cell::Unsigned), "how long the call took, in ns";
    "host", "HOST", "string", 16, EVERYWHERE, |_| Cell::Host, "host name of the machine the trace is from";
    "cpu", "CPU", "integer", 3, EVERYWHERE, |op| Cell::Unsigned(op.common.cpu.into()), "CPU the call began on";
    "seq", "SEQ", "integer", 8, EVERYWHERE, |op| Cell::Unsigned(op.common.seq), "number of the event on that CPU; a gap is a loss";
    "comm", "COMM", "string", 16, OF_CALLER, |op| or_missing(op.task, |task| Cell::Comm(task.comm())), "name of the thread";
    "pid", "PID", "integer", 7, OF_CALLER, |op| Cell::Unsigned(op.common.pid.into()), "process id, in the initial pid namespace";
    "tid", "TID", "integer", 7, OF_CALLER, |op| Cell::Unsigned(op.common.tid.into()), "thread id, in the initial pid namespace";
    "ppid", "PPID", "integer", 7, OF_CALLER, |op| or_missing(op.task, |task| Cell::Unsigned(task.ppid().into())), "process id of the parent";
    "uid", "UID", "integer", 7, OF_CALLER, |op| or_missing(op.task, |task| Cell::Unsigned(task.uid().into())), "user id, in the initial user namespace";
    "mnt_ns", "MNT_NS", "integer", 11, OF_CALLER, |op| Cell::Unsigned(op.common.mnt_ns.into()), "inode number of the mount namespace";
    "cgroup_id", "CGROUP_ID", "integer", 10, OF_CALLER, |op| or_missing(op.task, |task| Cell::Unsigned(task.cgroup())), "cgroup v2 id; 1 on a host that has only v1";
    "container", "CONTAINER", "string", 12, OF_CALLER, |op| Cell::Part(Part::Container, op.cgroup()), "id or name of the container the caller was in, by its cgroup; none, or not known where cgroup is not";
    "call", "NAME", "string", 10, EVERYWHERE, |_| Cell::Call, "name of the system call";
    "source", "SOURCE", "string", 20, CSV_ONLY, |op| arg(op, "source"), "the argument of that name; empty where NULL or not captured, see args";
    "target", "TARGET", "string", 20, CSV_ONLY, |op| arg(op, "target"), "the argument of that name; empty where NULL or not captured, see args";
    "fstype", "FSTYPE", "string", 10, CSV_ONLY, |op| arg(op, "fstype"), "the argument of that name; empty where NULL or not captured, see args";
    "flags", "FLAGS", "string", 20, CSV_ONLY, |op| arg(op, "flags"), "the argument of that name, its names joined by |";
    "data", "DATA", "string", 20, CSV_ONLY, |op| arg(op, "data"), "the argument of that name; empty where NULL or not captured, see args";
    "args", "ARGS", "object", 0, EVERYWHERE, |_| Cell::Args, "all arguments by their names in the manual, and how well each was captured";
    "ret", "RET", "integer", 4, EVERYWHERE, |op| or_missing(op.ret(), Cell::Signed), "what the call returned";
    "error", "ERROR", "string", 12, EVERYWHERE, |op| or_missing(op.ret().and_then(errno::of_return), Cell::Name), "name of the error it returned";
    "reason", "REASON", "string", 20, EVERYWHERE, |_| Cell::Missing, "the kernel's own message about a failure";
    "finished", "FINISHED", "boolean", 8, EVERYWHERE, |op| Cell::Bool(!matches!(op.outcome, Outcome::Unfinished { .. })), "whether its return is in the trace";
    "text", "CALL", "string", 0, EVERYWHERE, |_| Cell::Text, "the call as text, with what it returned";
    "abi", "ABI", "string", 6, EVERYWHERE, |op| Cell::Name(abi(op)), "how the call was made: native, or compat for a 32-bit call on a 64-bit kernel";
    "mnt_ns_after", "MNT_NS_AFTER", "integer", 12, EVERYWHERE, |op| or_missing(op.mnt_ns_after(), |inode| Cell::Unsigned(inode.into())), "inode number of the mount namespace when the call returned, which unshare and setns change";
    "mnt_ns_id", "MNT_NS_ID", "integer", 9, OF_CALLER, |op| or_missing(op.task.and_then(|task| task.mnt_ns_id()), Cell::Unsigned), "number of the mount namespace as the call began, never used again as its inode number is";
    "pid_ns", "PID_NS", "integer", 11, OF_CALLER, |op| or_missing(op.task.and_then(|task| task.pid_ns()), |inode| Cell::Unsigned(inode.into())), "inode number of the pid namespace that the caller lives in";
    "ns_pid", "NS_PID", "integer", 7, OF_CALLER, |op| or_missing(op.task.and_then(|task| task.ns_pid()), |pid| Cell::Unsigned(pid.into())), "process id as seen there";
    "ns_tid", "NS_TID", "integer", 7, OF_CALLER, |op| or_missing(op.task.and_then(|task| task.ns_tid()), |tid| Cell::Unsigned(tid.into())), "thread id as seen there";
    "start_ns", "START_NS", "integer", 16, OF_CALLER, |op| or_missing(op.task.and_then(|task| task.start()), Cell::Unsigned), "when the process began, in ns of CLOCK_BOOTTIME: with pid it names the process";
    "exe", "EXE", "string", 20, OF_CALLER, |op| or_missing(op.process().and_then(|process| process.exe()), Cell::Path), "program that the process runs";
    "parents", "PARENTS", "array", 20, OF_CALLER, |_| Cell::Parents, "ancestors of the process, the nearest first: pid and comm of each";
    "cwd", "CWD", "string", 20, EVERYWHERE, |op| or_missing(op.cwd(), Cell::Path), "working directory as the call began, where a path in args is relative to it";
    "root", "ROOT", "string", 20, EVERYWHERE, |op| or_missing(op.root(), Cell::Path), "root directory of the caller, where it has its own";
    "ids", "IDS", "array", 20, EVERYWHERE, |_| Cell::Ids, "what the descriptors in args stand for, and what was returned: a mount, an fscontext or a namespace";
    "ignored", "IGNORED", "array", 12, EVERYWHERE, |_| Cell::Ignored, "arguments that the kernel did not look at: they say nothing about what happened";
    "cgroup", "CGROUP", "string", 30, OF_CALLER, |op| or_missing(op.cgroup(), Cell::Path), "path of the caller's cgroup from the root of its hierarchy, whatever cgroup namespace it was in: of name=systemd or the like where there is one beside v2, else of v2, else of v1";
    "runtime", "RUNTIME", "string", 10, OF_CALLER, |op| Cell::Part(Part::Runtime, op.cgroup()), "what runs the container: docker, containerd, cri-o, podman, lxc, systemd-nspawn, or machine for others that systemd-machined knows";
    "pod", "POD", "string", 36, OF_CALLER, |op| Cell::Part(Part::Pod, op.cgroup()), "uid of the Kubernetes pod that the caller was in, by its cgroup";
    "unit", "UNIT", "string", 20, OF_CALLER, |op| Cell::Part(Part::Unit, op.cgroup()), "systemd unit that the caller was in, by its cgroup, the innermost of several";
    "status", "STATUS", "string", 14, EVERYWHERE, |_| Cell::Status, "what became of the call: returned, unfinished, return_lost, beginning_lost; of one that no program saw begin why that is: refused or answered (by seccomp, before it was entered), emulated (by a tracer), earlier (than the recording), missed (by the kernel), several joined by _or_ where that is not certain, unseen where none is known";
};

/// The number in the column `schema`.
const SCHEMA: u64 = 1;

/// The column of that key.
pub fn column(key: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.key == key)
}

fn or_missing<'a, T>(value: Option<T>, cell: impl FnOnce(T) -> Cell<'a>) -> Cell<'a> {
    value.map_or(Cell::Missing, cell)
}

fn abi(op: &Op<'_>) -> &'static str {
    match op.common.abi {
        layout::ABI_NATIVE => "native",
        layout::ABI_COMPAT => "compat",
        _ => "unknown",
    }
}

#[inline(always)]
fn arg<'a>(op: &Op<'a>, name: &str) -> Cell<'a> {
    or_missing(op.call().arg(name), Cell::Arg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_once_and_names_itself_in_upper_case() {
        for column in COLUMNS {
            assert_eq!(COLUMNS.iter().filter(|other| other.key == column.key).count(), 1, "{}", column.key);
            assert_eq!(column.title, column.title.to_uppercase());
            assert!(!column.help.is_empty());
        }
    }

    #[test]
    fn the_fields_of_json_are_those_of_the_contract_in_its_order() {
        let want = "schema time boottime_ns duration_ns host cpu seq comm pid tid ppid uid mnt_ns cgroup_id container call \
            args ret error reason finished text abi mnt_ns_after mnt_ns_id pid_ns ns_pid ns_tid start_ns exe parents cwd \
            root ids ignored cgroup runtime pod unit status";
        let got: Vec<&str> = COLUMNS.iter().filter(|column| column.json).map(|column| column.key).collect();
        assert_eq!(got.join(" "), want);
    }
}
