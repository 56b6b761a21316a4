//! What a recording asks of the thread that carries events, and how that thread sleeps until there is something to do.
//! Must not know what comes of it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Asked by one thread, looked at by another.
pub(super) struct Asked {
    stop: AtomicBool,
    epoch: AtomicU32,
    clock: AtomicBool,
    /// Can be read from while something was asked that nobody has looked at.
    news: OwnedFd,
}

impl Asked {
    /// Nothing yet.
    pub(super) fn new() -> Result<Asked> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let news = eventfd(0, flags).context("failed to make a file descriptor to wake a thread with")?;
        let (stop, clock) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Asked { stop, epoch: AtomicU32::new(0), clock, news })
    }

    /// To end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it is to end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// To have every process told of again.
    pub(super) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// How often that was asked.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// To say what time it is, when everything that happened before has been handed over.
    pub(super) fn clock(&self) {
        self.clock.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether that was asked since this was called last.
    pub(super) fn take_clock(&self) -> bool {
        self.clock.swap(false, Ordering::AcqRel)
    }

    /// Returns when there is something to read, or something was asked since this was called last.
    pub(super) fn wait(&self, events: impl AsFd) -> Result<()> {
        let mut both = [PollFd::new(&events, PollFlags::IN), PollFd::new(&self.news, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("failed to wait for events"),
        }
        // Whatever it was: that is looked at after this.
        let _ = rustix::io::read(&self.news, &mut [0; 8]);
        Ok(())
    }

    /// Returns when there is something to read, when something was asked, which [`Asked::wait`] then finds, or after that time.
    pub(super) fn rest(&self, bell: impl AsFd, most: Duration) -> Result<()> {
        let mut both = [PollFd::new(&bell, PollFlags::IN), PollFd::new(&self.news, PollFlags::IN)];
        let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: most.subsec_nanos().into() };
        match poll(&mut both, Some(&most)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("failed to rest between two looks at the ring buffer"),
        }
    }

    fn wake(&self) {
        // It fails only where the count is full, and then it is not 0 either.
        let _ = rustix::io::write(&self.news, &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use super::*;

    /// A pipe that nothing is in.
    fn silent() -> (std::io::PipeReader, std::io::PipeWriter) {
        std::io::pipe().expect("a pipe")
    }

    #[test]
    fn what_was_asked_before_ends_the_wait_once() {
        let (asked, (events, mut to_events)) = (Asked::new().unwrap(), silent());
        asked.next_epoch();
        asked.wait(&events).unwrap();
        assert_eq!((asked.epoch(), asked.stopped()), (1, false));
        asked.clock();
        asked.wait(&events).unwrap();
        assert_eq!([asked.take_clock(), asked.take_clock()], [true, false]);
        asked.stop();
        asked.wait(&events).unwrap();
        assert_eq!((asked.epoch(), asked.stopped()), (1, true));
        // Nothing is left of it: this would return for an event only.
        let (mut left, mut byte) = ([PollFd::new(&asked.news, PollFlags::IN)], [0]);
        assert_eq!(poll(&mut left, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap(), 0);
        to_events.write_all(b"e").unwrap();
        asked.wait(&events).unwrap();
        (&events).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"e");
    }

    /// Each rest but the last would be a minute.
    #[test]
    fn a_rest_ends_at_the_bell_and_when_something_is_asked_which_stays_asked() {
        let (asked, (bell, mut ring), (events, _open)) = (Asked::new().unwrap(), silent(), silent());
        let (begun, minute) = (Instant::now(), Duration::from_secs(60));
        ring.write_all(b"!").unwrap();
        asked.rest(&bell, minute).unwrap();
        (&bell).read_exact(&mut [0]).unwrap();
        asked.stop();
        asked.rest(&bell, minute).unwrap();
        asked.wait(&events).unwrap();
        // With neither it is as long as it may be.
        asked.rest(&bell, Duration::from_millis(1)).unwrap();
        assert!(begun.elapsed() < minute, "nothing ended a rest: all took {:?}", begun.elapsed());
    }

    #[test]
    fn a_thread_that_sleeps_is_woken() {
        let asked = Asked::new().unwrap();
        let (events, _open) = silent();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while !asked.stopped() {
                    asked.wait(&events).unwrap();
                }
                asked.epoch()
            });
            asked.next_epoch();
            asked.stop();
            assert_eq!(sleeper.join().unwrap(), 1);
        });
    }
}
