//! What gets into a trace: strings that were not in memory, every call or an exact count of those lost, and nobody else's.

use std::collections::BTreeMap;
use std::fs::File;

use mountsnoop::format::{CpuStats, Item, Reader, RecorderStats};
use mountsnoop::layout::{self, Common};

use crate::support::calls::{self, Arg};
use crate::support::{Dir, in_first_pid_namespace, live};

fn late(text: &str) -> Arg {
    Arg::Whole { bytes: text.into(), late: true }
}

fn whole(text: &str) -> Arg {
    Arg::Whole { bytes: text.into(), late: false }
}

/// What tests/workloads/late.c does, call by call.
#[test]
fn strings_that_were_not_in_memory_are_read_as_the_call_returns() {
    let Some(dir) = live() else { return };
    dir.compile("late").subdir("scratch");
    dir.mountsnoop(["record", "--calls", "mount,umount2", "-o", "t.mst", "--", "./late", "scratch"])
        .run()
        .code(0);
    let replayed = dir.mountsnoop(["replay", "--json", "t.mst"]).run().code(0).silent();
    let calls = calls::read(&replayed);
    // Before them: making the namespace private, and the scratch directory.
    let (target, tmpfs, size, options) = ("late target", "tmpfs", "size=1m", "size=1m,mode=700");
    let mount = |source: Arg, target: Arg, fstype: Arg, data: Arg| vec![source, target, fstype, data];
    let expected = [
        mount(late("late source"), whole(target), whole(tmpfs), whole(size)),
        vec![late(target)],
        mount(whole("here"), whole(target), late(tmpfs), whole(size)),
        vec![whole(target)],
        mount(whole("here"), whole(target), whole(tmpfs), late(options)),
        vec![late(target)],
        mount(late("late source"), late(target), late(tmpfs), late(options)),
        vec![late(target)],
        mount(late("late source"), late("no such place"), late(tmpfs), late(options)),
    ];
    let got = |call: &calls::Call| -> Vec<Arg> {
        let names: &[&str] =
            if call.name == "mount" { &["source", "target", "fstype", "data"] } else { &["target"] };
        names.iter().map(|name| call.arg(name).clone()).collect()
    };
    if calls.len() != 2 + 12 {
        replayed.fail(&format!("expected 14 calls, got {}", calls.len()));
    }
    for (number, (expected, call)) in expected.iter().zip(&calls[2..]).enumerate() {
        assert_eq!(&got(call), expected, "call {} of tests/workloads/late.c: {}", number + 1, call.line);
    }
    // The kernel refused before it looked: nobody has read the string, and nobody can.
    let (refused, crossing) = (&calls[11], &calls[13]);
    assert!(matches!(refused.arg("target"), Arg::Fault(1..)), "{}", refused.line);
    assert_eq!(refused.error.as_deref(), Some("EINVAL"), "{}", refused.line);
    assert_eq!(crossing.arg("target"), &late("first, second"), "{}", crossing.line);
    assert_eq!(crossing.text, "umount2(\"first, second\" /* late */, 0x0) = -ENOENT");
}

#[test]
fn who_made_a_call_and_where_is_what_proc_says() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let who = "echo $$ $PPID $(readlink /proc/self/ns/mnt); exec ./say who";
    let script = format!("({who}); unshare -m sh -c '{who}'");
    let recorded = dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", &script]).run().code(0);
    let replayed = dir.mountsnoop(["replay", "--json", "--comm", "say", "t.mst"]).run().code(0).silent();
    let calls = calls::read(&replayed);
    let got = |call: &calls::Call| {
        assert_eq!((call.comm.as_str(), call.tid), ("say", call.pid), "{}", call.line);
        format!("{} {} mnt:[{}]", call.pid, call.ppid, call.mnt_ns)
    };
    let got: Vec<String> = calls.iter().map(got).collect();
    // In a subshell `$$` is not its own pid; of the second line all is known.
    let said: Vec<&str> = recorded.text().lines().collect();
    let ns = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
    assert_eq!(
        got.iter().map(|line| ns(line)).collect::<Vec<_>>(),
        said.iter().map(|line| ns(line)).collect::<Vec<_>>()
    );
    assert_ne!(ns(&got[0]), ns(&got[1]), "unshare(1) makes a namespace");
    if in_first_pid_namespace() {
        assert_eq!(got[1], said[1], "pid, parent, namespace");
    }
}

