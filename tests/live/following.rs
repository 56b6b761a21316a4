//! A trace is read while it is being recorded: what is there is shown, what comes is followed, and the end is noticed.

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use crate::support::{Dir, Running, live};

fn recording(dir: &Dir) -> Running {
    dir.compile("say");
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst", "--flush", "20ms"]).spawn();
    recorder.until_recording();
    recorder
}

fn following(dir: &Dir) -> Running {
    let mut follower = dir.mountsnoop(["replay", "-f", "t.mst"]).spawn();
    follower.until("the heading", |said| said.contains("COMM").then_some(()));
    follower
}

/// Makes a call by this name, and waits until it is shown.
fn sees(follower: &mut Running, dir: &Dir, name: &str) {
    dir.cmd("./say", [name]).run().code(0);
    let line = format!("umount2(\"{name}\", 0x0) = -ENOENT");
    follower.until(name, |said| said.contains(&line).then_some(()));
}

#[test]
fn a_trace_is_followed_until_its_recording_ends() {
    let Some(dir) = live() else { return };
    let recorder = recording(&dir);
    dir.cmd("./say", ["before-anybody-followed"]).run().code(0);
    let mut follower = following(&dir);
    sees(&mut follower, &dir, "as-it-is-recorded");
    sees(&mut follower, &dir, "and-once-more");
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    let followed = follower.wait().code(0).silent().has("before-anybody-followed");
    let replayed = dir.mountsnoop(["replay", "t.mst"]).run().code(0).silent();
    if followed.stdout != replayed.stdout {
        replayed.fail(&format!("what was followed differs:\n{}", followed.text()));
    }
    // There is nothing to wait for any more.
    dir.mountsnoop(["replay", "--follow", "t.mst"]).run().code(0).silent().has("and-once-more");
}

#[test]
fn a_follower_notices_that_the_recorder_was_killed() {
    let Some(dir) = live() else { return };
    let recorder = recording(&dir);
    let mut follower = following(&dir);
    sees(&mut follower, &dir, "before-the-kill");
    recorder.signal(Signal::KILL);
    recorder.wait();
    follower.wait().code(3).says("not closed").says("nobody is writing it");
}

#[test]
fn a_follower_stops_when_it_is_asked_to() {
    let Some(dir) = live() else { return };
    let recorder = recording(&dir);
    for signal in [Signal::INT, Signal::TERM] {
        let mut follower = following(&dir);
        sees(&mut follower, &dir, "while-it-follows");
        follower.signal(signal);
        follower.wait().code(0).says("still being recorded");
    }
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
}

#[test]
fn a_follower_need_not_wait_for_what_was_not_asked_for() {
    let Some(dir) = live() else { return };
    let recorder = recording(&dir);
    let follower = dir.mountsnoop(["replay", "-f", "t.mst", "--until", "+1ns"]).spawn();
    let mut names = (0..).map(|n| format!("later-{n}"));
    let mut follower = follower;
    // It is over when something comes that is more than a second later.
    follower.until_ended(|| {
        dir.cmd("./say", [names.next().expect("numbers have no end")]).run().code(0);
    });
    follower.wait().code(0).has_not("later-0").says("still being recorded");
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
}

#[test]
fn a_trace_that_is_being_recorded_is_read_by_every_command() {
    let Some(dir) = live() else { return };
    let mut recorder = recording(&dir);
    dir.cmd("./say", ["while-it-records"]).run().code(0);
    let there = |dir: &Dir| {
        let done = dir.mountsnoop(["replay", "t.mst"]).run();
        // Returned, too: a flush may fall between a call and its return.
        done.text().contains("\"while-it-records\", 0x0) = -ENOENT").then_some(())
    };
    recorder.until("a call in the file", |_| there(&dir));
    let live = "still being recorded";
    dir.mountsnoop(["replay", "t.mst"]).run().code(0).says(live).has("while-it-records");
    dir.mountsnoop(["replay", "t.mst", "--since", "-1h"]).run().code(0).says(live).has("while-it-records");
    dir.mountsnoop(["stats", "t.mst"]).run().code(0).says(live).has("umount2");
    dir.mountsnoop(["export", "t.mst", "-F", "csv", "-o", "-"])
        .run()
        .code(0)
        .says(live)
        .has("while-it-records");
    dir.mountsnoop(["info", "t.mst"]).run().code(0).silent().has("state      live").has(live);
    dir.mountsnoop(["info", "--json", "t.mst"])
        .run()
        .code(0)
        .has("\"state\":\"live\"")
        .has("\"complete\":false");
    recorder.signal(Signal::KILL);
    recorder.wait();
    let crashed = "nobody is writing it";
    dir.mountsnoop(["replay", "t.mst"]).run().code(3).says(crashed).has("while-it-records");
    dir.mountsnoop(["stats", "t.mst"]).run().code(3).says(crashed);
    dir.mountsnoop(["export", "t.mst", "-F", "csv", "-o", "-"]).run().code(3).says(crashed);
    dir.mountsnoop(["info", "t.mst"]).run().code(3).silent().has("state      crashed").has(crashed);
    // Of a pipe nobody can know.
    dir.sh("cat t.mst | $mountsnoop replay -").run().code(3).says("still running, was killed");
}

