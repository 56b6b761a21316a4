//! A flight recorder writes nothing until it is asked, and then what happened last, as often as it is asked.

use rustix::process::Signal;

use crate::support::{Dir, Running, live};

fn flying(dir: &Dir, options: &[&str]) -> Running {
    dir.compile("say");
    let args = ["record", "-o", "t.mst", "--flush", "20ms", "--flight-recorder"];
    let mut recorder = dir.mountsnoop(args.iter().chain(options)).spawn();
    recorder.until_recording();
    recorder
}

/// Asks for the file of this number, and waits for it.
fn dump(recorder: &mut Running, number: u32) {
    recorder.signal(Signal::USR2);
    let name = format!("t.{number:06}.mst");
    recorder.until_stderr(&name, |said| said.contains(&format!("to {name}")).then_some(()));
}

#[test]
fn each_time_it_is_asked_it_writes_what_it_holds_to_another_file() {
    let Some(dir) = live() else { return };
    std::fs::write(dir.path("t.000001.mst"), "somebody's").expect("written");
    let mut recorder = flying(&dir, &["64M"]);
    dir.cmd("./say", ["first"]).run().code(0);
    dump(&mut recorder, 0);
    dir.cmd("./say", ["second"]).run().code(0);
    dump(&mut recorder, 2);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    let taken = std::fs::read(dir.path("t.000001.mst")).expect("still there");
    assert_eq!(taken, b"somebody's", "a file that was there is not overwritten");
    dir.mountsnoop(["replay", "t.000000.mst"]).run().code(0).silent().has("\"first\"").has_not("\"second\"");
    dir.mountsnoop(["replay", "t.000002.mst"]).run().code(0).silent().has("\"first\"").has("\"second\"");
    let info = dir.mountsnoop(["info", "t.000002.mst"]).run().code(0);
    info.has("complete   yes").has("what a flight recorder held at SIGUSR2");
    dir.cmd("zstd", ["-tq", "t.000002.mst"]).run().code(0);
    // They are not parts of one recording.
    dir.mountsnoop(["replay", "t.000000.mst", "t.000002.mst"]).run().code(0).silent();
}

#[test]
fn what_came_long_before_is_let_go_and_the_rest_is_whole() {
    let Some(dir) = live() else { return };
    let mut recorder = flying(&dir, &["100K", "--ring-size", "64M"]);
    dir.cmd("./say", ["long-ago"]).run().code(0);
    dir.cmd("./say", ["x", "100000"]).run().code(0);
    dir.cmd("./say", ["just-now"]).run().code(0);
    dump(&mut recorder, 0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0);
    let size = dir.path("t.000000.mst").metadata().expect("the file").len();
    assert!(size < 120_000, "{size} bytes of 100 KiB that were held, and some more about them");
    // Nothing is called lost that was let go.
    let info = dir.mountsnoop(["info", "t.000000.mst"]).run().code(0);
    info.has("complete   yes").has("nothing from before");
    let replayed = dir.mountsnoop(["replay", "--json", "--comm", "say", "t.000000.mst"]).run().code(0);
    let replayed = replayed.has("just-now").has_not("long-ago");
    let call = replayed.text().lines().find(|line| line.contains("just-now"));
    if !call.is_some_and(|line| line.contains("/say\"")) {
        replayed.fail("expected the program of the last call to be known");
    }
}

#[test]
fn it_goes_on_for_a_while_before_it_writes_or_until_it_is_ended() {
    let Some(dir) = live() else { return };
    let recorder = flying(&dir, &["30s", "--post", "1h"]);
    dir.cmd("./say", ["before"]).run().code(0);
    recorder.signal(Signal::USR2);
    recorder.signal(Signal::USR2);
    dir.cmd("./say", ["meanwhile"]).run().code(0);
    recorder.signal(Signal::INT);
    recorder.wait().code(0).says("to t.000000.mst");
    dir.mountsnoop(["replay", "t.000000.mst"]).run().code(0).silent().has("before").has("meanwhile");
    assert!(!dir.path("t.000001.mst").exists(), "it was asked twice before it wrote");
}

#[test]
fn one_that_nobody_asks_writes_nothing_and_says_so() {
    let Some(dir) = live() else { return };
    let recorder = flying(&dir, &["1M"]);
    recorder.signal(Signal::INT);
    recorder.wait().code(0).says("nobody asked for what the flight recorder holds");
    assert!(!dir.path("t.000000.mst").exists() && !dir.path("t.mst").exists());
}
