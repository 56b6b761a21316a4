//! Stands in for recording where it is not built in: the same names, and an explanation. `enabled.rs` is its twin.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Options, Sink, Summary, TraceOptions};
use crate::format::{ChildExit, ClockSync, Lost, Marker, Metadata, RecorderStats};

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

/// A trace file being written; cannot be had here.
pub enum TraceFile {}

impl TraceFile {
    /// Explains that recording is not built in.
    pub fn create(_path: &Path, _options: &TraceOptions) -> Result<TraceFile> {
        bail!(WHY)
    }

    /// What a person should know, since this was asked last.
    pub fn said(&mut self) -> Vec<String> {
        match *self {}
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        match *self {}
    }
}

impl Sink for TraceFile {
    fn begin(&mut self, _: &Metadata, _: &ClockSync) -> Result<()> {
        match *self {}
    }
    fn event(&mut self, _: &crate::layout::Common, _: &[u8]) -> Result<()> {
        match *self {}
    }
    fn clock(&mut self, _: &ClockSync) -> Result<()> {
        match *self {}
    }
    fn lost(&mut self, _: &Lost) -> Result<()> {
        match *self {}
    }
    fn child_exit(&mut self, _: &ChildExit) -> Result<()> {
        match *self {}
    }
    fn marker(&mut self, _: &Marker) -> Result<()> {
        match *self {}
    }
    fn flush(&mut self) -> Result<()> {
        match *self {}
    }
    fn end(&mut self, _: &RecorderStats, _: &ClockSync) -> Result<()> {
        match *self {}
    }
}
