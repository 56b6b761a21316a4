//! One call a line, in columns: the default view.
//! It must not know what a column holds; the form of a call is call.rs.

use super::call::{write_arg, write_call};
use super::clock::{Clock, Seconds};
use super::columns::{COLUMNS, Cell, Column};
use super::extra;
use super::json::write_args;
use super::memo::Memo;
use super::{Lost, Remark, View, status};
use crate::assemble::Op;
use crate::decode::escape::{self, Alone};
use crate::decode::{CallSpec, Names, Part, digits, errno};

/// The columns of the first mountsnoop.
const DEFAULT: [&str; 5] = ["comm", "pid", "tid", "mnt_ns", "text"];

/// A time in front of each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// `12:03:04.123456`.
    Clock,
    /// Seconds since the first line.
    Relative,
    /// Seconds since the line before.
    Delta,
}

/// How text is to look.
#[derive(Clone, Default)]
pub struct TextOptions {
    /// Columns; none means COMM PID TID MNT_NS CALL.
    pub columns: Vec<&'static Column>,
    /// Times in front of each line.
    pub stamps: Vec<Stamp>,
    /// Times of day in UTC instead of local time.
    pub utc: bool,
    /// How times are to be read, until [`View::clock`] says otherwise.
    pub clock: Clock,
    /// Host name for the column `host`.
    pub host: String,
}

/// The text view.
pub struct Text {
    options: TextOptions,
    memo: Memo,
    cells: Cells,
    first: Option<u64>,
    last: Option<u64>,
}

/// What cells are written with.
struct Cells {
    clock: Clock,
    seconds: Seconds,
    host: String,
}

impl Text {
    /// A view with these options.
    pub fn new(mut options: TextOptions) -> Text {
        if options.columns.is_empty() {
            options.columns = COLUMNS.iter().filter(|column| DEFAULT.contains(&column.key)).collect();
        }
        let seconds = Seconds::new("%H:%M:%S", options.utc);
        let cells = Cells { clock: options.clock, seconds, host: options.host.clone() };
        let last = options.columns.len().saturating_sub(1);
        let memo = Memo::new(options.columns[..last].iter().map(|column| column.of_caller));
        Text { options, memo, cells, first: None, last: None }
    }

    fn stamps(&mut self, out: &mut Vec<u8>, time: u64) {
        let first = *self.first.get_or_insert(time);
        let last = self.last.replace(time).unwrap_or(time);
        for at in 0..self.options.stamps.len() {
            let start = out.len();
            match self.options.stamps[at] {
                Stamp::Clock => self.cells.time_of_day(out, time),
                Stamp::Relative => seconds(out, first, time),
                Stamp::Delta => seconds(out, last, time),
            }
            pad(out, start, self.options.stamps[at].width());
        }
    }
}

impl Cells {
    fn time_of_day(&mut self, out: &mut Vec<u8>, boottime_ns: u64) {
        time_of_day(out, boottime_ns, self.clock, &mut self.seconds);
    }

    /// All of a run of columns, each filled up to its width.
    fn run(&mut self, out: &mut Vec<u8>, op: &Op<'_>, run: &[&'static Column]) {
        for column in run {
            let start = out.len();
            self.cell(out, op, (column.get)(op));
            pad(out, start, column.width);
        }
    }

    fn cell(&mut self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        match cell {
            Cell::Missing => out.push(b'?'),
            Cell::Bool(value) => out.extend_from_slice(if value { b"yes" } else { b"no" }),
            Cell::Unsigned(value) => digits::decimal(out, value),
            Cell::Signed(value) => errno::write(out, value),
            Cell::Name(name) => out.extend_from_slice(name.as_bytes()),
            Cell::Comm(name) => escape::escape(out, name),
            Cell::Time(time) => self.time_of_day(out, time),
            Cell::Host => escape::escape(out, self.host.as_bytes()),
            Cell::Call => CallSpec::write_name(out, op.common.call),
            Cell::Arg(arg) => write_arg::<Alone>(out, &arg),
            Cell::Args => write_args(out, op.call()),
            Cell::Text => write_call(out, op),
            Cell::Path(names) => path(out, &names),
            Cell::Part(wanted, cgroup) => part(out, wanted, cgroup),
            Cell::Status => status::write(out, op),
            Cell::Ignored => extra::ignored(out, op),
            Cell::Ids => extra::ids(out, op),
            Cell::Parents => extra::parents(out, op),
        }
    }
}

/// Appends a path, escaped.
pub(super) fn path(out: &mut Vec<u8>, names: &Names<'_>) {
    let mut path = Vec::new();
    names.write(&mut path);
    escape::escape(out, &path);
}

