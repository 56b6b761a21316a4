//! A recording as it happens, to the rows of a view: what live printing and `record --print` show.
//! It must not know how a row is made: that is pipeline.rs, which replay uses too.

use std::io;

use anyhow::Result;
use mountsnoop::format::{ChildExit, ClockSync, Lost, Marker, Metadata, RecorderStats};
use mountsnoop::layout;
use mountsnoop::record::Sink;

use crate::args::{FilterArgs, ViewArgs};
use crate::pipeline::{Rows, view};

/// Prints a recording as it happens.
pub struct Printer(Rows<io::Stdout>);

impl Printer {
    pub fn new(filter: &FilterArgs, args: &ViewArgs) -> Result<Printer> {
        Ok(Printer(Rows::new(filter, args.utc, view(args), io::stdout())?))
    }
}

impl Sink for Printer {
    fn begin(&mut self, metadata: &Metadata, clock: &ClockSync) -> Result<()> {
        self.0.start(clock.realtime_ns, clock.boottime_ns)?;
        self.0.host(&metadata.hostname);
        self.clock(clock)?;
        self.flush()
    }

    fn event(&mut self, _: &layout::Common, bytes: &[u8]) -> Result<()> {
        self.0.event(bytes)
    }

    fn clock(&mut self, clock: &ClockSync) -> Result<()> {
        self.0.clock(clock)
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        self.0.lost(lost);
        Ok(())
    }

    fn child_exit(&mut self, _: &ChildExit) -> Result<()> {
        Ok(())
    }

    fn marker(&mut self, marker: &Marker) -> Result<()> {
        self.0.remark(marker)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }

    fn end(&mut self, _: &RecorderStats, clock: &ClockSync) -> Result<()> {
        self.0.clock(clock)?;
        self.0.end()
    }
}
