//! What a recorder may do while it records, and with which rights one can record: docs/permissions.md.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::support::{Dir, Running, live};

/// include/uapi/linux/capability.h
const KILL: u64 = 1 << 5;
const DAC_READ_SEARCH: u32 = 2;
const SYS_ADMIN: u32 = 21;
const SYS_RESOURCE: u32 = 24;
const PERFMON: u32 = 38;
const BPF: u32 = 39;
const NOBODY: &str = "65534";

/// The number behind a word in a status file of /proc.
fn number(status: &str, word: &str) -> u64 {
    let found = status.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(':'));
    let text = found.unwrap_or_else(|| panic!("no {word} in {status}")).trim();
    u64::from_str_radix(text, 16).unwrap_or_else(|_| panic!("{word}: {text}"))
}

fn release() -> (u32, u32) {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The status of each thread of a recorder once the last one, which is the first thread, has given its rights up.
fn threads(recorder: &mut Running, pid: u32) -> Vec<String> {
    recorder.until_stderr("no_new_privs", |_| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
        (number(&status, "NoNewPrivs") == 1).then_some(())
    });
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("/proc");
    tasks
        .map(|task| fs::read_to_string(task.expect("a task").path().join("status")).expect("/proc"))
        .collect()
}

/// Nothing is left but what this kernel and this command take; nothing can be got back.
fn check(status: &str, first: bool, with_command: bool) {
    let allowed = match status.lines().next() {
        Some("Name:\tcapture") if release() < (5, 19) => 1 << BPF,
        _ if first && with_command => KILL,
        _ => 0,
    };
    for (word, want) in [
        ("CapEff", allowed),
        ("CapPrm", allowed),
        ("CapInh", 0),
        ("CapAmb", 0),
        ("CapBnd", 0),
        ("NoNewPrivs", 1),
    ] {
        assert_eq!(number(status, word), want, "{word} (in hex: {want:x}) in {status}");
    }
}

#[test]
fn while_it_records_no_thread_can_do_anything_and_the_command_can_do_everything() {
    let Some(dir) = live() else { return };
    let own = fs::read_to_string("/proc/self/status").expect("/proc");
    let script = "cat /proc/self/status; echo parent $PPID; read go";
    let mut recorder =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", script]).with_stdin().spawn();
    let pid = recorder.until("its pid", |said| said.split_once("parent ")?.1.lines().next()?.parse().ok());
    let command = recorder.printed();
    for word in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"] {
        assert_eq!(number(&command, word), number(&own, word), "{word} of the command, and of its caller");
    }
    let threads = threads(&mut recorder, pid);
    assert!(threads.len() >= 4, "the writer, the capture, the watch for signals, the wait for the command");
    for status in threads {
        check(&status, number(&status, "Pid") == number(&status, "Tgid"), true);
    }
    recorder.say("go");
    recorder.wait().code(0);
}

#[test]
fn without_a_command_nothing_at_all_is_left_and_it_still_ends_properly() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let mut recorder = dir.sh("echo $$; exec $mountsnoop record -o t.mst").spawn();
    let pid = recorder.until("its pid", |said| said.lines().next()?.parse().ok());
    recorder.until_recording();
    for status in threads(&mut recorder, pid) {
        check(&status, false, false);
    }
    dir.cmd("./say", ["with-no-rights"]).run().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0).says("[ mountsnoop record:");
    dir.mountsnoop(["replay", "t.mst"]).run().code(0).silent().has("with-no-rights");
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("complete   yes");
}

#[test]
fn a_signal_is_passed_on_to_a_command_that_has_become_somebody_else() {
    let Some(dir) = live() else { return };
    dir.compile("rights");
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let command = ["record", "-o", "t.mst", "--", "./rights", NOBODY, ",", "sh", "-c", script];
    let mut recorder = dir.mountsnoop(command).spawn();
    recorder.until("ready", |said| said.contains("ready").then_some(()));
    recorder.signal(Signal::TERM);
    recorder.wait().code(9);
}

