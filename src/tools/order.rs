//! What came first: the clocks of the merged traces laid side by side, and how far that can be trusted.
//! Must not know what happened.

use std::fmt;

use super::input::Input;
use crate::format::{ClockSync, FileIdentity};

/// The clocks: one for each boot of a machine.
#[derive(Debug, Default)]
pub(super) struct Boots {
    list: Vec<Boot>,
    doubts: Doubts,
    latest: u64,
}

#[derive(Debug)]
struct Boot {
    /// All zero: unknown, and equal to no other.
    id: [u8; 16],
    /// CLOCK_REALTIME minus CLOCK_BOOTTIME, ns: the same for all recordings of the boot, so that their order is exact.
    offset: i128,
    /// How far that can be from true time, ns; `None`: nobody knows.
    error: Option<u64>,
    /// The time of day of its last event.
    last: Option<i128>,
}

/// Events whose order among those of other hosts is not certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubts {
    /// How many.
    pub events: u64,
    /// By how much at most, ns, as far as that is known.
    pub widest_ns: u64,
    /// A clock that was not synchronised took part: nobody knows by how much.
    pub unknown: bool,
}

impl fmt::Display for Doubts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubts { events: 0, .. } => f.write_str("their order is certain"),
            Doubts { events, unknown: true, .. } => write!(
                f,
                "the order of {events} events among those of other hosts is not certain: a clock was not synchronised"
            ),
            Doubts { events, widest_ns, .. } => write!(
                f,
                "the order of {events} events among those of other hosts is not certain: the clocks may be {:.3} ms \
                 apart",
                *widest_ns as f64 / 1e6
            ),
        }
    }
}

impl Boots {
    /// The clock of a source. Until a CLOCK_SYNC comes, the header ties it to the time of day.
    pub fn of(&mut self, identity: &FileIdentity) -> usize {
        let id = identity.boot_id;
        if let Some(known) = self.list.iter().position(|boot| boot.id == id && id != [0; 16]) {
            return known;
        }
        let offset = i128::from(identity.created_realtime_ns) - i128::from(identity.created_boottime_ns);
        self.list.push(Boot { id, offset, error: None, last: None });
        self.list.len() - 1
    }

    /// How many clocks there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// A clock was read.
    pub fn clock(&mut self, boot: usize, clock: &ClockSync) {
        let Some(boot) = self.list.get_mut(boot) else { return };
        boot.offset = i128::from(clock.realtime_ns) - i128::from(clock.boottime_ns);
        let maxerror = clock.maxerror_ns.filter(|_| clock.synced == Some(true));
        let maxerror = maxerror.and_then(|ns| u64::try_from(ns).ok());
        boot.error = maxerror.map(|ns| ns.saturating_add(clock.bracket_ns));
    }

    /// The input whose head comes next.
    pub fn first(&self, inputs: &[Input]) -> Option<usize> {
        let time = |input: &Input| input.turn().map(|(at, time)| self.time_of_day(at.boot, time));
        let waiting = inputs.iter().enumerate().filter_map(|(n, input)| Some((time(input)?, n)));
        waiting.min().map(|(_, n)| n)
    }

    fn time_of_day(&self, boot: usize, time: u64) -> i128 {
        i128::from(time) + self.list.get(boot).map_or(0, |boot| boot.offset)
    }

    /// An event was appended: is it certain that it came after those of other hosts?
    pub fn appended(&mut self, boot: usize, time: u64) {
        self.latest = time;
        let now = self.time_of_day(boot, time);
        let error = self.list.get(boot).and_then(|boot| boot.error);
        let mut certain = true;
        for (_, other) in self.list.iter().enumerate().filter(|(n, _)| *n != boot) {
            let Some(last) = other.last else { continue };
            match error.zip(other.error).map(|(one, two)| one.saturating_add(two)) {
                Some(apart) if now - last >= i128::from(apart) => {}
                Some(apart) => {
                    certain = false;
                    self.doubts.widest_ns = self.doubts.widest_ns.max(apart);
                }
                None => {
                    certain = false;
                    self.doubts.unknown = true;
                }
            }
        }
        self.doubts.events += u64::from(!certain);
        if let Some(boot) = self.list.get_mut(boot) {
            boot.last = Some(now);
        }
    }

    pub fn doubts(&self) -> Doubts {
        self.doubts
    }

    /// The time of the last event, by its own clock.
    pub fn latest(&self) -> u64 {
        self.latest
    }
}
