//! One call, whole: what every view and every filter looks at.
//! It must not know how it was put together.

use std::cell::OnceCell;

use super::process::Processes;
use crate::decode::{Call, Identity, Names, Sections, Task, errno, parts};
use crate::layout::{self, Common};

/// One system call, borrowed from the assembler for as long as it is being shown.
#[derive(Debug, Clone)]
pub struct Op<'a> {
    /// Header of the event that it began with; of the one it returned with where that is lost.
    pub common: Common,
    /// Who made it; `None` where the event that it began with is lost.
    pub task: Option<Task<'a>>,
    /// See [`Op::call`].
    pub(super) call: OnceCell<Call<'a>>,
    /// What became of it.
    pub outcome: Outcome,
    /// The event that it began with, which has been checked; empty where that is lost.
    pub(super) enter: &'a [u8],
    /// What was written when it returned.
    pub(super) exit: Sections<'a>,
    /// The numbers of these two events.
    pub(super) numbers: (Option<u64>, Option<u64>),
    pub(super) told: Told<'a>,
}

/// What was told of the process before.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told<'a> {
    /// It has not been looked for yet.
    Among(&'a Processes),
    /// What told of it, if something did.
    Known(Option<Telling<'a>>),
}

/// An event that told of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Telling<'a> {
    /// No other event has this, whatever trace it is from.
    pub id: u64,
    /// [`super::Assembler::number`] of it.
    pub number: u64,
    pub event: &'a [u8],
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Done {
        /// What it returned: an error is a negative errno.
        ret: i64,
        /// Between beginning and return; 0 where the two clocks disagree about the order (`exit` has the time as it was).
        duration_ns: u64,
        /// Header of the event it returned with.
        exit: Common,
    },
    /// Its return is not in the trace so far.
    Unfinished {
        /// How long it is known to have been open.
        open_ns: u64,
        /// What is known about the missing return.
        why: Why,
        /// An interim row has been emitted for it before.
        again: bool,
    },
    /// It returned, but nobody saw it begin: time and namespace are those of the return.
    Orphan {
        /// What it returned; `None` where a filter refused it with SIGSYS.
        ret: Option<i64>,
        /// Why, where the recorder says so; `None` where the event of its beginning is lost.
        why: Option<Unseen>,
    },
}

/// Why no program of the recorder saw a call begin: what could not be ruled out. One alone is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// A seccomp filter answered before it was entered.
    pub seccomp: bool,
    /// A tracer kept it from being entered (PTRACE_SYSEMU).
    pub tracer: bool,
    /// It began before the recording.
    pub earlier: bool,
    /// The kernel did not run the program.
    pub missed: bool,
}

impl Unseen {
    /// What the flags of the event say that was put together when the call returned.
    pub(super) fn read(flags: u16) -> Option<Unseen> {
        let has = |flag| flags & flag != 0;
        has(layout::FLAG_REBUILT).then(|| Unseen {
            seccomp: has(layout::FLAG_SECCOMP),
            tracer: has(layout::FLAG_TRACER),
            earlier: has(layout::FLAG_EARLIER),
            missed: has(layout::FLAG_MISSED),
        })
    }
}

/// Why a call has no return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It has been open for a while, and a final row will follow: the only row that is not final.
    Interim,
    /// The stream ended first.
    StreamEnded,
    /// The thread went on to something else, so it did return: that event is lost.
    ExitLost,
    /// More calls were open at once than are kept.
    Evicted,
}

impl<'a> Op<'a> {
    /// What the event that it began with says of it.
    pub(super) fn task_of(enter: &'a [u8]) -> Option<Task<'a>> {
        parts(enter).and_then(|(header, _)| Task::read(header))
    }

    /// What was written when it began.
    #[inline]
    fn begun(&self) -> Sections<'a> {
        parts(self.enter).map(|(_, sections)| sections).unwrap_or_default()
    }

