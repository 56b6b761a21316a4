//! `mountsnoop` without a command: prints mount calls as they happen.

use anyhow::Result;
use mountsnoop::record;

use crate::args::{CaptureArgs, FilterArgs, ViewArgs};
use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::record::capture_options;

pub fn run(filter: &FilterArgs, view: &ViewArgs, capture: &CaptureArgs) -> Result<Outcome> {
    let mut printer = Printer::new(filter, view)?;
    let options = capture_options(capture, &filter.pid, &filter.ns, filter.failed)?;
    let summary = record::run(&options, &mut printer)?;
    for complaint in summary.complaints() {
        eprintln!("mountsnoop: {complaint}");
    }
    Ok(Outcome::lossy(summary.lossy()))
}
