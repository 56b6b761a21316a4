//! Whether a trace is being written: its recorder holds a lock on the file for as long as it writes.
//! Must not know what is in the file.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Who writes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorder {
    /// Somebody, at this moment.
    Alive,
    /// Nobody any more: what is there is all there will be.
    Gone,
    /// Nobody can know: a pipe, or a filesystem without locks.
    Unknown,
}

/// A reader that looks whether anybody writes is in the way of a recorder that starts, for some microseconds.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Takes the lock of whoever writes the file, until it is closed; false where somebody else has it.
///
/// The lock is flock(2)'s. It belongs to the open file, not to the process: a child that is forked meanwhile changes nothing.
///
/// # Errors
/// The filesystem has no locks.
pub fn hold(file: impl AsFd) -> io::Result<bool> {
    for _ in 0..TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN_TRIES),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Looks whether somebody holds that lock.
pub fn probe(file: impl AsFd) -> Recorder {
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => match flock(&file, FlockOperation::Unlock) {
            Ok(()) => Recorder::Gone,
            Err(_) => Recorder::Unknown,
        },
        Err(Errno::WOULDBLOCK) => Recorder::Alive,
        Err(_) => Recorder::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn who_writes_is_known_while_it_writes_and_no_longer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::open(file.path()).unwrap();
        let reader = open();
        assert_eq!(probe(&reader), Recorder::Gone);
        let writer = open();
        assert!(hold(&writer).unwrap());
        assert_eq!(probe(&reader), Recorder::Alive);
        assert!(!hold(open()).unwrap(), "a second writer");
        drop(writer);
        assert_eq!(probe(&reader), Recorder::Gone);
        assert!(hold(open()).unwrap(), "a probe leaves nothing behind");
    }

    #[test]
    fn a_writer_that_starts_waits_for_a_reader_that_looks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reader = File::open(file.path()).unwrap();
        flock(&reader, FlockOperation::NonBlockingLockShared).unwrap();
        let writer = File::open(file.path()).unwrap();
        std::thread::scope(|scope| {
            let held = scope.spawn(|| hold(&writer).unwrap());
            drop(reader);
            assert!(held.join().unwrap());
        });
    }
}