#[test]
fn what_is_lost_is_counted_to_the_last_event() {
    let Some(dir) = live() else { return };
    const CALLS: u64 = 20_000;
    dir.compile("say");
    let name = "x".repeat(300);
    let count = CALLS.to_string();
    dir.mountsnoop(["record", "-o", "t.mst", "--ring-size", "4096", "--", "./say", &name, &count])
        .run()
        .code(0)
        .says("events were lost");

    let info = dir.mountsnoop(["info", "--json", "t.mst"]).run().code(3);
    let value: serde_json::Value =
        serde_json::from_str(info.text()).unwrap_or_else(|e| info.fail(&e.to_string()));
    let stat =
        |name: &str| value["stats"][name].as_u64().unwrap_or_else(|| info.fail(&format!("no stats.{name}")));
    let (seen, written, ring_full) = (stat("seen"), stat("written"), stat("ring_full"));
    // And one event that introduces the process.
    if seen != 2 * CALLS + 1 || seen != written + ring_full || ring_full == 0 || written == 0 {
        info.fail(&format!(
            "{CALLS} calls are {} events: all seen, some written, the rest lost; not {seen}, {written}, {ring_full}",
            2 * CALLS + 1
        ));
    }
    assert_eq!(
        (value["events"].as_u64(), value["lost"].as_u64()),
        (Some(written), Some(ring_full)),
        "{value}"
    );

    // A reader finds the same number missing, and says so where it reads.
    dir.mountsnoop(["replay", "t.mst"])
        .run()
        .code(3)
        .says(&format!("{ring_full} events were lost"))
        .has("lost");
}

/// What a trace itself says of events that are there and events that are not.
#[derive(Default)]
struct Books {
    /// Beginnings and returns; not those that introduce a process, which is done again from time to time.
    events: u64,
    /// What its LOST records count.
    lost: u64,
    /// Numbers that no event has, by CPU: between two events, and after the last one.
    gaps: BTreeMap<u32, u64>,
    next: BTreeMap<u32, u64>,
    stats: RecorderStats,
}

impl Books {
    fn read(dir: &Dir, trace: &str) -> Books {
        let mut reader = Reader::from_file(File::open(dir.path(trace)).expect("a trace")).expect("a trace");
        let mut books = Books::default();
        while let Some(item) = reader.next().expect("an intact trace") {
            match item {
                Item::Event(event) => {
                    let head = Common::read(event.bytes).expect("an event");
                    books.events += u64::from(head.phase != layout::PROCESS);
                    let next = books.next.insert(head.cpu, head.seq + 1).unwrap_or(0);
                    *books.gaps.entry(head.cpu).or_default() += head.seq - next;
                }
                Item::Lost(lost) => books.lost += lost.count,
                Item::Stats(stats) => books.stats = *stats,
                _ => {}
            }
        }
        for cpu in &books.stats.cpus {
            *books.gaps.entry(cpu.cpu).or_default() += cpu.seen - books.next.get(&cpu.cpu).unwrap_or(&0);
        }
        books
    }
}

/// As fast as two threads can: nothing is lost, or what is lost is counted to the last event, where it was lost.
#[test]
fn a_storm_of_two_threads_is_recorded_or_counted() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    storm(&dir, 200_000, &[]);
    // Room for a few hundred events, and a reader that rests for milliseconds.
    storm(&dir, 20_000, &["--ring-size", "64K"]);
}

fn storm(dir: &Dir, calls: u64, ring: &[&str]) {
    let line = format!("echo pid $$; read go; exec ./say storm {} 2", calls / 2);
    let mut work = dir.cmd("sh", ["-c", &line]).with_stdin().spawn();
    let pid = work.until("its pid", |said| Some(said.strip_prefix("pid ")?.lines().next()?.to_owned()));
    let record = ["record", "--force", "-p", &pid, "-o", "t.mst"];
    let mut recorder = dir.mountsnoop(record.iter().chain(ring)).spawn();
    recorder.until_recording();
    work.say("go");
    work.wait().code(0);
    recorder.signal(rustix::process::Signal::INT);
    let done = recorder.wait();

    let books = Books::read(dir, "t.mst");
    let status = if books.lost > 0 { 3 } else { 0 };
    // What is lost may also be an event that introduces the process.
    let all = 2 * calls;
    if books.events > all || books.events + books.lost < all {
        done.fail(&format!(
            "{calls} calls are {all} events; {} are there, {} lost",
            books.events, books.lost
        ));
    }
    done.code(status);
    let by_cpu = |cpu: &CpuStats| (cpu.cpu, cpu.ring_full);
    let said: BTreeMap<u32, u64> = books.stats.cpus.iter().map(by_cpu).collect();
    assert_eq!(books.gaps, said, "numbers that no event has, and losses that each CPU has counted");
    assert_eq!(
        books.gaps.values().sum::<u64>(),
        books.lost,
        "and losses that are stated where they happened"
    );
    dir.mountsnoop(["info", "t.mst"]).run().code(status);
}

