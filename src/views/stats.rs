//! Counts, failures and latencies by whatever identifies a call, in bounded memory.
//! It must not know how they are printed: that is stats_print.rs.

use std::collections::HashMap;

use super::call::write_arg;
use super::callers::Callers;
use super::columns::{COLUMNS, Cell, Column};
use super::latency::{Latencies, Took};
use super::{Lost, View, status, text};
use crate::assemble::keyed::Keyed;
use crate::assemble::{Op, Outcome};
use crate::decode::escape::{self, Alone};
use crate::decode::{CallSpec, digits};

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
    /// The groups of callers, by table; in tables whose key does not tell callers apart they mean nothing.
    callers: Callers<Vec<Option<usize>>>,
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
            callers: Callers::default(),
        }
    }
}

impl Group {
    #[inline]
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
        Cell::Call => CallSpec::write_name(out, op.common.call),
        Cell::Path(names) => text::path(out, &names),
        Cell::Part(part, cgroup) => text::part(out, part, cgroup),
        Cell::Status => status::write(out, op),
        Cell::Arg(arg) if !arg.ignored => match arg.value {
            crate::decode::Value::Str(text) if text.whole().is_some() => escape::escape(out, text.bytes),
            _ => write_arg::<Alone>(out, &arg),
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
        let mut nobody = Vec::new();
        let (groups, are_known) = match callers.find(op) {
            Some((at, same)) => (callers.known(at), same),
            None => (&mut nobody, false),
        };
        groups.resize(tables.len(), None);
        for (table, group) in tables.iter_mut().zip(groups) {
            if !(are_known && table.of_caller) {
                *group = table.group_of(op, scratch);
            }
            table.add(*group, &call);
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
#[path = "stats_tests.rs"]
mod tests;
