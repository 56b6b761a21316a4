//! What the user sees: files, messages and exit statuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mountsnoop::decode::synth;
use mountsnoop::format::FileIdentity;

use super::{Recorder, SECOND, content, identity, sample};
use crate::fixtures;

/// Runs the program in a directory.
pub fn run(dir: &Path, line: &str) -> Output {
    let done = Command::new(env!("CARGO_BIN_EXE_mountsnoop"))
        .args(line.split_whitespace())
        .current_dir(dir)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output();
    done.unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[track_caller]
pub fn expect(dir: &Path, line: &str, code: i32, says: &str) -> String {
    let done = run(dir, line);
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let said = format!("{out}{err}");
    assert!(
        done.status.code() == Some(code) && said.contains(says) && !said.contains("panicked"),
        "mountsnoop {line}: expected status {code} and {says:?}, got {:?}\nstdout: {out}\nstderr: {err}",
        done.status
    );
    out.into_owned()
}

pub fn dir_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("written");
    }
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn verify_says_what_is_proven_and_names_what_is_not() {
    let whole = sample(1, 12, false);
    let lossy = sample(2, 12, true);
    let dir = dir_with(&[
        ("whole.mst", &whole),
        ("lossy.mst", &lossy),
        ("cut.mst", &whole[..whole.len() - 100]),
        ("two.mst", &[&whole[..], &lossy[..]].concat()),
        ("zeroes.mst", &[&whole[..], &[0; 99]].concat()),
        ("text", b"no trace\n"),
    ]);
    let dir = dir.path();
    expect(
        dir,
        "verify whole.mst",
        0,
        "whole.mst: complete: 36 events, closed, 0 lost, every checksum right\n",
    );
    expect(dir, "verify lossy.mst", 3, "lossy.mst: lost, 3 events lost: ring buffer full, on CPU 0\n");
    expect(dir, "verify lossy.mst", 3, "lossy.mst: not complete: 36 events readable; lost: 3; closed\n");
    expect(dir, "verify cut.mst", 3, "cut.mst: torn-tail at offset ");
    expect(dir, "verify cut.mst", 3, "not closed\n");
    expect(dir, "verify zeroes.mst", 3, "zeroes.mst: zero-tail at offset ");
    expect(dir, "verify zeroes.mst", 3, ", 99 bytes, 0 events lost: only zero bytes from here on");
    let two = expect(dir, "verify two.mst", 3, "two.mst: complete: 36 events");
    assert!(two.contains("two.mst: trace 2: not complete: 36 events readable; lost: 3; closed\n"), "{two}");
    expect(dir, "verify text", 1, "not a mountsnoop trace");
    expect(dir, "verify absent", 1, "cannot open the trace absent");
}

#[test]
fn verify_speaks_to_programs_too() {
    let whole = sample(1, 12, true);
    let dir = dir_with(&[("cut.mst", &whole[..whole.len() - 100])]);
    let out = expect(dir.path(), "verify --json cut.mst", 3, "");
    let said: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let [lost, torn, verdict] = &said[..] else { panic!("{out}") };
    assert_eq!((&lost["finding"], &lost["events_lost"]), (&"lost".into(), &3.into()), "{lost}");
    assert_eq!((&torn["finding"], &torn["events_lost"]), (&"torn-tail".into(), &0.into()), "{torn}");
    assert_eq!(
        (&verdict["verdict"], &verdict["closed"]),
        (&"not complete".into(), &false.into()),
        "{verdict}"
    );
    assert_eq!(
        (&verdict["events"], &verdict["lost"], &verdict["damaged_places"]),
        (&36.into(), &3.into(), &1.into())
    );
}

