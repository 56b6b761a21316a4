//! Rows that were printed, on their way to where they go.
//! It must not know which rows there are.

use std::io::{self, Write};

use anyhow::Result;
use mountsnoop::assemble::Op;
use mountsnoop::filter::Filter;
use mountsnoop::views::View;

/// Rows are written out when they have grown to this, bytes.
const CHUNK: usize = 64 << 10;

/// What was printed and is not yet written. One event may make any number of rows, so each may have to go out.
pub struct Outgoing<W: Write> {
    pub buffer: Vec<u8>,
    pub to: W,
    failed: Option<io::Error>,
}

impl<W: Write> Outgoing<W> {
    pub fn new(to: W) -> Outgoing<W> {
        Outgoing { buffer: Vec::with_capacity(2 * CHUNK), to, failed: None }
    }

    /// Adds a row, if it is wanted.
    #[inline]
    pub fn row(&mut self, filter: &Filter, view: &mut dyn View, op: &Op<'_>) {
        if !filter.matches(op) {
            return;
        }
        view.row(&mut self.buffer, op);
        self.spill();
    }

    /// Writes out what is too much to keep; a failure is kept for [`Outgoing::result`].
    #[inline]
    pub fn spill(&mut self) {
        if self.buffer.len() >= CHUNK {
            self.failed = self.failed.take().or(self.to.write_all(&self.buffer).err());
            self.buffer.clear();
        }
    }

    /// Whether all rows could be written.
    pub fn result(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), |error| Err(error.into()))
    }

    pub fn write(&mut self) -> Result<()> {
        self.result()?;
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
