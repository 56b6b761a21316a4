//! The recorder's own books, and the sum that proves a trace complete.
//! Must not know how they become bytes; field order is the file format (docs/FORMAT.md).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::Cold;
use super::record;

/// What the recorder counted, written when it stops.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderStats {
    /// Events that began, on all CPUs.
    pub seen: u64,
    /// Events that reached the ring buffer.
    pub sent: u64,
    /// Events lost for want of room in the ring buffer.
    pub ring_full: u64,
    /// Events written to the file.
    pub written: u64,
    /// Events received and not written: own queue or disk full.
    pub user_dropped: u64,
    /// Strings lost: the call in flight could not be remembered.
    pub map_full: u64,
    /// Sections lost: more bytes than an event may have.
    pub overflow: u64,
    /// Calls that only ask (statmount and the like): counted even where they are not recorded.
    pub queries: u64,
    /// The same for each CPU.
    pub cpus: Vec<CpuStats>,
    /// How often the kernel did not run a program, by program: such events are not even in `seen`.
    pub missed: Vec<(String, u64)>,
    /// What ended the recording, for people.
    pub stopped_by: String,
}

/// What one CPU counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuStats {
    /// Its number.
    pub cpu: u32,
    /// Events that began there.
    pub seen: u64,
    /// Events lost there for want of room in the ring buffer.
    pub ring_full: u64,
}

impl Cold for RecorderStats {
    const KIND: u16 = record::RECORDER_STATS;
}

/// Two counts that should be equal and are not: the trace cannot be called complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbalanced {
    /// The sum that does not hold.
    pub rule: &'static str,
    /// Its left side.
    pub left: u128,
    /// Its right side.
    pub right: u128,
}

impl fmt::Display for Unbalanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the recorder's counts do not add up: {}, but {} is not {}",
            self.rule, self.left, self.right
        )
    }
}

impl std::error::Error for Unbalanced {}

impl RecorderStats {
    /// Checks that every event seen was either written or counted as lost: `seen = written + user_dropped + ring_full`.
    pub fn balance(&self) -> Result<(), Unbalanced> {
        // Wide, since the numbers come from a file and may be anything.
        let wide = |n: u64| u128::from(n);
        let cpus = |f: fn(&CpuStats) -> u64| self.cpus.iter().map(|c| wide(f(c))).sum::<u128>();
        check("seen = sent + ring_full", wide(self.seen), wide(self.sent) + wide(self.ring_full))?;
        check(
            "sent = written + user_dropped",
            wide(self.sent),
            wide(self.written) + wide(self.user_dropped),
        )?;
        if self.cpus.is_empty() {
            return Ok(());
        }
        check("seen = the sum of seen over the CPUs", wide(self.seen), cpus(|c| c.seen))?;
        check("ring_full = the sum of ring_full over the CPUs", wide(self.ring_full), cpus(|c| c.ring_full))
    }

    /// Events known to be missing from the trace, programs not run included.
    pub fn events_lost(&self) -> u64 {
        let missed = self.missed.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
        self.ring_full.saturating_add(self.user_dropped).saturating_add(missed)
    }
}

/// What of the books matters for whether a trace is complete, in little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Events that began.
    pub seen: u64,
    /// Events that reached the ring buffer.
    pub sent: u64,
    /// Events written.
    pub written: u64,
    /// [`RecorderStats::events_lost`].
    pub lost: u64,
    /// Why they do not add up, if they do not.
    pub unbalanced: Option<Unbalanced>,
}

impl Proof {
    /// They add up, and say that nothing was lost.
    pub fn is_lossless(&self) -> bool {
        self.unbalanced.is_none() && self.lost == 0
    }
}

impl RecorderStats {
    /// What of them matters for whether a trace is complete.
    pub fn proof(&self) -> Proof {
        let RecorderStats { seen, sent, written, .. } = *self;
        Proof { seen, sent, written, lost: self.events_lost(), unbalanced: self.balance().err() }
    }
}

fn check(rule: &'static str, left: u128, right: u128) -> Result<(), Unbalanced> {
    if left == right { Ok(()) } else { Err(Unbalanced { rule, left, right }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced() -> RecorderStats {
        let cpus =
            vec![CpuStats { cpu: 0, seen: 6, ring_full: 1 }, CpuStats { cpu: 3, seen: 4, ring_full: 1 }];
        RecorderStats {
            seen: 10,
            sent: 8,
            ring_full: 2,
            written: 7,
            user_dropped: 1,
            cpus,
            ..Default::default()
        }
    }

    #[test]
    fn every_event_seen_is_written_or_counted_as_lost() {
        assert_eq!(balanced().balance(), Ok(()));
        assert_eq!(balanced().events_lost(), 3);
        let wrong = RecorderStats { written: 8, ..balanced() };
        assert_eq!(wrong.balance().map_err(|e| e.rule), Err("sent = written + user_dropped"));
        let wrong = RecorderStats { cpus: balanced().cpus[..1].to_vec(), ..balanced() };
        assert_eq!(wrong.balance().map_err(|e| (e.left, e.right)), Err((10, 6)));
    }

    #[test]
    fn counts_at_the_end_of_their_range_do_not_wrap() {
        let all = u64::MAX;
        let stats = RecorderStats {
            seen: all,
            sent: all,
            ring_full: all,
            missed: vec![(String::new(), all)],
            ..Default::default()
        };
        assert!(stats.balance().is_err());
        assert_eq!(stats.events_lost(), all);
    }
}
