//! Calls to bytes for people and programs: text, JSON, CSV and statistics.
//!
//! Views append to a buffer that the caller writes out and clears, so a row costs no allocation. They must not know where calls
//! come from, nor print anything themselves.

mod call;
mod callers;
mod classic;
mod clock;
mod columns;
mod csv;
mod detail;
mod extra;
mod json;
mod latency;
mod memo;
mod stats;
mod stats_print;
mod status;
mod structs;
#[cfg(test)]
mod testing;
mod text;

pub use call::write_call;
pub use classic::Classic;
pub use clock::{Clock, rfc3339};
pub use columns::{COLUMNS, Cell, Column, column};
pub use csv::Csv;
pub use detail::Detail;
pub use json::Json;
pub use stats::{Key, Stats, StatsOptions};
pub use text::{Stamp, Text, TextOptions};

use crate::assemble::Op;

/// Events that are known to be missing from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost<'a> {
    /// How many; `None`: nobody knows.
    pub events: Option<u64>,
    /// On which CPU, if it was one.
    pub cpu: Option<u32>,
    /// Between which times, ns of CLOCK_BOOTTIME, as far as known; [`u64::MAX`] is the end of a time that nobody knows.
    pub between: Option<(u64, u64)>,
    /// For what reason.
    pub why: &'a str,
}

/// A remark in a stream: of a person, of the recorder, or of a tool that changed the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remark<'a> {
    /// The moment it is about, ns of CLOCK_BOOTTIME.
    pub time: u64,
    /// What it is about.
    pub kind: &'a str,
    /// The remark.
    pub text: &'a str,
}

/// One way of showing calls. All methods append to `out`; none can fail.
pub trait View: Send {
    /// Before the first row.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// A call. Interim rows ([`Op::is_interim`]) are given too; a view that wants one row a call ignores them.
    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>);

    /// Events are missing here.
    fn lost(&mut self, _out: &mut Vec<u8>, _lost: &Lost<'_>) {}

    /// Somebody left a remark here.
    fn remark(&mut self, _out: &mut Vec<u8>, _remark: &Remark<'_>) {}

    /// How the times of what follows are to be read.
    fn clock(&mut self, _clock: Clock) {}

    /// Which host what follows is from.
    fn host(&mut self, _name: &str) {}

    /// After the last row.
    fn end(&mut self, _out: &mut Vec<u8>) {}

    /// Another view that shows rows as this one does, for another thread; `None` where a row depends on those before it. The
    /// other is told the clock and the host before the first row.
    fn another(&self) -> Option<Box<dyn View>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::Assembler;
    use crate::decode::synth;

    /// Every single-byte change of some calls' events, fed to a view; `check` gets what comes out each time.
    fn mutate(mut view: impl FnMut() -> Box<dyn View>, check: impl Fn(&[u8])) {
        let mount = synth::mount(Some(b"a"), Some(b"\xff"), None, 0xc0ed_1000, Some(b"x"));
        let attr = synth::enter(11).start(1).number(0, 3).string(1, b"").bytes(3, &[1; 40]).number(4, 40);
        let blob = synth::enter(5).number(0, 3).number(1, 2).string(2, b"k").bytes(3, b"\x1b").number(4, 1);
        for events in [
            vec![mount.fault(0, 9).cut(5, b"y"), synth::exit(1).late(4, b"z").ret(-16)],
            vec![
                synth::process().start(1).exe(b"\x1b\0").parent(1, 2, b"\x07"),
                attr.mount(Some(0), 1, 2, 3, 4).cwd(b"a\0").root(b"\xff\0"),
                synth::exit(11).namespace(None, 5),
            ],
            vec![blob.fscontext(Some(0), 1, 2).first_header(), synth::exit(5).mnt_ns(9)],
        ] {
            let events: Vec<Vec<u8>> = events.into_iter().map(|event| event.build()).collect();
            each_change(&events, &mut view, &check);
        }
    }

    fn each_change(events: &[Vec<u8>], view: &mut impl FnMut() -> Box<dyn View>, check: &impl Fn(&[u8])) {
        for (nth, original) in events.iter().enumerate() {
            for at in 0..original.len() {
                for value in [0, 1, 2, 3, 0x7f, 0x80, 0xff] {
                    let mut events = events.to_vec();
                    events[nth][at] = value;
                    let (mut view, mut out, mut assembler) = (view(), Vec::new(), Assembler::new());
                    view.begin(&mut out);
                    for event in events {
                        let _ = assembler.event(&event, &mut |op| view.row(&mut out, op));
                    }
                    assembler.finish(&mut |op| view.row(&mut out, op));
                    view.end(&mut out);
                    check(&out);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_a_view_panic_or_print_what_a_terminal_obeys() {
        let printable =
            |out: &[u8]| assert!(out.iter().all(|&byte| byte == b'\n' || (0x20..=0x7e).contains(&byte)));
        mutate(|| Box::new(Text::new(TextOptions::default())), printable);
        mutate(|| Box::new(Classic), printable);
        mutate(|| Box::new(Detail::new(Clock::default(), true)), printable);
        mutate(|| Box::new(Stats::new(StatsOptions::default())), printable);
    }

    #[test]
    fn no_bytes_make_json_or_csv_that_cannot_be_read() {
        let clock = Clock { offset_ns: Some(1) };
        mutate(
            || Box::new(Json::array("host", clock)),
            |out| drop(serde_json::from_slice::<Vec<serde_json::Value>>(out).unwrap()),
        );
        mutate(
            || Box::new(Csv::new("host", clock, false)),
            |out| assert!(::csv::Reader::from_reader(out).records().all(|record| record.is_ok())),
        );
    }
}
