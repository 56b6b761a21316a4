//! What a trace proves about itself: the events it holds of each source, by CPU, against the numbers that the kernel side
//! gave them, the losses that were recorded, and the recorder's own books.
//! Must not know how a trace is read, nor what is done about a doubt.

use std::collections::HashMap;

use super::doubt::Doubt;
use crate::format::{CpuStats, FileIdentity, LossReason, Lost, Proof, RecorderStats, Source};
use crate::layout::Common;

/// CPUs that are kept apart, of all sources together; what is beyond proves nothing.
const MAX_CPUS: usize = 65_536;

/// The accounts of one trace.
#[derive(Debug, Default)]
pub(super) struct Books {
    accounts: Vec<Account>,
    now: usize,
    cpus: usize,
}

/// The account of one source; of the trace itself where it was not merged from several.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub source: Option<Source>,
    identity: Option<FileIdentity>,
    pub events: u64,
    cpus: HashMap<u32, Cpu>,
    /// There were more CPUs than are kept apart.
    beyond: bool,
    pub losses: Losses,
    pub proof: Option<Proof>,
}

/// Events of one CPU.
#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    events: u64,
    /// The number that comes next; `None` before the first.
    next: Option<u64>,
    /// Numbers that were passed over.
    gaps: u64,
    /// A number came late or twice: then gaps prove nothing.
    disordered: bool,
    lost: u64,
    ring_full: u64,
}

/// What LOST records say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Losses {
    /// Events.
    pub events: u64,
    /// And some more, nobody knows how many.
    pub unknown: bool,
    /// Strings and sections.
    pub parts: u64,
    /// Events of no CPU in particular.
    any_cpu: u64,
    ring_full: u64,
    missed: u64,
    map_full: u64,
    overflow: u64,
}

impl Books {
    /// The books of a trace with this header; `None`: it is damaged.
    pub fn new(identity: Option<FileIdentity>) -> Books {
        let account = Account { identity, ..Account::default() };
        Books { accounts: vec![account], now: 0, cpus: 0 }
    }

    /// What follows is from this source.
    pub fn source(&mut self, source: &Source) {
        if let [only] = &self.accounts[..]
            && only.is_untouched()
        {
            self.accounts.clear();
        }
        let number = |account: &Account| account.source.map(|source| source.number);
        let known = self.accounts.iter().position(|account| number(account) == Some(source.number));
        self.now = known.unwrap_or_else(|| {
            let (source, identity) = (Some(*source), source.identity);
            self.accounts.push(Account { source, identity, ..Account::default() });
            self.accounts.len() - 1
        });
    }

    /// The account of what is being read.
    pub fn now(&mut self) -> &mut Account {
        // There is always one: `new` makes it, and `source` makes one where it takes one away.
        if self.accounts.is_empty() {
            self.accounts.push(Account::default());
        }
        let last = self.accounts.len() - 1;
        &mut self.accounts[self.now.min(last)]
    }

    /// Takes in an event of the source being read.
    pub fn event(&mut self, bytes: &[u8]) {
        self.enter(|account, room| account.event(bytes, room));
    }

    /// Takes in a loss of the source being read.
    pub fn lost(&mut self, lost: &Lost) {
        self.enter(|account, room| account.lost(lost, room));
    }

    fn enter(&mut self, entry: impl FnOnce(&mut Account, bool)) {
        let room = self.cpus < MAX_CPUS;
        let account = self.now();
        let before = account.cpus.len();
        entry(account, room);
        let more = account.cpus.len() - before;
        self.cpus += more;
    }

    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

impl Account {
    fn is_untouched(&self) -> bool {
        self.source.is_none() && self.events == 0 && self.proof.is_none() && self.losses.events == 0
    }

    fn event(&mut self, bytes: &[u8], room: bool) {
        self.events += 1;
        let Some(head) = Common::read(bytes) else { return };
        let first = if self.numbers_begin_at_zero() { 0 } else { head.seq };
        let Some(cpu) = self.cpu(head.cpu, room) else { return };
        cpu.events += 1;
        match head.seq.checked_sub(cpu.next.unwrap_or(first)) {
            Some(gap) => {
                cpu.gaps = cpu.gaps.saturating_add(gap);
                cpu.next = Some(head.seq.saturating_add(1));
            }
            None => cpu.disordered = true,
        }
    }

    /// The CPU of this number, which is new only where there is room.
    fn cpu(&mut self, number: u32, room: bool) -> Option<&mut Cpu> {
        if !room && !self.cpus.contains_key(&number) {
            self.beyond = true;
            return None;
        }
        Some(self.cpus.entry(number).or_default())
    }

