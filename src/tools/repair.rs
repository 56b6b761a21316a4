//! Makes clean, closed traces of what is left of damaged ones, and says in them what is missing.
//! Must not know where the bytes come from, nor whether anybody is still writing them; one trace on its way is mend.rs.

use std::io::Write;

use super::copy::Counts;
use super::error::{Error, Refusal};
use super::mend::{Head, Mending};
use crate::format::{self, Damage, DamageReason, Item, Reader, WriterOptions};

/// What [`repair()`] found and did, of all traces of the input together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What was copied or added.
    pub counts: Counts,
    /// Traces.
    pub traces: u32,
    /// Damaged places.
    pub damages: u64,
    /// Events that are lost by damage.
    pub lost: u64,
    /// Some more may be, nobody knows how many.
    pub lost_unknown: bool,
    /// Traces that were not closed.
    pub cut: u32,
    /// Traces whose recorder's own books are missing, and were derived from what is left.
    pub without_books: u32,
}

/// Writes what is intact of the traces of `reader`, one after another, to `out`, each with a new id, closed, and with what
/// damage cost it as LOST records. Refuses only what it cannot read, and what a newer program could still read.
pub fn repair<W: Write>(reader: &mut Reader, out: W, options: WriterOptions) -> Result<(W, Repaired), Error> {
    let mut done = Repaired::default();
    let mut before = Before::default();
    let mut at = At::Between(out);
    loop {
        let lost_total = reader.lost_total();
        let next = reader.next().map_err(|error| Error::Input(0, Refusal::Unreadable(error)))?;
        at = match next {
            None if matches!(at, At::Between(_)) && done.traces == 0 => {
                return Err(Error::Input(0, Refusal::Nothing));
            }
            None => return Ok((at.end(lost_total, &mut done).map_err(Error::Output)?, done)),
            Some(Item::Start { header, .. }) => {
                let out = at.end(lost_total, &mut done).map_err(Error::Output)?;
                let before = std::mem::take(&mut before);
                At::Head(Box::new(Head::new(out, options, header.map(|header| header.identity()), before)))
            }
            Some(Item::Damage(Damage { reason: DamageReason::Unsupported { kind }, .. })) => {
                return Err(Error::Input(0, Refusal::NeedsNewer { kind }));
            }
            Some(Item::Damage(damage)) => {
                done.damages += 1;
                at.damage(&damage, &mut before).map_err(Error::Output)?
            }
            Some(item) => at.item(item).map_err(Error::Output)?,
        }
    }
}

/// Damage in front of a trace. It cost that trace its header at least, where that is missing; a closed trace before it
/// lost nothing.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub places: u64,
    pub events: u64,
}

/// Where the copying is.
enum At<W: Write> {
    /// Before the first trace, or behind the last.
    Between(W),
    Head(Box<Head<W>>),
    Trace(Box<Mending<W>>),
}

impl<W: Write> At<W> {
    fn item(self, item: Item<'_>) -> Result<At<W>, format::Error> {
        let mut trace = match self {
            At::Between(out) => return Ok(At::Between(out)),
            At::Head(mut head) => match head.take(item) {
                None => return Ok(At::Head(head)),
                Some(item) => return At::Trace(Box::new(head.begin()?)).item(item),
            },
            At::Trace(trace) => trace,
        };
        trace.item(item)?;
        Ok(At::Trace(trace))
    }

    fn damage(self, damage: &Damage, before: &mut Before) -> Result<At<W>, format::Error> {
        let mut trace = match self {
            At::Between(out) => {
                before.places += 1;
                before.events = before.events.saturating_add(damage.events_lost.unwrap_or(0));
                return Ok(At::Between(out));
            }
            At::Head(mut head) => {
                head.damage(damage);
                return Ok(At::Head(head));
            }
            At::Trace(trace) => trace,
        };
        if trace.is_closed() {
            before.places += 1;
        } else {
            trace.damage(damage);
        }
        Ok(At::Trace(trace))
    }

    fn end(self, lost_total: u64, done: &mut Repaired) -> Result<W, format::Error> {
        match self {
            At::Between(out) => Ok(out),
            At::Head(head) => head.begin()?.end(lost_total, done),
            At::Trace(trace) => trace.end(lost_total, done),
        }
    }
}
