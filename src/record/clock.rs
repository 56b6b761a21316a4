//! Reads the host's clocks together, so that the boottime of an event can become a time of day later.

use rustix::time::{ClockId, DynamicClockId, Timespec, clock_gettime, clock_gettime_dynamic};

use crate::format::{ClockSync, Marker, MarkerKind};

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

/// The wall clock moved by so much more or less than the time that passed: it was set. NTP slews it by 0.05 % at the most
/// (adjtimex(2)), 5 ms between two looks.
const STEP_NS: i64 = 100_000_000;

/// Watches whether somebody sets the wall clock.
#[derive(Debug, Default)]
pub struct Steps(Option<ClockSync>);

impl Steps {
    /// Looks at the clocks again; what there is to say if the wall clock was set since the last time.
    pub fn look(&mut self, now: &ClockSync) -> Option<Marker> {
        let before = self.0.replace(*now)?;
        let offset = |clock: &ClockSync| clock.realtime_ns.saturating_sub(clock.boottime_ns as i64);
        let step_ns = offset(now).saturating_sub(offset(&before));
        if step_ns.saturating_abs() < STEP_NS {
            return None;
        }
        let waited = now.boottime_ns.saturating_sub(before.boottime_ns) as f64 / 1e9;
        let text = format!(
            "the wall clock was set {} by {:.3} s, within the {waited:.3} s before",
            if step_ns < 0 { "back" } else { "forward" },
            step_ns.unsigned_abs() as f64 / 1e9
        );
        Some(Marker { boottime_ns: now.boottime_ns, kind: MarkerKind::CLOCK_STEP, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_is_noticed_and_one_that_is_slewed_is_not() {
        let mut steps = Steps::default();
        let mut look = |boottime_ms: u64, realtime_ms: i64| {
            let (boottime_ns, realtime_ns) = (boottime_ms * 1_000_000, realtime_ms * 1_000_000);
            let said = steps.look(&ClockSync { boottime_ns, realtime_ns, ..ClockSync::default() });
            said.map(|marker| {
                assert_eq!((marker.kind, marker.boottime_ns), (MarkerKind::CLOCK_STEP, boottime_ns));
                marker.text
            })
        };
        let said = |text: &str| Some(text.to_string());
        assert_eq!(look(1000, 50_000), None, "there is nothing to compare with");
        assert_eq!(look(1250, 50_250), None);
        assert_eq!(look(11_250, 60_255), None, "slewed by 5 ms in 10 s");
        let forward = "the wall clock was set forward by 3600.000 s, within the 0.250 s before";
        assert_eq!(look(11_500, 3_660_505), said(forward));
        assert_eq!(look(11_750, 3_660_755), None, "it has been said");
        let back = "the wall clock was set back by 0.100 s, within the 0.250 s before";
        assert_eq!(look(12_000, 3_660_905), said(back));
        // Both clocks go on while the host sleeps.
        assert_eq!(look(90_012_000, 93_660_905), None);
    }

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
