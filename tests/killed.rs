//! A recorder that is killed at any moment leaves a trace that can be read: all that it had flushed, in order, and nothing
//! that it was not given. What is killed here is the part of a recorder that writes; tests/live/ending.rs kills a whole one.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use mountsnoop::decode::synth;
use mountsnoop::format::{ClockSync, DamageReason, Item, Metadata, Reader, State};
use mountsnoop::layout::Common;
use mountsnoop::record::{Durability, TraceOptions, trace};
use rustix::process::Signal;

use crate::support::Dir;

const KILLS: u64 = 100;
/// Says to the one that will be killed where to write.
const WRITE: &str = "MOUNTSNOOP_TEST_WRITES";

/// Event number `n`, the whole of it.
fn event(n: u64) -> Vec<u8> {
    synth::umount2(format!("/call/{n}").as_bytes(), 0).task(7, 7).time(1000 + n).build()
}

#[test]
#[ignore = "it is what the test below starts and kills"]
fn writes_until_it_is_killed() {
    let path = std::env::var_os(WRITE).expect("the test below says where");
    let options = TraceOptions { sync: Durability::None, ..TraceOptions::default() };
    let mut trace = trace(Path::new(&path), &options).expect("a new file");
    trace.begin(&Metadata::default(), &ClockSync::default()).expect("begun");
    let mut events = (0..).map(event);
    for flushed in 1_u64.. {
        // Sometimes few, sometimes more than a block.
        let some = if flushed % 8 == 0 { 5000 } else { flushed % 8 };
        for bytes in events.by_ref().take(some as usize) {
            trace.event(&Common::read(&bytes).expect("an event"), &bytes).expect("taken");
        }
        trace.flush().expect("flushed");
        let _ = writeln!(std::io::stdout(), "flushed {some}");
    }
}

/// How many events the one that was killed has flushed, by its own words.
fn flushed(said: &str) -> u64 {
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| line.strip_prefix("flushed ")?.parse::<u64>().ok()).sum()
}

/// Reads the trace: how many events it has, which must be the first ones, each as it was given.
fn read(path: &Path, kill: u64) -> u64 {
    let mut reader = Reader::from_file(File::open(path).expect("the trace")).expect("a trace");
    let mut events = 0;
    while let Some(item) = reader.next().expect("it can be read") {
        match item {
            Item::Event(found) => {
                assert_eq!(found.bytes, event(events), "event {events} after kill {kill}");
                events += 1;
            }
            Item::Damage(damage) => {
                assert!(matches!(damage.reason, DamageReason::TornTail), "after kill {kill}: {damage}")
            }
            _ => {}
        }
    }
    assert_eq!(reader.state(), State::Crashed, "after kill {kill}");
    events
}

#[test]
fn whenever_it_is_killed_what_was_flushed_can_be_read() {
    let dir = Dir::new();
    let program = std::env::current_exe().expect("this program");
    let mut moments = std::collections::BTreeSet::new();
    for kill in 0..KILLS {
        let name = format!("{kill}.mst");
        let args = ["--ignored", "--exact", "--nocapture", "killed::writes_until_it_is_killed"];
        let path = dir.path(&name);
        let mut writer = dir.cmd(&program, args).env(WRITE, &path.to_string_lossy()).spawn();
        let lines = kill as usize % 40 + 1;
        writer.until("some flushes", |said| (said.matches("flushed").count() >= lines).then_some(()));
        writer.signal(Signal::KILL);
        let done = writer.wait();
        let (said, read) = (flushed(done.text()), read(&path, kill));
        if said == 0 || read < said {
            done.fail(&format!("kill {kill}: {said} events were flushed, {read} are there"));
        }
        moments.insert(path.metadata().expect("the trace").len());
    }
    assert!(moments.len() > 10, "the kills came at the same few moments: {moments:?}");
}
