//! Whatever is in a trace, the commands that read it stay below 64 MiB. docs/limits.md tells the limits that this comes from,
//! and what was measured.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mountsnoop::decode::synth::{self, Builder};
use mountsnoop::format::{
    BLOCK_EVENTS, BlockHeader, ClockSync, EventInfo, FileIdentity, LossReason, Lost, Metadata, RecorderStats,
    Writer, WriterOptions, record, wire,
};
use mountsnoop::layout::Common;

/// KiB of memory that a command may have had at any moment.
const PEAK_MAX: u64 = 64 << 10;

/// Every command that reads any trace, and what docs/limits.md calls it; FILE stands for its name, OUT for that of a new one.
const COMMANDS: &[&[&str]] = &[
    &["replay", "FILE"],
    &["replay", "--classic", "FILE"],
    &["replay", "-d", "FILE"],
    &["replay", "--json", "FILE"],
    &["export", "FILE", "-F", "csv", "-o", "-"],
    &["export", "FILE", "-F", "json", "-o", "-"],
    &["export", "FILE", "-F", "ndjson", "-o", "-"],
    &["stats", "FILE"],
    &["stats", "--by", "source,target,source+target,tid,pid", "FILE"],
    &["info", "FILE"],
    &["info", "--blocks", "--json", "FILE"],
    &["verify", "FILE"],
    &["repair", "FILE", "-o", "OUT", "--force"],
];

/// Those that copy what is closed and undamaged only; OTHER stands for a second trace.
const COPIERS: &[&[&str]] = &[
    &["cut", "FILE", "-o", "OUT", "--force", "--failed"],
    &["cut", "FILE", "-o", "OUT", "--force", "--since", "+0s"],
    &["merge", "FILE", "OTHER", "-o", "OUT", "--force"],
    &["compact", "FILE", "-o", "OUT", "--force"],
];

type Trace = Writer<BufWriter<File>>;

fn begin(id: u8, path: &Path, metadata: &Metadata) -> Trace {
    let identity = FileIdentity { file_uuid: [id; 16], ..FileIdentity::default() };
    let out = BufWriter::new(File::create(path).expect("a file"));
    Writer::new(
        out,
        WriterOptions { level: 1, ..WriterOptions::default() },
        identity,
        metadata,
        &ClockSync::default(),
    )
    .expect("written")
}

fn end(trace: Trace) {
    let n = trace.totals().events + trace.unwritten_events();
    let stats = RecorderStats { seen: n, sent: n, written: n, ..RecorderStats::default() };
    trace.finish(&stats, &ClockSync::default()).expect("written").0.flush().expect("written");
}

fn add(trace: &mut Trace, event: Builder) {
    let bytes = event.build();
    let head = Common::read(&bytes).expect("an event");
    let (failed, incomplete) = (head.failed(&bytes), head.incomplete());
    let info = EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete };
    trace.event(&info, &bytes).expect("written");
}

/// Events of a busy machine: each call is told of with its process, begins and returns.
fn busy(id: u8, path: &Path, events: u64) {
    let mut trace = begin(id, path, &Metadata::default());
    for n in 0..events / 3 {
        let (tid, time) = (n as u32 % 4_000_000 + 1, n * 50_000);
        let (target, namespace) =
            (format!("/var/lib/{}/mnt", n % 100_000), 4_026_531_840 + n as u32 % 100_000);
        let task = |event: Builder| event.task(tid, tid).mnt_ns(namespace).start(n + 1);
        add(&mut trace, task(synth::process().time(time)).exe(b"mount\0bin\0usr\0").parent(1, 1, b"systemd"));
        let mount =
            synth::mount(Some(b"tmpfs"), Some(target.as_bytes()), Some(b"tmpfs"), n % 32, Some(b"size=1m"));
        add(&mut trace, task(mount.time(time + 1000)).comm(format!("job-{}", n % 5000).as_bytes()));
        add(
            &mut trace,
            synth::exit(1)
                .task(tid, tid)
                .mnt_ns(namespace)
                .time(time + 9000 + n % 77_777)
                .ret(-(n as i64 % 3)),
        );
    }
    end(trace);
}

/// A block of these bytes, whatever they are: it says that it holds one event, and then there are other blocks missing.
fn block(raw: &[u8], block_seq: u64) -> Vec<u8> {
    let stored = zstd::bulk::compress(raw, 1).expect("memory");
    let header = BlockHeader {
        block_type: BLOCK_EVENTS,
        file_tag: u64::from_le_bytes([9; 8]),
        block_seq,
        event_index_base: block_seq,
        raw_len: raw.len() as u32,
        stored_len: stored.len() as u32,
        stored_crc: crc32c::crc32c(&stored),
        ..BlockHeader::default()
    };
    [&header.encode()[..], &stored].concat()
}

