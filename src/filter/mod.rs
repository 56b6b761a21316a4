//! Which calls are wanted: evaluated on assembled calls, live and offline alike.
//! It must not know where calls come from or how they are shown.

mod time;

pub use time::{TimeContext, TimeSpec, Window};

use std::time::Duration;

use globset::{Candidate, Glob, GlobBuilder, GlobMatcher};

use crate::assemble::{Op, Outcome};

/// What a call must be to be wanted: all of what is set, and one of each list that is not empty.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `-p`: made by one of these processes, whichever of its threads.
    pub pids: Vec<u32>,
    /// `--comm`: by a thread of such a name.
    pub comm: Vec<GlobMatcher>,
    /// `--ns`: in one of these mount namespaces, as it began or as it returned.
    pub ns: Vec<u32>,
    /// `--failed`: it returned an error.
    pub failed: bool,
    /// `--slow`: it took at least this long, or is known to have been open that long.
    pub slow: Option<Duration>,
    /// `--since`: it began then or later, ns of CLOCK_BOOTTIME.
    pub since: Option<u64>,
    /// `--until`: it began then or earlier.
    pub until: Option<u64>,
}

impl Filter {
    /// Whether a call is wanted. What is not known of it matches nothing that asks for it.
    #[inline]
    pub fn matches(&self, op: &Op<'_>) -> bool {
        one_of(&self.pids, op.common.pid)
            && (one_of(&self.ns, op.common.mnt_ns)
                || op.mnt_ns_after().is_some_and(|inode| one_of(&self.ns, inode)))
            && self.since.is_none_or(|since| op.time() >= since)
            && self.until.is_none_or(|until| op.time() <= until)
            && (!self.failed || op.failed())
            && self.slow.is_none_or(|slow| known_open(op).is_some_and(|ns| u128::from(ns) >= slow.as_nanos()))
            && (self.comm.is_empty() || self.matches_comm(op))
    }

    fn matches_comm(&self, op: &Op<'_>) -> bool {
        let Some(task) = op.task else { return false };
        let name = Candidate::from_bytes(task.comm());
        self.comm.iter().any(|glob| glob.is_match_candidate(&name))
    }
}

fn one_of(wanted: &[u32], value: u32) -> bool {
    wanted.is_empty() || wanted.contains(&value)
}

fn known_open(op: &Op<'_>) -> Option<u64> {
    match op.outcome {
        Outcome::Done { duration_ns, .. } => Some(duration_ns),
        Outcome::Unfinished { open_ns, .. } => Some(open_ns),
        Outcome::Orphan { .. } => None,
    }
}

/// Reads the GLOB of `--comm`. A name is no path: `*` also matches a `/`, as in kworker/0:1.
pub fn parse_comm(text: &str) -> Result<GlobMatcher, String> {
    let glob: Result<Glob, _> =
        GlobBuilder::new(text).literal_separator(false).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("not a pattern for names: {error}"))
}

/// Reads the DURATION of `--slow` and others: `10ms`, `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim()).map_err(|error| {
        format!("\"{}\" is not a duration such as 10ms, 2s or 1h30m: {error}", text.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::Assembler;
    use crate::decode::synth::{self, Builder};

    /// Of some calls, the thread ids of those that a filter lets through.
    fn wanted(filter: &Filter) -> Vec<u32> {
        let call =
            |pid, tid, time: u64, comm: &[u8]| synth::umount2(b"/", 0).task(pid, tid).time(time).comm(comm);
        let back = |pid, tid, time: u64, ret| synth::exit(2).task(pid, tid).time(time).ret(ret);
        let events: [Builder; 7] = [
            call(10, 10, 100, b"umount"),
            call(10, 11, 200, b"kworker/0:1").mnt_ns(5),
            call(20, 20, 300, b"\xff"),
            back(10, 10, 1_000_100, 0),
            back(10, 11, 2_000_200, -16),
            back(30, 30, 2_500_000, -22),
            call(40, 40, 3_000_000, b"sh"),
        ];
        let (mut assembler, mut tids) = (Assembler::new(), Vec::new());
        let mut sink = |op: &Op<'_>| tids.extend(filter.matches(op).then_some(op.common.tid));
        events.into_iter().for_each(|event| assembler.event(&event.build(), &mut sink).unwrap());
        assembler.finish(&mut sink);
        tids.sort_unstable();
        tids
    }

    #[test]
    fn each_condition_lets_through_what_it_says() {
        let all = [10, 11, 20, 30, 40];
        let comm = |text: &str| vec![parse_comm(text).unwrap()];
        let slow = |text: &str| Some(parse_duration(text).unwrap());
        assert_eq!(wanted(&Filter::default()), all);
        assert_eq!(wanted(&Filter { pids: vec![10, 40], ..Filter::default() }), [10, 11, 40]);
        assert_eq!(wanted(&Filter { ns: vec![5], ..Filter::default() }), [11]);
        assert_eq!(wanted(&Filter { comm: comm("k*1"), ..Filter::default() }), [11]);
        assert_eq!(wanted(&Filter { comm: comm("*"), ..Filter::default() }), [10, 11, 20, 40]);
        assert_eq!(wanted(&Filter { failed: true, ..Filter::default() }), [11, 30]);
        assert_eq!(wanted(&Filter { slow: slow("2ms"), ..Filter::default() }), [11, 20]);
        assert_eq!(wanted(&Filter { slow: slow("1ms"), failed: true, ..Filter::default() }), [11]);
        assert_eq!(wanted(&Filter { since: Some(200), until: Some(300), ..Filter::default() }), [11, 20]);
    }

    #[test]
    fn mistakes_are_told_with_what_was_expected() {
        let error = parse_duration("fast").unwrap_err();
        assert!(error.starts_with("\"fast\" is not a duration such as 10ms, 2s or 1h30m"), "{error}");
        assert!(parse_comm("[a").unwrap_err().starts_with("not a pattern for names"));
    }
}
