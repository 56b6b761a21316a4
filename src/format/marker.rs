//! A remark in a trace: what a person, a recorder or a tool had to say about a moment, or about the file.
//! Must not know how it becomes bytes; field order is the file format (docs/FORMAT.md).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codec::Cold;
use super::record;

/// What a remark is about. The number is what the file holds; only some have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarkerKind(pub u32);

impl MarkerKind {
    /// Something a person wanted to remember.
    pub const NOTE: MarkerKind = MarkerKind(1);
    /// The wall clock was set.
    pub const CLOCK_STEP: MarkerKind = MarkerKind(2);
    /// A tool made this file from another: what it left out or put together.
    pub const EDITED: MarkerKind = MarkerKind(3);

    /// The known kinds and their names.
    const NAMES: [(MarkerKind, &'static str); 3] =
        [(MarkerKind::NOTE, "note"), (MarkerKind::CLOCK_STEP, "clock step"), (MarkerKind::EDITED, "edited")];

    /// What users call it; `None` for a number this version does not know.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for MarkerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "marker {}", self.0),
        }
    }
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The moment it is about, ns of CLOCK_BOOTTIME.
    pub boottime_ns: u64,
    /// What it is about.
    pub kind: MarkerKind,
    /// The remark, for people.
    pub text: String,
}

impl Cold for Marker {
    const KIND: u16 = record::MARKER;
}