/// Appends what a cgroup's path names: `-` where it names none, `?` where nobody knows the path.
pub(super) fn part(out: &mut Vec<u8>, part: Part, cgroup: Option<Names<'_>>) {
    match cgroup.map(|cgroup| part.of(&cgroup)) {
        Some(Some(text)) => escape::escape(out, &text),
        Some(None) => out.push(b'-'),
        None => out.push(b'?'),
    }
}

impl Stamp {
    fn title(self) -> &'static str {
        match self {
            Stamp::Clock => "TIME",
            Stamp::Relative => "REL",
            Stamp::Delta => "DELTA",
        }
    }

    fn width(self) -> usize {
        if self == Stamp::Clock { 15 } else { 12 }
    }
}

/// Appends `12:03:04.123456`, or `?` where the trace does not tie its clock to the time of day.
fn time_of_day(out: &mut Vec<u8>, boottime_ns: u64, clock: Clock, seconds: &mut Seconds) {
    match clock.realtime(boottime_ns) {
        Some((second, ns)) if seconds.write(out, second) => {
            out.push(b'.');
            digits::padded(out, u64::from(ns / 1000), 6);
        }
        _ => out.push(b'?'),
    }
}

/// Appends a line that says what is missing.
pub(super) fn loss(out: &mut Vec<u8>, lost: &Lost<'_>, clock: Clock, seconds: &mut Seconds) {
    match lost.events {
        Some(1) => out.extend_from_slice(b"-- lost 1 event"),
        Some(events) => {
            out.extend_from_slice(b"-- lost ");
            digits::decimal(out, events);
            out.extend_from_slice(b" events");
        }
        None => out.extend_from_slice(b"-- lost an unknown number of events"),
    }
    if let Some(cpu) = lost.cpu {
        out.extend_from_slice(b" on CPU ");
        digits::decimal(out, cpu.into());
    }
    if let Some((from, to)) = lost.between {
        out.extend_from_slice(if to == u64::MAX { b" after " } else { b" between " });
        time_of_day(out, from, clock, seconds);
        if to != u64::MAX {
            out.extend_from_slice(b" and ");
            time_of_day(out, to, clock, seconds);
        }
    }
    out.extend_from_slice(b" (");
    escape::escape(out, lost.why.as_bytes());
    out.extend_from_slice(b")\n");
}

/// Appends a line with a remark.
pub(super) fn remark(out: &mut Vec<u8>, remark: &Remark<'_>, clock: Clock, seconds: &mut Seconds) {
    out.extend_from_slice(b"-- ");
    time_of_day(out, remark.time, clock, seconds);
    out.push(b' ');
    escape::escape(out, remark.kind.as_bytes());
    out.extend_from_slice(b": ");
    escape::escape(out, remark.text.as_bytes());
    out.push(b'\n');
}

/// Appends the seconds from one time to another; the later of two CPUs may be a little early.
fn seconds(out: &mut Vec<u8>, from: u64, to: u64) {
    if to < from {
        out.push(b'-');
    }
    digits::decimal(out, to.abs_diff(from) / 1_000_000_000);
    out.push(b'.');
    digits::padded(out, to.abs_diff(from) / 1000, 6);
}

/// Fills up with spaces what began at `start`, and parts it from what follows.
#[inline]
fn pad(out: &mut Vec<u8>, start: usize, width: usize) {
    let end = (start + width).max(out.len()) + 1;
    out.resize(end, b' ');
}

impl View for Text {
    fn begin(&mut self, out: &mut Vec<u8>) {
        for stamp in &self.options.stamps {
            let start = out.len();
            out.extend_from_slice(stamp.title().as_bytes());
            pad(out, start, stamp.width());
        }
        for (at, column) in self.options.columns.iter().enumerate() {
            let start = out.len();
            out.extend_from_slice(column.title.as_bytes());
            if at + 1 < self.options.columns.len() {
                pad(out, start, column.width);
            }
        }
        out.push(b'\n');
    }

