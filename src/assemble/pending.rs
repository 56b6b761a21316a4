//! The calls that are open: by thread, and in the order they began. Bounded, with buffers used again.
//! It must not know what an event's bytes mean beyond their common header.

use std::collections::{HashMap, VecDeque};

use super::keyed::Keyed;
use crate::layout::Common;

/// Buffers kept for reuse, and the largest such; what is above goes back to the allocator.
const SPARE: usize = 1024;
const SPARE_BYTES: usize = 1024;

/// One call that has begun.
#[derive(Debug)]
pub(super) struct Slot {
    pub common: Common,
    pub bytes: Vec<u8>,
    /// [`super::Assembler::number`] of the event.
    pub number: u64,
    /// An interim row has been emitted.
    pub shown: bool,
    /// Counts the calls this slot has held, so that old references to it are known as such.
    generation: u64,
}

/// A place in `slots` as it was at some moment.
type Ticket = (usize, u64);

/// All open calls.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_tid: HashMap<u32, usize, Keyed>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Open calls in order of arrival: first those shown as interim rows, then the others. Finished ones are left in
    /// place and skipped later, and swept out when they are the majority.
    shown: VecDeque<Ticket>,
    fresh: VecDeque<Ticket>,
    /// Memory of the events of open calls, which may be more than their bytes.
    bytes: usize,
}

impl Pending {
    /// Number of open calls, and the bytes of memory that their events take.
    pub fn size(&self) -> (usize, usize) {
        (self.by_tid.len(), self.bytes)
    }

    /// Whether there is such a call.
    pub fn any(&self, is_it: impl Fn(&Common) -> bool) -> bool {
        self.by_tid.values().any(|&at| is_it(&self.slots[at].common))
    }

    pub fn insert(&mut self, common: Common, event: &[u8], number: u64) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { common, bytes: Vec::new(), number, shown: false, generation: 0 });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[at];
        (slot.common, slot.number, slot.shown) = (common, number, false);
        slot.bytes.clear();
        slot.bytes.reserve_exact(event.len());
        slot.bytes.extend_from_slice(event);
        self.bytes += slot.bytes.capacity();
        self.fresh.push_back((at, slot.generation));
        self.by_tid.insert(common.tid, at);
    }

    /// Takes the call of a thread out. Its slot stays readable until [`Pending::release`].
    pub fn take(&mut self, tid: u32) -> Option<usize> {
        let at = self.by_tid.remove(&tid)?;
        self.slots[at].generation += 1;
        self.bytes -= self.slots[at].bytes.capacity();
        Some(at)
    }

    /// Takes the call out that began first.
    pub fn take_oldest(&mut self) -> Option<usize> {
        sweep_front(&mut self.shown, &self.slots);
        sweep_front(&mut self.fresh, &self.slots);
        let &(at, _) = self.shown.front().or(self.fresh.front())?;
        self.take(self.slots[at].common.tid)
    }

    /// The next call that began `age` or longer before `now` and has not been shown; it now counts as shown.
    pub fn next_to_show(&mut self, now: u64, age: u64) -> Option<usize> {
        sweep_front(&mut self.fresh, &self.slots);
        let &ticket = self.fresh.front()?;
        if now.saturating_sub(self.slots[ticket.0].common.time) < age {
            return None;
        }
        self.fresh.pop_front();
        self.slots[ticket.0].shown = true;
        self.shown.push_back(ticket);
        Some(ticket.0)
    }

    pub fn slot(&self, at: usize) -> &Slot {
        &self.slots[at]
    }

    /// Gives a slot that was taken back for reuse.
    pub fn release(&mut self, at: usize) {
        if self.free.len() >= SPARE || self.slots[at].bytes.capacity() > SPARE_BYTES {
            self.slots[at].bytes = Vec::new();
        }
        self.free.push(at);
        self.sweep();
    }

    /// All open calls in the order of their start, none of which is open any more afterwards.
    pub fn drain(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = self.by_tid.drain().map(|(_, at)| at).collect();
        all.sort_by_key(|&at| {
            (self.slots[at].common.time, self.slots[at].common.cpu, self.slots[at].common.seq)
        });
        all.iter().for_each(|&at| self.slots[at].generation += 1);
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
        self.slots.iter().map(|slot| slot.bytes.capacity()).sum()
    }

    fn sweep(&mut self) {
        let slots = &self.slots;
        for queue in [&mut self.shown, &mut self.fresh] {
            if queue.len() > 2 * self.by_tid.len() + SPARE {
                queue.retain(|ticket| is_open(ticket, slots));
            }
        }
    }
}

fn is_open(&(at, generation): &Ticket, slots: &[Slot]) -> bool {
    slots[at].generation == generation
}

fn sweep_front(queue: &mut VecDeque<Ticket>, slots: &[Slot]) {
    while queue.front().is_some_and(|ticket| !is_open(ticket, slots)) {
        queue.pop_front();
    }
}
