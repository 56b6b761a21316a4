//! The calls that are open: by thread, and in the order they began. Bounded, with buffers used again.
//! It must not know what an event's bytes mean beyond their common header.

use std::collections::VecDeque;
use std::ops::Range;

use super::threads::Threads;
use crate::layout::Common;

/// Buffers kept for reuse, and the largest such; what is above goes back to the allocator.
const SPARE: usize = 1024;
const SPARE_BYTES: usize = 1024;

/// One call that has begun.
#[derive(Debug)]
pub(super) struct Slot {
    pub common: Common,
    /// Where its event stands in the block being read; empty where it is kept.
    place: Range<u32>,
    kept: Vec<u8>,
    /// [`super::Assembler::number`] of the event.
    pub number: u64,
    /// An interim row has been emitted.
    pub shown: bool,
    /// Counts the calls this slot has held, so that old references to it are known as such.
    generation: u32,
}

impl Slot {
    /// The event that it began with, which is in this block if it is nowhere else.
    #[inline]
    pub fn event<'a>(&'a self, block: &'a [u8]) -> &'a [u8] {
        if self.place.is_empty() { &self.kept } else { &block[in_block(&self.place)] }
    }

    /// Memory that its event takes, or would take.
    fn size(&self) -> usize {
        if self.place.is_empty() { self.kept.capacity() } else { in_block(&self.place).len() }
    }
}

/// The numbers here are of 32 bits: there may be many, and blocks and what is kept of calls are small.
fn in_block(place: &Range<u32>) -> Range<usize> {
    place.start as usize..place.end as usize
}

/// A place in `slots` as it was at some moment.
type Ticket = (u32, u32);

/// All open calls.
#[derive(Debug, Default)]
pub(super) struct Pending {
    threads: Threads,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Open calls in order of arrival: first those shown as interim rows, then the others. Finished ones are left in
    /// place and skipped later, and swept out when they are the majority.
    shown: VecDeque<Ticket>,
    fresh: VecDeque<Ticket>,
    /// When the first of those began that were not shown, or one before it, ns.
    earliest: u64,
    /// Slots of calls that began in the block being read, and of some that have returned.
    here: Vec<u32>,
    /// Memory of the events of open calls, which may be more than their bytes.
    bytes: usize,
}

impl Pending {
    /// Number of open calls, and the bytes of memory that their events take.
    pub fn size(&self) -> (usize, usize) {
        (self.threads.len(), self.bytes)
    }

    /// Whether there is such a call.
    pub fn any(&self, is_it: impl Fn(&Common) -> bool) -> bool {
        self.threads.calls().any(|at| is_it(&self.slot(at).common))
    }

    /// Adds a call whose event stands there in the block being read, and is not empty: [`Pending::keep`] is to be called before
    /// there is another block.
    #[inline]
    pub fn insert(&mut self, common: Common, place: Range<usize>, number: u64) {
        let at = self.free.pop().unwrap_or_else(|| {
            let (place, kept) = (0..0, Vec::new());
            self.slots.push(Slot { common, place, kept, number, shown: false, generation: 0 });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[at as usize];
        self.bytes += place.len();
        let place = place.start as u32..place.end as u32;
        (slot.common, slot.place, slot.number, slot.shown) = (common, place, number, false);
        self.earliest = if self.fresh.is_empty() { common.time } else { self.earliest.min(common.time) };
        self.fresh.push_back((at, slot.generation));
        self.here.push(at);
        self.threads.insert(common.tid, at);
    }

    /// The block is at its end: what is open is copied.
    pub fn keep(&mut self, block: &[u8]) {
        for at in self.here.drain(..) {
            let slot = &mut self.slots[at as usize];
            if slot.place.is_empty() {
                continue;
            }
            let event = &block[in_block(&std::mem::take(&mut slot.place))];
            slot.kept.clear();
            slot.kept.reserve_exact(event.len());
            slot.kept.extend_from_slice(event);
            self.bytes += slot.kept.capacity() - event.len();
        }
    }

    /// Takes the call of a thread out. Its slot stays readable until [`Pending::release`].
    pub fn take(&mut self, tid: u32) -> Option<u32> {
        let at = self.threads.remove(tid)?;
        let slot = &mut self.slots[at as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.bytes -= slot.size();
        Some(at)
    }

    /// Takes the call out that began first.
    pub fn take_oldest(&mut self) -> Option<u32> {
        sweep_front(&mut self.shown, &self.slots);
        sweep_front(&mut self.fresh, &self.slots);
        let &(at, _) = self.shown.front().or(self.fresh.front())?;
        self.take(self.slot(at).common.tid)
    }

    /// The next call that began `age` or longer before `now` and has not been shown; it now counts as shown.
    #[inline]
    pub fn next_to_show(&mut self, now: u64, age: u64) -> Option<u32> {
        // With nearly every event this is all there is to do.
        if now.saturating_sub(self.earliest) < age { None } else { self.show(now, age) }
    }

    fn show(&mut self, now: u64, age: u64) -> Option<u32> {
        sweep_front(&mut self.fresh, &self.slots);
        let Some(&ticket) = self.fresh.front() else {
            self.earliest = u64::MAX;
            return None;
        };
        self.earliest = self.slot(ticket.0).common.time;
        if now.saturating_sub(self.earliest) < age {
            return None;
        }
        self.fresh.pop_front();
        self.slots[ticket.0 as usize].shown = true;
        self.shown.push_back(ticket);
        Some(ticket.0)
    }

    pub fn slot(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    /// Gives a slot that was taken back for reuse.
    pub fn release(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        slot.place = 0..0;
        if self.free.len() >= SPARE || slot.kept.capacity() > SPARE_BYTES {
            slot.kept = Vec::new();
        }
        self.free.push(at);
        self.sweep();
    }

    /// All open calls in the order of their start, none of which is open any more afterwards.
    pub fn drain(&mut self) -> Vec<u32> {
        let mut all: Vec<u32> = self.threads.calls().collect();
        self.threads.clear();
        all.sort_by_key(|&at| {
            let Common { time, cpu, seq, .. } = self.slot(at).common;
            (time, cpu, seq)
        });
        for at in &all {
            let slot = &mut self.slots[*at as usize];
            slot.generation = slot.generation.wrapping_add(1);
        }
        self.bytes = 0;
        all
    }

    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.slots.len() + self.shown.len() + self.fresh.len()
    }

    /// Memory of all buffers, of those too that wait for reuse.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.slots.iter().map(|slot| slot.kept.capacity()).sum()
    }

    fn sweep(&mut self) {
        let slots = &self.slots;
        for queue in [&mut self.shown, &mut self.fresh] {
            if queue.len() > 2 * self.threads.len() + SPARE {
                queue.retain(|ticket| is_open(ticket, slots));
            }
        }
    }
}

fn is_open(&(at, generation): &Ticket, slots: &[Slot]) -> bool {
    slots[at as usize].generation == generation
}

fn sweep_front(queue: &mut VecDeque<Ticket>, slots: &[Slot]) {
    while queue.front().is_some_and(|ticket| !is_open(ticket, slots)) {
        queue.pop_front();
    }
}
