//! One trace being repaired: copied as far as it is intact, with what is missing said where it is missing, and books that
//! speak about what is left.
//! Must not know which trace of a file it is.

use std::io::Write;

use super::books::{Account, Books};
use super::copy::Copier;
use super::repair::{Before, Repaired};
use super::toll::{OPEN_END, Toll, damaged};
use crate::format::{
    ClockSync, Damage, Error, FileIdentity, Item, Lost, Marker, MarkerKind, Metadata, WriterOptions, wire,
};
use crate::layout::Common;

/// A trace of which nothing is written yet: METADATA and CLOCK_SYNC may say what a damaged header cannot.
pub(super) struct Head<W: Write> {
    out: W,
    options: WriterOptions,
    identity: Option<FileIdentity>,
    metadata: Option<Box<Metadata>>,
    clock: Option<ClockSync>,
    is_merged: bool,
    toll: Toll,
    damages: u64,
}

impl<W: Write> Head<W> {
    /// `identity`: `None` where the header is damaged.
    pub fn new(out: W, options: WriterOptions, identity: Option<FileIdentity>, before: Before) -> Head<W> {
        let (mut toll, mut damages) = (Toll::default(), 0);
        if identity.is_none() {
            damages = before.places;
            toll.damage(0, Some(before.events));
        }
        Head { out, options, identity, metadata: None, clock: None, is_merged: false, toll, damages }
    }

    pub fn damage(&mut self, damage: &Damage) {
        self.damages += 1;
        self.toll.damage(self.start(), damage.events_lost);
    }

    /// When the trace begins, as far as is known.
    fn start(&self) -> u64 {
        let clock = self.clock.map(|clock| clock.boottime_ns);
        self.identity.map(|identity| identity.created_boottime_ns).or(clock).unwrap_or(0)
    }

    /// Takes an item in; gives it back where it is not of the head.
    pub fn take<'a>(&mut self, item: Item<'a>) -> Option<Item<'a>> {
        match item {
            Item::Metadata(metadata) if self.metadata.is_none() => self.metadata = Some(metadata),
            Item::Clock(clock) | Item::Fresh(clock) if self.clock.is_none() => self.clock = Some(clock),
            item => {
                self.is_merged = matches!(item, Item::Source(_));
                return Some(item);
            }
        }
        None
    }

    pub fn begin(self) -> Result<Mending<W>, Error> {
        let identity = match self.identity {
            Some(identity) => identity,
            None => self.rebuilt()?,
        };
        let mut copier = Copier::new(self.out, self.options, identity.renewed()?)?;
        if let Some(metadata) = self.metadata {
            copier.item(&Item::Metadata(metadata))?;
        }
        if let Some(clock) = self.clock {
            copier.item(&Item::Clock(clock))?;
        }
        let (start, time) = (identity.created_boottime_ns, self.clock.map(|clock| clock.boottime_ns));
        let (books, toll, damages) = (Books::new(self.identity), self.toll, self.damages);
        Ok(Mending { copier, books, toll, damages, closed: false, start, time, lost_read: 0 })
    }

    /// Who the trace is, where its header is damaged: what is not known stays so.
    fn rebuilt(&self) -> Result<FileIdentity, Error> {
        let clock = self.clock.unwrap_or_default();
        Ok(FileIdentity {
            boot_id: self.metadata.as_ref().map(|metadata| metadata.boot_id).unwrap_or_default(),
            created_realtime_ns: clock.realtime_ns,
            created_boottime_ns: clock.boottime_ns,
            compat: if self.is_merged { wire::COMPAT_MERGED } else { 0 },
            ..FileIdentity::random()?
        })
    }
}

/// A trace on its way.
pub(super) struct Mending<W: Write> {
    copier: Copier<W>,
    books: Books,
    toll: Toll,
    damages: u64,
    closed: bool,
    /// When it begins, ns of CLOCK_BOOTTIME; 0 where nobody knows.
    start: u64,
    /// The latest time read.
    time: Option<u64>,
    /// Events that the LOST records read count.
    lost_read: u64,
}

impl<W: Write> Mending<W> {
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn damage(&mut self, damage: &Damage) {
        self.damages += 1;
        self.toll.damage(self.time.unwrap_or(self.start), damage.events_lost);
    }

