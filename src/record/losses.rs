//! What was lost and stands in no block yet, summed up: memory does not grow while nothing can be written.
//! Must not know why nothing can.

use crate::format::{LossReason, Lost};

/// One entry for each reason.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Lost>);

impl Losses {
    /// Adds a loss to those for the same reason.
    pub fn add(&mut self, lost: Lost) {
        let Some(sum) = self.0.iter_mut().find(|sum| sum.reason == lost.reason) else {
            return self.0.push(lost);
        };
        sum.from_ns = sum.from_ns.min(lost.from_ns);
        sum.to_ns = sum.to_ns.max(lost.to_ns);
        sum.cpu = sum.cpu.filter(|cpu| lost.cpu == Some(*cpu));
        sum.count = sum.count.saturating_add(lost.count);
    }

    /// Adds an event of this time, on whatever CPU.
    pub fn event(&mut self, time_ns: u64, reason: LossReason) {
        self.add(Lost { from_ns: time_ns, to_ns: time_ns, cpu: None, count: 1, reason });
    }

    /// All there are, and none are left.
    pub fn take(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_summed_up_by_reason() {
        let (ring, disk) = (LossReason::RING_FULL, LossReason::DISK_FULL);
        let lost = |from_ns, to_ns, cpu, count, reason| Lost { from_ns, to_ns, cpu, count, reason };
        let mut losses = Losses::default();
        losses.add(lost(10, 20, Some(1), 3, ring));
        losses.event(15, disk);
        losses.add(lost(5, 12, Some(1), 4, ring));
        losses.event(11, disk);
        let expected = [lost(5, 20, Some(1), 7, ring), lost(11, 15, None, 2, disk)];
        assert_eq!(losses.take(), expected);
        assert_eq!(losses.take(), []);
        losses.add(lost(1, 1, Some(0), 1, ring));
        losses.add(lost(2, 2, Some(1), 1, ring));
        assert_eq!(losses.take(), [lost(1, 2, None, 2, ring)], "of two CPUs");
    }
}