/// All that an undamaged trace has ever needed much memory with, so that all of it is needed at once.
fn crowded(id: u8, path: &Path) -> Trace {
    let names = |n: usize| (0..n).map(|_| (String::new(), String::new())).collect();
    let mut trace = begin(id, path, &Metadata { labels: names(20_000), ..Metadata::default() });
    let long: Vec<u8> = (0..4096_u32).map(|n| (n * n % 251) as u8).collect();
    // More processes than are kept, with long paths; more calls that hang, each of 20 KB that print as five times as much.
    for pid in 1..40_000_u32 {
        let exe = [&long[..200], b"\0"].concat();
        add(&mut trace, synth::process().task(pid, pid).start(1).exe(&exe));
    }
    for tid in 1..40_000_u32 {
        add(
            &mut trace,
            synth::umount2(format!("/mnt/{tid}").as_bytes(), 0).task(tid, tid).start(1).comm(b"umount"),
        );
    }
    for tid in 50_000..51_500_u32 {
        let mount = synth::mount(Some(&long), Some(&long), Some(&long), 0, Some(&long));
        add(&mut trace, mount.task(tid, tid).start(1).comm(&tid.to_le_bytes()).cwd(&long));
    }
    // Much that is shown at once, keys without end, and losses without an event between them.
    for n in 0..3000_u32 {
        let (source, took) = ([&long[..2000], &n.to_le_bytes()].concat(), 1_u64 << (n % 63));
        let mount = synth::mount(Some(&source), Some(&source), None, 0, None);
        add(&mut trace, mount.task(60_000 + n, 60_000 + n).time(2_000_000_000));
        add(&mut trace, synth::exit(1).task(60_000 + n, 60_000 + n).time(took));
    }
    for n in 0..20_000 {
        let lost = Lost { from_ns: n, to_ns: n, cpu: None, count: 1, reason: LossReason::RING_FULL };
        trace.lost(&lost).expect("written");
    }
    trace.raw_record(0x7F00, 0, &vec![0; wire::MAX_RECORD - wire::MAX_SOURCE]).expect("written");
    trace
}

/// The same, and everything that damage has ever needed much memory with.
fn worst(path: &Path) {
    let mut trace = crowded(9, path);
    trace.flush().expect("written");
    let mut out = trace.into_inner();
    out.flush().expect("written");
    // Blocks of the largest size: as many records as fit, and bytes that zstd can do nothing with.
    out.write_all(&block(&vec![0; wire::MAX_RAW], 1 << 20)).expect("written");
    let mut noise: Vec<u8> = Vec::with_capacity(wire::MAX_RAW);
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    while noise.len() < wire::MAX_RAW - wire::MAX_RECORD {
        noise.extend_from_slice(&record::METADATA.to_le_bytes());
        noise.extend_from_slice(&[0; 2]);
        noise.extend_from_slice(&(wire::MAX_RECORD as u32 - 8).to_le_bytes());
        for _ in 0..wire::MAX_RECORD / 8 - 1 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            noise.extend_from_slice(&dice.to_le_bytes());
        }
    }
    out.write_all(&block(&noise, 1 << 21)).expect("written");
    // Damage without end: what is no header between blocks.
    for n in 0..50_000 {
        out.write_all(&[b"garbage, ", &block(b"", (1 << 22) + 2 * n)[..]].concat()).expect("written");
    }
    out.flush().expect("written");
    // And traces without end, each of which is one more thing to tell about.
    let header = fs::read(path).expect("it was written")[..wire::FILE_FRAME].to_vec();
    for _ in 0..50_000 {
        out.write_all(&header).expect("written");
    }
    out.flush().expect("written");
}

/// The most memory that a command had, KiB, and its exit status.
fn peak(command: &[&str], file: &Path) -> (u64, i32) {
    let peak = file.with_extension("peak");
    let (out, other) = (file.with_extension("out"), file.with_extension("other"));
    let args = command.iter().map(|arg| match *arg {
        "FILE" => file.as_os_str(),
        "OUT" => out.as_os_str(),
        "OTHER" => other.as_os_str(),
        arg => arg.as_ref(),
    });
    // GNU time asks the kernel for this one process; getrusage() here would tell of every other test's children too.
    let status = Command::new("/usr/bin/time")
        .args(["-q", "-f", "%M", "-o"])
        .arg(&peak)
        .arg(env!("CARGO_BIN_EXE_mountsnoop"))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("/usr/bin/time: apt install time, or `make test`");
    let text = fs::read_to_string(&peak).expect("its output");
    let kib = text.trim().parse().unwrap_or_else(|error| panic!("{error}: {text}"));
    (kib, status.code().unwrap_or(-1))
}

/// Runs every one of these commands on a trace, and prints what each needed.
#[track_caller]
fn each_stays_small(commands: &[&[&str]], what: &str, file: &Path, expected: i32) {
    let mut too_much = Vec::new();
    for command in commands {
        let (kib, code) = peak(command, file);
        let line = format!("{what}: {:>6.1} MiB, exit {code}: {}", kib as f64 / 1024.0, command.join(" "));
        println!("{line}");
        if kib > PEAK_MAX || code != expected {
            too_much.push(line);
        }
    }
    assert!(too_much.is_empty(), "more than {PEAK_MAX} KiB or not exit {expected}:\n{}", too_much.join("\n"));
}

#[test]
fn no_trace_makes_a_command_take_more_than_64_mib() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("trace.mst");
    busy(9, &file, 60_000);
    each_stays_small(COMMANDS, "busy", &file, 0);
    worst(&file);
    each_stays_small(COMMANDS, "worst", &file, 3);
}

#[test]
fn no_trace_makes_a_command_that_copies_take_more_than_64_mib() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("trace.mst");
    for (id, path) in [(9, file.clone()), (8, file.with_extension("other"))] {
        busy(id, &path, 60_000);
    }
    each_stays_small(COPIERS, "busy", &file, 0);
    for (id, path) in [(9, file.clone()), (8, file.with_extension("other"))] {
        end(crowded(id, &path));
    }
    each_stays_small(COPIERS, "crowded", &file, 0);
}

#[test]
#[ignore = "takes a minute: .ci/run runs it by itself, and docs/limits.md says how and what it printed"]
fn ten_million_events_take_no_more_than_any_other_number() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("trace.mst");
    busy(9, &file, 10_000_000);
    println!("{} bytes", fs::metadata(&file).expect("a file").len());
    each_stays_small(COMMANDS, "ten million events", &file, 0);
    busy(8, &file.with_extension("other"), 60_000);
    // Not compact, the last of them, which takes half an hour.
    each_stays_small(&COPIERS[..COPIERS.len() - 1], "ten million events", &file, 0);
}
