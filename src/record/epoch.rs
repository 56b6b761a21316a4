//! When every process is to be told of again, so that a reader can begin in the middle of a trace.
//! Must not know how the kernel side is told, nor what is written then.

use std::time::{Duration, Instant};

/// So much has been recorded since: as many bytes as 64 full blocks hold.
const BYTES: usize = 16 << 20;
/// Or anything, and so much time has passed.
const AGE: Duration = Duration::from_secs(60);

/// The time since processes were to be told of again last.
#[derive(Debug)]
pub(super) struct Epoch {
    began: Instant,
    bytes: usize,
    /// The next has been asked for.
    asked: bool,
    /// Somebody cannot wait.
    ended: bool,
    /// The kernel side began the next at this boot time: whatever is later is of the next.
    next_ns: Option<u64>,
}

impl Epoch {
    pub fn new(now: Instant) -> Epoch {
        Epoch { began: now, bytes: 0, asked: false, ended: false, next_ns: None }
    }

    /// Whether the kernel side is to begin the next, which is said once.
    pub fn is_over(&mut self, now: Instant) -> bool {
        let over = self.ended || self.bytes >= BYTES || self.bytes > 0 && now >= self.began + AGE;
        over && !std::mem::replace(&mut self.asked, true)
    }

    /// It is over, whatever has been recorded since.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// When it is over, if nothing more comes.
    pub fn due(&self) -> Option<Instant> {
        (self.bytes > 0 && !self.asked).then(|| self.began + AGE)
    }

    /// The kernel side has begun the next.
    pub fn begun(&mut self, boottime_ns: u64) {
        self.next_ns = Some(boottime_ns);
    }

    /// Takes an event of so many bytes; true if it is the first of the next.
    ///
    /// Events come in the order in which they were written into the ring buffer. One that was made after the kernel side was
    /// told was written after that too, and so was everything behind it.
    pub fn event(&mut self, time_ns: u64, bytes: usize, now: Instant) -> bool {
        let next = self.next_ns.is_some_and(|next_ns| time_ns >= next_ns);
        if next {
            *self = Epoch::new(now);
        }
        self.bytes += bytes;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_by_age_if_anything_came_and_by_size() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        assert!(!epoch.is_over(start + 2 * AGE), "nothing has come");
        epoch.event(1, 100, start);
        assert_eq!(epoch.due(), Some(start + AGE));
        assert!(!epoch.is_over(start + AGE / 2));
        assert!(epoch.is_over(start + AGE));
        assert!(!epoch.is_over(start + AGE), "it has been said");
        let mut epoch = Epoch::new(start);
        epoch.event(1, BYTES - 1, start);
        assert!(!epoch.is_over(start));
        epoch.event(1, 1, start);
        assert!(epoch.is_over(start));
    }

    #[test]
    fn the_next_begins_with_the_first_event_that_is_later() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        assert!(!epoch.event(10, 1, start), "the kernel side has not begun it");
        assert!(epoch.is_over(start + AGE));
        epoch.begun(20);
        let later = start + 2 * AGE;
        assert_eq!([19, 20, 18, 30].map(|time| epoch.event(time, 1, later)), [false, true, false, false]);
        assert!(!epoch.is_over(later + AGE / 2) && epoch.is_over(later + AGE));
    }
}
