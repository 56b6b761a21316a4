//! Reads the host's clocks together, so that the boottime of an event can become a time of day later.

use rustix::time::{ClockId, DynamicClockId, Timespec, clock_gettime, clock_gettime_dynamic};

use crate::format::ClockSync;

fn ns(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

fn read(clock: ClockId) -> i64 {
    ns(clock_gettime(clock))
}

/// CLOCK_BOOTTIME now, ns: the clock of the events.
pub fn boottime_ns() -> u64 {
    read(ClockId::Boottime).max(0) as u64
}

/// All clocks as near to one moment as can be had: of a few tries the one in which least time passed.
pub fn sample() -> ClockSync {
    (0..3).map(|_| bracketed()).min_by_key(|sync| sync.bracket_ns).unwrap_or_default()
}

/// The others are read between two readings of boottime; the moment is the middle of the two.
fn bracketed() -> ClockSync {
    let before = boottime_ns();
    let realtime_ns = read(ClockId::Realtime);
    let monotonic_ns = read(ClockId::Monotonic).max(0) as u64;
    let tai_ns = clock_gettime_dynamic(DynamicClockId::Tai).map(ns).unwrap_or(realtime_ns);
    let bracket_ns = boottime_ns().saturating_sub(before);
    ClockSync {
        boottime_ns: before + bracket_ns / 2,
        realtime_ns,
        monotonic_ns,
        tai_ns,
        bracket_ns,
        offset_ns: None,
        maxerror_ns: None,
        synced: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_of_one_sample_belong_to_one_moment() {
        let (before, now, after) = (boottime_ns(), sample(), boottime_ns());
        assert!(before <= now.boottime_ns && now.boottime_ns <= after, "{before} {now:?} {after}");
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos();
        assert!((wall as i64 - now.realtime_ns).abs() < 60_000_000_000, "the system says {wall}: {now:?}");
    }
}
