//! A recording in several files is one recording: calls go on from one file to the next, whoever reads or follows them.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;

use mountsnoop::decode::synth;
use mountsnoop::format::{
    ClockSync, EventInfo, FileIdentity, Metadata, RecorderStats, Writer, WriterOptions, lock,
};
use mountsnoop::layout::Common;

use crate::support::Dir;

const SECOND: u64 = 1_000_000_000;

/// When a file begins, boot time: a second after the one before.
fn begins(index: u32) -> u64 {
    (100 + u64::from(index)) * SECOND
}

/// A file of a recording: a call that began in the file before returns, one is whole, and one begins.
fn segment(index: u32, continues: bool) -> Vec<u8> {
    let start = begins(index);
    let identity = FileIdentity {
        file_uuid: [index as u8 + 1; 16],
        session_uuid: [7; 16],
        segment_index: index,
        created_realtime_ns: start as i64,
        created_boottime_ns: start,
        ..FileIdentity::default()
    };
    let clock = |at: u64| ClockSync { boottime_ns: at, realtime_ns: at as i64, ..ClockSync::default() };
    let (metadata, options) = (Metadata::default(), WriterOptions::default());
    let mut writer = Writer::new(Vec::new(), options, identity, &metadata, &clock(start)).expect("a writer");
    let call = |name: &str, tid| synth::umount2(name.as_bytes(), 0).task(tid, tid);
    let back = |tid| synth::exit(2).task(tid, tid);
    let events = [
        back(index).time(start + SECOND / 4),
        call(&format!("/whole/{index}"), 99).time(start + SECOND / 2),
        back(99).time(start + SECOND / 2 + 1000),
        call(&format!("/into/{}", index + 1), index + 1).time(start + 3 * SECOND / 4),
    ];
    // Nothing began before the recording.
    let events = events.into_iter().skip(usize::from(index == 0)).map(|event| event.build());
    for event in events {
        let time_ns = Common::read(&event).expect("an event").time;
        writer.event(&EventInfo { time_ns, op_bit: 2, ..EventInfo::default() }, &event).expect("written");
    }
    if continues {
        writer.will_continue();
    }
    let n = writer.unwritten_events();
    let stats = RecorderStats { seen: n, sent: n, written: n, ..RecorderStats::default() };
    writer.finish(&stats, &clock(start + SECOND)).expect("finished").0
}

fn name(index: u32) -> String {
    format!("t.{index:06}.mst")
}

/// A directory with these files of a recording of three.
fn recording(files: &[u32]) -> Dir {
    let dir = Dir::new();
    for &index in files {
        fs::write(dir.path(&name(index)), segment(index, index < 2)).expect("written");
    }
    dir
}

/// The calls that are shown, without who made them.
fn calls(text: &str) -> Vec<&str> {
    text.lines().skip(1).map(|line| line.split_at(line.find("umount2").unwrap_or(0)).1).collect()
}

const ALL: [&str; 6] = [
    "umount2(\"/whole/0\", 0x0) = 0",
    "umount2(\"/into/1\", 0x0) = 0",
    "umount2(\"/whole/1\", 0x0) = 0",
    "umount2(\"/into/2\", 0x0) = 0",
    "umount2(\"/whole/2\", 0x0) = 0",
    "umount2(\"/into/3\", 0x0 <unfinished ...>",
];

#[test]
fn calls_go_on_from_one_file_to_the_next() {
    let dir = recording(&[0, 1, 2]);
    let replay = |args: &[&str]| dir.mountsnoop(["replay"].iter().chain(args)).run();
    assert_eq!(calls(replay(&[&name(0), &name(1), &name(2)]).code(0).silent().text()), ALL);
    let both = dir.sh("cat t.*.mst | $mountsnoop replay -").run().code(0).silent();
    assert_eq!(calls(both.text()), ALL, "one behind the other in one file");
    let alone = replay(&[&name(1)]).code(0).silent();
    let expected =
        ["umount2(?, ?) = 0", "umount2(\"/whole/1\", 0x0) = 0", "umount2(\"/into/2\", 0x0 <unfinished ...>"];
    assert_eq!(calls(alone.text()), expected, "a file alone");
    let again = replay(&[&name(0), &name(0)]).code(0).silent();
    assert_eq!(calls(again.text()).len(), 4, "the same file twice is no recording of two files");
}

