//! Why a trace is not proven to be complete, in words.
//! Must not know how that was found out.

use std::fmt;

use crate::format::Unbalanced;

/// Why a trace cannot be called complete although nothing in it is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The recorder's books are not there.
    NoBooks,
    /// They do not add up.
    Unbalanced(Unbalanced),
    /// They count another number of events than the trace holds.
    Written {
        /// The number in the books.
        said: u64,
        /// The number in the trace.
        found: u64,
    },
    /// Events of a CPU are missing by their numbers, and no LOST record names them.
    Numbers {
        /// The CPU.
        cpu: u32,
        /// Numbers that are missing.
        missing: u64,
        /// How many LOST records name.
        named: u64,
    },
}

impl Doubt {
    /// How many events it shows to be missing beyond those named as lost; `None` where nobody knows.
    pub fn events_lost(&self) -> Option<u64> {
        match *self {
            Doubt::NoBooks | Doubt::Unbalanced(_) => None,
            Doubt::Written { said, found } => said.checked_sub(found),
            Doubt::Numbers { missing, named, .. } => missing.checked_sub(named),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NoBooks => {
                f.write_str("the recorder's own books are not there, so nothing proves what it lost")
            }
            Doubt::Unbalanced(unbalanced) => unbalanced.fmt(f),
            Doubt::Written { said, found } => {
                write!(f, "the recorder's books say that it wrote {said} events, and {found} are here")
            }
            Doubt::Numbers { cpu, missing, named } => write!(
                f,
                "of the numbers that events of CPU {cpu} have, {missing} are missing, and LOST records name {named}"
            ),
        }
    }
}
