//! Printing calls as they happen, which must be what a later replay prints.

use rustix::process::Signal;

use crate::support::live;

#[test]
fn live_output_is_what_replay_prints() {
    let Some(dir) = live() else { return };
    dir.compile("calls").subdir("scratch");
    for view in [&[][..], &["--classic"], &["--json"], &["--detail"], &["--time", "--utc"]] {
        let record = ["record", "--force", "-o", "t.mst", "--print"].iter().chain(view);
        let live = dir.mountsnoop(record.chain(&["--", "./calls", "scratch"])).run().code(0);
        let replayed = dir.mountsnoop(["replay", "t.mst"].iter().chain(view)).run().code(0).silent();
        if live.text().lines().count() < 200 {
            live.fail("expected more than 200 calls");
        }
        if live.stdout != replayed.stdout {
            let pairs = live.text().lines().zip(replayed.text().lines()).enumerate();
            let differ = pairs.filter(|(_, (a, b))| a != b).take(3);
            let differ: Vec<_> =
                differ.map(|(n, (a, b))| format!("line {}\n  live:   {a}\n  replay: {b}", n + 1)).collect();
            let (a, b) = (live.text().lines().count(), replayed.text().lines().count());
            panic!(
                "{view:?}: {a} lines live, {b} in the replay, the first that differ:\n{}",
                differ.join("\n")
            );
        }
    }
}

#[test]
fn watching_prints_calls_as_they_happen_and_ends_on_request() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    for signal in [Signal::INT, Signal::TERM] {
        let mut watcher = dir.mountsnoop(["--comm", "say"]).spawn();
        watcher.until("the heading", |said| said.contains("COMM").then_some(()));
        dir.cmd("./say", ["seen-as-it-happens"]).run().code(0);
        let line = "umount2(\"seen-as-it-happens\", 0x0) = -ENOENT";
        watcher.until("the call", |said| said.contains(line).then_some(()));
        watcher.signal(signal);
        watcher.wait().code(0);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let Some(dir) = live() else { return };
    dir.compile("say");
    // head(1) ends after the heading; of the calls that follow, one finds nobody who reads.
    let line = "{ timeout 60 $mountsnoop --comm say; echo status $? >&2; } | head -n 1";
    let mut shell = dir.sh(line).spawn();
    shell.until("the heading", |said| said.contains("COMM").then_some(()));
    shell.until_stderr("its status", |said| {
        dir.cmd("./say", ["anybody-there"]).run().code(0);
        said.contains("status").then_some(())
    });
    shell.wait().code(0).says("status 0");
}
