//! Of a call whose beginning is not in the stream, whether it may have begun at or after some moment.
//! It must not know what a call is.

use std::collections::HashSet;

use super::keyed::Keyed;

/// Threads kept; with more of them, nothing is ruled out any more.
const THREADS_MAX: usize = 65_536;

/// A return without a beginning is of a call that began before the moment, unless the beginning was lost since: then
/// losses are known, or the thread has been seen since, which it cannot be in the middle of a call.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// Nothing is ruled out without a moment.
    since: Option<u64>,
    seen: HashSet<u32, Keyed>,
    missing: bool,
    /// Something is missing just before the next event.
    missing_here: bool,
}

impl Orphans {
    pub fn since(&mut self, since: Option<u64>) {
        *self = Orphans { since, ..Orphans::default() };
    }

    /// Whether what begins at this time begins before the moment.
    #[inline]
    pub fn is_before(&self, time: u64) -> bool {
        self.since.is_some_and(|since| time < since)
    }

    /// Events are missing, none of them later than `to`.
    pub fn missing(&mut self, to: Option<u64>) {
        match to {
            Some(to) => self.missing |= self.since.is_some_and(|since| to >= since),
            None => self.missing_here = true,
        }
    }

    /// Whether a call of this thread that returns now may have begun at or after the moment. To be asked once of each
    /// event.
    #[inline]
    pub fn may_be_wanted(&mut self, tid: u32, time: u64) -> bool {
        match self.since {
            // Most often everything is wanted.
            None => true,
            Some(since) => self.may_be_since(since, tid, time),
        }
    }

    fn may_be_since(&mut self, since: u64, tid: u32, time: u64) -> bool {
        let here = std::mem::take(&mut self.missing_here);
        if time < since {
            return false;
        }
        self.missing |= here || self.seen.len() >= THREADS_MAX;
        self.missing || !self.seen.insert(tid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(since: u64) -> Orphans {
        let mut orphans = Orphans::default();
        orphans.since(Some(since));
        orphans
    }

    #[test]
    fn without_a_moment_every_call_may_be_wanted() {
        assert!(Orphans::default().may_be_wanted(1, 5));
    }

    #[test]
    fn a_thread_not_seen_since_has_been_in_its_call_before() {
        let mut orphans = since(100);
        let wanted =
            [(1, 90), (1, 110), (2, 120), (1, 130)].map(|(tid, time)| orphans.may_be_wanted(tid, time));
        assert_eq!(wanted, [false, false, false, true]);
    }

    #[test]
    fn what_is_missing_since_may_be_any_beginning() {
        for (to, after, wanted) in
            [(Some(99), 110, false), (Some(100), 110, true), (None, 110, true), (None, 90, false)]
        {
            let mut orphans = since(100);
            orphans.missing(to);
            orphans.may_be_wanted(7, after);
            assert_eq!(orphans.may_be_wanted(1, 120), wanted, "missing until {to:?}, then one at {after}");
        }
    }

    #[test]
    fn more_threads_than_are_kept_rule_nothing_out() {
        let mut orphans = since(0);
        assert!((0..THREADS_MAX as u32).all(|tid| !orphans.may_be_wanted(tid, 1)));
        assert!(orphans.may_be_wanted(u32::MAX, 1));
    }
}
