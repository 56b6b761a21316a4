//! Moments as people write them, and what they are in a given trace.
//! It must not know which calls happened then.

use chrono::{DateTime, Days, Local, NaiveDate, NaiveTime, TimeZone, Utc};

const SECOND: i64 = 1_000_000_000;

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpec {
    /// RFC 3339, or `@` and seconds since 1970: ns since 1970.
    Realtime(i64),
    /// `HH:MM:SS[.nnn]`.
    TimeOfDay(NaiveTime),
    /// `now`, or `-5m`: ns before now.
    BeforeNow(i64),
    /// `+10s`: ns after the start of the trace.
    AfterStart(i64),
}

/// What a moment may be relative to. All times are ns since 1970, but the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeContext {
    /// When the trace began.
    pub start: i64,
    /// When it ended, if that is known.
    pub end: Option<i64>,
    /// When it is now.
    pub now: i64,
    /// CLOCK_REALTIME minus CLOCK_BOOTTIME.
    pub offset: i64,
    /// Whether times of day are UTC instead of local time.
    pub utc: bool,
}

impl TimeSpec {
    /// Reads one of the forms; the error names them all.
    pub fn parse(text: &str) -> Result<TimeSpec, String> {
        let text = text.trim();
        let spec = match text.as_bytes() {
            b"now" => Some(TimeSpec::BeforeNow(0)),
            [b'-', ..] => duration(&text[1..]).map(TimeSpec::BeforeNow),
            [b'+', ..] => duration(&text[1..]).map(TimeSpec::AfterStart),
            [b'@', ..] => seconds(&text[1..]).map(TimeSpec::Realtime),
            _ => rfc3339(text).or_else(|| time_of_day(text)),
        };
        spec.ok_or_else(|| {
            format!(
                "\"{}\" is not a time: expected 2026-08-20T12:03:04Z, 12:03:04, now, -5m (before now), +10s (after the \
                 trace began) or @1700000000.5 (seconds since 1970)",
                text.escape_debug()
            )
        })
    }

    /// The moment in ns of CLOCK_BOOTTIME; 0 for one before the machine was started.
    pub fn resolve(&self, context: &TimeContext) -> u64 {
        let realtime = match *self {
            TimeSpec::Realtime(ns) => ns,
            TimeSpec::BeforeNow(ns) => context.now.saturating_sub(ns),
            TimeSpec::AfterStart(ns) => context.start.saturating_add(ns),
            TimeSpec::TimeOfDay(time) if context.utc => day_with(time, &Utc, context),
            TimeSpec::TimeOfDay(time) => day_with(time, &Local, context),
        };
        u64::try_from(realtime.saturating_sub(context.offset)).unwrap_or(0)
    }
}

/// The part of a trace that is asked for, as it was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// It begins then; `None`: with the trace.
    pub since: Option<TimeSpec>,
    /// It ends then; `None`: with the trace.
    pub until: Option<TimeSpec>,
    /// Whether times of day are UTC instead of local time.
    pub utc: bool,
    /// When it was asked for, ns since 1970.
    pub now: i64,
}

impl Window {
    /// The window in ns of a CLOCK_BOOTTIME that is `offset` behind the time of day, in a trace that began at `start`.
    pub fn resolve(&self, start: i64, offset: i64) -> (Option<u64>, Option<u64>) {
        let context = TimeContext { start, end: None, now: self.now, offset, utc: self.utc };
        let resolve = |spec: Option<TimeSpec>| spec.map(|spec| spec.resolve(&context));
        (resolve(self.since), resolve(self.until))
    }
}

/// The first such time of day within the trace; where there is none, that of the day it began.
fn day_with(time: NaiveTime, zone: &impl TimeZone, context: &TimeContext) -> i64 {
    let first = DateTime::from_timestamp_nanos(context.start).with_timezone(zone).date_naive();
    let at =
        |date: NaiveDate| zone.from_local_datetime(&date.and_time(time)).earliest()?.timestamp_nanos_opt();
    let inside = |ns: &i64| *ns >= context.start && context.end.is_some_and(|end| *ns <= end);
    let next = first.checked_add_days(Days::new(1)).and_then(at).filter(inside);
    let same = at(first);
    // A time that the clocks skipped that day is taken as the start: nothing is left out for it.
    same.filter(inside).or(next).or(same).unwrap_or(context.start)
}

fn duration(text: &str) -> Option<i64> {
    i64::try_from(humantime::parse_duration(text).ok()?.as_nanos()).ok()
}

/// `1700000000.5`, exactly: a double would lose the nanoseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(SECOND)?.checked_add(fraction)
}

fn rfc3339(text: &str) -> Option<TimeSpec> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().map(TimeSpec::Realtime)
}

fn time_of_day(text: &str) -> Option<TimeSpec> {
    NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok().map(TimeSpec::TimeOfDay)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20Z.
    const START: i64 = 1_700_000_000 * SECOND;

    /// Seconds after the start that a text means, in a trace of so many seconds.
    fn seconds_after_start(text: &str, lasts: i64) -> f64 {
        let end = Some(START + lasts * SECOND);
        let context =
            TimeContext { start: START, end, now: START + 3600 * SECOND, offset: START - SECOND, utc: true };
        (TimeSpec::parse(text).unwrap().resolve(&context) as f64 - 1e9) / 1e9
    }

    #[test]
    fn every_form_means_what_it_says() {
        for (text, want) in [
            ("2023-11-14T22:13:21Z", 1.0),
            ("2023-11-14T23:13:21.5+01:00", 1.5),
            ("@1700000002.25", 2.25),
            ("@1700000002", 2.0),
            ("now", 3600.0),
            ("-5m", 3300.0),
            ("+10s", 10.0),
            ("+1m 500ms", 60.5),
            ("22:13:30", 10.0),
            ("22:13:30.125", 10.125),
        ] {
            assert_eq!(seconds_after_start(text, 60), want, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_looked_for_inside_the_trace() {
        assert_eq!(seconds_after_start("00:00:00", 7200), 6400.0, "after midnight");
        assert_eq!(seconds_after_start("22:13:19", 60), -1.0, "just before it began: that same day");
        assert_eq!(seconds_after_start("23:59:59", 60), 6399.0, "after it ended: that same day");
    }

    #[test]
    fn a_time_before_the_machine_was_started_is_its_start() {
        assert_eq!(seconds_after_start("@0", 60), -1.0);
    }

    #[test]
    fn what_is_no_time_is_refused_and_the_forms_are_named() {
        for text in [
            "",
            "yesterday",
            "25:00:00",
            "12:03",
            "-",
            "+",
            "-5",
            "@",
            "@1.0000000001",
            "@-1",
            "@1e3",
            "@99999999999",
        ] {
            let error = TimeSpec::parse(text).unwrap_err();
            assert!(error.contains("is not a time: expected 2026-08-20T12:03:04Z"), "{error}");
        }
    }

    #[test]
    fn extreme_times_are_survived() {
        let context = TimeContext { start: i64::MIN, end: None, now: i64::MIN, offset: i64::MAX, utc: true };
        for text in ["now", "-100years", "+100years", "12:00:00", "2023-11-14T22:13:21Z"] {
            TimeSpec::parse(text).unwrap().resolve(&context);
            TimeSpec::parse(text).unwrap().resolve(&TimeContext {
                start: i64::MAX,
                offset: i64::MIN,
                ..context
            });
        }
    }
}
