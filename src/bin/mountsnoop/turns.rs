//! Something that threads take in turns, in the order of their numbers; the last that is to be done in a turn can be left to whoever has
//! the one before. It must not know what it is.

use std::collections::BTreeMap;
use std::hint;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many may be ahead of the one whose turn it is: what they leave takes memory.
const AHEAD: usize = 2;
/// A turn that comes within this time is waited for awake: to sleep and be woken takes longer than most turns.
const AWAKE: Duration = Duration::from_micros(80);

/// What they take.
pub struct Turns<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Whose turn it is, for those who look often.
    now: AtomicU64,
}

type Work<T> = Box<dyn FnOnce(&mut T) + Send>;

struct State<T> {
    /// Whose turn it is.
    turn: u64,
    left: BTreeMap<u64, Work<T>>,
    closed: bool,
    value: T,
}

/// One of them has it, and no other at the same time.
pub struct Turn<'a, T> {
    state: MutexGuard<'a, State<T>>,
    number: u64,
    changed: &'a Condvar,
    now: &'a AtomicU64,
}

impl<T> Turns<T> {
    /// The first is number 0.
    pub fn new(value: T) -> Turns<T> {
        let state = State { turn: 0, left: BTreeMap::new(), closed: false, value };
        Turns { state: Mutex::new(state), changed: Condvar::new(), now: AtomicU64::new(0) }
    }

    /// Waits for the turn of this number, who may come back to it until it is passed on; `None` where it will not come any more.
    pub fn take(&self, number: u64) -> Option<Turn<'_, T>> {
        let began = Instant::now();
        while self.now.load(Ordering::Acquire) != number && began.elapsed() < AWAKE {
            (0..50).for_each(|_| hint::spin_loop());
        }
        self.wait(number, |_| false)
    }

    /// Waits no longer than until this number can leave to others what it has to do.
    pub fn take_or_leave(&self, number: u64) -> Option<Turn<'_, T>> {
        self.wait(number, |state| state.left.len() < AHEAD)
    }

    fn wait(&self, number: u64, or: impl Fn(&State<T>) -> bool) -> Option<Turn<'_, T>> {
        let waits = |state: &mut State<T>| state.turn != number && !state.closed && !or(state);
        let state = self.changed.wait_while(self.state.lock().ok()?, waits).ok()?;
        (!state.closed).then_some(Turn { state, number, changed: &self.changed, now: &self.now })
    }

    /// Nobody has a turn any more: who waits for one waits no longer.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }

    /// What all have had; `None` where a thread died that had it.
    pub fn into_inner(self) -> Option<T> {
        self.state.into_inner().ok().map(|state| state.value)
    }
}

impl<T> Turn<'_, T> {
    /// Whether it is the turn of this number already.
    pub fn has_come(&self) -> bool {
        self.state.turn == self.number
    }

    /// It is the next one's turn.
    pub fn pass(mut self) {
        let state = &mut *self.state;
        state.turn += 1;
        while let Some(work) = state.left.remove(&state.turn) {
            work(&mut state.value);
            state.turn += 1;
        }
        self.now.store(state.turn, Ordering::Release);
        self.changed.notify_all();
    }

    /// Where the turn has not come: this is done, and it is the next one's.
    pub fn leave(mut self, work: impl FnOnce(&mut T) + Send + 'static) {
        let number = self.number;
        self.state.left.insert(number, Box::new(work));
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state.value
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Each number once, by as many threads, every third after it has been slow.
    fn by_threads(threads: u64, turn: impl Fn(&Turns<Vec<u64>>, u64) + Sync) -> Vec<u64> {
        let turns = Turns::new(Vec::new());
        thread::scope(|scope| {
            for first in 0..threads {
                let (turns, turn) = (&turns, &turn);
                scope.spawn(move || {
                    for number in (first..300).step_by(threads as usize) {
                        if number % 3 == 0 {
                            thread::sleep(Duration::from_micros(300));
                        }
                        turn(turns, number);
                    }
                });
            }
        });
        turns.into_inner().unwrap()
    }

    #[test]
    fn turns_come_in_the_order_of_their_numbers() {
        let in_turn = |turns: &Turns<Vec<u64>>, number| {
            turns.take(number).unwrap().push(number);
            // Until it is passed on, whoever has it can come back.
            let mut turn = turns.take(number).unwrap();
            turn.push(number);
            turn.pass();
        };
        let or_left = |turns: &Turns<Vec<u64>>, number| {
            let mut turn = turns.take_or_leave(number).unwrap();
            match turn.has_come() {
                true => {
                    turn.extend([number, number]);
                    turn.pass();
                }
                false => turn.leave(move |all| all.extend([number, number])),
            }
        };
        let want: Vec<u64> = (0..300).flat_map(|number| [number, number]).collect();
        for threads in [1, 2, 5] {
            assert_eq!(by_threads(threads, in_turn), want, "{threads} threads");
            assert_eq!(by_threads(threads, or_left), want, "{threads} threads that leave what they can");
        }
    }

    #[test]
    fn only_a_few_are_ahead() {
        let turns = Turns::new(Vec::new());
        for number in 1..=AHEAD as u64 {
            turns.take_or_leave(number).unwrap().leave(move |all: &mut Vec<u64>| all.push(number));
        }
        thread::scope(|scope| {
            let next = scope.spawn(|| turns.take_or_leave(AHEAD as u64 + 1).unwrap().has_come());
            thread::sleep(Duration::from_millis(20));
            assert!(!next.is_finished(), "there is no room for one more");
            turns.take(0).unwrap().pass();
            assert!(next.join().unwrap(), "all before it had been left");
        });
    }

    #[test]
    fn nobody_waits_for_a_turn_that_will_not_come() {
        let turns = Turns::new(());
        thread::scope(|scope| {
            let waits = scope.spawn(|| turns.take(1).is_none());
            thread::sleep(Duration::from_millis(20));
            turns.close();
            assert!(waits.join().unwrap());
        });
        assert!(turns.take(0).is_none(), "nor is there another");
    }
}
