//! The bytes of a trace, from a file or a pipe, through one window of bounded size.
//! Must not know what the bytes are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Where a trace is read from.
pub(crate) enum Source {
    /// Can be skipped through.
    File(File),
    /// Can only be read.
    Stream(Box<dyn Read + Send>),
}

impl Source {
    /// A FIFO or terminal opened as a file is still a stream.
    pub fn file(file: File) -> io::Result<Source> {
        Ok(if file.metadata()?.is_file() { Source::File(file) } else { Source::Stream(Box::new(file)) })
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Source::File(file) => file.read(to),
                Source::Stream(stream) => stream.read(to),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A reader that claims more than there was room for would send us past the end.
                read => return read.map(|n| n.min(to.len())),
            }
        }
    }
}

/// A part of the source that moves forward only.
pub(crate) struct Window {
    source: Source,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    eof: bool,
    step: usize,
}

impl Window {
    /// Reads `step` bytes or more at a time.
    pub fn new(source: Source, step: usize) -> Window {
        Window { source, bytes: Vec::new(), start: 0, end: 0, offset: 0, eof: false, step }
    }

    /// Where the window begins, bytes from the start of the source.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is in the window.
    pub fn get(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Tries to have `want` bytes in the window; false where the source ends before.
    ///
    /// Memory grows with the bytes that are really there, whatever `want` a damaged length asks for.
    pub fn fill(&mut self, want: usize) -> io::Result<bool> {
        while self.end - self.start < want && !self.eof {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.bytes.len() - self.end < self.step {
                let larger =
                    (self.end + self.step).max(self.bytes.len().saturating_mul(2).min(want + self.step));
                self.bytes.resize(larger, 0);
            }
            let read = self.source.read(self.bytes.get_mut(self.end..).unwrap_or_default())?;
            self.eof = read == 0;
            self.end += read;
        }
        Ok(self.end - self.start >= want)
    }

    /// Reads what stands `ahead` bytes after the start of the window without moving it; fewer bytes at the end.
    pub fn peek(&mut self, ahead: usize, to: &mut [u8]) -> io::Result<usize> {
        let held = self.end - self.start;
        if let (Source::File(file), true) = (&mut self.source, ahead >= held) {
            let here = file.stream_position()?;
            file.seek(SeekFrom::Start(here.saturating_add((ahead - held) as u64)))?;
            let mut done = 0;
            while let Some(room) = to.get_mut(done..).filter(|room| !room.is_empty()) {
                match self.source.read(room)? {
                    0 => break,
                    n => done += n,
                }
            }
            if let Source::File(file) = &mut self.source {
                file.seek(SeekFrom::Start(here))?;
            }
            return Ok(done);
        }
        self.fill(ahead + to.len())?;
        let there = self.get().get(ahead..).unwrap_or_default();
        let n = there.len().min(to.len());
        if let (Some(to), Some(there)) = (to.get_mut(..n), there.get(..n)) {
            to.copy_from_slice(there);
        }
        Ok(n)
    }

    /// Moves the window forward; past what it holds only where the source can be skipped through.
    pub fn advance(&mut self, by: usize) -> io::Result<()> {
        let held = by.min(self.end - self.start);
        self.start += held;
        if let (Source::File(file), true) = (&mut self.source, by > held) {
            file.seek(SeekFrom::Current((by - held) as i64))?;
            self.offset += (by - held) as u64;
        }
        self.offset += held as u64;
        Ok(())
    }
}