/// A hundred megabytes as fast as one thread can, into a ring buffer that holds half of them.
#[test]
fn a_large_ring_buffer_is_emptied_as_fast_as_it_is_filled() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let name = "x".repeat(4000);
    dir.mountsnoop(["record", "-o", "t.mst", "--ring-size", "64M", "--", "./say", &name, "25000"])
        .run()
        .code(0);
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("complete   yes");
}

/// Thousands of long paths a second, of which the ring buffer holds less than come while the reader may rest.
#[test]
fn a_rest_of_the_reader_ends_when_much_has_come() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let name = "x".repeat(4000);
    let record = ["record", "--force", "-o", "t.mst", "--ring-size", "512K", "--", "./say", "-u", &name];
    let mut recordings = (0..5).map(|_| {
        let mut recorder = dir.mountsnoop(record).with_stdin().spawn();
        recorder.until_recording();
        std::thread::sleep(std::time::Duration::from_millis(500));
        recorder.say("enough");
        recorder.wait().code(0);
        dir.mountsnoop(["info", "t.mst"]).run()
    });
    // On a busy machine the reader may come late, but not each time.
    let mut said = Vec::new();
    let whole = recordings.any(|info| {
        said.push(info.text().to_owned());
        info.text().contains("complete   yes")
    });
    assert!(whole, "of each recording something is lost:\n{}", said.join("\n"));
}

#[test]
fn a_lossy_recording_without_a_command_exits_with_3() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst", "--ring-size", "4096"]).spawn();
    recorder.until_recording();
    dir.cmd("./say", ["a-lossy-recording", "20000"]).run().code(0);
    recorder.signal(rustix::process::Signal::INT);
    recorder.wait().code(3).says("events were lost");
}

#[test]
fn only_the_command_and_its_descendants_are_recorded() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let script = "echo ready; read go; ./say inside; (./say in-a-child); ./say -d from-a-daemon";
    let mut recorder =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", script]).with_stdin().spawn();
    recorder.until("ready", |said| said.contains("ready").then_some(()));
    dir.cmd("./say", ["outside", "100"]).run().code(0);
    recorder.say("go");
    recorder.wait().code(0);
    dir.mountsnoop(["replay", "t.mst"])
        .run()
        .code(0)
        .silent()
        .has("umount2(\"inside\", 0x0) = -ENOENT")
        .has("umount2(\"in-a-child\", 0x0) = -ENOENT")
        .has("umount2(\"from-a-daemon\", 0x0) = -ENOENT")
        .has_not("outside");
}

#[test]
fn a_trace_is_a_zstd_file_too() {
    let Some(dir) = live() else { return };
    dir.compile("calls").subdir("scratch");
    for level in ["0", "3", "19"] {
        let record = ["record", "--force", "-o", "t.mst", "--compress", level, "--", "./calls", "scratch"];
        dir.mountsnoop(record).run().code(0);
        dir.cmd("zstd", ["-t", "t.mst"]).run().code(0);
    }
}

/// Where a program on a tracepoint says so, perf gets no event of the call.
#[test]
fn other_programs_see_the_same_tracepoints() {
    let Some(dir) = live() else { return };
    dir.compile("counted").subdir("scratch");
    let alone = dir.cmd("./counted", ["100"]).run().code(0);
    let record = ["record", "--attach", "tracepoint", "-o", "t.mst", "--", "./counted", "100"];
    let recorded = dir.mountsnoop(record).run().code(0);
    let rows = dir.rows("t.mst", "counted").iter().filter(|row| row["call"] == "umount2").count();
    let seen = (alone.text(), recorded.text(), rows);
    assert_eq!(seen, ("100 begun, 100 ended\n", "100 begun, 100 ended\n", 100));
}
