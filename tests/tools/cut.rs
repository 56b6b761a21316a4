//! A cut shows what a filter shows, and holds nothing of what it left out.

use std::fs;
use std::path::{Path, PathBuf};

use mountsnoop::decode::synth;
use mountsnoop::layout::Common;

use super::commands::{dir_with, expect, run};
use super::{Content, Recorder, SECOND, content, identity, sample, verdicts};
use crate::fixtures;

/// The rows of a trace, one way and another; remarks and losses are no rows.
fn rows(dir: &Path, name: &str, filter: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for how in ["replay -t", "replay -d --utc", "replay --json", "export -F csv -o -"] {
        let out = String::from_utf8(run(dir, &format!("{how} {name} {filter}")).stdout).expect("text");
        let is_row = |line: &&str| !line.starts_with("-- ") && !line.starts_with("{\"schema\":1,\"marker\":");
        let lines: Vec<&str> = out.lines().filter(is_row).collect();
        // In the detail view an empty line stands behind a remark, too.
        rows.extend(lines.into_iter().filter(|line| !line.is_empty()).map(|line| format!("{how}: {line}")));
    }
    rows
}

/// Cuts, and compares: the cut shows what the filter shows, with the filter and without.
fn check(dir: &Path, name: &str, filter: &str) -> Content {
    let asked = rows(dir, name, filter);
    let _ = fs::remove_file(dir.join("cut.mst"));
    expect(dir, &format!("cut {name} -o cut.mst {filter}"), 0, "[ mountsnoop cut: ");
    for again in ["", filter] {
        let shown = rows(dir, "cut.mst", again);
        assert!(
            shown == asked,
            "cut {name} {filter}, replayed with {again:?}\n--- asked for\n{}\n--- shown\n{}",
            asked.join("\n"),
            shown.join("\n")
        );
    }
    let bytes = fs::read(dir.join("cut.mst")).expect("a cut");
    let (found, findings) = verdicts(&bytes);
    assert!(
        found.iter().all(|v| v.closed && v.sparse && v.doubts == 0 && v.damages.places == 0),
        "{found:?} {findings:?}"
    );
    content(&bytes).expect("a trace")
}

fn fixture(name: &str) -> PathBuf {
    fixtures::dir().join(name)
}

#[test]
fn a_cut_of_a_fixture_shows_what_the_filter_shows() {
    let dir = tempfile::tempdir().expect("a directory");
    let pid = |name: &str, nth: usize| {
        let out = fixtures::mountsnoop(&["replay", "--json", name]).stdout;
        let text = String::from_utf8(out).expect("JSON");
        let row: serde_json::Value =
            serde_json::from_str(text.lines().nth(nth).expect("a row")).expect("JSON");
        row["pid"].to_string()
    };
    for name in ["seed.mst", "containers.mst"] {
        fs::copy(fixture(name), dir.path().join(name)).expect("copied");
        let one = format!("-p {}", pid(name, 2));
        for filter in [
            "--failed",
            "--comm m*",
            "--since +1ms",
            "--until +60ms",
            "--since +5s --until +10s",
            "--slow 100us",
            &one,
            "--ns 4026532160",
            "-p 4294967295",
        ] {
            check(dir.path(), name, filter);
        }
    }
}

#[test]
fn nothing_of_what_was_left_out_is_in_the_cut() {
    let dir = dir_with(&[("in.mst", &sample(1, 12, true))]);
    let kept = check(dir.path(), "in.mst", "-p 107");
    assert_eq!(kept.events.len(), 3, "the process, the beginning and the return");
    let raw: Vec<u8> = kept.events.concat().into_iter().chain(kept.others.concat().into_bytes()).collect();
    let holds = |text: &str| raw.windows(text.len()).any(|window| window == text.as_bytes());
    for n in 0..12 {
        for name in [format!("call{n}"), format!("prog{n}\0"), format!("c{n}\0")] {
            assert_eq!(holds(&name), n == 7, "{name:?}");
        }
    }
    assert!(!holds("a later version's"), "nobody knows what a record of a later version tells of others");
    assert!(holds("cut: -p 107"), "what was left out is said: {:?}", kept.others);
}

