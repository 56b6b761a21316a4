//! The calls that are open: by thread, and in the order they began. Bounded, with buffers used again.
//! It must not know what an event's bytes mean beyond their common header.

use std::ops::Range;

use super::threads::Threads;
use crate::layout::{Common, Head};

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
    /// The open calls that began just before and after this one, or [`NONE`].
    before: u32,
    after: u32,
}

/// No slot.
const NONE: u32 = u32::MAX;

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

/// All open calls.
#[derive(Debug)]
pub(super) struct Pending {
    threads: Threads,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The first and the last open call in order of arrival, and the first of those that no interim row has shown: all before it
    /// were shown.
    first: u32,
    last: u32,
    fresh: u32,
    /// Memory of the events of open calls, which may be more than their bytes.
    bytes: usize,
}

impl Default for Pending {
    fn default() -> Pending {
        let (threads, slots, free) = (Threads::default(), Vec::new(), Vec::new());
        Pending { threads, slots, free, first: NONE, last: NONE, fresh: NONE, bytes: 0 }
    }
}

impl Pending {
    /// Number of open calls, and the bytes of memory that their events take.
    #[inline]
    pub fn size(&self) -> (usize, usize) {
        (self.threads.len(), self.bytes)
    }

    /// Whether there is such a call.
    pub fn any(&self, is_it: impl Fn(&Common) -> bool) -> bool {
        self.threads.calls().any(|at| is_it(&self.slot(at).common))
    }

    /// Adds a call whose event stands there in the block being read, and is not empty: [`Pending::keep`] is to be called before
    /// there is another block.
    #[inline(always)]
    pub fn insert(&mut self, head: &Head, place: Range<usize>, number: u64) {
        let at = self.free.pop().unwrap_or_else(|| self.another(head));
        self.bytes += place.len();
        let slot = &mut self.slots[at as usize];
        slot.common = Common::of(head);
        slot.place = place.start as u32..place.end as u32;
        (slot.number, slot.shown) = (number, false);
        (slot.before, slot.after) = (self.last, NONE);
        *self.after(self.last) = at;
        self.last = at;
        if self.fresh == NONE {
            self.fresh = at;
        }
        self.threads.insert(Common::of(head).tid, at);
    }

    #[cold]
    fn another(&mut self, head: &Head) -> u32 {
        let (common, place, kept, number, shown) = (Common::of(head), 0..0, Vec::new(), 0, false);
        self.slots.push(Slot { common, place, kept, number, shown, before: NONE, after: NONE });
        self.slots.len() as u32 - 1
    }

    /// What comes after this call, or the first of all.
    #[inline]
    fn after(&mut self, at: u32) -> &mut u32 {
        if at == NONE { &mut self.first } else { &mut self.slots[at as usize].after }
    }

    /// What comes before it, or the last of all.
    #[inline]
    fn before(&mut self, at: u32) -> &mut u32 {
        if at == NONE { &mut self.last } else { &mut self.slots[at as usize].before }
    }

