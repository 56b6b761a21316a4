//! The numbers of the events, by CPU: what is missing between two that came, and the books that follow from that.
//! Must not know what an event is about, nor what is done with a loss.

use super::Counters;
use crate::format::{CpuStats, LossReason, Lost, RecorderStats};
use crate::layout::Common;

/// What one CPU has sent.
#[derive(Debug, Clone, Copy)]
struct Cpu {
    /// The number that its next event should have.
    next: u64,
    /// When its last event was.
    last_ns: u64,
    /// Numbers that never came.
    lost: u64,
    /// `next` and `lost` when the file was begun that is being written.
    before: (u64, u64),
}

/// The numbers of the events that have come.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cpus: Vec<Cpu>,
    /// Since when events are sent, boot time.
    attached_ns: u64,
    /// [`super::super::Attachment::counts_collide`]: a gap proves nothing.
    counts_collide: bool,
    /// Events of the file that is being written.
    events: u64,
}

impl Tally {
    pub fn new(attached_ns: u64, counts_collide: bool) -> Tally {
        Tally { attached_ns, counts_collide, ..Tally::default() }
    }

    /// Takes the next event. Numbers are given out before room is asked for: one that never came is an event that was lost
    /// just here.
    pub fn event(&mut self, head: &Common) -> Option<Lost> {
        self.events += 1;
        self.number(head.cpu, head.seq, head.seq + 1, head.time)
    }

    /// The books of the file that is being written, as far as the numbers tell.
    pub fn books(&self) -> RecorderStats {
        let books = |(cpu, of): (u32, &Cpu)| {
            let (seen, lost) = of.before;
            CpuStats { cpu, seen: of.next.saturating_sub(seen), ring_full: of.lost.saturating_sub(lost) }
        };
        self.sum((0..).zip(&self.cpus).map(books).collect())
    }

    /// What comes stands in another file.
    pub fn next_file(&mut self) {
        self.events = 0;
        self.cpus.iter_mut().for_each(|of| of.before = (of.next, of.lost));
    }

    /// What was lost after the last event that came, which has no successor to show it. And the books of the last file, by what
    /// the kernel side has counted from the start.
    pub fn end(&mut self, counted: &[Counters], now_ns: u64) -> (Vec<Lost>, RecorderStats) {
        let mut losses = Vec::new();
        let mut cpus = Vec::new();
        for (cpu, count) in (0..).zip(counted) {
            losses.extend(self.number(cpu, count.seen, count.seen, now_ns));
            let (seen, lost) = self.cpu(cpu).before;
            let ring_full = count.ring_full.saturating_sub(lost);
            cpus.push(CpuStats { cpu, seen: count.seen.saturating_sub(seen), ring_full });
        }
        let stats = self.sum(cpus);
        let sum = |field: fn(&Counters) -> u64| counted.iter().map(field).sum();
        let (map_full, overflow, queries) = (sum(|c| c.map_full), sum(|c| c.overflow), sum(|c| c.queries));
        (losses, RecorderStats { map_full, overflow, queries, ..stats })
    }

    fn sum(&self, cpus: Vec<CpuStats>) -> RecorderStats {
        let seen = cpus.iter().map(|cpu| cpu.seen).sum::<u64>();
        let ring_full = cpus.iter().map(|cpu| cpu.ring_full).sum();
        RecorderStats {
            seen,
            sent: seen.saturating_sub(ring_full),
            ring_full,
            written: self.events,
            cpus,
            ..Default::default()
        }
    }

    /// Number `seq` comes at `time_ns`, and then `next`; the numbers before it that never came.
    fn number(&mut self, cpu: u32, seq: u64, next: u64, time_ns: u64) -> Option<Lost> {
        let counts_collide = self.counts_collide;
        let of = self.cpu(cpu);
        let count = seq.saturating_sub(of.next);
        let from_ns = std::mem::replace(&mut of.last_ns, time_ns);
        of.next = next;
        if count == 0 || counts_collide {
            return None;
        }
        of.lost += count;
        Some(Lost { from_ns, to_ns: time_ns, cpu: Some(cpu), count, reason: LossReason::RING_FULL })
    }

    fn cpu(&mut self, cpu: u32) -> &mut Cpu {
        let nothing = Cpu { next: 0, last_ns: self.attached_ns, lost: 0, before: (0, 0) };
        let index = cpu as usize;
        if self.cpus.len() <= index {
            self.cpus.resize(index + 1, nothing);
        }
        &mut self.cpus[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(cpu: u32, seq: u64, time: u64) -> Common {
        let (header_len, call, phase, abi, flags) = (40, 1, 1, 0, 0);
        Common { header_len, call, phase, abi, flags, time, seq, cpu, pid: 1, tid: 1, mnt_ns: 1 }
    }

    fn lost(cpu: u32, from_ns: u64, to_ns: u64, count: u64) -> Lost {
        Lost { from_ns, to_ns, cpu: Some(cpu), count, reason: LossReason::RING_FULL }
    }

    #[test]
    fn a_number_that_is_missing_is_an_event_that_was_lost() {
        let mut tally = Tally::new(100, false);
        assert_eq!(tally.event(&event(1, 0, 110)), None);
        assert_eq!(tally.event(&event(0, 2, 120)), Some(lost(0, 100, 120, 2)));
        assert_eq!(tally.event(&event(1, 4, 130)), Some(lost(1, 110, 130, 3)));
        let mut doubtful = Tally::new(100, true);
        assert_eq!(doubtful.event(&event(0, 5, 120)), None);
    }

    #[test]
    fn each_file_has_books_of_its_own_and_together_they_are_those_of_the_kernel_side() {
        let mut tally = Tally::new(100, false);
        [event(0, 0, 110), event(0, 3, 120), event(1, 0, 130)].iter().for_each(|event| {
            tally.event(event);
        });
        let first = tally.books();
        tally.next_file();
        assert_eq!((first.balance(), first.seen, first.ring_full, first.written), (Ok(()), 5, 2, 3));
        tally.event(&event(0, 5, 140));
        let counted =
            [(8, 5), (1, 0)].map(|(seen, ring_full)| Counters { seen, ring_full, ..Default::default() });
        let (losses, last) = tally.end(&counted, 200);
        assert_eq!(losses, [lost(0, 140, 200, 2)]);
        assert_eq!((last.balance(), last.seen, last.ring_full, last.written), (Ok(()), 4, 3, 1));
    }
}
