//! The calls of one block to rows, on the thread that has the block: made while others make theirs, written when it is their turn.
//! It must not know which calls are wanted.

use std::io::Write;
use std::sync::Arc;

use mountsnoop::assemble::{Batch, Op};
use mountsnoop::views::{Clock, View};

use crate::press::Press;
use crate::turns::Turns;

/// Rows that have grown to this, bytes, wait for their turn before there are more.
const ROWS: usize = 768 << 10;
/// Calls that take this, bytes, become rows before there are more. Those of one block take less, but others may have begun before it.
const CALLS: usize = 1 << 20;
/// With the last row, mostly: memory that grows is had twice for a while.
const ROOM: usize = ROWS + (192 << 10);

/// What a thread holds of the block that it has.
pub struct Hand<W: Write> {
    /// None where a row depends on those before it: then they are made by the view of the press, in turn.
    view: Option<Box<dyn View>>,
    press: Arc<Turns<Press<W>>>,
    number: u64,
    block: Option<Arc<Vec<u8>>>,
    calls: Batch,
    rows: Vec<u8>,
    closed: bool,
}

impl<W: Write> Hand<W> {
    /// Without a block.
    pub fn new(view: Option<Box<dyn View>>, press: &Arc<Turns<Press<W>>>) -> Hand<W> {
        let (press, calls) = (Arc::clone(press), Batch::default());
        Hand { view, press, number: 0, block: None, calls, rows: Vec::with_capacity(ROOM), closed: false }
    }

    /// What follows are the calls of this block.
    pub fn begin(&mut self, number: u64, block: &Arc<Vec<u8>>, clock: Clock, host: &str) {
        self.number = number;
        self.calls.begin(Some(block));
        self.block = Some(Arc::clone(block));
        if let Some(view) = &mut self.view {
            view.clock(clock);
            view.host(host);
        }
    }

    /// Adds a call.
    #[inline]
    pub fn add(&mut self, op: &Op<'_>) {
        self.calls.add(op);
        if self.calls.size() >= CALLS {
            self.make();
        }
    }

    /// Lets the view add what it likes behind the calls so far.
    pub fn with(&mut self, add: impl FnOnce(&mut dyn View, &mut Vec<u8>)) {
        self.make();
        match &mut self.view {
            Some(view) => add(&mut **view, &mut self.rows),
            None => match self.press.take(self.number) {
                Some(mut press) => press.with(add),
                None => self.closed = true,
            },
        }
    }

    /// Makes the rows of the calls so far.
    fn make(&mut self) {
        if !self.calls.is_empty() {
            self.closed |= self.try_make().is_none();
            self.calls.begin(self.block.as_ref());
        }
    }

    /// None: there is no turn any more.
    fn try_make(&mut self) -> Option<()> {
        let Hand { view, press, number, calls, rows, .. } = self;
        let Some(view) = view else {
            let mut press = press.take(*number)?;
            calls.calls().for_each(|op| press.row(&op));
            return Some(());
        };
        for op in calls.calls() {
            view.row(rows, &op);
            if rows.len() >= ROWS {
                press.take(*number)?.write(rows);
                rows.clear();
            }
        }
        Some(())
    }

    /// Writes the rows of the calls so far, once all before them are.
    pub fn write(&mut self) {
        self.make();
        match self.press.take(self.number) {
            Some(mut press) => press.write(&self.rows),
            None => self.closed = true,
        }
        self.rows.clear();
    }

    /// The same of the last of the block, without waiting for those before: it is the next one's turn. False: nobody wants any more.
    pub fn finish(&mut self) -> bool {
        self.make();
        // Whoever opens the next block may use its memory again.
        self.block = None;
        self.calls.begin(None);
        let Some(mut press) = self.press.take_or_leave(self.number) else { return false };
        let failed = press.has_failed();
        if press.has_come() {
            press.write(&self.rows);
            self.rows.clear();
            press.pass();
        } else {
            let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(ROOM));
            press.leave(move |press| press.write(&rows));
        }
        !failed
    }

    /// Whether rows were lost because another thread died.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Its view, if it has one.
    pub fn into_view(self) -> Option<Box<dyn View>> {
        self.view
    }
}
