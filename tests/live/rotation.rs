//! A recording in several files: no event is lost or doubled where one ends and the next begins, each can be read alone, and
//! only as many stay as are wanted.

use std::fs::File;
use std::path::PathBuf;

use mountsnoop::format::{CONTINUED, Item, Reader, RecorderStats, State};
use mountsnoop::layout::Common;
use rustix::process::Signal;

use crate::support::{Dir, Done, live};

/// The files of the recording `t.mst` that are there, in their order.
fn files(dir: &Dir) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.path("")).expect("a directory").flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("t.0") && name.ends_with(".mst")
    });
    files.sort();
    files
}

/// What one file has: session and number, the numbers of its events by CPU, its books, and whether another follows.
struct Segment {
    session: [u8; 16],
    index: u32,
    events: Vec<(u32, u64)>,
    stats: RecorderStats,
    continues: bool,
}

fn segment(path: &PathBuf) -> Segment {
    let mut reader = Reader::from_file(File::open(path).expect("a file")).expect("a trace");
    let (mut ids, mut events, mut books, mut continues) = (None, Vec::new(), None, false);
    while let Some(item) = reader.next().expect("it can be read") {
        match item {
            Item::Start { header: Some(header), .. } => {
                ids = Some((header.session_uuid, header.segment_index))
            }
            Item::Event(event) => {
                let head = Common::read(event.bytes).expect("an event");
                events.push((head.cpu, head.seq));
            }
            Item::Stats(stats) => books = Some(*stats),
            Item::End { end, .. } => continues = end.flags & CONTINUED != 0,
            Item::Damage(damage) => panic!("{}: {damage}", path.display()),
            _ => {}
        }
    }
    assert_eq!(reader.state(), State::Closed, "{}", path.display());
    let (session, index) = ids.expect("a header");
    Segment { session, index, events, stats: books.expect("books"), continues }
}

fn record(dir: &Dir, line: &str) -> Done {
    dir.sh(&format!("exec $mountsnoop record --ring-size 64M -o t.mst {line}")).run()
}

#[test]
fn under_load_no_event_is_lost_or_doubled_at_a_seam() {
    let Some(dir) = live() else { return };
    const CALLS: u64 = 400_000;
    dir.compile("say");
    record(&dir, "--rotate-size 50K -- ./say x 100000 4").code(0);
    let segments: Vec<Segment> = files(&dir).iter().map(segment).collect();
    assert!(segments.len() >= 3, "only {} files", segments.len());
    let mut next = std::collections::BTreeMap::new();
    let mut events = 0;
    for (number, segment) in segments.iter().enumerate() {
        assert_eq!((segment.session, segment.index), (segments[0].session, number as u32));
        assert_eq!(segment.continues, number + 1 < segments.len(), "file {number}");
        let begun = next.clone();
        for (cpu, seq) in &segment.events {
            let expected = next.entry(*cpu).or_insert(0);
            assert_eq!(seq, expected, "the number of an event on CPU {cpu} in file {number}");
            *expected += 1;
        }
        // The books of the file are those of its events.
        let stats = &segment.stats;
        stats.balance().unwrap_or_else(|error| panic!("file {number}: {error}"));
        assert_eq!((stats.seen, stats.events_lost()), (segment.events.len() as u64, 0), "file {number}");
        for cpu in &stats.cpus {
            let of = |all: &std::collections::BTreeMap<u32, u64>| all.get(&cpu.cpu).copied().unwrap_or(0);
            assert_eq!(cpu.seen, of(&next) - of(&begun), "CPU {} in file {number}", cpu.cpu);
        }
        events += stats.seen;
    }
    // The process is told of in each file.
    assert!(events >= 2 * CALLS + segments.len() as u64, "{events} events");
    let all = dir.sh("$mountsnoop replay t.0*.mst | tail -n +2 | wc -l").run().code(0).silent();
    assert_eq!(all.text().trim(), CALLS.to_string(), "calls in all files together");
    for path in files(&dir) {
        let path = path.to_string_lossy().into_owned();
        dir.mountsnoop(["info", &path]).run().code(0).has("complete   yes");
        let alone = dir.mountsnoop(["replay", "--json", &path]).run().code(0);
        // From each thread one call may have been on its way already, and another may have begun in the file before.
        let mut unknown = std::collections::BTreeMap::new();
        for line in alone.text().lines() {
            let call: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let count = unknown.entry(call["tid"].to_string()).or_insert(0);
            *count += i32::from(call["exe"].is_null());
            if *count > 2 {
                alone.fail(&format!("nothing is known of the process that made this call: {line}"));
            }
        }
    }
}

#[test]
fn only_the_newest_files_stay() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    record(&dir, "--rotate-size 50K --keep 2 -- ./say x 100000 4").code(0);
    let segments: Vec<u32> = files(&dir).iter().map(|path| segment(path).index).collect();
    let [first, last] = segments[..] else { panic!("expected two files: {segments:?}") };
    assert!(first > 0 && last == first + 1, "{segments:?}");
    // Another recording must not be taken for a part of this one.
    record(&dir, "--rotate-size 50K -- true").code(125).says("of another recording is there");
    record(&dir, "--rotate-size 50K --force -- true").code(0);
}

#[test]
fn a_hangup_and_time_begin_another_file_even_if_nothing_happens() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst", "--rotate-time", "1h"]).spawn();
    recorder.until_recording();
    dir.cmd("./say", ["before"]).run().code(0);
    recorder.signal(Signal::HUP);
    recorder.until("a second file", |_| (files(&dir).len() == 2).then_some(()));
    dir.cmd("./say", ["after"]).run().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    dir.mountsnoop(["replay", "t.000000.mst"]).run().code(0).silent().has("\"before\"").has_not("\"after\"");
    dir.mountsnoop(["replay", "t.000001.mst"]).run().code(0).silent().has("\"after\"").has_not("\"before\"");
    let other =
        ["record", "-o", "u.mst", "--rotate-time", "10ms", "--duration", "4s", "--calls", "pivot_root"];
    dir.mountsnoop(other).run().code(0);
    assert!(dir.path("u.000001.mst").exists(), "a second file by time");
}

#[test]
fn a_file_that_cannot_be_begun_costs_nothing() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let command = "mkdir t.000001.mst; ./say x 100000";
    let done = record(&dir, &format!("--rotate-size 20K -- sh -c '{command}'")).code(0);
    done.says("t.000001.mst").says("the recording goes on in the file before");
    dir.mountsnoop(["info", "t.000000.mst"]).run().code(0).has("complete   yes");
    let calls = dir.sh("$mountsnoop replay t.000000.mst | grep -c umount2").run().code(0);
    assert_eq!(calls.text().trim(), "100000");
}

#[test]
fn a_trace_that_has_its_largest_size_ends_properly() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let mut recorder =
        dir.mountsnoop(["record", "-o", "t.mst", "--flush", "20ms", "--max-size", "30K"]).spawn();
    recorder.until_recording();
    recorder.until_ended(|| {
        dir.cmd("./say", ["x", "1000"]).run().code(0);
    });
    recorder.wait().code(0);
    dir.mountsnoop(["info", "--json", "t.mst"])
        .run()
        .code(0)
        .has("\"complete\":true")
        .has("its largest size");
}

#[test]
fn several_files_do_not_go_to_standard_output() {
    let Some(dir) = live() else { return };
    for options in [&["--rotate-size", "1M"], &["--flight-recorder", "30s"]] {
        let args = ["record", "-o", "-"].iter().chain(options).chain(&["--", "true"]);
        dir.mountsnoop(args).run().code(125).says("standard output is one file");
    }
}
