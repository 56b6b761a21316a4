//! Counts, failures and latencies by whatever identifies a call, in bounded memory.
//! It must not know how they are printed: that is stats_print.rs.

use std::collections::HashMap;

use super::call::write_arg;
use super::columns::{COLUMNS, Cell, Column};
use super::latency::{Latencies, Took};
use super::{Lost, View, status, text};
use crate::assemble::keyed::Keyed;
use crate::assemble::{Op, Outcome};
use crate::decode::{digits, escape};

/// Columns that calls may be grouped by: what identifies something, not what differs with every call.
const KEYS: [&str; 19] = [
    "call",
    "error",
    "comm",
    "mnt_ns",
    "fstype",
    "pid",
    "tid",
    "ppid",
    "uid",
    "cgroup_id",
    "container",
    "cgroup",
    "runtime",
    "pod",
    "unit",
    "source",
    "target",
    "cpu",
    "status",
];

/// Grouped by these where nobody asks otherwise.
const DEFAULT: &str = "call,error,comm,mnt_ns,fstype";

/// Keys counted apart, and bytes of them, in all tables together: what comes later is counted as one. Of each key up to
/// 15 KiB of latencies are kept.
const KEYS_MAX: usize = 1000;
const KEY_BYTES_MAX: usize = 2 << 20;

/// A column, or several together, that calls are grouped by.
#[derive(Clone)]
pub struct Key(pub(super) Vec<&'static Column>);

impl Key {
    /// Reads `call,fstype+error`: a table for each part between commas, grouped by all columns joined with `+`.
    pub fn parse_list(text: &str) -> Result<Vec<Key>, String> {
        text.split(',').map(|part| part.split('+').map(key).collect::<Result<_, _>>().map(Key)).collect()
    }
}

fn key(name: &str) -> Result<&'static Column, String> {
    let wanted = COLUMNS.iter().find(|column| column.key == name.trim() && KEYS.contains(&column.key));
    wanted.ok_or_else(|| {
        format!("cannot group by \"{}\": one of {} was expected", name.escape_debug(), KEYS.join(", "))
    })
}

/// What statistics are to show.
#[derive(Clone)]
pub struct StatsOptions {
    /// The tables.
    pub by: Vec<Key>,
    /// Rows of a table, the most frequent first; 0 means all.
    pub top: usize,
    /// JSON instead of text.
    pub json: bool,
}

impl Default for StatsOptions {
    fn default() -> StatsOptions {
        StatsOptions { by: Key::parse_list(DEFAULT).unwrap_or_default(), top: 0, json: false }
    }
}

/// Statistics over all calls of a stream; printed at its end.
pub struct Stats {
    pub(super) options: StatsOptions,
    pub(super) total: Group,
    pub(super) tables: Vec<Table>,
    pub(super) lost: u64,
    /// Some more are, nobody knows how many.
    pub(super) lost_unknown: bool,
    /// The times of the first and the last call.
    pub(super) span: Option<(u64, u64)>,
    scratch: Vec<u8>,
    callers: Vec<Caller>,
}

/// Threads whose groups are remembered, one for each remainder of a thread id.
const CALLERS: usize = 16;
/// A caller is not remembered if it is longer, bytes, as no kernel tells it.
const CALLER_MAX: usize = 4096;

/// The groups of a thread in tables that tell callers apart by what they are: most threads make many calls.
#[derive(Default, Clone)]
struct Caller {
    /// They hold for this caller and what was told of its process.
    bytes: Vec<u8>,
    told_by: Option<u64>,
    /// By table; those of other tables mean nothing.
    groups: Vec<Option<usize>>,
}

/// One table.
pub(super) struct Table {
    pub key: Key,
    /// All columns of the key are [`Column::of_caller`].
    of_caller: bool,
    pub groups: Vec<Group>,
    /// Which of them has a key: its cells as text, each followed by a NUL, which no cell contains.
    pub by_key: HashMap<Vec<u8>, usize, Keyed>,
    /// What came when there was no room for another key.
    pub others: Option<Group>,
    /// Room for keys, and bytes of them.
    room: (usize, usize),
    /// The key of the call before, and its group: most calls have the same.
    last: (Vec<u8>, Option<usize>),
}

/// What is counted of one group.
#[derive(Default)]
pub(super) struct Group {
    pub count: u64,
    pub failed: u64,
    pub unfinished: u64,
    latencies: Latencies,
    pub max_ns: Option<u64>,
}

/// What every group counts of a call.
struct Counted {
    failed: bool,
    unfinished: bool,
    took: Option<Took>,
}

