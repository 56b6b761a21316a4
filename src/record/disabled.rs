//! Stands in for recording where it is not built in: the same names, and an explanation. `enabled.rs` is its twin.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Options, Sink, Summary, TraceOptions};

const WHY: &str = "this mountsnoop was built without recording (--no-default-features): it replays, summarizes and \
                   exports traces; to record, use one built with the feature `record`, on Linux";

/// Explains that recording is not built in.
pub fn run(_options: &Options, _sink: &mut dyn Sink) -> Result<Summary> {
    bail!(WHY)
}

/// Whether this process only holds what a recorder has left behind: never.
pub fn held() -> bool {
    false
}

/// Gives up what only recording needs: a program that cannot record is never given it.
pub fn not_recording() {}

/// Explains that recording is not built in.
pub fn trace(_path: &Path, _options: &TraceOptions) -> Result<Box<dyn Sink>> {
    bail!(WHY)
}
