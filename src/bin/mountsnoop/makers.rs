//! Calls to rows on other threads, a batch on each in turn, or on one that sees all of them: the rows come back in the order of the
//! calls.
//! It must not know which rows there are, nor where they go.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use mountsnoop::assemble::Batch;
use mountsnoop::views::{Clock, Lost, Remark, View};

/// More threads than this would wait for the one that puts calls together.
const MAKERS_MAX: usize = 3;
/// Jobs that each may have, one of them waiting.
const JOBS: usize = 2;
/// Rows of a job that are more than this are handed over in pieces, bytes, so that they cannot take much memory at once.
const PIECE: usize = 256 << 10;
/// With the last row, mostly: memory that grows is had twice for a while.
const ROOM: usize = PIECE + (192 << 10);

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

/// What a thread has made.
pub enum Made {
    /// Rows of a job that has more.
    Piece(Vec<u8>),
    /// The job, with its last rows.
    All(Box<Job>),
}

/// Some calls, what comes after them, and the rows that they become.
#[derive(Default)]
pub struct Job {
    pub calls: Batch,
    pub note: Option<Note>,
    /// How times are to be read.
    pub clock: Clock,
    pub host: Arc<str>,
    pub rows: Vec<u8>,
    /// What the calls took, and their rows, bytes.
    pub size: (usize, usize),
}

impl Job {
    /// Makes the rows; what is too much of them goes to `out`. False: nobody wants them any more.
    fn make(&mut self, view: &mut dyn View, out: &SyncSender<Made>) -> bool {
        let (size, mut pieces) = (self.calls.size(), 0);
        self.rows.reserve(ROOM);
        view.clock(self.clock);
        view.host(&self.host);
        for op in self.calls.calls() {
            view.row(&mut self.rows, &op);
            if self.rows.len() >= PIECE {
                pieces += self.rows.len();
                let piece = std::mem::replace(&mut self.rows, Vec::with_capacity(ROOM));
                if out.send(Made::Piece(piece)).is_err() {
                    return false;
                }
            }
        }
        self.size = (size, pieces + self.rows.len());
        if let Some(note) = self.note.take() {
            note.show(view, &mut self.rows);
        }
        self.calls.clear();
        true
    }

    /// Empty again, but for memory that is worth keeping.
    pub fn again(mut self) -> Job {
        self.rows.clear();
        self.rows.shrink_to(ROOM);
        self
    }
}

/// A thread with a view of its own.
struct Maker {
    view: Sender<Box<dyn View>>,
    jobs: Sender<Job>,
    made: Receiver<Made>,
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

    /// The oldest, with its rows, or some of them; `None` where all have been taken.
    pub fn take(&mut self) -> io::Result<Option<Made>> {
        if self.jobs == 0 {
            return Ok(None);
        }
        let made = self.makers[self.oldest].made.recv().map_err(|_| died())?;
        if let Made::All(_) = made {
            (self.oldest, self.jobs) = ((self.oldest + 1) % self.makers.len(), self.jobs - 1);
        }
        Ok(Some(made))
    }
}

impl Maker {
    /// A thread that waits for its view; `None` where there can be none.
    fn start() -> Option<Maker> {
        let ((view, its), (jobs, given), (send, made)) =
            (channel::<Box<dyn View>>(), channel::<Job>(), sync_channel(JOBS));
        let run = move || {
            let mut view = its.recv().ok()?;
            for mut job in given {
                if !job.make(&mut *view, &send) || send.send(Made::All(Box::new(job))).is_err() {
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

#[cfg(test)]
mod tests {
    use mountsnoop::assemble::Assembler;
    use mountsnoop::decode::synth;
    use mountsnoop::views::{Text, TextOptions};

    use super::*;

    /// A job of so many calls, of whose rows each is longer than what it tells of.
    fn job(calls: u32) -> Job {
        let (mut assembler, mut job) = (Assembler::new(), Job::default());
        for n in 0..calls {
            let (enter, exit) = (synth::umount2(&[7; 4000], 0).time(n.into()), synth::exit(2).time(n.into()));
            for event in [enter, exit] {
                assembler.event(&event.build(), &mut |op| job.calls.add(op)).unwrap();
            }
        }
        job
    }

    #[test]
    fn many_rows_come_in_pieces_and_in_order() {
        let mut makers = Makers::start(&mut Some(Box::new(Text::new(TextOptions::default()))), 2).unwrap();
        for calls in [200, 1, 90] {
            makers.give(job(calls)).unwrap();
        }
        let (mut pieces, mut rows, mut sizes) = (0, Vec::new(), Vec::new());
        while let Some(made) = makers.take().unwrap() {
            let more = match made {
                Made::Piece(rows) => {
                    pieces += 1;
                    rows
                }
                Made::All(job) => {
                    sizes.push(job.size.1);
                    job.rows
                }
            };
            assert!(more.len() < ROOM, "{} bytes at once", more.len());
            rows.extend(more);
        }
        let lines = rows.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!((lines, sizes.iter().sum::<usize>()), (291, rows.len()));
        assert!(pieces > 2 && sizes[0] > PIECE && sizes[1] < PIECE, "{pieces} pieces, {sizes:?}");
        makers.end().unwrap();
    }
}
