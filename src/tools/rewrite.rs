//! Copies clean traces, all of them or what an [`Edit`] lets through.
//! Must not know what is wanted of a trace; damage is not its business: that is repair.rs.

use std::io::Write;

use super::copy::{Copier, Counts};
use super::error::{Error, Refusal};
use crate::format::{FileIdentity, Item, Marker, Reader, State, WriterOptions};

/// What happens to a trace on its way. By itself: nothing.
pub trait Edit {
    /// A trace begins: who the new file is, its own id aside.
    fn begin(&mut self, identity: FileIdentity) -> FileIdentity {
        identity
    }

    /// Whether an item goes on; it may be changed.
    fn keeps(&mut self, _item: &mut Item<'_>) -> bool {
        true
    }

    /// A remark for the end of the trace.
    fn last_words(&mut self) -> Option<Marker> {
        None
    }
}

/// Writes the traces of `reader`, one after another, to `out`, each with a new id. Refuses what is damaged or not closed.
pub fn rewrite<W: Write>(
    mut reader: Reader,
    out: W,
    options: WriterOptions,
    edit: &mut dyn Edit,
) -> Result<(W, Counts), Error> {
    let refused = |refusal| Error::Input(0, refusal);
    let mut at = At::Between(out);
    let mut counts = Counts::default();
    while let Some(item) = reader.next().map_err(Refusal::Unreadable).map_err(refused)? {
        at = match (at, item) {
            (_, Item::Damage(damage)) => return Err(refused(Refusal::Damaged(damage))),
            (At::Between(out), Item::Start { header, .. }) => {
                // Without its header the trace is damaged, and was refused.
                let identity = edit.begin(header.map(|header| header.identity()).unwrap_or_default());
                let copier = identity.renewed().and_then(|identity| Copier::new(out, options, identity));
                At::Trace(Box::new(copier.map_err(Error::Output)?))
            }
            (At::Trace(mut copier), Item::End { end, offset }) => {
                copier.item(&Item::End { end, offset }).map_err(Error::Output)?;
                if let Some(remark) = edit.last_words() {
                    copier.add(&Item::Marker(remark)).map_err(Error::Output)?;
                }
                let (out, copied) = copier.close().map_err(Error::Output)?;
                counts.events += copied.events;
                counts.records += copied.records;
                At::Between(out)
            }
            (At::Trace(mut copier), mut item) => {
                if edit.keeps(&mut item) {
                    copier.item(&item).map_err(Error::Output)?;
                }
                At::Trace(copier)
            }
            (At::Between(out), _) => At::Between(out),
        };
    }
    match at {
        At::Between(out) if reader.state() == State::Closed => Ok((out, counts)),
        _ => Err(refused(Refusal::NotClosed(reader.state()))),
    }
}

/// Where the copying is.
enum At<W: Write> {
    /// Before the first trace, or behind the last.
    Between(W),
    Trace(Box<Copier<W>>),
}