    #[inline]
    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_repeated() {
            return;
        }
        if !self.options.stamps.is_empty() {
            self.stamps(out, op.time());
        }
        let Text { options, memo, cells, .. } = self;
        if let Some((last, columns)) = options.columns.split_last() {
            memo.row(out, op, columns, |out, run| cells.run(out, op, run));
            // Nothing follows the last column, and what it holds may end in spaces of its own.
            cells.cell(out, op, (last.get)(op));
        }
        out.push(b'\n');
    }

    fn lost(&mut self, out: &mut Vec<u8>, lost: &Lost<'_>) {
        loss(out, lost, self.cells.clock, &mut self.cells.seconds);
    }

    fn remark(&mut self, out: &mut Vec<u8>, said: &Remark<'_>) {
        remark(out, said, self.cells.clock, &mut self.cells.seconds);
    }

    fn clock(&mut self, clock: Clock) {
        self.cells.clock = clock;
    }

    fn another(&self) -> Option<Box<dyn View>> {
        let alone = self.options.stamps.iter().all(|stamp| *stamp == Stamp::Clock);
        alone.then(|| Box::new(Text::new(self.options.clone())) as _)
    }

    fn host(&mut self, name: &str) {
        name.clone_into(&mut self.cells.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth;
    use crate::views::column;
    use crate::views::testing::printed;

    const NOON: Clock = Clock { offset_ns: Some(1_700_049_600_000_000_000) };

    #[test]
    fn columns_are_the_seeds() {
        let enter = synth::umount2(b"/mnt", 2).task(714, 715).comm(b"umount");
        assert_eq!(
            printed(&mut Text::new(TextOptions::default()), [enter, synth::exit(2).task(714, 715).ret(-16)]),
            "COMM             PID     TID     MNT_NS      CALL\n\
             umount           714     715     4026531840  umount2(\"/mnt\", MNT_DETACH) = -EBUSY\n"
        );
    }

    #[test]
    fn a_name_is_escaped_and_one_that_is_lost_is_a_question_mark() {
        let enter = synth::umount2(b"/mnt", 0).comm(b"a\"\x1b[2J\\");
        let rows = printed(&mut Text::new(TextOptions::default()), [enter, synth::exit(2), synth::exit(2)]);
        let rows: Vec<&str> = rows.lines().skip(1).collect();
        assert!(rows[0].starts_with(r#"a\"\x1b[2J\\     1 "#), "{}", rows[0]);
        assert!(rows[1].starts_with("?                1 "), "{}", rows[1]);
    }

    #[test]
    fn times_come_first_and_are_of_the_day_relative_or_between_rows() {
        let events = [
            synth::umount2(b"/a", 0).time(1_000_000_000),
            synth::exit(2).time(1_000_000_500),
            synth::umount2(b"/b", 0).time(3_500_000_000),
            synth::exit(2).time(3_500_000_500),
            synth::umount2(b"/c", 0).time(3_400_000_000),
            synth::exit(2).time(3_600_000_500),
        ];
        let stamps = vec![Stamp::Clock, Stamp::Relative, Stamp::Delta];
        let columns = vec![column("text").unwrap()];
        let options = TextOptions { stamps, columns, utc: true, clock: NOON, ..TextOptions::default() };
        assert_eq!(
            printed(&mut Text::new(options), events),
            "TIME            REL          DELTA        CALL\n\
             12:00:01.000000 0.000000     0.000000     umount2(\"/a\", 0x0) = 0\n\
             12:00:03.500000 2.500000     2.500000     umount2(\"/b\", 0x0) = 0\n\
             12:00:03.400000 2.400000     -0.100000    umount2(\"/c\", 0x0) = 0\n"
        );
    }

    #[test]
    fn losses_are_stated_with_place_and_time() {
        let mut view = Text::new(TextOptions { utc: true, clock: NOON, ..TextOptions::default() });
        let mut out = Vec::new();
        let why = "ring buffer full";
        view.lost(&mut out, &Lost { events: Some(12), cpu: Some(3), between: Some((0, 1_500_000_000)), why });
        view.lost(&mut out, &Lost { events: Some(1), cpu: None, between: None, why: "a\x1bb" });
        view.lost(&mut out, &Lost { events: None, cpu: None, between: Some((0, u64::MAX)), why });
        let want = "-- lost 12 events on CPU 3 between 12:00:00.000000 and 12:00:01.500000 (ring buffer full)\n\
                    -- lost 1 event (a\\x1bb)\n\
                    -- lost an unknown number of events after 12:00:00.000000 (ring buffer full)\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn remarks_are_lines_that_no_terminal_obeys() {
        let mut view = Text::new(TextOptions { utc: true, clock: NOON, ..TextOptions::default() });
        let mut out = Vec::new();
        view.remark(&mut out, &Remark { time: 1_500_000_000, kind: "note", text: "de\x1bploy\n" });
        assert_eq!(String::from_utf8(out).unwrap(), "-- 12:00:01.500000 note: de\\x1bploy\\n\n");
    }

    #[test]
    fn a_hung_call_is_shown_once_while_it_hangs_and_not_again_at_the_end() {
        let hung = synth::umount2(b"/nfs", 0).task(9, 9);
        let other = synth::umount2(b"/mnt", 0).time(2_000_000_000);
        let rows = printed(
            &mut Text::new(TextOptions::default()),
            [hung, other, synth::exit(2).time(2_000_000_001)],
        );
        assert_eq!(rows.matches("\"/nfs\"").count(), 1, "{rows}");
    }

    #[test]
    fn any_column_can_be_asked_for() {
        for column in COLUMNS {
            let options = TextOptions { columns: vec![column], ..TextOptions::default() };
            let events = [synth::mount(None, Some(b"/x"), None, 0, None), synth::exit(1), synth::exit(2)];
            assert_eq!(printed(&mut Text::new(options), events).lines().count(), 3, "{}", column.key);
        }
    }
}