/// So many that several threads read them.
#[test]
fn of_many_calls_the_last_are_kept_too() {
    let dir = dir_with(&[("in.mst", &sample(1, 7000, false))]);
    expect(dir.path(), "cut in.mst -o cut.mst --failed", 0, "[ mountsnoop cut: 4200 of 21000 events");
    let kept = content(&fs::read(dir.path().join("cut.mst")).expect("a cut")).expect("a trace");
    // Each fifth, with its process, its beginning and its return.
    assert_eq!(kept.events.len(), 3 * 1400);
    let last = kept.events.last().and_then(|event| Common::read(event));
    assert_eq!(last.map(|head| head.pid), Some(100 + 6999));
}

#[test]
fn of_a_process_that_changed_its_program_only_the_program_of_the_call_is_kept() {
    let mut recorder = Recorder::new(identity(1), "host");
    for (n, exe) in [&b"secret\0"[..], b"mount\0", b"later\0"].into_iter().enumerate() {
        let at = 51 * SECOND + 10 * n as u64;
        recorder.event(synth::process().task(5, 5).start(7).exe(exe).time(at), 0);
        recorder.event(synth::umount2(exe, 0).task(5, 5).start(7).time(at + 1), 0);
        recorder.event(synth::exit(2).task(5, 5).time(at + 2).ret(if n == 1 { -16 } else { 0 }), 0);
    }
    let dir = dir_with(&[("in.mst", &recorder.finish())]);
    let kept = check(dir.path(), "in.mst", "--failed");
    let programs: Vec<String> =
        kept.events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect();
    let with = |name: &str| programs.iter().filter(|event| event.contains(name)).count();
    assert_eq!((with("secret"), with("mount"), with("later")), (0, 2, 0), "{programs:?}");
}

#[test]
fn calls_that_hang_and_returns_without_a_beginning_are_kept() {
    let mut recorder = Recorder::new(identity(1), "host");
    let at = 51 * SECOND;
    recorder.event(synth::exit(2).task(3, 3).time(at).ret(-2), 0);
    recorder.event(synth::umount2(b"/nfs", 0).task(4, 4).start(1).time(at + 5), 0);
    recorder.event(synth::umount2(b"/mnt", 0).task(5, 5).start(1).time(at + 6), 0);
    recorder.event(synth::exit(2).task(5, 5).time(at + 7), 0);
    let dir = dir_with(&[("in.mst", &recorder.finish())]);
    assert_eq!(check(dir.path(), "in.mst", "-p 4").events.len(), 1);
    assert_eq!(check(dir.path(), "in.mst", "--failed").events.len(), 1);
    assert_eq!(check(dir.path(), "in.mst", "--slow 2s").events.len(), 1);
}

#[test]
fn losses_of_the_time_that_is_kept_are_kept() {
    let dir = dir_with(&[("in.mst", &sample(1, 12, true))]);
    // The loss stands behind the seventh call, at 6 ms after the first second.
    let losses = |filter: &str| {
        check(dir.path(), "in.mst", filter).others.iter().filter(|record| record.starts_with("Lost(")).count()
    };
    assert_eq!(losses("--since +1s --until +1005ms"), 0);
    assert_eq!(losses("--since +1005ms --until +1007ms"), 1);
    assert_eq!(losses("-p 100"), 1);
}

#[test]
fn a_merged_trace_and_several_in_one_file_can_be_cut() {
    let (one, two) = (sample(1, 12, true), sample(2, 9, false));
    let dir = dir_with(&[("one.mst", &one), ("two.mst", &two), ("both.mst", &[&one[..], &two[..]].concat())]);
    expect(dir.path(), "merge one.mst two.mst -o merged.mst", 0, "");
    for name in ["merged.mst", "both.mst"] {
        for filter in ["--failed", "-p 104", "--since +1002ms --until +1006ms"] {
            check(dir.path(), name, filter);
        }
    }
}

#[test]
fn what_cannot_be_cut_is_said() {
    let dir = dir_with(&[("in.mst", &sample(1, 5, false)), ("half.mst", &sample(2, 5, false)[..900])]);
    expect(dir.path(), "cut in.mst -o out.mst", 1, "say what to keep, for example");
    expect(dir.path(), "cut - -o out.mst --failed", 1, "standard input can be read only once");
    expect(dir.path(), "cut in.mst -o out.mst --since yesterday", 1, "--since: \"yesterday\" is not a time");
    expect(dir.path(), "cut half.mst -o out.mst --failed", 1, "with mountsnoop repair");
    let done = run(dir.path(), "cut half.mst -o out.mst --failed");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(said.lines().count(), 1, "it is read twice, and damage said once: {said}");
    assert!(!dir.path().join("out.mst").exists());
}