#[test]
fn repair_says_what_it_did_and_never_touches_its_input() {
    let whole = sample(1, 12, false);
    let cut = &whole[..whole.len() * 2 / 3];
    let dir = dir_with(&[("cut.mst", cut), ("whole.mst", &whole)]);
    let dir = dir.path();
    expect(
        dir,
        "repair cut.mst -o clean.mst",
        3,
        "was not closed, without the recorder's own books -> clean.mst",
    );
    assert_eq!(fs::read(dir.join("cut.mst")).unwrap(), cut, "the input is only read");
    expect(dir, "verify clean.mst", 3, "clean.mst: edited: repaired: ");
    let shown = expect(dir, "replay clean.mst", 3, "-- lost an unknown number of events after ");
    let damaged = run(dir, "replay cut.mst").stdout;
    let calls = |text: &str| {
        text.lines().filter(|line| !line.starts_with("-- ")).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(calls(&shown), calls(&String::from_utf8_lossy(&damaged)));
    expect(
        dir,
        "repair whole.mst -o same.mst",
        0,
        "36 events kept, 0 damaged places, 0 events lost -> same.mst",
    );
}

#[test]
fn an_output_is_new_private_and_never_the_input() {
    let whole = sample(1, 5, false);
    let dir = dir_with(&[("in.mst", &whole), ("other.mst", &sample(2, 5, false)), ("there", b"precious")]);
    let dir = dir.path();
    symlink("in.mst", dir.join("link.mst")).expect("a link");
    fs::hard_link(dir.join("in.mst"), dir.join("hard.mst")).expect("a link");
    let before = names(dir);
    for tool in ["repair in.mst", "compact in.mst", "merge in.mst other.mst", "cut in.mst --failed"] {
        for same in ["in.mst", "link.mst", "hard.mst"] {
            expect(
                dir,
                &format!("{tool} --force -o {same}"),
                1,
                "is the input itself: write to another file",
            );
        }
        expect(
            dir,
            &format!("{tool} -o there"),
            1,
            "it exists: choose another name, or replace it with --force",
        );
        expect(dir, &format!("{tool} -o no/such"), 1, "its directory does not exist");
        expect(dir, &format!("{tool} --force -o /dev/null"), 1, "it is no regular file");
        assert_eq!(names(dir), before, "{tool}");
        assert_eq!(fs::read(dir.join("there")).unwrap(), b"precious", "{tool}");
        expect(dir, &format!("{tool} -o new.mst"), 0, "new.mst");
        let mode = fs::metadata(dir.join("new.mst")).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{tool}");
        fs::remove_file(dir.join("new.mst")).expect("removed");
    }
    assert_eq!(fs::read(dir.join("in.mst")).unwrap(), whole, "the input is only read");
    expect(dir, "compact in.mst --force -o there", 0, "there");
    assert!(content(&fs::read(dir.join("there")).unwrap()).is_some(), "replaced");
    assert_eq!(names(dir), before);
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let whole = sample(1, 12, false);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let dir =
        dir_with(&[("damaged.mst", &damaged), ("whole.mst", &sample(2, 5, false)), ("there", b"precious")]);
    let dir = dir.path();
    let before = names(dir);
    for tool in ["compact damaged.mst", "merge whole.mst damaged.mst", "cut damaged.mst --failed"] {
        for output in ["-o new.mst", "--force -o there"] {
            expect(
                dir,
                &format!("{tool} {output}"),
                1,
                "make a clean trace of it first, with mountsnoop repair",
            );
        }
    }
    assert_eq!(names(dir), before);
    assert_eq!(fs::read(dir.join("there")).unwrap(), b"precious");
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let dir = dir_with(&[("in.mst", &sample(1, 500, false))]);
    // A limit on the size of files is what a full disk is to a program: the kernel refuses to write on.
    let line = format!(
        "ulimit -f 1; trap '' XFSZ; exec {} compact in.mst -o out.mst",
        env!("CARGO_BIN_EXE_mountsnoop")
    );
    let done = Command::new("sh").args(["-c", &line]).current_dir(dir.path()).output().expect("sh");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.code() == Some(1)
            && said.contains("out.mst, of which nothing is left: cannot write the trace at"),
        "{:?} {said}",
        done.status
    );
    assert_eq!(names(dir.path()), ["in.mst"]);
}

#[test]
fn a_compacted_trace_is_smaller_and_reads_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["seed", "containers"] {
        let from = fixtures::dir().join(name).with_extension("mst");
        let to = dir.path().join(name).with_extension("mst");
        expect(dir.path(), &format!("compact {} -o {}", from.display(), to.display()), 0, " B -> ");
        let read = |path: &Path| content(&fs::read(path).expect("a trace")).expect("a trace");
        assert_eq!(read(&to), read(&from), "{name}");
        for how in ["replay -d --utc", "replay --json", "stats --json", "export -F csv -o -"] {
            let of = |path: &Path| run(dir.path(), &format!("{how} {}", path.display())).stdout;
            assert_eq!(of(&to), of(&from), "{how} {name}");
        }
    }
    let big = dir_with(&[("big.mst", &sample(1, 2000, false))]);
    expect(big.path(), "compact big.mst -o small.mst", 0, "[ mountsnoop compact: 6000 events, ");
    let size = |name: &str| fs::metadata(big.path().join(name)).expect("a file").len();
    assert!(size("small.mst") * 4 < size("big.mst"), "{} -> {}", size("big.mst"), size("small.mst"));
}