    pub fn item(&mut self, item: Item<'_>) -> Result<(), Error> {
        if let Some(time) = time_of(&item) {
            if let Some(lost) = self.toll.settle(time) {
                self.add(lost)?;
            }
            self.time = self.time.max(Some(time));
        }
        match item {
            Item::End { .. } => self.closed = true,
            Item::Stats(mut stats) => {
                let account = self.books.now();
                account.proof = Some(stats.proof());
                account.settle(&mut stats);
                return self.copier.item(&Item::Stats(stats));
            }
            Item::Event(event) => self.books.event(event.bytes),
            Item::Source(ref source) => self.books.source(source),
            Item::Lost(ref lost) => {
                self.books.lost(lost);
                let events = if lost.reason.counts_events() { lost.count } else { 0 };
                self.lost_read = self.lost_read.saturating_add(events);
            }
            _ => {}
        }
        self.copier.item(&item)
    }

    /// Appends a loss that the trace did not name.
    fn add(&mut self, lost: Lost) -> Result<(), Error> {
        self.books.lost(&lost);
        self.copier.item(&Item::Lost(lost))
    }

    /// The same at the end, where the last clock closes the trace.
    fn add_last(&mut self, lost: Lost) -> Result<(), Error> {
        self.books.lost(&lost);
        self.copier.add(&Item::Lost(lost))
    }

    /// Says what is missing, and closes the trace. `lost_total`: what its block headers say of losses.
    pub fn end(mut self, lost_total: u64, done: &mut Repaired) -> Result<W, Error> {
        if let Some(lost) = self.toll.settle(OPEN_END) {
            self.add_last(lost)?;
        }
        let end = self.time.filter(|_| self.closed).unwrap_or(OPEN_END);
        let span = (self.start, end.max(self.start));
        let without_books = self.books.accounts().iter().any(|account| account.proof.is_none());
        let (missing, exact) = self.missing();
        let from = self.toll.unknown.map_or(self.start, |(from, _)| from);
        if exact {
            self.toll.unknown = None;
        } else if without_books || !self.closed {
            self.toll.unknown = Some(span);
        }
        if missing > 0 {
            let lost = self.toll.lost(from, span.1, missing);
            self.add_last(lost)?;
        }
        // Lost while recording, by the headers, and damage hit the record that said so.
        let unread = lost_total.saturating_sub(self.lost_read);
        if unread > 0 {
            self.add_last(damaged(span, unread))?;
        }
        if let Some(rest) = self.toll.rest() {
            self.add_last(rest)?;
        }
        if self.damages > 0 || !self.closed || without_books {
            self.copier.add(&Item::Marker(self.remark(without_books)))?;
        }
        done.traces += 1;
        done.cut += u32::from(!self.closed);
        done.without_books += u32::from(without_books);
        done.lost = done.lost.saturating_add(self.toll.known);
        done.lost_unknown |= self.toll.rest().is_some();
        self.close(done)
    }

    /// Events that the recorder's books, or else the numbers of the events, prove to be missing beyond what is named; and
    /// whether that is all that is.
    fn missing(&self) -> (u64, bool) {
        let accounts = self.books.accounts();
        let sum = |of: &dyn Fn(&Account) -> u64| accounts.iter().map(of).fold(0, u64::saturating_add);
        if accounts.iter().all(Account::is_proven) {
            let written = sum(&|account| account.proof.map_or(0, |proof| proof.written));
            let here = sum(&|account| account.events).saturating_add(self.toll.known);
            return (written.saturating_sub(here), true);
        }
        (sum(&|account| if account.proof.is_none() { account.unnamed() } else { 0 }), false)
    }

    fn remark(&self, without_books: bool) -> Marker {
        let mut text = format!("repaired: {} damaged places, {} events lost", self.damages, self.toll.known);
        for (said, so) in [
            (" and perhaps more", self.toll.rest().is_some()),
            ("; the trace was not closed", !self.closed),
            ("; the recorder's own books were missing", without_books),
        ] {
            text.push_str(if so { said } else { "" });
        }
        Marker { boottime_ns: self.time.unwrap_or(self.start), kind: MarkerKind::EDITED, text }
    }

    fn close(mut self, done: &mut Repaired) -> Result<W, Error> {
        for account in self.books.accounts().iter().filter(|account| account.proof.is_none()) {
            if let Some(source) = account.source {
                self.copier.item(&Item::Source(source))?;
            }
            self.copier.item(&Item::Stats(Box::new(account.derived())))?;
        }
        let (out, counts) = self.copier.close()?;
        done.counts.events += counts.events;
        done.counts.records += counts.records;
        Ok(out)
    }
}

/// When an item happened, if it says so; a loss has no moment.
fn time_of(item: &Item<'_>) -> Option<u64> {
    match item {
        Item::Event(event) => Common::read(event.bytes).map(|head| head.time),
        Item::Clock(clock) | Item::Fresh(clock) => Some(clock.boottime_ns),
        Item::ChildExit(exit) => Some(exit.boottime_ns),
        _ => None,
    }
}
