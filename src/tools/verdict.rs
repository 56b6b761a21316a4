//! What can be wrong with a trace, and what is to be thought of it, in words.
//! Must not know how that was found out, nor how it is printed.

use std::fmt;

use super::copy::Counts;
use super::doubt::Doubt;
use crate::decode::Malformed;
use crate::format::{DamageReason, Lost};

/// Something that is wrong, or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which trace of the input, from 0.
    pub trace: u32,
    /// Where, bytes from the start of the input; `None` where it has no place.
    pub offset: Option<u64>,
    /// How many bytes it takes up; `None` where that means nothing.
    pub bytes: Option<u64>,
    /// How many events it costs; `None` where nobody knows.
    pub events_lost: Option<u64>,
    /// What it is.
    pub what: What,
}

/// What is wrong, or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A part of the file is not as it should be.
    Damage(DamageReason),
    /// An intact record that is no event: its number in the trace, and why.
    BadEvent(u64, Malformed),
    /// Something was lost while recording, or before a repair.
    Lost(Lost),
    /// The trace does not prove that nothing else is missing.
    Doubt(Doubt),
}

impl What {
    /// Its name, for programs and for searching.
    pub fn name(&self) -> &'static str {
        match self {
            What::Damage(reason) => reason.name(),
            What::BadEvent(..) => "bad-event",
            What::Lost(_) => "lost",
            What::Doubt(Doubt::NoBooks) => "no-books",
            What::Doubt(Doubt::Unbalanced(_) | Doubt::Written { .. }) => "bad-books",
            What::Doubt(Doubt::Numbers { .. }) => "missing-numbers",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Damage(reason) => reason.fmt(f),
            What::BadEvent(index, why) => write!(f, "event {index} is {why}"),
            What::Lost(lost) => {
                write!(f, "{}", lost.reason)?;
                lost.cpu.map_or(Ok(()), |cpu| write!(f, ", on CPU {cpu}"))
            }
            What::Doubt(doubt) => doubt.fmt(f),
        }
    }
}

/// What is to be thought of one trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Which of the input, from 0.
    pub trace: u32,
    /// What could be read.
    pub counts: Counts,
    /// It has an END.
    pub closed: bool,
    /// It has none yet: somebody is writing it.
    pub live: bool,
    /// Events were left out on purpose.
    pub sparse: bool,
    /// Events that LOST records and the recorder's books name.
    pub lost: u64,
    /// And some more, nobody knows how many.
    pub lost_unknown: bool,
    /// Strings and sections missing from events that are there.
    pub parts_lost: u64,
    /// What is damaged.
    pub damages: Damages,
    /// Intact records that are no events.
    pub bad_events: u64,
    /// Things that should prove the trace complete, and do not.
    pub doubts: u64,
}

/// Damaged places, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damages {
    /// How many.
    pub places: u64,
    /// Events that they cost; `None` where nobody knows.
    pub events: Option<u64>,
}

impl Default for Damages {
    fn default() -> Damages {
        Damages { places: 0, events: Some(0) }
    }
}

impl Damages {
    pub(super) fn add(&mut self, places: u64, events: Option<u64>) {
        self.places += places;
        self.events = self.events.zip(events).map(|(sum, more)| sum.saturating_add(more));
    }
}

impl Verdict {
    /// Proven: closed, undamaged, every event that happened is here, or was left out on purpose.
    pub fn complete(&self) -> bool {
        self.closed && self.is_faultless()
    }

    /// Still being recorded, and nothing is missing so far.
    pub fn complete_so_far(&self) -> bool {
        self.live && self.is_faultless()
    }

    fn is_faultless(&self) -> bool {
        let Verdict { lost, parts_lost, damages, bad_events, doubts, .. } = *self;
        !self.lost_unknown && [lost, parts_lost, damages.places, bad_events, doubts] == [0; 5]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.counts.events;
        if self.complete() {
            let left_out = if self.sparse { "; others were left out on purpose" } else { "" };
            return write!(f, "complete: {events} events, closed, 0 lost, every checksum right{left_out}");
        }
        if self.complete_so_far() {
            return write!(
                f,
                "complete so far: {events} events, still being recorded, 0 lost, every checksum right"
            );
        }
        write!(f, "not complete: {events} events readable")?;
        if self.lost_unknown {
            write!(f, "; lost: {} and an unknown number more", self.lost)?;
        } else {
            write!(f, "; lost: {}", self.lost)?;
        }
        if self.parts_lost > 0 {
            write!(f, ", and {} strings or sections", self.parts_lost)?;
        }
        match self.damages {
            Damages { places: 0, .. } => {}
            Damages { places, events: Some(n) } => write!(f, "; damaged: {places} places, {n} events")?,
            Damages { places, events: None } => {
                write!(f, "; damaged: {places} places, an unknown number of events")?;
            }
        }
        if self.bad_events > 0 {
            write!(f, "; {} records that are no events", self.bad_events)?;
        }
        if self.doubts > 0 {
            write!(f, "; not proven by the recorder's books")?;
        }
        f.write_str(match (self.closed, self.live) {
            (true, _) => "; closed",
            (false, true) => "; still being recorded",
            (false, false) => "; not closed",
        })
    }
}
