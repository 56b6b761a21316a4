//! Calls to rows on other threads, a batch on each in turn, or on one that sees all of them: the rows come back in the order of the
//! calls.
//! It must not know which rows there are, nor where they go.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use mountsnoop::assemble::Batch;
use mountsnoop::views::{Clock, Lost, Remark, View};

/// More threads than this would wait for the one that puts calls together.
const MAKERS_MAX: usize = 3;
/// Jobs that each may have, but one of them waiting or done.
const JOBS: usize = 3;
/// Of longer rows the memory is given back, bytes.
const KEPT: usize = 1 << 20;

/// What comes after the calls of a job.
pub enum Note {
    Lost { events: Option<u64>, cpu: Option<u32>, between: Option<(u64, u64)>, why: String },
    Remark { time: u64, kind: String, text: String },
}

impl Note {
    pub fn show(&self, view: &mut dyn View, out: &mut Vec<u8>) {
        match self {
            Note::Lost { events, cpu, between, why } => {
                view.lost(out, &Lost { events: *events, cpu: *cpu, between: *between, why });
            }
            Note::Remark { time, kind, text } => view.remark(out, &Remark { time: *time, kind, text }),
        }
    }
}

/// Some calls, what comes after them, and the rows that they become.
#[derive(Default)]
pub struct Job {
    pub calls: Batch,
    pub note: Option<Note>,
    /// How times are to be read.
    pub clock: Clock,
    pub host: Arc<str>,
    /// What the calls took, bytes.
    pub size: usize,
    pub rows: Vec<u8>,
}

impl Job {
    fn make(&mut self, view: &mut dyn View) {
        view.clock(self.clock);
        view.host(&self.host);
        for op in self.calls.calls() {
            view.row(&mut self.rows, &op);
        }
        if let Some(note) = self.note.take() {
            note.show(view, &mut self.rows);
        }
        self.calls.clear();
    }

    /// Empty again, but for memory that is worth keeping.
    pub fn again(mut self) -> Job {
        self.rows.clear();
        self.rows.shrink_to(KEPT);
        self
    }
}

/// A thread with a view of its own.
struct Maker {
    view: Sender<Box<dyn View>>,
    jobs: Sender<Job>,
    made: Receiver<Job>,
    thread: JoinHandle<Option<Box<dyn View>>>,
}

/// The threads, the one first that has the oldest job.
pub struct Makers {
    makers: Vec<Maker>,
    oldest: usize,
    jobs: usize,
}

impl Makers {
    /// One for each of so many CPUs, or a single one where a row of this view depends on those before it: the first takes the view
    /// itself, until [`Makers::end`]. None where there is only one CPU, or no thread to be had.
    pub fn start(view: &mut Option<Box<dyn View>>, cpus: usize) -> Option<Makers> {
        let others = (1..cpus.min(MAKERS_MAX)).map_while(|_| view.as_ref()?.another()).collect::<Vec<_>>();
        let threads = if cpus > 1 { 1 + others.len() } else { 0 };
        let makers = (0..threads).map_while(|_| Maker::start()).collect::<Vec<_>>();
        if makers.is_empty() {
            return None;
        }
        for (maker, view) in makers.iter().zip(view.take().into_iter().chain(others)) {
            let _ = maker.view.send(view);
        }
        Some(Makers { makers, oldest: 0, jobs: 0 })
    }

    /// Ends the threads. The view is as the last job has left it.
    pub fn end(self) -> io::Result<Box<dyn View>> {
        let ends = self.makers.into_iter().map(Maker::end).collect::<Vec<_>>();
        ends.into_iter().next().flatten().ok_or_else(died)
    }

    /// Whether one must be taken before another can be given.
    pub fn are_busy(&self) -> bool {
        self.jobs >= JOBS * self.makers.len()
    }

    pub fn give(&mut self, job: Job) -> io::Result<()> {
        let next = (self.oldest + self.jobs) % self.makers.len();
        self.jobs += 1;
        self.makers[next].jobs.send(job).map_err(|_| died())
    }

    /// The oldest, with its rows; `None` where all have been taken.
    pub fn take(&mut self) -> io::Result<Option<Job>> {
        if self.jobs == 0 {
            return Ok(None);
        }
        let job = self.makers[self.oldest].made.recv().map_err(|_| died())?;
        (self.oldest, self.jobs) = ((self.oldest + 1) % self.makers.len(), self.jobs - 1);
        Ok(Some(job))
    }
}

impl Maker {
    /// A thread that waits for its view; `None` where there can be none.
    fn start() -> Option<Maker> {
        let ((view, its), (jobs, given), (send, made)) =
            (channel::<Box<dyn View>>(), channel::<Job>(), channel());
        let run = move || {
            let mut view = its.recv().ok()?;
            for mut job in given {
                job.make(&mut *view);
                if send.send(job).is_err() {
                    break;
                }
            }
            Some(view)
        };
        let thread = thread::Builder::new().name("rows".into()).spawn(run).ok()?;
        Some(Maker { view, jobs, made, thread })
    }

    fn end(self) -> Option<Box<dyn View>> {
        drop(self.jobs);
        self.thread.join().ok().flatten()
    }
}

fn died() -> io::Error {
    io::Error::other("a thread that makes rows has died")
}