#[test]
fn a_trace_that_is_being_recorded_is_not_overwritten() {
    let Some(dir) = live() else { return };
    let recorder = recording(&dir);
    for force in [&["--force"][..], &[]] {
        let args = ["record", "-o", "t.mst"].iter().chain(force).chain(&["--", "touch", "ran"]);
        let refused = dir.mountsnoop(args).run().code(125);
        if !force.is_empty() {
            refused.says("is being recorded by another mountsnoop");
        }
    }
    dir.sh("exec $mountsnoop record -o - -- touch ran >> t.mst").run().code(125).says("is being recorded");
    assert!(!dir.path("ran").exists(), "the command was run although nothing could be recorded");
    dir.cmd("./say", ["untouched"]).run().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    dir.mountsnoop(["replay", "t.mst"]).run().code(0).silent().has("untouched");
    dir.mountsnoop(["record", "--force", "-o", "t.mst", "--", "true"]).run().code(0);
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// When the trace was begun, and when the last block begins in which reading can begin, boot time; none before there is one
/// that holds events.
fn fresh(dir: &Dir) -> Option<(u64, u64)> {
    let info = dir.mountsnoop(["info", "--json", "--blocks", "t.mst"]).run().code(0);
    let trace: Value =
        serde_json::from_str(info.text()).unwrap_or_else(|error| info.fail(&error.to_string()));
    let blocks = trace["block_list"].as_array().unwrap_or_else(|| info.fail("no blocks"));
    let fresh =
        blocks.iter().rev().find(|block| block["flags"].as_u64().is_some_and(|flags| flags & 32 != 0));
    let begins = fresh.filter(|block| block["events"] != 0)?["first_boottime_ns"].as_u64()?;
    Some((trace["clock"]["boottime_ns"].as_u64()?, begins))
}

/// A process that was told of long ago is known to whoever begins to read in the middle.
#[test]
fn reading_can_begin_in_the_middle_of_a_trace() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let name = "x".repeat(4000);
    let record =
        ["record", "-o", "t.mst", "--ring-size", "64M", "--flush", "20ms", "--", "./say", "-u", &name];
    let mut recorder = dir.mountsnoop(record).with_stdin().spawn();
    recorder.until_recording();
    let (begun, begins) = recorder.until("a block in which reading can begin", |_| fresh(&dir));
    // Processes are told of again for certain a second after.
    let since = begins + 1_100_000_000;
    recorder.until("that to be long ago", |_| (now_ns() > since + 50_000_000).then_some(()));
    recorder.say("enough");
    recorder.wait().code(0);
    let whole = dir.mountsnoop(["replay", "--json", "t.mst"]).run().code(0).silent();
    let first = whole.text().lines().next().unwrap_or_else(|| whole.fail("no calls"));
    let call: Value = serde_json::from_str(first).unwrap_or_else(|error| whole.fail(&error.to_string()));
    let exe = call["exe"]
        .as_str()
        .unwrap_or_else(|| whole.fail("of the first call the program is not known"))
        .to_owned();
    let part = format!("+{}ns", since - begun);
    let part = dir.mountsnoop(["replay", "--json", "t.mst", "--since", &part]).run().code(0).silent();
    let (shown, calls) = (part.text().lines().count(), whole.text().lines().count());
    if shown == 0 || shown > calls / 2 || !part.text().lines().all(|line| line.contains(&exe)) {
        part.fail(&format!("expected some of {calls} calls, each of {exe}"));
    }
    if !whole.text().ends_with(part.text()) {
        part.fail("expected the last calls of the whole trace");
    }
}
