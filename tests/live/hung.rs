//! Calls that do not return are seen all the same: they are what one looks for when a system hangs.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Dir, Running, live, wait_until};

/// Two calls that hang, made by tasks of this name, until the program's standard input is closed.
fn hanging(dir: &Dir, comm: &str) -> Running {
    dir.compile("hang").subdir("scratch");
    let mut running = dir.cmd("./hang", ["scratch", comm]).with_stdin().spawn();
    running.until("a word that they hang", |said| said.contains("hanging").then_some(()));
    running
}

const MOUNT: &str = "mount(\"a source\", \"mnt/below\", \"tmpfs\", MS_NOSUID, \"size=1m\"";
const UMOUNT: &str = "umount2(\"mnt/below/further\", MNT_DETACH";

#[test]
fn a_hung_call_is_printed_while_it_hangs_and_again_when_it_returns() {
    let Some(dir) = live() else { return };
    // A pipe, not a terminal: nothing may be kept back in a buffer until there is more.
    let mut watcher = dir.mountsnoop(["--comm", "hung-live"]).spawn();
    watcher.until("the heading", |said| said.contains("COMM").then_some(()));
    let hung = hanging(&dir, "hung-live");
    let unfinished = |call: &str| format!("{call} <unfinished ...>");
    watcher.until("both calls, unfinished", |said| {
        (said.contains(&unfinished(MOUNT)) && said.contains(&unfinished(UMOUNT))).then_some(())
    });
    assert!(!hung.printed().contains("released"), "the calls did not hang");
    hung.wait().code(0).has("released");
    watcher.until("both calls, returned", |said| {
        let returned = |call: &str| said.contains(&format!("{call}) = -ENOTCONN"));
        (returned(MOUNT) && returned(UMOUNT)).then_some(())
    });
    watcher.signal(Signal::INT);
    watcher.wait().code(0);
}

#[test]
fn a_call_that_hangs_when_the_recording_ends_is_in_the_trace() {
    let Some(dir) = live() else { return };
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst"]).spawn();
    recorder.until_recording();
    let hung = hanging(&dir, "hung-trace");
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    hung.wait().code(0).has("released");
    let done = dir.mountsnoop(["replay", "--comm", "hung-trace", "t.mst"]).run().code(0).silent();
    let lines: Vec<&str> = done.text().lines().skip(1).collect();
    if lines.len() != 2 || !lines.iter().all(|line| line.ends_with(" <unfinished ...>")) {
        done.fail("expected two unfinished calls");
    }
    done.has(MOUNT).has(UMOUNT);
}

#[test]
fn a_call_that_hung_before_the_recording_is_told_when_it_returns() {
    let Some(dir) = live() else { return };
    let hung = hanging(&dir, "hung-before");
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst"]).spawn();
    recorder.until_recording();
    assert!(!hung.printed().contains("released"), "the calls did not hang");
    hung.wait().code(0).has("released");
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    let done = dir.mountsnoop(["replay", "--comm", "hung-before", "t.mst"]).run().code(0).silent();
    // Their strings are read now, from the memory of tasks that have nothing else to do.
    let shown = done.text().replace(" /* late */", "");
    for call in [MOUNT, UMOUNT] {
        let line = format!("{call}) = -ENOTCONN /* begun before the recording */");
        if shown.matches(&line).count() != 1 {
            done.fail(&format!("expected once: {line}"));
        }
    }
    if shown.lines().count() != 3 {
        done.fail("expected two calls");
    }
}

#[test]
fn a_thread_that_is_killed_in_a_call_has_returned_from_it() {
    let Some(dir) = live() else { return };
    let mut recorder = dir.mountsnoop(["record", "-o", "t.mst"]).spawn();
    recorder.until_recording();
    let hung = hanging(&dir, "hung-killed");
    let pids = hung.printed().lines().find_map(|line| line.strip_prefix("hanging ").map(str::to_owned));
    let pids: Vec<i32> = pids.iter().flat_map(|pids| pids.split(' ')).flat_map(str::parse).collect();
    assert_eq!(pids.len(), 2, "{}", hung.printed());
    // Both: one may wait for the other, for a lock of their directory, and nobody is killed while waiting for that.
    for &pid in &pids {
        kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("it can be killed");
    }
    // Until then one may return for another reason: that nobody is there any more who could answer.
    wait_until("both are dead", || {
        let stat = |pid| std::fs::read_to_string(format!("/proc/{pid}/stat"));
        pids.iter().all(|pid| stat(pid).is_ok_and(|stat| stat.contains(") Z ")))
    });
    hung.wait().code(1).says("ended with status 0x9");
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    let done = dir.mountsnoop(["replay", "--comm", "hung-killed", "t.mst"]).run().code(0).silent();
    done.has(&format!("{MOUNT}) = -EINTR")).has(&format!("{UMOUNT}) = -EINTR"));
}