impl Counted {
    fn of(op: &Op<'_>) -> Counted {
        Counted {
            failed: op.failed(),
            unfinished: matches!(op.outcome, Outcome::Unfinished { .. }),
            took: op.duration_ns().map(Took::new),
        }
    }
}

impl Stats {
    /// Statistics that have seen nothing.
    pub fn new(options: StatsOptions) -> Stats {
        let share = options.by.len().max(1);
        let room = ((KEYS_MAX / share).max(1), KEY_BYTES_MAX / share);
        let table = |key: &Key| Table {
            key: key.clone(),
            of_caller: key.0.iter().all(|column| column.of_caller),
            groups: Vec::new(),
            by_key: HashMap::default(),
            others: None,
            room,
            last: (Vec::new(), None),
        };
        let tables = options.by.iter().map(table).collect();
        Stats {
            options,
            total: Group::default(),
            tables,
            lost: 0,
            lost_unknown: false,
            span: None,
            scratch: Vec::new(),
            callers: vec![Caller::default(); CALLERS],
        }
    }
}

impl Caller {
    /// Whether this is who made the call; from here on it is.
    fn is_of(&mut self, op: &Op<'_>) -> bool {
        let known = op.caller().filter(|caller| caller.len() <= CALLER_MAX);
        let (caller, told_by) = (known.unwrap_or_default(), op.told_by());
        let same = self.told_by == told_by && self.bytes == caller && !caller.is_empty();
        if !same {
            self.told_by = told_by;
            self.bytes.clear();
            self.bytes.extend_from_slice(caller);
        }
        same
    }
}

impl Group {
    fn add(&mut self, call: &Counted) {
        self.count += 1;
        self.failed += u64::from(call.failed);
        self.unfinished += u64::from(call.unfinished);
        if let Some(took) = call.took {
            self.latencies.record(took);
            self.max_ns = self.max_ns.max(Some(took.ns));
        }
    }

    /// The latency that a share of the calls did not exceed; `None` where none of them returned.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        // Rounded up, which must not exceed what was measured.
        Some(self.latencies.quantile(share)?.min(self.max_ns?))
    }
}

impl Table {
    /// The group of a call; `None`: it is one of the others.
    fn group_of(&mut self, op: &Op<'_>, scratch: &mut Vec<u8>) -> Option<usize> {
        scratch.clear();
        for column in &self.key.0 {
            write_key(scratch, op, (column.get)(op));
            scratch.push(0);
        }
        if *scratch != self.last.0 {
            self.last.1 = self.find(scratch);
            std::mem::swap(scratch, &mut self.last.0);
        }
        self.last.1
    }

    fn add(&mut self, group: Option<usize>, call: &Counted) {
        let group = group.and_then(|at| self.groups.get_mut(at));
        group.unwrap_or_else(|| self.others.get_or_insert_default()).add(call);
    }

    /// The group of a key; `None`: it is one of the others.
    fn find(&mut self, wanted: &[u8]) -> Option<usize> {
        if let Some(at) = self.by_key.get(wanted) {
            return Some(*at);
        }
        let (keys, bytes) = &mut self.room;
        if *keys == 0 || *bytes < wanted.len() {
            // No shorter key after it either: what is counted apart are the first keys, which can be said in a word.
            *keys = 0;
            return None;
        }
        (*keys, *bytes) = (*keys - 1, *bytes - wanted.len());
        self.by_key.insert(wanted.to_vec(), self.groups.len());
        self.groups.push(Group::default());
        Some(self.groups.len() - 1)
    }
}

/// A cell as part of a key; `-` is what the call does not have, or has but the kernel does not look at, `?` what is not known.
fn write_key(out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
    match cell {
        Cell::Unsigned(value) => digits::decimal(out, value),
        Cell::Signed(value) => digits::signed(out, value),
        Cell::Name(name) => out.extend_from_slice(name.as_bytes()),
        Cell::Comm(name) => escape::escape(out, name),
        Cell::Call => op.call().write_name(out),
        Cell::Path(names) => text::path(out, &names),
        Cell::Part(part, cgroup) => text::part(out, part, cgroup),
        Cell::Status => status::write(out, op),
        Cell::Arg(arg) if !arg.ignored => match arg.value {
            crate::decode::Value::Str(text) if text.whole().is_some() => escape::escape(out, text.bytes),
            _ => write_arg(out, &arg),
        },
        _ => out.push(b'-'),
    }
}

