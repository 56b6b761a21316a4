//! Makes a trace that is too long to be recorded: what `scripts/bench-big.py` then reads. Measures nothing.
//!
//! `big OUT EVENTS [EVENTS_A_BLOCK]`: blocks are full, or closed after so many events, so that a file of a few hundred
//! megabytes has as many as one of ten gigabytes. As in a recording reading can begin at each 64th block. Prints how many events
//! it has, and when the last of them was, in ns since 1970. With no arguments, as `cargo test` runs it, it makes a small one for nobody.

// Of the stages only the making of events is needed.
#[allow(dead_code)]
mod stages;

use std::env;
use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

use mountsnoop::format::ClockSync;
use stages::{Work, append, begin, close, time};

/// Of them a recorder too begins with a block at which reading can begin.
const EPOCH_BLOCKS: u64 = 64;

fn main() -> ExitCode {
    // `cargo bench` adds its own.
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.is_empty() {
        make("/dev/null", 1000, Some(10));
        return ExitCode::SUCCESS;
    }
    let numbers: Option<Vec<usize>> = args.iter().skip(1).map(|arg| arg.parse().ok()).collect();
    let (Some(out), Some(&[events, ref block @ ..])) = (args.first(), numbers.as_deref()) else {
        eprintln!("usage: big OUT EVENTS [EVENTS_A_BLOCK]");
        return ExitCode::from(2);
    };
    make(out, events, block.first().copied());
    ExitCode::SUCCESS
}

fn make(out: &str, wanted: usize, a_block: Option<usize>) {
    let file = File::create(out).unwrap_or_else(|why| panic!("{out}: {why}"));
    let mut writer = begin(BufWriter::with_capacity(1 << 20, file));
    let (mut written, mut epoch, mut latest) = (0, 0, 0);
    for event in Work::new().events(wanted) {
        if writer.totals().blocks >= epoch + EPOCH_BLOCKS {
            epoch = writer.totals().blocks;
            // As in what `begin` writes, both clocks show the same.
            let clock = ClockSync { boottime_ns: latest, realtime_ns: latest as i64, ..ClockSync::default() };
            writer.fresh(&clock).expect("written");
        }
        latest = latest.max(time(&event));
        append(&mut writer, &event);
        written += 1;
        if a_block.is_some_and(|a_block| written % a_block == 0) {
            writer.flush().expect("written");
        }
    }
    println!("{written} {latest}");
    close(writer, written);
}
