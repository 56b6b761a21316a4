//! Times of a trace (ns since boot) as times of day. The second is formatted once, not for every row in it.
//! It must not know what happened at these times.

use chrono::{DateTime, Local, Utc};

use crate::decode::digits;

const SECOND: i64 = 1_000_000_000;

/// Ties a stream's own clock, CLOCK_BOOTTIME, to the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// CLOCK_REALTIME minus CLOCK_BOOTTIME, ns; `None` where the trace does not say.
    pub offset_ns: Option<i64>,
}

impl Clock {
    /// The time of day: seconds since 1970, and the rest in ns.
    pub fn realtime(&self, boottime_ns: u64) -> Option<(i64, u32)> {
        let offset_ns = self.offset_ns?;
        // Until the year 2262; dividing what is wider costs a hundred instructions.
        match i64::try_from(boottime_ns).ok().and_then(|boottime| boottime.checked_add(offset_ns)) {
            Some(ns) => Some((ns.div_euclid(SECOND), ns.rem_euclid(SECOND) as u32)),
            None => {
                let ns = i128::from(boottime_ns) + i128::from(offset_ns);
                let (second, rest) = (ns.div_euclid(SECOND.into()), ns.rem_euclid(SECOND.into()));
                Some((i64::try_from(second).ok()?, rest as u32))
            }
        }
    }
}

/// A format of the whole second, and the last second formatted with it.
#[derive(Debug, Clone)]
pub(super) struct Seconds {
    format: &'static str,
    utc: bool,
    last: Option<i64>,
    text: String,
}

impl Seconds {
    /// `format` is chrono's.
    pub fn new(format: &'static str, utc: bool) -> Seconds {
        Seconds { format, utc, last: None, text: String::new() }
    }

    /// RFC 3339 in UTC without its fraction and `Z`.
    pub fn rfc3339() -> Seconds {
        Seconds::new("%Y-%m-%dT%H:%M:%S", true)
    }

    /// Appends the second that `seconds` since 1970 is; nothing, and false, where no calendar has it.
    #[inline]
    pub fn write(&mut self, out: &mut Vec<u8>, seconds: i64) -> bool {
        if self.last != Some(seconds) {
            let Some(time) = DateTime::<Utc>::from_timestamp(seconds, 0) else { return false };
            self.text = match self.utc {
                true => time.format(self.format).to_string(),
                false => time.with_timezone(&Local).format(self.format).to_string(),
            };
            self.last = Some(seconds);
        }
        out.extend_from_slice(self.text.as_bytes());
        true
    }

    /// Appends `2026-08-20T12:03:04.000000000Z`, or nothing and returns false where the time is not known.
    pub fn write_rfc3339(&mut self, out: &mut Vec<u8>, clock: Clock, boottime_ns: u64) -> bool {
        let Some((seconds, ns)) = clock.realtime(boottime_ns) else { return false };
        if !self.write(out, seconds) {
            return false;
        }
        out.push(b'.');
        digits::padded(out, u64::from(ns), 9);
        out.push(b'Z');
        true
    }
}

/// `2026-08-20T12:03:04.000000000Z` for ns since 1970; the number itself where no calendar has it.
pub fn rfc3339(realtime_ns: i64) -> String {
    let mut out = Vec::new();
    let known = Seconds::rfc3339().write_rfc3339(&mut out, Clock { offset_ns: Some(realtime_ns) }, 0);
    if known { String::from_utf8_lossy(&out).into_owned() } else { format!("@{realtime_ns}ns") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc3339(offset_ns: Option<i64>, boottime_ns: u64) -> Option<String> {
        let mut out = Vec::new();
        let known = Seconds::rfc3339().write_rfc3339(&mut out, Clock { offset_ns }, boottime_ns);
        known.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn times_have_nine_digits_and_are_utc() {
        for (offset, boottime, want) in [
            (1_700_000_000_000_000_000, 5, "2023-11-14T22:13:20.000000005Z"),
            (-1, 0, "1969-12-31T23:59:59.999999999Z"),
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(rfc3339(Some(offset), boottime).as_deref(), Some(want));
        }
    }

    #[test]
    fn a_time_that_is_not_known_is_not_1970() {
        assert_eq!(rfc3339(None, 5), None);
    }

    #[test]
    fn times_beyond_any_calendar_are_survived() {
        for offset in [i64::MIN, -1, 0, i64::MAX] {
            for boottime in [0, 1, u64::MAX] {
                rfc3339(Some(offset), boottime);
            }
        }
    }
}
