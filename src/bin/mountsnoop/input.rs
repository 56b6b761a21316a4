//! Opens the traces named on a command line, and says on stderr what is wrong with them while they are read.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use mountsnoop::format::{Damage, LossReason, Lost, Reader, RecorderStats, Scanner, State, Wanted};

/// Damaged places that are described; the rest is counted.
pub const DESCRIBED: usize = 10;

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

/// The file of a name; `None` for standard input.
pub fn file(path: &Path) -> Result<Option<File>> {
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

/// What an output is called in messages.
pub fn output_name(path: &Path) -> String {
    if path == Path::new("-") { "standard output".to_string() } else { path.display().to_string() }
}

/// A trace comes from anywhere: nothing of it may reach the terminal as a control sequence.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Counts what is missing from one input and says it.
pub struct Complaints {
    name: String,
    /// Damage, and a missing END, are said by a second reading, which refuses them.
    refused_later: bool,
    damages: u64,
    lost: u64,
    /// Of these, what damage cost a trace that was repaired since.
    repaired: u64,
    /// And some more, nobody knows how many.
    lost_unknown: bool,
    parts: u64,
    reasons: Vec<LossReason>,
    unbalanced: u64,
}

impl Complaints {
    pub fn new(path: &Path) -> Complaints {
        Complaints {
            name: name(path),
            refused_later: false,
            damages: 0,
            lost: 0,
            repaired: 0,
            lost_unknown: false,
            parts: 0,
            reasons: Vec::new(),
            unbalanced: 0,
        }
    }

    /// Of the first of two readings: what the second refuses is not said twice.
    pub fn of_first_reading(path: &Path) -> Complaints {
        Complaints { refused_later: true, ..Complaints::new(path) }
    }

    /// What the input is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn damage(&mut self, damage: &Damage) {
        self.damages += 1;
        if self.damages <= DESCRIBED as u64 && !self.refused_later {
            eprintln!("mountsnoop: {}: {damage}", self.name);
        }
    }

    pub fn lost(&mut self, lost: &Lost) {
        if lost.reason == LossReason::DAMAGED {
            self.lost_unknown |= lost.known().is_none();
            self.repaired = self.repaired.saturating_add(lost.count);
            return;
        }
        let count = if lost.reason.counts_events() { &mut self.lost } else { &mut self.parts };
        *count = count.saturating_add(lost.count);
        if !self.reasons.contains(&lost.reason) && self.reasons.len() < DESCRIBED {
            self.reasons.push(lost.reason);
        }
    }

    /// Of the files of one recording, some between two that were read are missing.
    pub fn segments(&mut self, before: u32, after: u32) {
        self.damages += 1;
        let name = &self.name;
        eprintln!(
            "mountsnoop: {name}: file {after} of a recording follows its file {before}: what is between them is missing; \
             give all files, in their order"
        );
    }

    /// The recorder's own books: do they add up?
    pub fn stats(&mut self, stats: &RecorderStats) {
        if let Err(unbalanced) = stats.balance() {
            self.unbalanced += 1;
            eprintln!("mountsnoop: {}: {unbalanced}: the trace cannot be called complete", self.name);
        }
    }

    /// Says what remains to be said; true if anything is missing.
    pub fn end(&self, state: State, malformed: u64, evicted: u64) -> bool {
        let Complaints { name, damages, lost, repaired, lost_unknown, parts, .. } = self;
        if *damages > DESCRIBED as u64 && !self.refused_later {
            eprintln!("mountsnoop: {name}: and {} more damaged places", damages - DESCRIBED as u64);
        }
        if state != State::Closed && !self.refused_later {
            eprintln!("mountsnoop: {name}: {state}; everything up to there was read");
        }
        let why = self.reasons.iter().map(LossReason::to_string).collect::<Vec<_>>().join(", ");
        if *lost > 0 {
            let advice = match self.reasons.contains(&LossReason::RING_FULL) {
                true => ": a larger --ring-size helps",
                false => "",
            };
            eprintln!("mountsnoop: {name}: {lost} events were lost while recording ({why}){advice}");
        }
        match (*repaired, *lost_unknown) {
            (0, false) => {}
            (0, true) => eprintln!(
                "mountsnoop: {name}: the file it was repaired from was damaged or not closed: events may be lost, and nobody \
                 knows how many"
            ),
            (events, unknown) => eprintln!(
                "mountsnoop: {name}: {events} events were lost with the file it was repaired from{}",
                if unknown { ", and perhaps more" } else { "" }
            ),
        }
        if *parts > 0 {
            eprintln!("mountsnoop: {name}: {parts} arguments were lost while recording ({why})");
        }
        if malformed > 0 {
            eprintln!(
                "mountsnoop: {name}: {malformed} events are not what this version knows, and are not shown"
            );
        }
        if evicted > 0 {
            eprintln!(
                "mountsnoop: {name}: {evicted} calls were open while more others were than can be kept: they are shown as \
                 unfinished, and their returns, if they came, without a beginning"
            );
        }
        let over = !matches!(state, State::Crashed | State::Cut);
        let missing = damages + lost + repaired + parts + malformed + evicted + self.unbalanced;
        missing > 0 || *lost_unknown || !over
    }
}