impl View for Stats {
    fn row(&mut self, _out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_interim() {
            return;
        }
        let (first, last) = self.span.unwrap_or((op.time(), op.time()));
        self.span = Some((first.min(op.time()), last.max(op.time())));
        let call = Counted::of(op);
        self.total.add(&call);
        let Stats { tables, callers, scratch, .. } = self;
        let caller = &mut callers[op.common.tid as usize % CALLERS];
        let is_known = caller.is_of(op);
        caller.groups.resize(tables.len(), None);
        for (table, known) in tables.iter_mut().zip(&mut caller.groups) {
            if !(is_known && table.of_caller) {
                *known = table.group_of(op, scratch);
            }
            table.add(*known, &call);
        }
    }

    fn lost(&mut self, _out: &mut Vec<u8>, lost: &Lost<'_>) {
        self.lost = self.lost.saturating_add(lost.events.unwrap_or(0));
        self.lost_unknown |= lost.events.is_none();
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.options.json {
            super::stats_print::json(out, self)
        } else {
            super::stats_print::text(out, self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth::{self, Builder};
    use crate::views::testing::printed;

    fn stats(by: &str, json: bool, events: impl IntoIterator<Item = Builder>) -> String {
        let by = Key::parse_list(by).unwrap();
        printed(&mut Stats::new(StatsOptions { by, top: 0, json }), events)
    }

    fn call(tid: u32, took: u64, ret: i64) -> [Builder; 2] {
        let enter = synth::mount(Some(b"x"), Some(b"/y"), Some(b"ext4"), 0, None).task(tid, tid).time(1000);
        [enter, synth::exit(1).task(tid, tid).time(1000 + took).ret(ret)]
    }

    #[test]
    fn tables_count_calls_failures_and_latencies() {
        let mut events: Vec<Builder> = call(1, 1500, 0).into_iter().chain(call(1, 2_500_000, -16)).collect();
        events.push(synth::umount2(b"/nfs", 0).time(1000));
        let want = "\
3 calls, 1 failed, 1 unfinished, in 0.000000 s

CALL             COUNT  FAILED  UNFINISHED       P50       P90       P99       MAX
mount                2       1           0     1.5us     2.5ms     2.5ms     2.5ms
umount2              1       0           1         -         -         -         -

FSTYPE ERROR     COUNT  FAILED  UNFINISHED       P50       P90       P99       MAX
-      -             1       0           1         -         -         -         -
ext4   -             1       0           0     1.5us     1.5us     1.5us     1.5us
ext4   EBUSY         1       1           0     2.5ms     2.5ms     2.5ms     2.5ms
";
        assert_eq!(stats("call,fstype+error", false, events), want);
    }

    #[test]
    fn an_unfinished_call_counts_once_although_it_was_shown_while_it_hung() {
        let events = [synth::umount2(b"/nfs", 0).task(9, 9), synth::exit(2).time(5_000_000_000)];
        let got: serde_json::Value = serde_json::from_str(&stats("call", true, events)).unwrap();
        assert_eq!((&got["calls"], &got["unfinished"]), (&2.into(), &1.into()));
    }

    #[test]
    fn json_has_numbers_and_null_where_nothing_was_measured() {
        let events = call(1, 1500, 0).into_iter().chain([synth::exit(2)]);
        let got: serde_json::Value = serde_json::from_str(&stats("call", true, events)).unwrap();
        let row = |call: &str, ns: Option<u64>| {
            serde_json::json!({"call": call, "count": 1, "failed": 0, "unfinished": 0,
                "p50_ns": ns, "p90_ns": ns, "p99_ns": ns, "max_ns": ns})
        };
        let rows = [row("mount", Some(1500)), row("umount2", None)];
        let want = serde_json::json!({"schema": 1, "calls": 2, "failed": 0, "unfinished": 0, "lost": 0,
            "lost_unknown": false, "first_ns": 0, "last_ns": 1000,
            "tables": [{"by": ["call"], "distinct": 2, "other": null, "rows": rows}]});
        assert_eq!(got, want);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_not_kept_is_counted() {
        let tids = 0..KEYS_MAX as u32 / 2 + 5;
        let events = || tids.clone().flat_map(|tid| call(tid, 1, 0));
        let got: serde_json::Value = serde_json::from_str(&stats("tid,call", true, events())).unwrap();
        let table = &got["tables"][0];
        assert_eq!((&table["distinct"], &table["other"]["count"]), (&(KEYS_MAX / 2).into(), &5.into()));
        assert_eq!(got["tables"][1]["other"], serde_json::Value::Null);
        let limit = format!("{KEYS_MAX} in all tables together, or {} MiB", KEY_BYTES_MAX >> 20);
        assert!(include_str!("../../docs/limits.md").contains(&limit), "docs/limits.md should say: {limit}");
        let text = stats("tid,call", false, events());
        let other = "(other)              5       0           0       1ns       1ns       1ns       1ns\n";
        assert!(text.contains(&format!("{other}(other: keys that came after the first 500)\n")), "{text}");
    }

    #[test]
    fn long_keys_are_bounded_by_their_bytes() {
        let long = vec![b'x'; 4096];
        let events = (0..600).flat_map(|n: u32| {
            let target = [&long[..], &n.to_le_bytes()].concat();
            [synth::umount2(&target, 0), synth::exit(2)]
        });
        let got: serde_json::Value = serde_json::from_str(&stats("target", true, events)).unwrap();
        let (apart, other) = (&got["tables"][0]["distinct"], &got["tables"][0]["other"]["count"]);
        let apart = apart.as_u64().unwrap();
        assert!((500..520).contains(&apart) && *other == (600 - apart), "{apart} apart, {other} others");
    }

    /// Two threads that share a place among those remembered, one of which becomes another program in between.
    #[test]
    fn a_caller_is_counted_as_what_it_is_at_the_time() {
        let told = |exe: &[u8]| synth::process().task(5, 5).start(7).exe(exe).cgroup(0, exe);
        let call = |tid: u32, comm: &[u8]| {
            let enter = synth::umount2(b"/", 0).task(tid, tid).start(7).comm(comm);
            vec![enter, synth::exit(2).task(tid, tid)]
        };
        let events = [
            vec![told(b"a.service\0")],
            call(5, b"sh"),
            call(5, b"sh"),
            call(21, b"other"),
            call(5, b"sh"),
            call(5, b"umount"),
            vec![told(b"b.service\0")],
            call(5, b"umount"),
        ];
        let got: serde_json::Value =
            serde_json::from_str(&stats("comm,unit,comm+call", true, events.into_iter().flatten())).unwrap();
        let counts = |table: usize| {
            let rows = got["tables"][table]["rows"].as_array().unwrap().iter();
            let by = got["tables"][table]["by"][0].as_str().unwrap();
            let mut counts: Vec<_> = rows.map(|row| format!("{} {}", row[by], row["count"])).collect();
            counts.sort();
            counts
        };
        let comms = [r#""other" 1"#, r#""sh" 3"#, r#""umount" 2"#];
        assert_eq!(
            (counts(0), counts(2)),
            (comms.map(String::from).to_vec(), comms.map(String::from).to_vec())
        );
        assert_eq!(counts(1), [r#""?" 1"#, r#""a.service" 4"#, r#""b.service" 1"#]);
    }

    #[test]
    fn losses_are_stated() {
        let mut view = Stats::new(StatsOptions { by: Vec::new(), ..StatsOptions::default() });
        let mut out = Vec::new();
        view.lost(&mut out, &Lost { events: Some(7), cpu: None, between: None, why: "" });
        view.end(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "0 calls, 0 failed, 0 unfinished; 7 events lost, so counts are too low\n"
        );
    }

    #[test]
    fn a_key_that_is_none_is_refused_with_those_there_are() {
        let error = Key::parse_list("call,frob").err().unwrap();
        assert!(error.starts_with("cannot group by \"frob\": one of call, error, comm"), "{error}");
    }

    #[test]
    fn no_unit_and_an_unknown_one_are_counted_apart() {
        let told = synth::process().start(7).cgroup(0, b"worker\0");
        let known = synth::umount2(b"/", 0).start(7);
        let unknown = synth::umount2(b"/", 0).task(2, 2).start(8);
        let got = stats("unit", false, [told, known, synth::exit(2), unknown, synth::exit(2).task(2, 2)]);
        let rows: Vec<&str> = got.lines().skip(3).filter_map(|row| row.split(' ').next()).collect();
        assert_eq!(rows, ["-", "?"], "{got}");
    }

    #[test]
    fn an_ignored_filesystem_type_is_not_counted_as_one() {
        let bind = synth::mount(Some(b"/a"), Some(b"/b"), Some(b"ext4"), 4096, None);
        let got: serde_json::Value =
            serde_json::from_str(&stats("fstype", true, [bind, synth::exit(1)])).unwrap();
        assert_eq!(got["tables"][0]["rows"][0]["fstype"], "-");
    }
}
