//! Several traces in one, in the order of time, each event still with its own source and its own clock.
//! Must not know what traces are called; who comes next is decided in order.rs.

use std::io::Write;

use super::copy::{Copier, Counts};
use super::error::{Error, Refusal};
use super::input::{Head, Input, Place};
use super::order::{Boots, Doubts};
use crate::format::{self, FileIdentity, Item, Marker, MarkerKind, Reader, Source, WriterOptions, wire};

/// What [`merge()`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// What was copied.
    pub counts: Counts,
    /// Sources in the new trace.
    pub sources: usize,
    /// Different clocks among them: two recordings of one boot have one.
    pub clocks: usize,
    /// Events that stood in two inputs of one recording, and are there once.
    pub twice: u64,
    /// Events whose order among those of other hosts is not certain.
    pub doubts: Doubts,
}

/// Writes the events of `readers` in the order of time to `out`. Each must hold one clean, closed trace.
pub fn merge<W: Write>(readers: Vec<Reader>, out: W, options: WriterOptions) -> Result<(W, Merged), Error> {
    let mut inputs = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        inputs.push(Input::open(reader).map_err(|refusal| Error::Input(number, refusal))?);
        refuse_twice(&inputs).map_err(|refusal| Error::Input(number, refusal))?;
    }
    let identity = identity(inputs.iter().map(Input::identity)).map_err(Error::Output)?;
    let copier = Copier::new(out, options, identity).map_err(Error::Output)?;
    let mut merging = Merging { copier, sources: Vec::new(), now: None, boots: Boots::default(), twice: 0 };
    for (number, input) in inputs.iter_mut().enumerate() {
        merging.begin(input, number)?;
    }
    while let Some(number) = merging.boots.first(&inputs) {
        merging.step(&mut inputs, number)?;
    }
    merging.end()
}

fn refuse_twice(inputs: &[Input]) -> Result<(), Refusal> {
    let Some((last, before)) = inputs.split_last() else { return Ok(()) };
    let same = |input: &Input| input.identity().file_uuid == last.identity().file_uuid;
    if before.iter().any(same) { Err(Refusal::Twice) } else { Ok(()) }
}

/// Who the new file is: what all have in common; it begins with the first.
fn identity(all: impl Iterator<Item = FileIdentity> + Clone) -> Result<FileIdentity, format::Error> {
    let Some(first) = all.clone().min_by_key(|identity| identity.created_realtime_ns) else {
        return FileIdentity::random();
    };
    let same = |of: fn(&FileIdentity) -> [u8; 16]| all.clone().all(|one| of(&one) == of(&first));
    let fresh = FileIdentity::random()?;
    Ok(FileIdentity {
        file_uuid: fresh.file_uuid,
        session_uuid: if same(|one| one.session_uuid) { first.session_uuid } else { fresh.session_uuid },
        boot_id: if same(|one| one.boot_id) { first.boot_id } else { [0; 16] },
        host_id: if same(|one| one.host_id) { first.host_id } else { [0; 16] },
        compat: all.clone().fold(wire::COMPAT_MERGED, |bits, one| bits | (one.compat & wire::COMPAT_SPARSE)),
        ..first
    })
}

/// One source of the new trace.
struct Origin {
    identity: FileIdentity,
    place: Place,
}

struct Merging<W: Write> {
    copier: Copier<W>,
    sources: Vec<Origin>,
    /// The source that was appended to last.
    now: Option<usize>,
    boots: Boots,
    twice: u64,
}

impl<W: Write> Merging<W> {
    /// Appends what an input says about itself, and stops before what happened.
    fn begin(&mut self, input: &mut Input, number: usize) -> Result<(), Error> {
        self.next(input, number)?;
        while let Some(Head::Other(Item::Clock(_))) = input.head() {
            self.append(input).map_err(Error::Output)?;
            self.next(input, number)?;
        }
        Ok(())
    }