#[test]
fn standard_output_takes_a_trace_but_no_terminal_does() {
    let dir = dir_with(&[("in.mst", &sample(1, 5, false)), ("other.mst", &sample(2, 5, false))]);
    for tool in ["repair in.mst", "compact in.mst", "merge in.mst other.mst"] {
        let done = run(dir.path(), &format!("{tool} -o -"));
        assert!(content(&done.stdout).is_some(), "{tool}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// A trace of one call by thread 7 that begins `from` after the recording and returns `to` after it.
fn one_call(identity: FileIdentity, host: &str, target: &str, from: u64, to: u64) -> Vec<u8> {
    let mut recorder = Recorder::new(identity, host);
    let begun = identity.created_boottime_ns;
    recorder.event(synth::umount2(target.as_bytes(), 0).task(7, 7).time(begun + from), 0);
    recorder.event(synth::exit(2).task(7, 7).time(begun + to), 0);
    recorder.finish()
}

#[test]
fn each_call_of_a_merged_trace_has_its_own_host_clock_and_thread() {
    // Both hosts have a thread 7, whose calls overlap; one has been up for much longer.
    let two = FileIdentity { created_boottime_ns: 9_000 * SECOND, ..identity(2) };
    let (a, b) =
        (one_call(identity(1), "alpha", "/a", 1_000, 9_000), one_call(two, "beta", "/b", 3_000, 5_000));
    let dir = dir_with(&[("a.mst", &a), ("b.mst", &b)]);
    let dir = dir.path();
    expect(
        dir,
        "merge a.mst b.mst -o m.mst",
        0,
        "the order of 3 events among those of other hosts is not certain",
    );
    let row = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"))
    };
    let all: Vec<_> = expect(dir, "replay --json m.mst", 0, "").lines().map(row).collect();
    let told = |row: &serde_json::Value| {
        format!("{} {} {} {}", row["host"], row["text"], row["duration_ns"], row["time"])
    };
    let calls: Vec<String> = all.iter().filter(|row| row["call"].is_string()).map(told).collect();
    assert_eq!(
        calls,
        [
            "\"beta\" \"umount2(\\\"/b\\\", 0x0) = 0\" 2000 \"2023-11-14T22:13:20.000003000Z\"",
            "\"alpha\" \"umount2(\\\"/a\\\", 0x0) = 0\" 8000 \"2023-11-14T22:13:20.000001000Z\"",
        ]
    );
    assert_eq!(all.last().expect("a remark")["marker"], "edited");
    let csv = expect(dir, "export m.mst -F csv -o -", 0, "");
    assert!(csv.contains(",beta,") && csv.contains(",alpha,"), "{csv}");
    // A window is one of the time of day, by the clock of each host.
    let asked = |filter: &str| {
        expect(dir, &format!("replay --json m.mst {filter}"), 0, "").matches("\"text\":\"umount2").count()
    };
    assert_eq!((asked("--since +2us"), asked("--until +2us"), asked("--since +0s --until +10s")), (1, 1, 2));
    let info = expect(dir, "info m.mst", 0, "yes: 4 of 4 events");
    assert!(
        info.contains("source     0: alpha, recorded 2023")
            && info.contains("source     1: beta, recorded 2023"),
        "{info}"
    );
}

#[test]
fn calls_that_go_on_from_one_file_of_a_recording_to_the_next_are_one_call() {
    let mut first = Recorder::new(identity(1), "host");
    first.event(synth::umount2(b"/slow", 0).task(7, 7).time(51 * SECOND), 0);
    let next = FileIdentity {
        file_uuid: [2; 16],
        segment_index: 1,
        created_boottime_ns: 52 * SECOND,
        created_realtime_ns: 1_700_000_002 * SECOND as i64,
        ..identity(1)
    };
    let mut second = Recorder::new(next, "host");
    second.event(synth::exit(2).task(7, 7).time(53 * SECOND), 0);
    let dir = dir_with(&[("0.mst", &first.finish()), ("1.mst", &second.finish())]);
    expect(dir.path(), "merge 1.mst 0.mst -o m.mst", 0, "2 events of 2 traces with 1 clocks");
    expect(dir.path(), "replay --json m.mst", 0, "\"duration_ns\":2000000000");
    expect(dir.path(), "verify m.mst", 0, "complete: 2 events");
}

#[test]
fn a_repaired_trace_is_never_called_complete_by_anything() {
    let whole = sample(1, 12, false);
    let dir = dir_with(&[("cut.mst", &whole[..whole.len() / 2]), ("loss.mst", &whole)]);
    let dir = dir.path();
    expect(dir, "repair cut.mst -o clean.mst", 3, "");
    expect(dir, "verify clean.mst", 3, "an unknown number more");
    expect(dir, "info clean.mst", 3, "complete   no");
    expect(dir, "info clean.mst", 3, "something is recorded as lost");
    expect(
        dir,
        "replay clean.mst",
        3,
        "the file it was repaired from was damaged or not closed: events may be lost, and nobody knows how many",
    );
    expect(dir, "stats clean.mst", 3, "an unknown number of events lost, so counts may be too low");
    expect(dir, "cut clean.mst -o part.mst --failed", 0, "");
    expect(dir, "verify part.mst", 3, "an unknown number more");
    expect(dir, "info part.mst", 3, "complete   no");
}

#[test]
fn a_cut_is_complete_as_a_cut() {
    let dir = dir_with(&[("in.mst", &sample(1, 12, false))]);
    expect(dir.path(), "cut in.mst -o cut.mst --failed", 0, "[ mountsnoop cut: 6 of 36 events -> cut.mst");
    expect(dir.path(), "verify cut.mst", 0, "cut.mst: edited: cut: --failed: 6 of 36 events kept");
    expect(dir.path(), "verify cut.mst", 0, "every checksum right; others were left out on purpose");
    expect(dir.path(), "info cut.mst", 0, "; others were left out on purpose");
    expect(dir.path(), "info cut.mst", 0, "filter     cut: --failed");
    expect(dir.path(), "replay cut.mst", 0, " edited: cut: --failed: 6 of 36 events kept");
}
