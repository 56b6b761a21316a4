//! Where the bytes of a trace go. A file takes what is written at once whole or not at all, and always keeps room to be
//! closed in, so that a full disk ends no trace without its last words. Must not know what the bytes mean.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::host;
use crate::format::room_to_close;

/// A trace that could not be written goes on when there is room for this much, bytes: not for each page that comes free.
const ENOUGH: u64 = 64 << 10;
/// For the last block: the clocks, what was lost, how the command ended, and the recorder's books, bytes ...
const LAST_BLOCK: u64 = 16 << 10;
/// ... which have a line for each CPU.
const LAST_BLOCK_CPU: u64 = 32;

/// An output of a recording.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// A file, not a device or a pipe: it can be cut back, and room can be had ahead.
    is_file: bool,
    /// Written so far.
    bytes: u64,
    /// Blocks written so far, and headers.
    blocks: u64,
    /// So far the file has room.
    reserved: u64,
    /// The filesystem gives room ahead.
    reserves: bool,
    /// No file of this process may be longer.
    limit: Option<u64>,
    last_block: u64,
    closing: bool,
}

impl Output {
    /// `is_file`: an empty file of our own.
    pub fn new(file: File, is_file: bool) -> Output {
        Output {
            file,
            is_file,
            bytes: 0,
            blocks: 0,
            reserved: 0,
            reserves: is_file,
            limit: getrlimit(Resource::Fsize).current,
            last_block: LAST_BLOCK + LAST_BLOCK_CPU * u64::from(host::possible_cpus()),
            closing: false,
        }
    }

    /// Whether what fails leaves nothing behind, so that writing can go on.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// Written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the filesystem gives room ahead: else there may be none to close the file in.
    pub fn reserves(&self) -> bool {
        self.reserves
    }

    /// Whether it is worth while to go on writing after that has failed.
    pub fn has_room(&mut self) -> bool {
        self.reserve(ENOUGH).is_ok()
    }

    /// What comes is the end: from here on the room that was kept is used.
    pub fn closing(&mut self) {
        self.closing = true;
    }

    /// Gives back what is left of the room that was kept.
    pub fn release(&mut self) -> io::Result<()> {
        if self.is_file { self.file.set_len(self.bytes) } else { Ok(()) }
    }

    /// Sees to it that so many bytes can be written, and the file then be closed.
    fn reserve(&mut self, ahead: u64) -> io::Result<()> {
        let end = self.bytes + ahead + room_to_close(self.blocks + 1) + self.last_block;
        if self.limit.is_some_and(|limit| end > limit) {
            return Err(Errno::FBIG.into());
        }
        while self.reserves && end > self.reserved {
            // Only what is missing: what is there must stay there if this fails.
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.reserved, end - self.reserved) {
                Ok(()) => self.reserved = end,
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.reserves = false,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes back what a failed write may have left.
    fn cut_back(&mut self) {
        // Should that fail too, what comes next is written over it.
        let _ = self.file.set_len(self.bytes);
        self.reserved = self.bytes;
        // The room that was kept has gone with it; if it cannot be had again, closing will tell.
        let _ = self.reserve(0);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_file {
            let n = self.file.write(bytes)?;
            self.bytes += n as u64;
            return Ok(n);
        }
        if !self.closing {
            self.reserve(bytes.len() as u64)?;
        }
        self.file.write_all_at(bytes, self.bytes).inspect_err(|_| self.cut_back())?;
        self.bytes += bytes.len() as u64;
        self.blocks += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
impl Output {
    /// Writes to another file from here on; the one before.
    pub fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_room_ahead_that_is_not_part_of_it_and_is_given_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut output = Output::new(file.reopen().unwrap(), true);
        output.write_all(b"a block").unwrap();
        let length = || file.as_file().metadata().unwrap().len();
        assert_eq!((length(), output.bytes()), (7, 7));
        assert!(!output.reserves() || output.reserved > 7 + LAST_BLOCK, "{output:?}");
        output.release().unwrap();
        assert_eq!(length(), 7);
    }

    #[test]
    fn the_limit_of_the_process_leaves_room_to_close_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut output = Output::new(file.reopen().unwrap(), true);
        output.limit = Some(output.last_block + room_to_close(2) + 100);
        output.write_all(&[0; 50]).unwrap();
        let refused = output.write_all(&[0; 5000]).unwrap_err();
        assert_eq!(Errno::from_io_error(&refused), Some(Errno::FBIG));
        assert_eq!((output.bytes(), file.as_file().metadata().unwrap().len()), (50, 50));
        output.closing();
        output.write_all(&[0; 5000]).unwrap();
    }
}
