//! On how many threads blocks are read changes nothing about the rows.

use std::collections::HashSet;
use std::io::{self, Cursor};
use std::path::Path;
use std::thread::ThreadId;

use mountsnoop::assemble::Op;
use mountsnoop::views::{
    Classic, Clock, Csv, Detail, Json, Stamp, Stats, StatsOptions, Text, TextOptions, View,
};

use super::*;
use crate::args::FilterArgs;
use crate::part_tests::recorded;

/// What was written, by whom, and how often; at some write it fails, once.
#[derive(Default)]
struct Paper {
    bytes: Vec<u8>,
    by: HashSet<ThreadId>,
    writes: usize,
    fails_at: Option<usize>,
}

impl Write for &mut Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        self.by.insert(thread::current().id());
        if self.fails_at == Some(self.writes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows a trace; whether anything is missing from it.
fn show(trace: &[u8], view: Box<dyn View>, threads: usize, paper: &mut Paper) -> Result<bool> {
    let mut rows = Rows::new(&FilterArgs::default(), true, view, paper)?;
    rows.threads = threads;
    let reader = Reader::from_reader(Box::new(Cursor::new(trace.to_vec())))?;
    let lossy = rows.read(reader, Complaints::new(Path::new("made up")))?;
    rows.end()?;
    Ok(lossy)
}

type NewView = fn() -> Box<dyn View>;

fn text(stamp: Stamp) -> Box<dyn View> {
    Box::new(Text::new(TextOptions { stamps: vec![stamp], utc: true, ..TextOptions::default() }))
}

/// The last three have rows that depend on those before them.
const VIEWS: [(&str, NewView); 8] = [
    ("text", || text(Stamp::Clock)),
    ("classic", || Box::new(Classic)),
    ("detail", || Box::new(Detail::new(Clock::default(), true))),
    ("ndjson", || Box::new(Json::lines("", Clock::default()))),
    ("csv", || Box::new(Csv::new("", Clock::default(), false))),
    ("json", || Box::new(Json::array("", Clock::default()))),
    ("text with times between", || text(Stamp::Delta)),
    ("stats", || Box::new(Stats::new(StatsOptions::default()))),
];

/// Traces of many small blocks: whole, with losses, of which the end is missing, in which bytes were changed.
fn traces() -> [(&'static str, Vec<u8>); 4] {
    let (whole, lossy) = (recorded(1500, false), recorded(1500, true));
    let (mut cut, mut damaged) = (whole.clone(), lossy.clone());
    cut.truncate(cut.len() * 9 / 10);
    (cut.len() / 2..cut.len()).step_by(cut.len() / 9).for_each(|at| damaged[at] ^= 0x55);
    [("whole", whole), ("lossy", lossy), ("cut", cut), ("damaged", damaged)]
}

#[test]
fn rows_are_the_same_on_any_number_of_threads() {
    let mut by_several = 0;
    for (what, trace) in traces() {
        for (name, view) in VIEWS {
            let mut want = Paper::default();
            let lossy = show(&trace, view(), 1, &mut want).unwrap();
            assert!(want.bytes.len() > 1000, "{} bytes of {name}", want.bytes.len());
            for threads in [2, 3] {
                let mut got = Paper::default();
                let case = format!("{name} of the {what} trace on {threads} threads");
                assert_eq!(show(&trace, view(), threads, &mut got).unwrap(), lossy, "{case}");
                let (got_text, want_text) =
                    (String::from_utf8(got.bytes).unwrap(), String::from_utf8_lossy(&want.bytes));
                for (nth, (got, want)) in got_text.lines().zip(want_text.lines()).enumerate() {
                    assert_eq!(got, want, "line {nth} of {case}");
                }
                assert_eq!(got_text.len(), want.bytes.len(), "bytes of {case}");
                by_several += usize::from(got.by.len() > 1);
            }
        }
    }
    // Of one trace, chance may leave all to one thread.
    assert!(by_several > 0, "one thread wrote all, each time");
}

#[test]
fn nothing_is_written_behind_what_could_not_be() {
    let trace = recorded(1500, false);
    for fails_at in [1, 2, 8] {
        for threads in [1, 2, 3] {
            let mut paper = Paper { fails_at: Some(fails_at), ..Paper::default() };
            let error = show(&trace, Box::new(Detail::new(Clock::default(), true)), threads, &mut paper)
                .expect_err("something could not be written");
            let kind = error.downcast_ref().map(io::Error::kind);
            assert_eq!(
                kind,
                Some(io::ErrorKind::StorageFull),
                "write {fails_at}, {threads} threads: {error:#}"
            );
            assert_eq!(paper.writes, fails_at, "writes on {threads} threads");
        }
    }
}

/// Dies of one row.
struct Dies(u64);

impl View for Dies {
    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        assert!(op.time() < self.0, "this thread dies for a test");
        out.extend_from_slice(b"row\n");
    }

    fn another(&self) -> Option<Box<dyn View>> {
        Some(Box::new(Dies(self.0)))
    }
}

#[test]
fn where_a_thread_dies_the_others_do_not_wait_for_it() {
    let trace = recorded(1500, false);
    let dies =
        std::panic::catch_unwind(|| show(&trace, Box::new(Dies(9_000_000_000)), 3, &mut Paper::default()));
    // Which of them it is is left to chance: the one that began the others dies itself.
    assert!(!matches!(dies, Ok(Ok(_))), "it went well");
}
