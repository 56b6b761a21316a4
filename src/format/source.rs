//! The bytes of a trace, from a file or a pipe, through one window of bounded size.
//! Must not know what the bytes are.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;

use super::lock::{self, Recorder};

/// A window that becomes larger than this, bytes, is so for as long as it must be.
const ROOMY: usize = 2 << 20;

/// Where a trace is read from.
pub(crate) enum Source {
    /// Can be read at any place; its bytes begin at `begin`.
    File { file: File, begin: u64 },
    /// Can only be read on.
    Stream(Box<dyn Read + Send>),
}

impl Source {
    /// From the file's current position on. A FIFO or terminal opened as a file is still a stream.
    pub fn file(mut file: File) -> io::Result<Source> {
        if !file.metadata()?.is_file() {
            return Ok(Source::Stream(Box::new(file)));
        }
        let begin = file.stream_position()?;
        Ok(Source::File { file, begin })
    }

    /// Reads at `at`, which of a stream is where it stands.
    fn read(&mut self, at: u64, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Source::File { file, begin } => file.read_at(to, begin.saturating_add(at)),
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

/// A part of the source that moves forward, and in a file anywhere.
pub(crate) struct Window {
    source: Source,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    eof: bool,
    step: usize,
    read: u64,
}

impl Window {
    /// Reads `step` bytes or more at a time.
    pub fn new(source: Source, step: usize) -> Window {
        Window { source, bytes: Vec::new(), start: 0, end: 0, offset: 0, eof: false, step, read: 0 }
    }

    /// Where the window begins, bytes from the start of the source.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were asked of the source and given.
    pub fn bytes_read(&self) -> u64 {
        self.read
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
            if self.bytes.len() > ROOMY && self.end + self.step.max(want) <= ROOMY {
                // What was needed for something large is not needed any more.
                self.bytes.truncate(ROOMY);
                self.bytes.shrink_to_fit();
            }
            if self.bytes.len() - self.end < self.step {
                let larger =
                    (self.end + self.step).max(self.bytes.len().saturating_mul(2).min(want + self.step));
                self.bytes.resize(larger, 0);
            }
            let most = self.step.max(want - self.end);
            let room = self.end..self.bytes.len().min(self.end + most);
            let at = self.offset + self.end as u64;
            let read = self.source.read(at, self.bytes.get_mut(room).unwrap_or_default())?;
            self.eof = read == 0;
            self.end += read;
            self.read += read as u64;
        }
        Ok(self.end - self.start >= want)
    }

    /// Reads what stands `ahead` bytes after the start of the window without moving it; fewer bytes at the end.
    pub fn peek(&mut self, ahead: usize, to: &mut [u8]) -> io::Result<usize> {
        let held = self.end - self.start;
        if matches!(self.source, Source::File { .. }) && ahead >= held {
            return self.read_at(self.offset + ahead as u64, to);
        }
        self.fill(ahead + to.len())?;
        let there = self.get().get(ahead..).unwrap_or_default();
        let n = there.len().min(to.len());
        if let (Some(to), Some(there)) = (to.get_mut(..n), there.get(..n)) {
            to.copy_from_slice(there);
        }
        Ok(n)
    }

    /// Reads at a place of a file without moving the window; fewer bytes at the end, none of a stream.
    pub fn read_at(&mut self, at: u64, to: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(room) = to.get_mut(done..).filter(|room| !room.is_empty() && self.is_file()) {
            match self.source.read(at.saturating_add(done as u64), room)? {
                0 => break,
                n => done += n,
            }
        }
        self.read += done as u64;
        Ok(done)
    }

    /// Moves the window forward; past what it holds only where the source is a file.
    pub fn advance(&mut self, by: usize) {
        let held = by.min(self.end - self.start);
        self.start += held;
        self.offset += if self.is_file() { by as u64 } else { held as u64 };
    }

    /// Moves the window of a file to any place.
    pub fn jump(&mut self, to: u64) {
        (self.start, self.end, self.offset, self.eof) = (0, 0, to, false);
    }

    /// Whether the source can be read at any place.
    pub fn is_file(&self) -> bool {
        matches!(self.source, Source::File { .. })
    }

    /// Whether somebody is writing the file.
    pub fn recorder(&self) -> Recorder {
        match &self.source {
            Source::File { file, .. } => lock::probe(file),
            Source::Stream(_) => Recorder::Unknown,
        }
    }

    /// Whether there is more by now than when the source last ended.
    pub fn grew(&mut self) -> io::Result<bool> {
        self.eof = !self.is_file();
        let held = self.end - self.start;
        self.fill(held + 1)
    }

    /// Another window on the same file, at the same place; `None` of a stream.
    pub fn again(&self, step: usize) -> io::Result<Option<Window>> {
        let Source::File { file, begin } = &self.source else { return Ok(None) };
        let source = Source::File { file: file.try_clone()?, begin: *begin };
        let mut again = Window::new(source, step);
        again.jump(self.offset);
        Ok(Some(again))
    }

    /// Counts what another window has read.
    pub fn add_bytes_read(&mut self, bytes: u64) {
        self.read += bytes;
    }

    /// Bytes of a file as it is now; `None` of a stream.
    pub fn len(&self) -> io::Result<Option<u64>> {
        let Source::File { file, begin } = &self.source else { return Ok(None) };
        Ok(Some(file.metadata()?.len().saturating_sub(*begin)))
    }

    /// Reads `step` bytes or more at a time from now on.
    pub fn set_step(&mut self, step: usize) {
        self.step = step;
    }
}
