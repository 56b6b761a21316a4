//! The traces below fixtures/: what replay, stats and export make of them is compared with the text that lies beside them.
//! `MOUNTSNOOP_UPDATE=1 cargo test` rewrites those texts; the difference is to be read like code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mountsnoop::decode::synth;
use mountsnoop::format::{
    ClockSync, CpuStats, EventInfo, FileIdentity, Metadata, RecorderStats, Writer, WriterOptions,
};
use mountsnoop::layout::Common;

pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub fn mountsnoop(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mountsnoop"))
        .args(args)
        .current_dir(dir())
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

/// Writes events as a recorder would have: every one seen, nothing lost, closed.
pub fn trace(metadata: &Metadata, identity: FileIdentity, clock: ClockSync, events: &[Vec<u8>]) -> Vec<u8> {
    let mut writer =
        Writer::new(Vec::new(), WriterOptions::default(), identity, metadata, &clock).expect("a writer");
    for bytes in events {
        let head = Common::read(bytes).expect("an event");
        let (failed, incomplete) = (head.failed(bytes), head.incomplete());
        let info = EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete };
        writer.event(&info, bytes).expect("written");
    }
    let n = events.len() as u64;
    let cpus = vec![CpuStats { cpu: 0, seen: n, ring_full: 0 }];
    let stats = RecorderStats {
        seen: n,
        sent: n,
        written: n,
        cpus,
        stopped_by: "signal 2".into(),
        ..Default::default()
    };
    writer.finish(&stats, &clock).expect("finished").0
}

/// The five calls of the first mountsnoop's example, as a recorder of 2016 would have caught them.
pub fn seed() -> Vec<u8> {
    let text = |s: &'static str| Some(s.as_bytes());
    let empty = text("");
    let bind = || synth::mount(text("/mnt"), text("/mnt"), empty, 0xc0ed_0000 | 4096, empty).comm(b"mount");
    let private = synth::mount(text("none"), text("/"), empty, 16384 | 1 << 18, empty).comm(b"unshare");
    let umount = || synth::umount2(b"/mnt", 0).comm(b"umount");
    let (host, own) = (4_026_531_840, 4_026_532_160);
    let calls = [
        (bind(), 710, host),
        (umount(), 714, host),
        (private, 717, own),
        (bind(), 725, own),
        (umount(), 728, own),
    ];
    let mut events = Vec::new();
    for (n, (enter, pid, ns)) in calls.into_iter().enumerate() {
        let (n, call) = (n as u64, if pid == 714 || pid == 728 { 2 } else { 1 });
        let at = 60_000_000_000 + n * 4_000_000_000;
        events.push(enter.task(pid, pid).mnt_ns(ns).time(at).cpu(0, 2 * n).owner(700, 0, 1).build());
        events.push(
            synth::exit(call)
                .task(pid, pid)
                .mnt_ns(ns)
                .time(at + 30_000 + n * 7_000)
                .cpu(0, 2 * n + 1)
                .build(),
        );
    }
    let metadata = Metadata {
        tool_version: "0.1.0".into(),
        args: vec!["mountsnoop".into(), "record".into(), "-o".into(), "seed.mst".into()],
        hostname: "seed".into(),
        kernel_release: "4.8.0".into(),
        machine: "x86_64".into(),
        cpus: 1,
        recorder_pid: 705,
        attach_mode: "synthetic".into(),
        attach_reason: "built from the example of the first mountsnoop".into(),
        attached: vec!["mount".into(), "umount2".into()],
        redaction: "none".into(),
        ..Metadata::default()
    };
    let realtime = 1_476_646_291_000_000_000; // the day the first mountsnoop was merged
    let identity = FileIdentity {
        file_uuid: *b"the seed's trace",
        session_uuid: *b"the seed session",
        created_realtime_ns: realtime,
        created_boottime_ns: 55_000_000_000,
        ..FileIdentity::default()
    };
    let clock = ClockSync { boottime_ns: 55_000_000_000, realtime_ns: realtime, ..ClockSync::default() };
    trace(&metadata, identity, clock, &events)
}

#[test]
fn the_seeds_example_comes_out_byte_for_byte() {
    let path = dir().join("seed.mst");
    if std::env::var_os("MOUNTSNOOP_UPDATE").is_some() && !path.exists() {
        fs::write(&path, seed()).expect("fixtures/seed.mst can be written");
    }
    let done = mountsnoop(&["replay", "--classic", "seed.mst"]);
    let expected = fs::read(dir().join("seed-example.txt")).expect("fixtures/seed-example.txt");
    assert_eq!(
        (String::from_utf8_lossy(&done.stdout), done.status.code()),
        (String::from_utf8_lossy(&expected), Some(0)),
        "stderr: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(done.stdout, expected);
}

/// Extension of the expected output, and the command that makes it.
const GOLDEN: &[(&str, &[&str])] = &[
    ("replay.txt", &["replay", "FILE"]),
    ("classic.txt", &["replay", "--classic", "FILE"]),
    ("detail.txt", &["replay", "-d", "--utc", "FILE"]),
    ("failed.txt", &["replay", "--failed", "-t", "--utc", "FILE"]),
    ("ndjson", &["replay", "--json", "FILE"]),
    ("csv", &["export", "FILE", "-F", "csv", "-o", "-"]),
    ("json", &["export", "FILE", "-F", "json", "-o", "-"]),
    ("stats.txt", &["stats", "FILE"]),
    ("info.txt", &["info", "FILE"]),
];

/// The traces that lie beside what every command makes of them.
pub fn traces() -> Vec<PathBuf> {
    let mut traces: Vec<PathBuf> =
        fs::read_dir(dir()).expect("fixtures").map(|entry| entry.expect("an entry").path()).collect();
    traces.retain(|path| path.extension().is_some_and(|ext| ext == "mst"));
    traces.sort();
    assert!(traces.len() >= 2, "fixtures are missing: {traces:?}");
    traces
}

/// Every trace below fixtures/.
pub fn all() -> Vec<PathBuf> {
    let released =
        fs::read_dir(dir().join("v0.1")).expect("fixtures/v0.1").map(|entry| entry.expect("an entry").path());
    let mut all = traces();
    all.extend(released.filter(|path| path.extension().is_some_and(|ext| ext == "mst")));
    all.sort();
    all
}

#[test]
fn every_fixture_reads_as_it_always_did() {
    let update = std::env::var_os("MOUNTSNOOP_UPDATE").is_some();
    let traces = traces();
    let mut wrong = Vec::new();
    for path in &traces {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        for (extension, command) in GOLDEN {
            let args: Vec<&str> = command.iter().map(|arg| if *arg == "FILE" { name } else { arg }).collect();
            let done = mountsnoop(&args);
            let golden = dir().join(name.replace(".mst", &format!(".{extension}")));
            if update {
                fs::write(&golden, &done.stdout).expect("fixtures can be written");
            }
            let expected = fs::read(&golden).unwrap_or_default();
            if done.stdout != expected || done.status.code() != Some(0) {
                wrong.push(format!(
                    "mountsnoop {}\n  exit {:?}, stderr: {}\n--- {}\n{}\n--- now\n{}",
                    args.join(" "),
                    done.status.code(),
                    String::from_utf8_lossy(&done.stderr),
                    golden.display(),
                    String::from_utf8_lossy(&expected),
                    String::from_utf8_lossy(&done.stdout)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
