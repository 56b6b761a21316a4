//! From calls to the bytes of a view, on their way to where they go: on this thread as long as they are few or somebody waits
//! for each, else on others too. It must not know which calls are wanted.

use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use mountsnoop::assemble::Op;
use mountsnoop::views::{Clock, View};

use crate::makers::{Job, Made, Makers, Note};

/// Rows are written out when they have grown to this, bytes.
const CHUNK: usize = 64 << 10;
/// A batch of calls becomes rows when it has grown to something between these, bytes: larger ones wake fewer threads. One that has
/// to copy what the calls are from is the smallest.
const BATCH: Range<usize> = 64 << 10..256 << 10;
/// As large that its rows are about this, bytes, for they take memory.
const ROWS: usize = 192 << 10;
/// So many calls without anybody asking for their rows to be written out are worth other threads.
const WORTH_THREADS: usize = 1024;

/// What was printed and is not yet written. One event may make any number of rows, so each may have to go out.
pub struct Outgoing<W: Write> {
    /// None while the makers have it.
    view: Option<Box<dyn View>>,
    buffer: Vec<u8>,
    to: W,
    failed: Option<io::Error>,
    calls: usize,
    cpus: usize,
    makers: Option<Makers>,
    /// For the makers; its clock and host are what holds now.
    job: Job,
    spare: Vec<Job>,
    /// A job this large is handed over, bytes.
    enough: usize,
    /// What the next calls stand in.
    block: Option<Arc<Vec<u8>>>,
}

impl<W: Write> Outgoing<W> {
    /// The view is begun.
    pub fn new(mut view: Box<dyn View>, to: W) -> Outgoing<W> {
        let mut buffer = Vec::with_capacity(2 * CHUNK);
        view.begin(&mut buffer);
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let (job, spare) = (Job::default(), Vec::new());
        let (view, enough) = (Some(view), BATCH.start);
        Outgoing {
            view,
            buffer,
            to,
            failed: None,
            calls: 0,
            cpus,
            makers: None,
            job,
            spare,
            enough,
            block: None,
        }
    }

    /// The calls that follow are of events that stand in this block, if there is one; they need not be copied.
    pub fn share(&mut self, block: Option<&Arc<Vec<u8>>>) {
        // Of many calls the memory is not worth it, of few the way to another thread.
        if self.job.calls.size() >= self.enough / 2 {
            self.hand_over();
        }
        self.block = block.cloned();
        self.job.calls.share(block);
    }

    /// Adds a row.
    #[inline]
    pub fn row(&mut self, op: &Op<'_>) {
        match &mut self.view {
            Some(view) => {
                view.row(&mut self.buffer, op);
                self.spill();
                self.calls += 1;
                if self.calls == WORTH_THREADS {
                    self.put();
                    self.makers = Makers::start(&mut self.view, self.cpus);
                }
            }
            None => {
                self.job.calls.add(op);
                let calls = &self.job.calls;
                if calls.size() >= self.enough || calls.copied() >= BATCH.start {
                    self.hand_over();
                }
            }
        }
    }

    /// Adds what is no call.
    pub fn note(&mut self, note: Note) {
        match &mut self.view {
            Some(view) => {
                note.show(&mut **view, &mut self.buffer);
                self.spill();
            }
            None => {
                self.job.note = Some(note);
                self.hand_over();
            }
        }
    }

    /// How the times of what follows are to be read.
    pub fn clock(&mut self, clock: Clock) {
        self.change(|job| job.clock = clock);
    }

    /// Which host what follows is from.
    pub fn host(&mut self, name: &str) {
        self.change(|job| job.host = name.into());
    }

    fn change(&mut self, change: impl FnOnce(&mut Job)) {
        if self.job.calls.size() > 0 {
            self.hand_over();
        }
        change(&mut self.job);
        self.tell();
    }

    /// Tells the view what holds now; makers are told with each job.
    fn tell(&mut self) {
        if let Some(view) = &mut self.view {
            view.clock(self.job.clock);
            view.host(&self.job.host);
        }
    }

    /// Writes out what is too much to keep.
    #[inline]
    fn spill(&mut self) {
        if self.buffer.len() >= CHUNK {
            self.put();
        }
    }

    /// Writes out the rows made on this thread; a failure is kept for [`Outgoing::result`].
    fn put(&mut self) {
        let rows = std::mem::take(&mut self.buffer);
        self.write_out(&rows);
        self.buffer = rows;
        self.buffer.clear();
    }

    /// Nothing is written behind what could not be.
    fn write_out(&mut self, rows: &[u8]) {
        if self.failed.is_none() {
            let written = self.to.write_all(rows);
            self.note_failure(written);
        }
    }

    fn note_failure<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.failed.get_or_insert(error)).ok()
    }

    /// Gives the job to a maker, and writes out what must be taken before.
    fn hand_over(&mut self) {
        while self.makers.as_ref().is_some_and(Makers::are_busy) && self.take() {}
        let Some(makers) = &mut self.makers else { return };
        let next = self.spare.pop().unwrap_or_default();
        let next = Job { clock: self.job.clock, host: Arc::clone(&self.job.host), ..next };
        let given = makers.give(std::mem::replace(&mut self.job, next));
        self.job.calls.share(self.block.as_ref());
        self.note_failure(given);
    }

    /// Writes out the rows of one job, or some of them; false where there is none.
    fn take(&mut self) -> bool {
        let taken = self.makers.as_mut().map_or(Ok(None), Makers::take);
        match self.note_failure(taken).flatten() {
            Some(Made::Piece(rows)) => self.write_out(&rows),
            Some(Made::All(job)) => {
                self.write_out(&job.rows);
                let (calls, rows) = job.size;
                self.enough = (calls * ROWS / rows.max(1)).clamp(BATCH.start, BATCH.end);
                self.spare.push(job.again());
            }
            None => return false,
        }
        true
    }

    /// Whether all rows could be written.
    #[inline]
    pub fn result(&mut self) -> Result<()> {
        self.failed.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Writes all rows there are.
    pub fn write(&mut self) -> Result<()> {
        if self.job.calls.size() > 0 {
            self.hand_over();
        }
        while self.take() {}
        self.put();
        self.result()
    }

    /// Writes all rows there are, for somebody who waits for them: those that follow are made on this thread again.
    pub fn flush(&mut self) -> Result<()> {
        self.write()?;
        if let Some(makers) = self.makers.take() {
            self.view = Some(makers.end()?);
            self.spare.clear();
            self.tell();
        }
        self.calls = 0;
        Ok(self.to.flush()?)
    }

    /// Ends the view.
    pub fn end(&mut self) -> Result<()> {
        self.flush()?;
        if let Some(view) = &mut self.view {
            view.end(&mut self.buffer);
        }
        self.flush()
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