    /// Appends the head of an input, and drops the same of other inputs of its recording.
    fn step(&mut self, inputs: &mut [Input], number: usize) -> Result<(), Error> {
        let Some(input) = inputs.get(number) else { return Ok(()) };
        let is_twin = |(n, other): &(usize, &Input)| *n != number && input.is_same(other);
        let twins: Vec<usize> = inputs.iter().enumerate().filter(is_twin).map(|(n, _)| n).collect();
        for at in std::iter::once(number).chain(twins) {
            let Some(input) = inputs.get_mut(at) else { continue };
            if at == number {
                self.append(input).map_err(Error::Output)?;
            } else {
                self.twice += u64::from(matches!(input.head(), Some(Head::Event)));
            }
            self.next(input, at)?;
        }
        Ok(())
    }

    /// Goes on to the next thing of an input that waits for its turn. What has no time is appended at once: it belongs to
    /// what stands before it.
    fn next(&mut self, input: &mut Input, number: usize) -> Result<(), Error> {
        let refused = |refusal| Error::Input(number, refusal);
        loop {
            input.advance().map_err(refused)?;
            let at = match (input.head(), input.at()) {
                (None, _) => return Ok(()),
                (Some(Head::Other(Item::Source(source))), _) => {
                    self.place(&source.identity.unwrap_or_default()).map_err(refused)?
                }
                (Some(_), Some(at)) => at,
                (Some(_), None) => self.place(&input.identity()).map_err(refused)?,
            };
            input.set(at);
            if self.waits(input).map_err(Error::Output)? {
                return Ok(());
            }
        }
    }

    /// Whether a new head waits for its turn; else it is appended.
    fn waits(&mut self, input: &Input) -> Result<bool, format::Error> {
        let (Some(head), Some(at)) = (input.head(), input.at()) else { return Ok(false) };
        match head {
            Head::Other(Item::Source(_)) => return Ok(false),
            Head::Other(Item::Clock(clock)) => self.boots.clock(at.boot, clock),
            _ => {}
        }
        if input.turn().is_some() { Ok(true) } else { self.append(input).map(|()| false) }
    }

    fn append(&mut self, input: &Input) -> Result<(), format::Error> {
        let Some(at) = input.at() else { return Ok(()) };
        self.turn(at.source)?;
        if let (Some(Head::Event), Some((_, time))) = (input.head(), input.turn()) {
            self.boots.appended(at.boot, time);
        }
        input.item().map_or(Ok(()), |item| self.copier.item(&item))
    }

    fn turn(&mut self, source: usize) -> Result<(), format::Error> {
        let origin = self.sources.get(source).filter(|_| self.now != Some(source));
        let Some(origin) = origin else { return Ok(()) };
        self.now = Some(source);
        let identity = Some(origin.identity);
        self.copier.item(&Item::Source(Source { number: source as u32, identity }))
    }

    /// A source of the new trace; where it is not one yet, it becomes one.
    fn place(&mut self, identity: &FileIdentity) -> Result<Place, Refusal> {
        if let Some(known) = self.sources.iter().find(|origin| origin.identity == *identity) {
            return Ok(known.place);
        }
        if self.sources.len() >= wire::MAX_SOURCES as usize {
            return Err(Refusal::TooManySources);
        }
        let (source, boot) = (self.sources.len(), self.boots.of(identity));
        let place = Place { source, boot, session: identity.session_uuid };
        self.sources.push(Origin { identity: *identity, place });
        Ok(place)
    }

    /// Says what was done, and closes: the books of the trace that ended last are at the end.
    fn end(mut self) -> Result<(W, Merged), Error> {
        let (sources, clocks, doubts) = (self.sources.len(), self.boots.len(), self.boots.doubts());
        let text = format!("merged: {sources} traces with {clocks} clocks; {doubts}");
        let marker = Marker { boottime_ns: self.boots.latest(), kind: MarkerKind::EDITED, text };
        self.copier.add(&Item::Marker(marker)).map_err(Error::Output)?;
        let (out, counts) = self.copier.close().map_err(Error::Output)?;
        Ok((out, Merged { counts, sources, clocks, twice: self.twice, doubts }))
    }
}
