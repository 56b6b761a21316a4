//! One of the traces that are merged: its next item, and when that happened.
//! Must not know the others.

use std::collections::HashMap;

use super::error::Refusal;
use super::toll::OPEN_END;
use crate::format::{FileIdentity, Item, RawEvent, RawRecord, Reader, State};
use crate::layout::Common;

/// What comes next in an input, its bytes kept apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    Event,
    Unknown { kind: u16, flags: u16 },
    Other(Item<'static>),
}

/// One input.
pub(super) struct Input {
    reader: Reader,
    identity: FileIdentity,
    head: Option<Head>,
    bytes: Vec<u8>,
    /// When the head has its turn, ns of CLOCK_BOOTTIME; `None`: it belongs to what stands before it.
    time: Option<u64>,
    /// The latest time of each source so far: an input keeps its own order.
    latest: HashMap<usize, u64>,
    at: Option<Place>,
}

/// Whose the head is: which source of the new trace, with which clock, of which recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub source: usize,
    pub boot: usize,
    pub session: [u8; 16],
}

impl Input {
    /// Reads the header.
    pub fn open(mut reader: Reader) -> Result<Input, Refusal> {
        let identity = match reader.next().map_err(Refusal::Unreadable)? {
            Some(Item::Start { header: Some(header), .. }) => header.identity(),
            Some(Item::Damage(damage)) => return Err(Refusal::Damaged(damage)),
            _ => return Err(Refusal::NotClosed(reader.state())),
        };
        let (head, bytes, latest) = (None, Vec::new(), HashMap::new());
        Ok(Input { reader, identity, head, bytes, time: None, latest, at: None })
    }

    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Whose the head is, and when it has its turn; `None` where it waits for none.
    pub fn turn(&self) -> Option<(Place, u64)> {
        self.at.zip(self.time)
    }

    /// Whose the head is; `None` until that was said.
    pub fn at(&self) -> Option<Place> {
        self.at
    }

    /// The head, and what follows, is from there.
    pub fn set(&mut self, at: Place) {
        self.at = Some(at);
        let latest = self.latest.entry(at.source).or_default();
        self.time = match (&self.head, self.head.as_ref().and_then(|head| time_of(head, &self.bytes))) {
            (_, None) => None,
            // Where it was noticed: between what stands around it.
            (Some(Head::Other(Item::Lost(_))), Some(time)) => Some(time.max(*latest)),
            (_, Some(time)) => {
                *latest = time.max(*latest);
                Some(*latest)
            }
        };
    }

    /// Reads the next item. Refuses what is damaged, not closed, or more than one trace.
    pub fn advance(&mut self) -> Result<(), Refusal> {
        let keep = |bytes: &mut Vec<u8>, new: &[u8]| {
            bytes.clear();
            bytes.extend_from_slice(new);
        };
        loop {
            self.head = Some(match self.reader.next().map_err(Refusal::Unreadable)? {
                None => {
                    self.head = None;
                    let state = self.reader.state();
                    return if state == State::Closed { Ok(()) } else { Err(Refusal::NotClosed(state)) };
                }
                Some(Item::Damage(damage)) => return Err(Refusal::Damaged(damage)),
                Some(Item::Start { .. }) => return Err(Refusal::SeveralTraces),
                Some(Item::End { .. } | Item::Index(_) | Item::Later) => continue,
                Some(Item::Event(event)) => {
                    keep(&mut self.bytes, event.bytes);
                    Head::Event
                }
                Some(Item::Unknown(raw)) => {
                    keep(&mut self.bytes, raw.body);
                    Head::Unknown { kind: raw.kind, flags: raw.flags }
                }
                Some(Item::Metadata(metadata)) => Head::Other(Item::Metadata(metadata)),
                // Where reading can begin in one trace it cannot in several.
                Some(Item::Clock(clock) | Item::Fresh(clock)) => Head::Other(Item::Clock(clock)),
                Some(Item::Lost(lost)) => Head::Other(Item::Lost(lost)),
                Some(Item::Stats(stats)) => Head::Other(Item::Stats(stats)),
                Some(Item::ChildExit(exit)) => Head::Other(Item::ChildExit(exit)),
                Some(Item::Marker(marker)) => Head::Other(Item::Marker(marker)),
                Some(Item::Source(source)) => Head::Other(Item::Source(source)),
            });
            self.time = None;
            return Ok(());
        }
    }

    /// The head, to be copied.
    pub fn item(&self) -> Option<Item<'_>> {
        let bytes = &self.bytes[..];
        Some(match self.head.as_ref()? {
            Head::Event => Item::Event(RawEvent { block_offset: 0, index: 0, bytes }),
            Head::Unknown { kind, flags } => {
                Item::Unknown(RawRecord { at: 0, kind: *kind, flags: *flags, body: bytes })
            }
            Head::Other(item) => item.clone(),
        })
    }

    /// Whether the head of `other` is the same thing of the same recording: two pieces of one trace may overlap.
    pub fn is_same(&self, other: &Input) -> bool {
        // All zero: unknown, and equal to no other.
        let session = |input: &Input| input.at.map(|at| at.session).filter(|id| *id != [0; 16]);
        session(self).is_some()
            && session(self) == session(other)
            && self.time.is_some()
            && self.head == other.head
            && (!self.has_bytes() || self.bytes == other.bytes)
    }

    fn has_bytes(&self) -> bool {
        matches!(self.head, Some(Head::Event | Head::Unknown { .. }))
    }
}

/// When something happened.
fn time_of(head: &Head, bytes: &[u8]) -> Option<u64> {
    match head {
        Head::Event => Common::read(bytes).map(|head| head.time),
        Head::Other(Item::Clock(clock)) => Some(clock.boottime_ns),
        Head::Other(Item::ChildExit(exit)) => Some(exit.boottime_ns),
        Head::Other(Item::Marker(marker)) => Some(marker.boottime_ns),
        Head::Other(Item::Lost(lost)) => Some(lost.to_ns).filter(|to| *to != OPEN_END),
        _ => None,
    }
}
