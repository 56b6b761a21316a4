//! From calls to the bytes of a view, and out: on whatever thread has it, in the order that they come.
//! It must not know which calls are wanted.

use std::io::{self, Write};

use mountsnoop::assemble::Op;
use mountsnoop::views::View;

/// Rows are written out when they have grown to this, bytes.
const CHUNK: usize = 64 << 10;

/// What was printed and is not yet written. One event may make any number of rows, so each may have to go out.
pub struct Press<W: Write> {
    /// None while others make the rows, each with a view of its own.
    pub view: Option<Box<dyn View>>,
    buffer: Vec<u8>,
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> Press<W> {
    /// The view is begun.
    pub fn new(mut view: Box<dyn View>, to: W) -> Press<W> {
        let mut buffer = Vec::with_capacity(2 * CHUNK);
        view.begin(&mut buffer);
        Press { view: Some(view), buffer, to, failed: None }
    }

    /// Adds a row.
    #[inline]
    pub fn row(&mut self, op: &Op<'_>) {
        self.with(|view, rows| view.row(rows, op));
    }

    /// Lets the view add what it likes.
    #[inline]
    pub fn with(&mut self, add: impl FnOnce(&mut dyn View, &mut Vec<u8>)) {
        if let Some(view) = &mut self.view {
            add(&mut **view, &mut self.buffer);
        }
        if self.buffer.len() >= CHUNK {
            self.put();
        }
    }

    /// Writes what others have made.
    pub fn write(&mut self, rows: &[u8]) {
        self.put();
        self.write_out(rows);
    }

    /// Writes out what there is; a failure is kept for [`Press::result`].
    pub fn put(&mut self) {
        let rows = std::mem::take(&mut self.buffer);
        self.write_out(&rows);
        self.buffer = rows;
        self.buffer.clear();
    }

    /// Nothing is written behind what could not be.
    fn write_out(&mut self, rows: &[u8]) {
        if self.failed.is_none() && !rows.is_empty() {
            self.failed = self.to.write_all(rows).err();
        }
    }

    /// Whether something could not be written.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether all could be written.
    #[inline]
    pub fn result(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Brings what was written to where it goes.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
