//! Brings what was written to the disk, in a thread of its own: however slow the disk is, the ring buffer is drained
//! meanwhile. Must not know what is written.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::Durability;
use super::rights;

enum Job {
    /// From here on this file is written.
    Begun(File),
    /// It has grown.
    Grown,
    /// It is complete.
    Closed,
}

/// What went wrong first, until somebody asks.
type Failure = Arc<Mutex<Option<io::Error>>>;

/// The thread, for as long as a recording runs.
pub(super) struct Syncer {
    jobs: Option<Sender<Job>>,
    grown: Arc<AtomicBool>,
    each_block: bool,
    failure: Failure,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// `dir`: where new files appear, which must be on the disk before they can be found.
    pub fn start(how: Durability, dir: Option<File>) -> io::Result<Syncer> {
        let (grown, failure) = (Arc::new(AtomicBool::new(false)), Failure::default());
        if how == Durability::None {
            return Ok(Syncer { jobs: None, grown, each_block: false, failure, thread: None });
        }
        let (jobs, receiver) = channel();
        let thread = Thread { grown: grown.clone(), failure: failure.clone(), dir, file: None };
        let (each_block, every) = match how {
            Durability::Every(every) => (false, Some(every)),
            Durability::Block | Durability::None => (true, None),
        };
        let thread = std::thread::Builder::new()
            .name("sync".to_string())
            .spawn(move || thread.run(&receiver, every))?;
        Ok(Syncer { jobs: Some(jobs), grown, each_block, failure, thread: Some(thread) })
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only when nobody can send any more.
            let _ = jobs.send(job);
        }
    }

    /// A file has been begun.
    pub fn begun(&self, file: File) {
        self.send(Job::Begun(file));
    }

    /// It has grown.
    pub fn grown(&self) {
        // Not twice before the thread has seen it: nothing piles up while the disk is slow.
        if !self.grown.swap(true, Ordering::AcqRel) && self.each_block {
            self.send(Job::Grown);
        }
    }

    /// It is complete.
    pub fn closed(&self) {
        self.send(Job::Closed);
    }

    /// The first error since this was asked last.
    pub fn failure(&self) -> Option<io::Error> {
        self.failure.lock().ok()?.take()
    }

    /// Waits until all is on the disk.
    pub fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It panics for no reason that is known; what was written is written all the same.
            let _ = thread.join();
        }
    }
}

struct Thread {
    grown: Arc<AtomicBool>,
    failure: Failure,
    dir: Option<File>,
    file: Option<File>,
}

impl Thread {
    fn run(mut self, jobs: &Receiver<Job>, every: Option<Duration>) {
        rights::keep_none();
        let mut next = every.map(|every| Instant::now() + every);
        loop {
            let job = match next {
                Some(next) => jobs.recv_timeout(next.saturating_duration_since(Instant::now())),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(Job::Begun(file)) => {
                    self.file = Some(file);
                    // Not every filesystem has directories that can be brought to the disk: fsync(2) says EINVAL then.
                    let entered = self.dir.as_ref().map(File::sync_all);
                    self.check(entered.filter(|done| {
                        !done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
                    }));
                }
                Ok(Job::Grown) => self.data(),
                Ok(Job::Closed) => {
                    let closed = self.file.take().map(|file| file.sync_all());
                    self.check(closed);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.data();
                    next = every.map(|every| Instant::now() + every);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn data(&mut self) {
        if self.grown.swap(false, Ordering::AcqRel) {
            let done = self.file.as_ref().map(File::sync_data);
            self.check(done);
        }
    }

    fn check(&self, done: Option<io::Result<()>>) {
        if let (Some(Err(error)), Ok(mut failure)) = (done, self.failure.lock()) {
            failure.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    /// A file that cannot be brought to a disk: fsync(2) says EINVAL of a pipe.
    fn no_disk() -> File {
        let (_reader, writer) = std::io::pipe().unwrap();
        File::from(OwnedFd::from(writer))
    }

    #[test]
    fn an_error_is_kept_until_it_is_asked_for() {
        for how in [Durability::Every(Duration::from_secs(3600)), Durability::Block] {
            let mut syncer = Syncer::start(how, None).unwrap();
            syncer.begun(no_disk());
            syncer.closed();
            syncer.finish();
            let error = syncer.failure().map(|error| error.kind());
            assert_eq!(error, Some(io::ErrorKind::InvalidInput), "{how:?}");
            assert!(syncer.failure().is_none(), "{how:?}: it has been said");
        }
    }

    #[test]
    fn blocks_are_brought_to_the_disk_one_by_one_where_that_is_asked_for() {
        let mut syncer = Syncer::start(Durability::Block, None).unwrap();
        syncer.begun(no_disk());
        syncer.grown();
        syncer.finish();
        assert!(syncer.failure().is_some());
    }

    #[test]
    fn nothing_is_brought_to_the_disk_where_that_is_not_asked_for() {
        let mut syncer = Syncer::start(Durability::None, None).unwrap();
        syncer.begun(no_disk());
        syncer.grown();
        syncer.closed();
        syncer.finish();
        assert!(syncer.failure().is_none());
    }
}