    fn lost(&mut self, lost: &Lost, room: bool) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(lost.count);
        let losses = &mut self.losses;
        match lost.reason {
            LossReason::MAP_FULL => add(&mut losses.map_full),
            LossReason::OVERFLOW => add(&mut losses.overflow),
            LossReason::RING_FULL => add(&mut losses.ring_full),
            LossReason::MISSED => add(&mut losses.missed),
            _ => {}
        }
        if !lost.reason.counts_events() {
            return add(&mut losses.parts);
        }
        losses.unknown |= lost.known().is_none();
        add(&mut losses.events);
        match lost.cpu.and_then(|cpu| self.cpu(cpu, room)) {
            None => add(&mut self.losses.any_cpu),
            Some(cpu) => {
                add(&mut cpu.lost);
                if lost.reason == LossReason::RING_FULL {
                    add(&mut cpu.ring_full);
                }
            }
        }
    }

    /// Events were left out on purpose, so neither their numbers nor the books speak about this file.
    pub fn is_sparse(&self) -> bool {
        self.identity.is_some_and(|identity| identity.is_sparse())
    }

    fn numbers_begin_at_zero(&self) -> bool {
        self.identity.is_some_and(|identity| identity.segment_index == 0 && !identity.is_sparse())
    }

    /// What does not prove what it should; `damaged`: events that damage cost, as far as that is known.
    pub fn doubts(&self, damaged: Option<u64>) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        match self.proof {
            None => doubts.push(Doubt::NoBooks),
            Some(proof) => {
                doubts.extend(proof.unbalanced.map(Doubt::Unbalanced));
                let (said, found) = (proof.written, self.events);
                let explained = said.checked_sub(found).is_some_and(|missing| Some(missing) == damaged);
                if !self.is_sparse() && said != found && !explained {
                    doubts.push(Doubt::Written { said, found });
                }
            }
        }
        let (false, Some(damaged)) = (self.is_sparse() || self.losses.unknown || self.beyond, damaged) else {
            return doubts;
        };
        let elsewhere = self.losses.any_cpu.saturating_add(damaged);
        let mut cpus: Vec<_> = self.cpus.iter().filter(|(_, cpu)| !cpu.disordered).collect();
        cpus.sort_by_key(|(number, _)| **number);
        let unnamed = cpus.into_iter().filter(|(_, cpu)| cpu.gaps > cpu.lost.saturating_add(elsewhere));
        doubts.extend(unnamed.map(|(number, cpu)| Doubt::Numbers {
            cpu: *number,
            missing: cpu.gaps,
            named: cpu.lost.saturating_add(elsewhere),
        }));
        doubts
    }

    /// Its books are there, add up, and speak about all that was recorded.
    pub fn is_proven(&self) -> bool {
        let speaks = |proof: Proof| proof.unbalanced.is_none() && proof.written >= self.events;
        !self.is_sparse() && self.proof.is_some_and(speaks)
    }

    /// Events missing by their numbers that no LOST record names.
    pub fn unnamed(&self) -> u64 {
        let named =
            self.losses.events.saturating_sub(self.losses.ring_full).saturating_sub(self.losses.missed);
        self.derived().user_dropped.saturating_sub(named)
    }

    /// Books that speak about what is left of the recorder's trace: what is not here any more was dropped. Those that do
    /// not add up stay as they are, and so do those of a trace that was cut on purpose.
    pub fn settle(&self, stats: &mut RecorderStats) {
        if self.is_proven() && self.events <= stats.sent {
            (stats.written, stats.user_dropped) = (self.events, stats.sent - self.events);
        }
    }

    /// Books for a trace without any: what the events' numbers and LOST records prove.
    pub fn derived(&self) -> RecorderStats {
        let Losses { events, ring_full, missed, map_full, overflow, .. } = self.losses;
        let mut cpus: Vec<CpuStats> =
            self.cpus.iter().map(|(number, cpu)| self.cpu_stats(*number, cpu)).collect();
        cpus.sort_by_key(|cpu| cpu.cpu);
        let numbered = cpus.iter().fold(0_u64, |sum, cpu| sum.saturating_add(cpu.seen));
        let by_cpu = cpus.iter().fold(0_u64, |sum, cpu| sum.saturating_add(cpu.ring_full));
        let happened = self.events.saturating_add(events.saturating_sub(missed));
        let sent = numbered.max(happened).saturating_sub(ring_full).max(self.events);
        let seen = sent.saturating_add(ring_full);
        // What belongs to no CPU in particular cannot be told by CPU.
        if numbered != seen || by_cpu != ring_full {
            cpus.clear();
        }
        let missed = if missed > 0 { vec![("a program".to_owned(), missed)] } else { Vec::new() };
        RecorderStats {
            seen,
            sent,
            ring_full,
            written: self.events,
            user_dropped: sent - self.events,
            map_full,
            overflow,
            cpus,
            missed,
            stopped_by: "repaired: the recorder's own books are missing".to_owned(),
            ..RecorderStats::default()
        }
    }

    fn cpu_stats(&self, number: u32, cpu: &Cpu) -> CpuStats {
        let proven = self.numbers_begin_at_zero() && !cpu.disordered;
        let named = cpu.events.saturating_add(cpu.lost);
        let seen = if proven { cpu.next.unwrap_or_default().max(named) } else { named };
        CpuStats { cpu: number, seen, ring_full: cpu.ring_full }
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
