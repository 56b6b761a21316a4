//! Which call each thread is in: a thread makes one at a time. Those of most threads are at hand, the others in a map.
//! It must not know what a call is: it has a number.

use std::collections::HashMap;

use super::keyed::Keyed;

/// Threads at hand, one for each remainder of a thread id.
const NEAR: usize = 64;

/// Calls by thread id.
#[derive(Debug)]
pub(super) struct Threads {
    near: [Option<(u32, u32)>; NEAR],
    /// Those whose place another has taken.
    far: HashMap<u32, u32, Keyed>,
    len: usize,
}

impl Default for Threads {
    fn default() -> Threads {
        Threads { near: [None; NEAR], far: HashMap::default(), len: 0 }
    }
}

impl Threads {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The thread is in no call before.
    #[inline]
    pub fn insert(&mut self, tid: u32, call: u32) {
        self.len += 1;
        if let Some((other, call)) = self.near[tid as usize % NEAR].replace((tid, call)) {
            self.insert_far(other, call);
        }
    }

    #[cold]
    fn insert_far(&mut self, tid: u32, call: u32) {
        self.far.insert(tid, call);
    }

    #[cold]
    fn remove_far(&mut self, tid: u32) -> Option<u32> {
        self.far.remove(&tid)
    }

    #[inline]
    pub fn remove(&mut self, tid: u32) -> Option<u32> {
        let near = &mut self.near[tid as usize % NEAR];
        let call = match *near {
            Some((there, call)) if there == tid => {
                *near = None;
                Some(call)
            }
            _ if self.far.is_empty() => None,
            _ => self.remove_far(tid),
        };
        self.len -= usize::from(call.is_some());
        call
    }

    pub fn calls(&self) -> impl Iterator<Item = u32> {
        self.near.iter().flatten().map(|&(_, call)| call).chain(self.far.values().copied())
    }

    pub fn clear(&mut self) {
        *self = Threads { far: std::mem::take(&mut self.far), ..Threads::default() };
        self.far.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads that share a place, in every order in which two can come and go.
    #[test]
    fn a_call_is_found_by_its_thread_wherever_it_is() {
        let (mut threads, mut expected) = (Threads::default(), HashMap::new());
        let mut random = 7_u32;
        for call in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tid = (random >> 16) % 300;
            assert_eq!(threads.remove(tid), expected.remove(&tid), "thread {tid} before call {call}");
            if random >> 31 == 0 {
                threads.insert(tid, call);
                expected.insert(tid, call);
            }
            assert_eq!(threads.len(), expected.len(), "after call {call}");
        }
        let (mut got, mut want) =
            (threads.calls().collect::<Vec<_>>(), expected.into_values().collect::<Vec<_>>());
        got.sort_unstable();
        want.sort_unstable();
        assert!(got == want && !got.is_empty(), "{got:?}, expected {want:?}");
        threads.clear();
        assert_eq!((threads.len(), threads.calls().count(), threads.remove(1)), (0, 0, None));
    }
}
