//! How a recording ends: asked politely, after a time, or not at all.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use crate::support::live;

#[test]
fn signals_end_a_recording_properly() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    for (signal, name) in [(Signal::INT, "before-sigint"), (Signal::TERM, "before-sigterm")] {
        let mut recorder = dir.mountsnoop(["record", "--force", "-o", "t.mst"]).spawn();
        recorder.until_recording();
        dir.cmd("./say", [name]).run().code(0);
        recorder.signal(signal);
        recorder.wait().code(0).says("[ mountsnoop record:");
        dir.mountsnoop(["info", "t.mst"]).run().code(0).has("closed");
        dir.mountsnoop(["replay", "t.mst"]).run().code(0).silent().has(name);
    }
}

#[test]
fn a_signal_is_passed_on_to_the_command_and_its_status_awaited() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let script = "trap './say last-words; exit 9' INT; echo ready; while :; do sleep 0.05; done";
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", script]).spawn();
    recorder.until("ready", |said| said.contains("ready").then_some(()));
    recorder.signal(Signal::INT);
    recorder.wait().code(9);
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("closed");
}

#[test]
fn a_second_signal_ends_at_once() {
    let Some(dir) = live() else { return };
    let script = "trap '' INT; echo ready; read forever";
    let mut recorder =
        dir.mountsnoop(["record", "-o", "t.mst", "--", "sh", "-c", script]).with_stdin().spawn();
    recorder.until("ready", |said| said.contains("ready").then_some(()));
    recorder.signal(Signal::INT);
    // The first closes the trace; the command does not care.
    let closed = || dir.mountsnoop(["info", "t.mst"]).run().status.success();
    recorder.until("a closed trace", |_| closed().then_some(()));
    recorder.signal(Signal::INT);
    let done = recorder.end();
    if done.status.signal() != Some(2) {
        done.fail("expected to be killed by SIGINT");
    }
}

#[test]
fn a_duration_ends_a_recording() {
    let Some(dir) = live() else { return };
    dir.mountsnoop(["record", "-o", "t.mst", "--duration", "200ms"]).run().code(0);
    dir.mountsnoop(["info", "t.mst"]).run().code(0).has("closed");
}

#[test]
fn a_killed_recorder_leaves_what_it_had_written() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst", "--flush", "20ms"]).spawn();
    recorder.until_recording();
    dir.cmd("./say", ["before-the-kill"]).run().code(0);
    let call = "umount2(\"before-the-kill\", 0x0) = -ENOENT";
    // The file can be read while it grows. A flush may fall between a call and its return: one waits for both.
    let found = |dir: &crate::support::Dir| {
        let done = dir.mountsnoop(["replay", "t.mst"]).run().code(0).says("still being recorded");
        String::from_utf8_lossy(&done.stdout).contains(call).then_some(())
    };
    recorder.until("a call in the file", |_| found(&dir));
    recorder.signal(Signal::KILL);
    recorder.wait();
    dir.mountsnoop(["replay", "t.mst"]).run().code(3).has(call);
    dir.mountsnoop(["info", "t.mst"]).run().code(3).has("not closed");
    dir.cmd("zstd", ["-t", "t.mst"]).run().code(0);
}