    /// What was called. Arguments that are not in the trace are absent, never empty or zero. Decoded when it is asked for first:
    /// most calls that a filter does not want never are.
    #[inline]
    pub fn call(&self) -> &Call<'a> {
        if self.call.get().is_none() {
            self.keep_call();
        }
        self.call.get_or_init(|| self.decode())
    }

    /// Once for each call, where `get_or_init` would copy it twice: it takes the first time for rare.
    #[inline(never)]
    fn keep_call(&self) {
        let _ = self.call.set(self.decode());
    }

    /// The same, for those who look at it only once: it is not kept.
    #[inline]
    pub fn call_once(&self) -> Call<'a> {
        self.call.get().copied().unwrap_or_else(|| self.decode())
    }

    #[inline]
    fn decode(&self) -> Call<'a> {
        Call::decode(self.common.call, Some(self.begun()), Some(self.exit))
    }

    /// What the descriptors among its arguments stand for, and what it returned.
    pub fn identities(&self) -> impl Iterator<Item = Identity> + use<'a> {
        self.begun().identities().chain(self.exit.identities())
    }

    /// The working directory as the call began, where a path of it is relative to that.
    pub fn cwd(&self) -> Option<Names<'a>> {
        self.begun().cwd()
    }

    /// The root directory of the caller, where it has its own.
    pub fn root(&self) -> Option<Names<'a>> {
        self.begun().root()
    }

    /// What was told of the process before this call: its program and its ancestors.
    pub fn process(&self) -> Option<Sections<'a>> {
        parts(self.told()?).map(|(_, sections)| sections)
    }

    /// The cgroup that the caller was in; not where the process has been moved since that was told.
    pub fn cgroup(&self) -> Option<Names<'a>> {
        let (header, sections) = parts(self.told()?)?;
        let same = Task::read(header)?.cgroup() == self.task?.cgroup();
        sections.cgroup().filter(|_| same)
    }

    /// Who made it, as bytes: where they are the same, so are the ids of the caller, its name, cgroup and namespaces.
    pub fn caller(&self) -> Option<&'a [u8]> {
        self.task.map(|task| task.bytes())
    }

    /// Which event told of the process, as a number that no other event has: where it and the caller's bytes are the same, so is all
    /// of the above.
    pub fn told_by(&self) -> Option<u64> {
        self.telling().map(|told| told.id)
    }

    fn told(&self) -> Option<&'a [u8]> {
        self.telling().map(|told| told.event)
    }

    #[inline]
    pub(super) fn telling(&self) -> Option<Telling<'a>> {
        match self.told {
            Told::Among(processes) => processes.get(self.common.pid, self.task?.start()),
            Told::Known(told) => told,
        }
    }

    /// The numbers ([`super::Assembler::number`]) of the events that all of this is from.
    pub fn events(&self) -> impl Iterator<Item = u64> {
        let process = self.telling().map(|told| told.number);
        [self.numbers.0, self.numbers.1, process].into_iter().flatten()
    }

    /// Inode of the mount namespace that the caller was in when the call returned, if that is known.
    pub fn mnt_ns_after(&self) -> Option<u32> {
        match self.outcome {
            Outcome::Done { exit, .. } => Some(exit.mnt_ns),
            Outcome::Orphan { .. } => Some(self.common.mnt_ns),
            Outcome::Unfinished { .. } => None,
        }
    }

    /// When it began, ns of CLOCK_BOOTTIME; when it returned, where the beginning is lost.
    pub fn time(&self) -> u64 {
        self.common.time
    }

    /// What it returned, if that is known.
    pub fn ret(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Done { ret, .. } => Some(ret),
            Outcome::Orphan { ret, .. } => ret,
            Outcome::Unfinished { .. } => None,
        }
    }

    /// How long it took, if both ends are known.
    pub fn duration_ns(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Done { duration_ns, .. } => Some(duration_ns),
            Outcome::Unfinished { .. } | Outcome::Orphan { .. } => None,
        }
    }

    /// Whether it is known to have failed.
    pub fn failed(&self) -> bool {
        self.ret().is_some_and(errno::is_error) || matches!(self.outcome, Outcome::Orphan { ret: None, .. })
    }

    /// Whether a later row will say more about the same call.
    pub fn is_interim(&self) -> bool {
        matches!(self.outcome, Outcome::Unfinished { why: Why::Interim, .. })
    }

    /// Whether an earlier row said all that this one does: an interim row, and nothing has been learned since.
    pub fn is_repeated(&self) -> bool {
        matches!(self.outcome, Outcome::Unfinished { why: Why::StreamEnded | Why::Evicted, again: true, .. })
    }
}