    /// The block is at its end: what is open is copied.
    pub fn keep(&mut self, block: &[u8]) {
        let mut at = self.last;
        // Those that began in this block are the last.
        while let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| !slot.place.is_empty()) {
            let event = &block[in_block(&std::mem::take(&mut slot.place))];
            slot.kept.clear();
            slot.kept.reserve_exact(event.len());
            slot.kept.extend_from_slice(event);
            self.bytes += slot.kept.capacity() - event.len();
            at = slot.before;
        }
    }

    /// Takes the call of a thread out. Its slot stays readable until [`Pending::release`].
    #[inline(always)]
    pub fn take(&mut self, tid: u32) -> Option<u32> {
        let at = self.threads.remove(tid)?;
        let slot = &self.slots[at as usize];
        let (before, after) = (slot.before, slot.after);
        self.bytes -= slot.size();
        *self.after(before) = after;
        *self.before(after) = before;
        if self.fresh == at {
            self.fresh = after;
        }
        Some(at)
    }

    /// Takes the call out that began first.
    pub fn take_oldest(&mut self) -> Option<u32> {
        let tid = self.slots.get(self.first as usize)?.common.tid;
        self.take(tid)
    }

    /// The next call that began `age` or longer before `now` and has not been shown; it now counts as shown.
    #[inline]
    pub fn next_to_show(&mut self, now: u64, age: u64) -> Option<u32> {
        let at = self.fresh;
        let slot = self.slots.get_mut(at as usize)?;
        if now.saturating_sub(slot.common.time) < age {
            return None;
        }
        slot.shown = true;
        self.fresh = slot.after;
        Some(at)
    }

    #[inline]
    pub fn slot(&self, at: u32) -> &Slot {
        &self.slots[at as usize]
    }

    /// Gives a slot that was taken back for reuse.
    #[inline]
    pub fn release(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        if self.free.len() >= SPARE || slot.kept.capacity() > SPARE_BYTES {
            slot.kept = Vec::new();
        }
        self.free.push(at);
    }

    /// All open calls in the order of their start, none of which is open any more afterwards.
    pub fn drain(&mut self) -> Vec<u32> {
        let after = |at: &u32| Some(self.slots.get(*at as usize)?.after).filter(|at| *at != NONE);
        let first = Some(self.first).filter(|at| *at != NONE);
        // Of those that began at one time, the first in the stream stays the first.
        let mut all: Vec<u32> = std::iter::successors(first, after).collect();
        self.threads.clear();
        all.sort_by_key(|&at| {
            let Common { time, cpu, seq, .. } = self.slot(at).common;
            (time, cpu, seq)
        });
        (self.first, self.last, self.fresh, self.bytes) = (NONE, NONE, NONE, 0);
        all
    }

    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.slots.len()
    }

    /// Memory of all buffers, of those too that wait for reuse.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.slots.iter().map(|slot| slot.kept.capacity()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth;

    /// A call in a list that is gone through each time.
    struct Plain {
        common: Common,
        event: Vec<u8>,
        shown: bool,
    }

    #[test]
    fn what_is_open_is_what_is_in_a_plain_list() {
        let (mut pending, mut plain) = (Pending::default(), Vec::<Plain>::new());
        let mut dice = 5_u32;
        let mut next = |below: u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 16) % below
        };
        let (mut block, mut taken, mut shown) = (vec![0; 300], 0, 0);
        for now in 0..60_000 {
            let tid = next(50);
            let place = 0..1 + next(290) as usize;
            let of_thread = plain.iter().position(|call| call.common.tid == tid);
            let (got, want) = match next(16) {
                0..8 if of_thread.is_none() => {
                    // Times are not always in order.
                    let time = now + u64::from(next(5));
                    let event = synth::enter(1).task(1, tid).time(time).build();
                    let head = event.first_chunk().unwrap();
                    let (common, event) = (Common::of(head), block[place.clone()].to_vec());
                    plain.push(Plain { common, event, shown: false });
                    pending.insert(head, place, time);
                    (None, None)
                }
                ..11 => (pending.take(tid), of_thread),
                11 => (pending.take_oldest(), (!plain.is_empty()).then_some(0)),
                12 => {
                    pending.keep(&block);
                    block.fill(next(256) as u8);
                    (None, None)
                }
                _ => {
                    let got = pending.next_to_show(now, 40).map(|at| pending.slot(at).common);
                    let first = plain.iter_mut().find(|call| !call.shown);
                    let want = first.filter(|call| now.saturating_sub(call.common.time) >= 40);
                    shown += usize::from(want.is_some());
                    assert_eq!(got, want.map(|call| (call.shown = true, call.common).1));
                    (None, None)
                }
            };
            assert_eq!(got.is_some(), want.is_some(), "thread {tid} at {now}");
            if let (Some(at), Some(want)) = (got, want.map(|nth| plain.remove(nth))) {
                let slot = pending.slot(at);
                let found = (slot.common, slot.number, slot.shown, slot.event(&block));
                assert_eq!(found, (want.common, want.common.time, want.shown, &want.event[..]), "at {now}");
                pending.release(at);
                taken += 1;
            }
            let (calls, bytes) = pending.size();
            let least = plain.iter().map(|call| call.event.len()).sum();
            assert!(calls == plain.len() && bytes >= least, "{calls} calls of {bytes} bytes at {now}");
        }
        assert!(taken > 10_000 && shown > 1000, "{taken} taken, {shown} shown");
        for tid in [71, 64, 90, 77] {
            let event = synth::enter(1).task(1, tid).time(60_000).build();
            let head = event.first_chunk().unwrap();
            plain.push(Plain { common: Common::of(head), event: Vec::new(), shown: false });
            pending.insert(head, 0..1, 0);
        }
        // Of those that began at one time the first stays the first.
        plain.sort_by_key(|call| call.common.time);
        let rest: Vec<u32> = plain.iter().map(|call| call.common.tid).collect();
        let drained: Vec<u32> = pending.drain().iter().map(|&at| pending.slot(at).common.tid).collect();
        assert_eq!(drained, rest);
        assert_eq!((pending.size(), pending.take_oldest()), ((0, 0), None));
    }
}