/// A copy of the program that everybody may run, and a directory that everybody may write to.
fn for_everybody(dir: &Dir) {
    dir.compile("rights").compile("say");
    let open = |name: &str, mode| {
        fs::set_permissions(dir.path(name), Permissions::from_mode(mode)).expect("its owner")
    };
    fs::copy(env!("CARGO_BIN_EXE_mountsnoop"), dir.path("mountsnoop")).expect("a copy of the program");
    dir.subdir("out");
    open("out", 0o777);
    open("mountsnoop", 0o755);
    open("", 0o755);
}

/// What docs/permissions.md says it takes with tracepoints, where tracefs is not mounted.
fn documented() -> String {
    let mut capabilities = vec![DAC_READ_SEARCH, SYS_ADMIN, PERFMON, BPF];
    capabilities.extend((release() < (5, 11)).then_some(SYS_RESOURCE));
    capabilities.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The trace has one call, made by nobody.
fn check_trace(dir: &Dir, name: &str) {
    let replayed = dir.mountsnoop(["replay", "--json", "out/t.mst"]).run().code(0).silent();
    let calls: Vec<serde_json::Value> =
        replayed.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [call] = &calls[..] else { replayed.fail("expected one call") };
    let got = ["comm", "uid", "text"].map(|column| call[column].clone());
    let text = format!("umount2(\"{name}\", 0x0) = -ENOENT");
    assert_eq!(got, ["say".into(), 65534.into(), serde_json::Value::from(text)], "{call}");
    assert!(call["exe"].as_str().is_some_and(|exe| exe.ends_with("/say")), "{call}");
}

#[test]
fn who_is_not_root_records_with_the_documented_capabilities() {
    let Some(dir) = live() else { return };
    for_everybody(&dir);
    let line = format!(
        "exec ./rights {NOBODY} {} ./mountsnoop record --attach tracepoint -o out/t.mst -- ./say by-nobody",
        documented()
    );
    dir.sh(&line).run().code(0);
    check_trace(&dir, "by-nobody");
}

#[test]
fn a_program_with_capabilities_of_its_own_records_and_reads_only_what_its_user_may() {
    let Some(dir) = live() else { return };
    for_everybody(&dir);
    dir.cmd("./rights", ["file", &documented(), "mountsnoop"]).run().code(0);
    let nobody = |line: &str| dir.sh(&format!("exec ./rights {NOBODY} , ./mountsnoop {line}")).run();
    let script = "grep CapEff /proc/self/status; exec ./say by-setcap";
    let recorded = nobody(&format!("record --attach tracepoint -o out/t.mst -- sh -c '{script}'"))
        .code(0)
        .has("CapEff:\t0000000000000000");
    // Such a process may not be looked into, in /proc, by its own user: it must still know all that it needs.
    let said = String::from_utf8_lossy(&recorded.stderr).into_owned();
    if said.matches("mountsnoop: ").count() != 1 {
        recorded.fail("expected on stderr nothing but that it records");
    }
    check_trace(&dir, "by-setcap");
    nobody("replay out/t.mst").code(0).has("by-setcap");
    dir.mountsnoop(["record", "-o", "out/private.mst", "--", "true"]).run().code(0);
    nobody("replay out/private.mst").code(1).says("Permission denied");
}

#[test]
fn tracepoints_are_found_where_only_tracefs_is_mounted_and_missing_rights_are_named() {
    let Some(dir) = live() else { return };
    for_everybody(&dir);
    let with_tracefs = |line: &str| {
        let mounted =
            "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; umount /sys/kernel/debug 2>/dev/null;";
        dir.cmd("unshare", ["-m", "sh", "-c", &format!("{mounted} exec {line}")]).run()
    };
    let record = "./mountsnoop record --attach tracepoint -o out/t.mst -- ./say";
    with_tracefs(&format!("{record} found")).code(0);
    dir.mountsnoop(["replay", "out/t.mst"]).run().code(0).has("umount2(\"found\", 0x0) = -ENOENT");
    with_tracefs(
        &format!("./rights {NOBODY} {PERFMON},{BPF} {record} not-found").replace("out/t.mst", "out/new.mst"),
    )
    .code(125)
    .says("CAP_DAC_READ_SEARCH");
}
