//! What damage cost a trace, to be said with LOST records: from when to when, how much, and where nobody knows.
//! Must not know what was damaged.

use crate::format::{LossReason, Lost};

/// Until nobody knows when ([`Lost::to_ns`]).
pub(super) const OPEN_END: u64 = u64::MAX;

/// What damage has cost so far.
#[derive(Debug, Default)]
pub(super) struct Toll {
    /// Damage since the last thing that has a time.
    gap: Option<Gap>,
    /// Events that the losses handed out count.
    pub known: u64,
    /// Between which times an unknown number of events is missing.
    pub unknown: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Gap {
    from: u64,
    known: u64,
    unknown: bool,
}

impl Toll {
    /// Something after `from` is damaged, and costs so many events; `None`: nobody knows.
    pub fn damage(&mut self, from: u64, events: Option<u64>) {
        if events == Some(0) {
            return;
        }
        let gap = self.gap.get_or_insert(Gap { from, known: 0, unknown: false });
        gap.known = gap.known.saturating_add(events.unwrap_or(0));
        gap.unknown |= events.is_none();
    }

    /// Something that has a time was read again: the loss before it, if its size is known.
    pub fn settle(&mut self, to: u64) -> Option<Lost> {
        let Gap { from, known, unknown } = self.gap.take()?;
        let to = to.max(from);
        if unknown {
            let (first, last) = self.unknown.unwrap_or((from, to));
            self.unknown = Some((first.min(from), last.max(to)));
        }
        (known > 0).then(|| self.lost(from, to, known))
    }

    /// So many events are lost, more than was thought.
    pub fn lost(&mut self, from_ns: u64, to_ns: u64, count: u64) -> Lost {
        self.known = self.known.saturating_add(count);
        damaged((from_ns, to_ns), count)
    }

    /// Some events may be lost, and nobody knows how many.
    pub fn rest(&self) -> Option<Lost> {
        Some(damaged(self.unknown?, 0))
    }
}

/// A loss by damage; 0: nobody knows how many.
pub(super) fn damaged((from_ns, to_ns): (u64, u64), count: u64) -> Lost {
    Lost { from_ns, to_ns, cpu: None, count, reason: LossReason::DAMAGED }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(lost: Option<Lost>) -> Option<(u64, u64, Option<u64>)> {
        lost.map(|lost| (lost.from_ns, lost.to_ns, lost.known()))
    }

    #[test]
    fn damage_in_a_row_is_one_loss_from_what_came_before_to_what_comes_after() {
        let mut toll = Toll::default();
        assert_eq!(toll.settle(5), None);
        toll.damage(10, Some(2));
        toll.damage(10, Some(0));
        toll.damage(10, Some(3));
        assert_eq!(spans(toll.settle(20)), Some((10, 20, Some(5))));
        assert_eq!((toll.settle(30), toll.known, toll.rest()), (None, 5, None));
    }

    #[test]
    fn what_nobody_knows_is_kept_for_the_end_as_one_span() {
        let mut toll = Toll::default();
        toll.damage(10, None);
        toll.damage(10, Some(1));
        assert_eq!(spans(toll.settle(20)), Some((10, 20, Some(1))));
        toll.damage(40, None);
        assert_eq!(toll.settle(OPEN_END), None);
        assert_eq!(spans(toll.rest()), Some((10, OPEN_END, None)));
    }

    #[test]
    fn a_time_that_goes_backwards_makes_no_span_that_does() {
        let mut toll = Toll::default();
        toll.damage(10, Some(1));
        assert_eq!(spans(toll.settle(7)), Some((10, 10, Some(1))));
    }
}
