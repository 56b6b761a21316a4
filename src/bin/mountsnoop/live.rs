//! `mountsnoop` without a command: prints mount calls as they happen.

use anyhow::Result;
use mountsnoop::record;

use crate::args::{CaptureArgs, FilterArgs, ViewArgs};
use crate::outcome::Outcome;
use crate::pipeline::Printer;
use crate::record::capture_options;

pub fn run(filter: &FilterArgs, view: &ViewArgs, capture: &CaptureArgs) -> Result<Outcome> {
    let mut printer = Printer::new(filter, view)?;
    let summary = record::run(&capture_options(capture), &mut printer)?;
    if summary.lost > 0 {
        eprintln!("mountsnoop: {} events were lost: use a larger --ring-size", summary.lost);
    }
    if summary.parts_lost > 0 {
        eprintln!("mountsnoop: {} arguments of calls were lost", summary.parts_lost);
    }
    Ok(Outcome::lossy(summary.lost > 0 || summary.parts_lost > 0))
}
