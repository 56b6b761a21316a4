//! Statistics as tables for people, or as one JSON object.
//! It must not count anything.

use super::json::{key, string, unsigned};
use super::stats::{Group, Stats, Table};
use crate::decode::digits;

/// Share of the calls, heading, and name in JSON, of each quantile.
const QUANTILES: [(f64, &str, &str); 3] =
    [(0.5, "P50", "p50_ns"), (0.9, "P90", "p90_ns"), (0.99, "P99", "p99_ns")];

/// Widths of the columns of numbers: count, failed, unfinished, and every latency.
const WIDTHS: [usize; 4] = [9, 8, 12, 10];

/// The width of the key at least, so that tables of short keys stand below each other.
const KEY_WIDTH: usize = 13;

/// Appends the tables.
pub(super) fn text(out: &mut Vec<u8>, stats: &Stats) {
    let mut line = format!(
        "{} calls, {} failed, {} unfinished",
        stats.total.count, stats.total.failed, stats.total.unfinished
    );
    if let Some((first, last)) = stats.span {
        let us = last.abs_diff(first) / 1000;
        line += &format!(", in {}.{:06} s", us / 1_000_000, us % 1_000_000);
    }
    match (stats.lost, stats.lost_unknown) {
        (0, false) => {}
        (0, true) => line += "; an unknown number of events lost, so counts may be too low",
        (lost, unknown) => {
            let more = if unknown { ", and perhaps more" } else { "" };
            line += &format!("; {lost} events lost{more}, so counts are too low");
        }
    }
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
    for table in &stats.tables {
        out.push(b'\n');
        table_text(out, table, stats.options.top);
    }
}

fn table_text(out: &mut Vec<u8>, table: &Table, top: usize) {
    let mut rows = sorted(table, top);
    let more = table.groups.len() - rows.len();
    rows.extend(table.others.as_ref().map(|others| (vec!["(other)".to_owned(); table.key.0.len()], others)));
    let mut lines =
        vec![table.key.0.iter().map(|column| title(column.key, column.title)).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|(cells, _)| cells.clone()));
    let widths: Vec<usize> = (0..table.key.0.len())
        .map(|at| lines.iter().filter_map(|cells| cells.get(at)).map(|cell| cell.len()).max().unwrap_or(0))
        .collect();
    for (at, cells) in lines.iter().enumerate() {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            line += &format!("{cell:<width$} ");
        }
        line = format!(
            "{:<KEY_WIDTH$}",
            line.trim_end(),
            KEY_WIDTH = KEY_WIDTH.max(widths.iter().sum::<usize>() + widths.len() - 1)
        );
        match at.checked_sub(1).and_then(|at| rows.get(at)) {
            None => heading(&mut line),
            Some((_, group)) => numbers(&mut line, group),
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    if table.others.is_some() {
        let apart = table.groups.len();
        out.extend_from_slice(format!("(other: keys that came after the first {apart})\n").as_bytes());
    }
    if more > 0 {
        out.extend_from_slice(format!("({more} more)\n").as_bytes());
    }
}

/// The name of the call is under NAME in text, where CALL is the whole call; here there is no such doubt.
fn title(key: &str, title: &str) -> String {
    if key == "call" { "CALL".to_owned() } else { title.to_owned() }
}

fn heading(line: &mut String) {
    let [count, failed, unfinished, latency] = WIDTHS;
    *line += &format!("{:>count$}{:>failed$}{:>unfinished$}", "COUNT", "FAILED", "UNFINISHED");
    for name in QUANTILES.map(|(_, name, _)| name).into_iter().chain(["MAX"]) {
        *line += &format!("{name:>latency$}");
    }
}

fn numbers(line: &mut String, group: &Group) {
    let [count, failed, unfinished, latency] = WIDTHS;
    *line += &format!("{:>count$}{:>failed$}{:>unfinished$}", group.count, group.failed, group.unfinished);
    for ns in QUANTILES.map(|(share, ..)| group.quantile(share)).into_iter().chain([group.max_ns]) {
        *line += &format!("{:>latency$}", ns.map_or("-".to_owned(), duration));
    }
}

/// A duration in the unit that shows it with one digit behind the point.
fn duration(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    match units.into_iter().find(|(unit, _)| ns >= *unit) {
        Some((unit, name)) => format!("{}.{}{name}", ns / unit, ns % unit / (unit / 10)),
        None => format!("{ns}ns"),
    }
}

/// The cells of each key with its group, the most frequent first.
fn sorted(table: &Table, top: usize) -> Vec<(Vec<String>, &Group)> {
    let groups = table.by_key.iter().filter_map(|(key, at)| Some((key, table.groups.get(*at)?)));
    let mut rows: Vec<(&Vec<u8>, &Group)> = groups.collect();
    rows.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(b.0)));
    rows.truncate(if top == 0 { usize::MAX } else { top });
    rows.into_iter()
        .map(|(key, group)| {
            let cells = key.split(|&byte| byte == 0).take(table.key.0.len());
            (cells.map(|cell| String::from_utf8_lossy(cell).into_owned()).collect(), group)
        })
        .collect()
}

/// Appends the object.
pub(super) fn json(out: &mut Vec<u8>, stats: &Stats) {
    out.extend_from_slice(b"{\"schema\":1,\"calls\":");
    unsigned(out, stats.total.count);
    field(out, "failed", Some(stats.total.failed));
    field(out, "unfinished", Some(stats.total.unfinished));
    field(out, "lost", Some(stats.lost));
    out.extend_from_slice(if stats.lost_unknown {
        b",\"lost_unknown\":true"
    } else {
        b",\"lost_unknown\":false"
    });
    field(out, "first_ns", stats.span.map(|(first, _)| first));
    field(out, "last_ns", stats.span.map(|(_, last)| last));
    out.extend_from_slice(b",\"tables\":[");
    for (at, table) in stats.tables.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"by\":[" } else { b",{\"by\":[" });
        for (at, column) in table.key.0.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"," });
            string(out, column.key);
        }
        out.push(b']');
        field(out, "distinct", Some(table.groups.len() as u64));
        out.extend_from_slice(b",\"other\":");
        match &table.others {
            None => out.extend_from_slice(b"null"),
            Some(others) => {
                out.push(b'{');
                counts(out, others);
            }
        }
        out.extend_from_slice(b",\"rows\":[");
        for (at, (cells, group)) in sorted(table, stats.options.top).iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
            row(out, table, cells, group);
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}\n");
}

fn row(out: &mut Vec<u8>, table: &Table, cells: &[String], group: &Group) {
    for (column, cell) in table.key.0.iter().zip(cells) {
        key(out, column.key);
        string(out, cell);
        out.push(b',');
    }
    counts(out, group);
}

/// The rest of an object.
fn counts(out: &mut Vec<u8>, group: &Group) {
    key(out, "count");
    digits::decimal(out, group.count);
    field(out, "failed", Some(group.failed));
    field(out, "unfinished", Some(group.unfinished));
    for (share, _, name) in QUANTILES {
        field(out, name, group.quantile(share));
    }
    field(out, "max_ns", group.max_ns);
    out.push(b'}');
}

fn field(out: &mut Vec<u8>, name: &str, value: Option<u64>) {
    out.push(b',');
    key(out, name);
    match value {
        Some(value) => unsigned(out, value),
        None => out.extend_from_slice(b"null"),
    }
}
