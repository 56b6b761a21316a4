//! What is counted of which calls, and in what bounds.

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
    assert_eq!((counts(0), counts(2)), (comms.map(String::from).to_vec(), comms.map(String::from).to_vec()));
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
