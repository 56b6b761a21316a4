//! What a view remembers of the threads that make calls: most make many, and are the same each time.
//! It must not know what is remembered.

use crate::assemble::Op;

/// Threads remembered, one for each remainder of a thread id.
const SLOTS: usize = 16;
/// A caller is not remembered if it is longer, bytes, as no kernel tells it: views keep little.
const LONGEST: usize = 4096;

/// Something of each of some threads.
pub(super) struct Callers<T> {
    slots: Vec<Slot<T>>,
}

/// It holds for this caller and what was told of its process.
#[derive(Default, Clone)]
struct Slot<T> {
    caller: Vec<u8>,
    told_by: Option<u64>,
    known: T,
}

impl<T> Default for Callers<T> {
    fn default() -> Callers<T> {
        Callers { slots: Vec::new() }
    }
}

impl<T: Default + Clone> Callers<T> {
    /// The number of the caller, and whether what is known there is of it; if not, it is to be by the next call. `None`: nobody
    /// knows who called.
    pub fn find(&mut self, op: &Op<'_>) -> Option<(usize, bool)> {
        let caller = op.caller().filter(|caller| caller.len() <= LONGEST)?;
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let at = op.common.tid as usize % SLOTS;
        let (slot, told_by) = (&mut self.slots[at], op.told_by());
        let same = slot.told_by == told_by && slot.caller == caller;
        if !same {
            slot.told_by = told_by;
            slot.caller.clear();
            slot.caller.extend_from_slice(caller);
        }
        Some((at, same))
    }

    /// What is known of the caller of that number.
    pub fn known(&mut self, at: usize) -> &mut T {
        &mut self.slots[at].known
    }

    /// Nothing is known of it any more.
    pub fn forget(&mut self, at: usize) {
        self.slots[at] = Slot::default();
    }
}
