//! What cannot be written is counted: on a disk that is full, and one that comes free again, behind a limit, and where the
//! disk fails. The recording goes on, the trace is closed, and nothing is missing that is not accounted for.

use serde_json::Value;

use crate::support::{Dir, Done, live};

/// Calls that are made: enough for several times the disks below.
const CALLS: u64 = 200_000;

fn info(dir: &Dir, trace: &str, code: i32) -> (Done, Value) {
    let done = dir.mountsnoop(["info", "--json", trace]).run().code(code);
    let info = serde_json::from_str(done.text()).unwrap_or_else(|error| done.fail(&error.to_string()));
    (done, info)
}

fn number(done: &Done, of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| done.fail(&format!("no number {name}")))
}

/// The trace is closed, is not complete, and says why. Every event of those `CALLS` is there, or counted as not written.
fn accounts_for_all(dir: &Dir, trace: &str, why: &str) {
    let (done, info) = info(dir, trace, 3);
    let stats = &info["stats"];
    let [seen, written, unwritten] =
        ["seen", "written", "user_dropped"].map(|name| number(&done, stats, name));
    let (events, lost) = (number(&done, &info, "events"), number(&done, &info, "lost"));
    // One event for either end of each call, and one that tells of the process, more where that was lost.
    let processes = seen.saturating_sub(2 * CALLS);
    let expected = (written + unwritten, events, unwritten, true);
    if (seen, written, lost, unwritten > 0 && (1..=3).contains(&processes)) != expected {
        done.fail(&format!(
            "{seen} seen, {written} written, {events} there, {lost} lost, {processes} processes"
        ));
    }
    let doubt = format!("{unwritten} of {seen} events were lost while recording: {unwritten} ({why})");
    dir.mountsnoop(["info", trace]).run().code(3).has("state      closed").has("complete   no").has(&doubt);
    let replayed = dir.mountsnoop(["replay", trace]).run().code(3);
    replayed.says(&format!("{lost} events were lost while recording ({why})")).has(" events between ");
    dir.cmd("zstd", ["-tq", trace]).run().code(0);
}

/// Runs a script in a mount namespace of its own.
fn apart(dir: &Dir, script: &str) -> Done {
    let cmd = dir.cmd("unshare", ["-m", "sh", "-ec", script]);
    cmd.env("mountsnoop", env!("CARGO_BIN_EXE_mountsnoop")).env("calls", &CALLS.to_string()).run()
}

#[test]
fn a_full_disk_loses_what_is_counted_and_nothing_else() {
    let Some(dir) = live() else { return };
    dir.compile("say").subdir("small");
    let script = "mount -t tmpfs -o size=120k small small
        $mountsnoop record --ring-size 64M -o small/t.mst -- sh -c './say x $calls; echo ended; exit 5' || echo status $?
        cp small/t.mst .";
    apart(&dir, script)
        .code(0)
        .has("ended\nstatus 5")
        .says("No space left on device")
        .says("events were lost because they could not be written");
    // The shell is a process, too.
    accounts_for_all(&dir, "t.mst", "disk full");
}

#[test]
fn a_full_disk_makes_the_exit_status_3() {
    let Some(dir) = live() else { return };
    dir.compile("say").subdir("small");
    let script = "mount -t tmpfs -o size=120k small small
        $mountsnoop record --ring-size 64M -o small/t.mst 2> said &
        until grep -q 'recording into' said; do sleep 0.01; done
        until grep -q 'No space left' said; do ./say x $calls; done
        kill -INT $!
        wait $! || echo status $?";
    apart(&dir, script).code(0).has("status 3");
}

/// What came meanwhile is missing, and said to be missing there.
#[test]
fn writing_goes_on_when_the_disk_has_room_again() {
    let Some(dir) = live() else { return };
    dir.compile("say").subdir("small");
    let command = "until grep -q 'No space left' said; do ./say x $calls; done
        rm small/other
        until grep -q 'is written again' said; do ./say poke; done
        ./say after-the-gap";
    std::fs::write(dir.path("command"), command).expect("a script");
    let script = "mount -t tmpfs -o size=620k small small
        head -c 500k /dev/zero > small/other
        $mountsnoop record --ring-size 64M -o small/t.mst -- sh ./command 2> said
        cp small/t.mst .";
    apart(&dir, script).code(0);
    let replayed = dir.mountsnoop(["replay", "--json", "--comm", "say", "t.mst"]).run().code(3);
    let replayed = replayed.has("after-the-gap").says("(disk full)");
    // Whoever made it is known, although it may have been told of while nothing could be written.
    let after = replayed.text().lines().find(|line| line.contains("after-the-gap"));
    if !after.is_some_and(|line| line.contains("/say\"")) {
        replayed.fail("expected the program of the call after the gap to be known");
    }
    let (done, info) = info(&dir, "t.mst", 3);
    let stats = &info["stats"];
    let [seen, written, unwritten] =
        ["seen", "written", "user_dropped"].map(|name| number(&done, stats, name));
    if seen != written + unwritten || unwritten == 0 || number(&done, &info, "lost") != unwritten {
        done.fail("expected that all is accounted for");
    }
}

#[test]
fn a_limit_for_files_is_a_full_disk() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    let script = "prlimit --fsize=100000 $mountsnoop record --ring-size 64M -o t.mst -- ./say x $calls";
    let script = format!("{script}; ls -l t.mst | cut -d' ' -f5");
    let done = apart(&dir, &script).code(0).says("File too large");
    let size: u64 = done.text().trim().parse().unwrap_or_else(|_| done.fail("no size"));
    if size > 100_000 {
        done.fail("the file is larger than it may be");
    }
    accounts_for_all(&dir, "t.mst", "disk full");
}
