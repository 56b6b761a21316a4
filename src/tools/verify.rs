//! Reads everything of a trace and says what is wrong with it, and whether it is proven to be complete.
//! Must not know how that is printed.

use super::books::Books;
use super::doubt::Doubt;
use super::verdict::{Damages, Finding, Verdict, What};
use crate::decode::Event;
use crate::format::{Damage, Error, FileIdentity, Item, Marker, MarkerKind, Reader, State};

/// What [`verify()`] has to say, as it reads.
#[derive(Debug)]
pub enum Said<'a> {
    /// Something is wrong, or missing.
    Finding(Finding),
    /// A tool says what it did to this trace.
    Remark(&'a Marker),
    /// A trace has been read to its end.
    Verdict(Verdict),
}

/// Reads `reader` to its end. Everything that is said goes to `say` at once: memory does not grow with the trace.
pub fn verify(reader: &mut Reader, say: &mut dyn FnMut(Said<'_>)) -> Result<(), Error> {
    let mut verifier = Verifier::default();
    while let Some(item) = reader.next()? {
        verifier.item(item, say);
    }
    if verifier.traces == 0 {
        // It begins like a trace, and that is all.
        verifier.start(None, say);
    }
    if let Some((verdict, _)) = &mut verifier.open {
        verdict.live = reader.state() == State::Live;
    }
    verifier.finish(say);
    Ok(())
}

/// The trace being read, and what was damaged before it.
#[derive(Default)]
struct Verifier {
    open: Option<(Verdict, Books)>,
    before: Damages,
    traces: u32,
}

impl Verifier {
    fn item(&mut self, item: Item<'_>, say: &mut dyn FnMut(Said<'_>)) {
        let trace = self.traces.saturating_sub(1);
        match &item {
            Item::Start { header, .. } => return self.start(header.map(|header| header.identity()), say),
            Item::Damage(damage) => return self.damage(damage, say),
            _ => {}
        }
        let Some((verdict, books)) = &mut self.open else { return };
        verdict.counts.add(&item);
        let mut find = |offset, events_lost, what| {
            say(Said::Finding(Finding { trace, offset, bytes: None, events_lost, what }));
        };
        match item {
            Item::Event(event) => {
                books.event(event.bytes);
                if let Err(why) = Event::decode(event.bytes) {
                    verdict.bad_events += 1;
                    find(Some(event.block_offset), Some(0), What::BadEvent(event.index, why));
                }
            }
            Item::Lost(lost) => {
                books.lost(&lost);
                let events = if lost.reason.counts_events() { lost.known() } else { Some(0) };
                find(None, events, What::Lost(lost));
            }
            Item::Source(source) => {
                books.source(&source);
                verdict.sparse |= source.identity.is_some_and(|identity| identity.is_sparse());
            }
            Item::Stats(stats) => books.now().proof = Some(stats.proof()),
            Item::Marker(marker) if marker.kind == MarkerKind::EDITED => say(Said::Remark(&marker)),
            Item::End { .. } => verdict.closed = true,
            _ => {}
        }
    }

    fn start(&mut self, identity: Option<FileIdentity>, say: &mut dyn FnMut(Said<'_>)) {
        // What is damaged after a trace, and before an intact header, stands at the end of that trace.
        let ends_a_trace = self.open.is_some() && identity.is_some();
        let damages = if ends_a_trace { Damages::default() } else { std::mem::take(&mut self.before) };
        self.finish(say);
        let sparse = identity.is_some_and(|identity| identity.is_sparse());
        let verdict = Verdict { trace: self.traces, sparse, damages, ..Verdict::default() };
        self.open = Some((verdict, Books::new(identity)));
        self.traces += 1;
    }

    fn damage(&mut self, damage: &Damage, say: &mut dyn FnMut(Said<'_>)) {
        let Damage { offset, len, reason, events_lost } = damage.clone();
        // Nothing of a closed trace comes after its END.
        let over = self.open.as_ref().is_some_and(|(verdict, _)| verdict.closed);
        let events_lost = if over { Some(0) } else { events_lost };
        let (trace, offset, what) = (self.traces.saturating_sub(1), Some(offset), What::Damage(reason));
        say(Said::Finding(Finding { trace, offset, bytes: len, events_lost, what }));
        match &mut self.open {
            Some((verdict, _)) if !over => verdict.damages.add(1, events_lost),
            _ => self.before.add(1, events_lost),
        }
    }

    /// Ends the trace being read, if there is one.
    fn finish(&mut self, say: &mut dyn FnMut(Said<'_>)) {
        let Some((mut verdict, books)) = self.open.take() else { return };
        let Damages { places, events } = std::mem::take(&mut self.before);
        verdict.damages.add(places, events);
        for account in books.accounts() {
            let booked = account.proof.map_or(0, |proof| proof.lost);
            verdict.lost = verdict.lost.saturating_add(booked.max(account.losses.events));
            verdict.lost_unknown |= account.losses.unknown;
            verdict.parts_lost = verdict.parts_lost.saturating_add(account.losses.parts);
            for doubt in account.doubts(verdict.damages.events) {
                // That the recorder did not come to write its books is said by "not closed".
                if doubt == Doubt::NoBooks && !verdict.closed {
                    continue;
                }
                verdict.doubts += 1;
                let (trace, events_lost, what) = (verdict.trace, doubt.events_lost(), What::Doubt(doubt));
                say(Said::Finding(Finding { trace, offset: None, bytes: None, events_lost, what }));
            }
        }
        say(Said::Verdict(verdict));
    }
}