#[test]
fn times_count_from_the_start_of_the_recording() {
    let dir = recording(&[0, 1, 2]);
    let (files, part) = ([name(0), name(1), name(2)], ["--since", "+700ms", "--until", "+1600ms"]);
    let args = ["replay"].into_iter().chain(files.iter().map(String::as_str)).chain(part);
    let shown = dir.mountsnoop(args).run().code(0).silent();
    assert_eq!(calls(shown.text()), ALL[1..3]);
}

#[test]
fn a_file_that_is_missing_in_between_is_missed() {
    let dir = recording(&[0, 2]);
    let shown = dir.mountsnoop(["replay", &name(0), &name(2)]).run().code(3);
    let shown = shown.says("file 2 of a recording follows its file 0");
    let (first, last) = ("umount2(\"/into/1\", 0x0 <unfinished ...>", "umount2(?, ?) = 0");
    assert_eq!(calls(shown.text()), [ALL[0], first, last, ALL[4], ALL[5]]);
}

#[test]
fn a_follower_goes_on_with_the_next_file() {
    let dir = recording(&[0]);
    let mut follower = dir.mountsnoop(["replay", "-f", &name(0)]).spawn();
    for index in [1, 2] {
        follower.until("the end of the file before", |said| {
            said.contains(&format!("/whole/{}", index - 1)).then_some(())
        });
        let bytes = segment(index, index < 2);
        let mut file = File::create_new(dir.path(&name(index))).expect("a new file");
        assert!(lock::hold(&file).expect("a filesystem with locks"));
        // As a recorder writes it: not all at once.
        let (first, rest) = bytes.split_at(bytes.len() - 300);
        file.write_all(first).expect("written");
        let line = format!("umount2(\"/into/{index}\", 0x0) = 0");
        follower.until("a call from the file before", |said| said.contains(&line).then_some(()));
        file.write_all(rest).expect("written");
    }
    let followed = follower.wait().code(0).silent();
    assert_eq!(calls(followed.text()), ALL);
}

#[test]
fn a_follower_notices_that_another_trace_is_written_over_its_own() {
    type Overwrite = fn(&File);
    let ways: [Overwrite; 2] = [
        |file| file.set_len(0).expect("emptied"),
        |file| file.write_all_at(&segment(1, true)[..200], 0).expect("written"),
    ];
    for overwrite in ways {
        let dir = recording(&[]);
        let mut file = File::create_new(dir.path("t.mst")).expect("a new file");
        assert!(lock::hold(&file).expect("a filesystem with locks"));
        let bytes = segment(0, true);
        file.write_all(&bytes[..bytes.len() - 300]).expect("written");
        let mut follower = dir.mountsnoop(["replay", "-f", "t.mst"]).spawn();
        follower.until("a call", |said| said.contains("/whole/0").then_some(()));
        overwrite(&file);
        follower.wait().code(1).says("somebody writes another trace over it").has("/whole/0");
    }
}

#[test]
fn a_follower_misses_a_next_file_that_never_comes() {
    let dir = recording(&[0]);
    let followed = dir.mountsnoop(["replay", "-f", &name(0)]).run().code(3);
    followed.says(&format!("goes on in {}, which is not there", name(1)));
    fs::rename(dir.path(&name(0)), dir.path("other.mst")).expect("renamed");
    let followed = dir.mountsnoop(["replay", "-f", "other.mst"]).run().code(3);
    followed.says("expected a name such as trace.000000.mst");
}
