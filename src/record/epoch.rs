//! When every process is to be told of again, so that a reader can begin in the middle of a trace.
//! Must not know how the kernel side is told, nor what is written then.

use std::time::{Duration, Instant};

/// So much has been recorded since: as many bytes as 64 full blocks hold.
const BYTES: usize = 16 << 20;
/// Or anything, and so much time has passed.
const AGE: Duration = Duration::from_secs(60);

/// No event that was made before the kernel side began the next is written later than this (docs/FORMAT.md, 5.1).
const SETTLED: Duration = Duration::from_secs(1);

/// The time since processes were to be told of again last.
#[derive(Debug)]
pub(super) struct Epoch {
    began: Instant,
    bytes: usize,
    /// The next has been asked for.
    asked: bool,
    /// Somebody cannot wait.
    ended: bool,
    /// Between these boot times the kernel side began the next.
    next_ns: Option<(u64, u64)>,
    /// Since we heard of that nothing has come from here on.
    quiet: Option<Instant>,
}

impl Epoch {
    pub fn new(now: Instant) -> Epoch {
        Epoch { began: now, bytes: 0, asked: false, ended: false, next_ns: None, quiet: None }
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
        match self.quiet {
            Some(since) => Some(since + SETTLED),
            None => (self.bytes > 0 && !self.asked).then(|| self.began + AGE),
        }
    }

    /// The kernel side has begun the next.
    pub fn begun(&mut self, asked_ns: u64, begun_ns: u64, now: Instant) {
        (self.next_ns, self.quiet) = (Some((asked_ns, begun_ns)), Some(now));
    }

    /// Whether the next begins although no event of it has come: none of the one before can come any more.
    pub fn has_settled(&mut self, now: Instant) -> bool {
        let settled = self.quiet.is_some_and(|since| now >= since + SETTLED);
        if settled {
            *self = Epoch::new(now);
        }
        settled
    }

    /// Takes an event of so many bytes; true if it is the first of the next. `tells`: it tells of a process.
    ///
    /// Events come in the order in which they were written into the ring buffer. One that was made after the kernel side was
    /// told was written after that too, and so was everything behind it. One that tells of a process may have been made as
    /// soon as that was asked for, and must not stay behind.
    pub fn event(&mut self, time_ns: u64, tells: bool, bytes: usize, now: Instant) -> bool {
        let next = self
            .next_ns
            .is_some_and(|(asked_ns, begun_ns)| time_ns >= begun_ns || tells && time_ns >= asked_ns);
        if next {
            *self = Epoch::new(now);
        }
        // What is late may have waited for its turn as long as it likes.
        self.quiet = self.quiet.map(|_| now);
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
        epoch.event(1, false, 100, start);
        assert_eq!(epoch.due(), Some(start + AGE));
        assert!(!epoch.is_over(start + AGE / 2));
        assert!(epoch.is_over(start + AGE));
        assert!(!epoch.is_over(start + AGE), "it has been said");
        let mut epoch = Epoch::new(start);
        epoch.event(1, false, BYTES - 1, start);
        assert!(!epoch.is_over(start));
        epoch.event(1, false, 1, start);
        assert!(epoch.is_over(start));
    }

    #[test]
    fn the_next_begins_with_the_first_event_that_is_later() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        assert!(!epoch.event(10, false, 1, start), "the kernel side has not begun it");
        assert!(epoch.is_over(start + AGE));
        epoch.begun(15, 20, start);
        let later = start + 2 * AGE;
        assert_eq!(
            [19, 20, 18, 30].map(|time| epoch.event(time, false, 1, later)),
            [false, true, false, false]
        );
        assert!(!epoch.is_over(later + AGE / 2) && epoch.is_over(later + AGE));
    }

    #[test]
    fn the_first_that_tells_of_a_process_again_is_of_the_next() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        epoch.begun(15, 20, start);
        let events = [(14, true), (16, false), (16, true), (17, true)];
        let of_next = events.map(|(time, tells)| epoch.event(time, tells, 1, start));
        assert_eq!(of_next, [false, false, true, false]);
    }

    #[test]
    fn an_epoch_that_somebody_ends_is_over_even_if_nothing_comes() {
        let start = Instant::now();
        let mut epoch = Epoch::new(start);
        epoch.end();
        assert!(
            epoch.is_over(start) && !epoch.has_settled(start + AGE),
            "the kernel side has not begun the next"
        );
        epoch.begun(15, 20, start);
        assert_eq!(epoch.due(), Some(start + SETTLED));
        assert!(!epoch.event(10, false, 1, start + SETTLED / 2), "it was late");
        assert!(!epoch.has_settled(start + SETTLED) && epoch.has_settled(start + 2 * SETTLED));
        assert!(!epoch.has_settled(start + 4 * SETTLED) && epoch.due().is_none(), "the next has begun");
    }
}
