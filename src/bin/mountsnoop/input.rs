//! Opens the traces named on a command line, and says on stderr what is wrong with them while they are read.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use mountsnoop::format::{Damage, LossReason, Lost, Reader, Scanner, State, Wanted};

/// Damaged places that are described; the rest is counted.
const DESCRIBED: u64 = 10;

/// Opens a trace for reading, `-` for standard input.
pub fn reader(path: &Path) -> Result<Reader> {
    let reader = match file(path)? {
        Some(file) => Reader::from_file(file),
        None => Reader::from_reader(Box::new(io::stdin())),
    };
    reader.with_context(|| name(path))
}

/// Opens a trace for looking at its headers.
pub fn scanner(path: &Path) -> Result<Scanner> {
    match file(path)? {
        Some(file) => Scanner::from_file(file, Wanted::About).with_context(|| name(path)),
        None => Ok(Scanner::from_reader(Box::new(io::stdin()), Wanted::About)),
    }
}

fn file(path: &Path) -> Result<Option<File>> {
    if path == Path::new("-") {
        return Ok(None);
    }
    let file = File::open(path).with_context(|| format!("cannot open the trace {}", path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("{} is a directory: name the trace in it, for example {0}/trace.mst", path.display());
    }
    Ok(Some(file))
}

/// What an input is called in messages.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_string() } else { path.display().to_string() }
}

/// Counts what is missing from one input and says it.
pub struct Complaints {
    name: String,
    damages: u64,
    lost: u64,
    parts: u64,
}

impl Complaints {
    pub fn new(path: &Path) -> Complaints {
        Complaints { name: name(path), damages: 0, lost: 0, parts: 0 }
    }

    pub fn damage(&mut self, damage: &Damage) {
        self.damages += 1;
        if self.damages <= DESCRIBED {
            eprintln!("mountsnoop: {}: {damage}", self.name);
        }
    }

    pub fn lost(&mut self, lost: &Lost) {
        let count = if lost.reason.counts_events() { &mut self.lost } else { &mut self.parts };
        *count = count.saturating_add(lost.count);
    }

    /// Says what remains to be said; true if anything is missing.
    pub fn end(&self, state: State) -> bool {
        if self.damages > DESCRIBED {
            eprintln!("mountsnoop: {}: and {} more damaged places", self.name, self.damages - DESCRIBED);
        }
        if state == State::Cut {
            eprintln!("mountsnoop: {}: {state}", self.name);
        }
        if self.lost > 0 {
            let (events, reason) = (self.lost, LossReason::RING_FULL);
            eprintln!(
                "mountsnoop: {}: {events} events were lost while recording ({reason}, or as shown): a larger \
                 --ring-size helps",
                self.name
            );
        }
        if self.parts > 0 {
            eprintln!("mountsnoop: {}: {} arguments were lost while recording", self.name, self.parts);
        }
        self.damages > 0 || self.lost > 0 || self.parts > 0 || state != State::Closed
    }
}
