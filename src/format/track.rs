//! Where a reader stands in a trace: which blocks may come next, and what is missing when another one does.
//! Must not know how frames are found.

use super::damage::DamageReason;
use super::header::{BlockHeader, End, FileHeader};

/// A frame whose header is intact.
#[derive(Debug, Clone)]
pub(crate) enum Head {
    File(Box<FileHeader>, usize),
    Block(BlockHeader),
    End(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing recognised yet.
    Before,
    /// Inside a trace.
    Open,
    /// After an END, or after a trace that another one cut short.
    Over,
}

/// Where a reader stands.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    phase: Phase,
    tag: u64,
    blocks: u64,
    events: u64,
}

impl Track {
    pub fn new() -> Track {
        Track { phase: Phase::Before, tag: 0, blocks: 0, events: 0 }
    }

    pub fn nothing_yet(&self) -> bool {
        self.phase == Phase::Before
    }

    /// The last trace has ended, and no other has begun.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Number of the block that is expected next.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Tag of the trace that is being read.
    pub fn tag(&self) -> Option<u64> {
        (self.phase == Phase::Open).then_some(self.tag)
    }

    /// Goes to another place of this trace.
    pub fn jump(&mut self, blocks: u64, events: u64) {
        (self.blocks, self.events) = (blocks, events);
    }

    /// Why this frame cannot be what comes next; `None`: it is.
    pub fn objection(&self, head: &Head) -> Option<DamageReason> {
        let (tag, found_block, events) = match head {
            Head::File(..) => return (self.phase == Phase::Open).then_some(DamageReason::NoEnd),
            Head::Block(block) => (block.file_tag, Some(block.block_seq), block.event_index_base),
            Head::End(end) => (end.file_tag, None, end.total_events),
        };
        match self.phase {
            Phase::Before => Some(DamageReason::BadHeader),
            Phase::Over if tag == self.tag => Some(DamageReason::TrailingGarbage),
            Phase::Over => Some(DamageReason::ForeignBlock),
            Phase::Open if tag != self.tag => Some(DamageReason::ForeignBlock),
            Phase::Open => {
                let expected = found_block.is_none_or(|found| found == self.blocks) && events == self.events;
                (!expected).then_some(DamageReason::Gap { expected_block: self.blocks, found_block })
            }
        }
    }

    /// Whether reading can go on here; `after_damage`: bytes before this frame could not be read.
    pub fn resumes(&self, head: &Head, after_damage: bool) -> bool {
        match (self.phase, head) {
            (_, Head::File(..)) | (Phase::Before, _) => true,
            (Phase::Open, Head::Block(block)) => block.file_tag == self.tag && block.block_seq >= self.blocks,
            (Phase::Open, Head::End(end)) => end.file_tag == self.tag,
            // Its file header may have been what could not be read. Block 0 only: later ones are leftovers of a disk.
            (Phase::Over, Head::Block(block)) => {
                after_damage && block.file_tag != self.tag && block.block_seq == 0
            }
            (Phase::Over, Head::End(_)) => false,
        }
    }

    /// Takes `head` as what comes next, whatever is missing before it; says how many events are.
    pub fn resume(&mut self, head: &Head) -> Option<u64> {
        let (tag, blocks, events) = match head {
            Head::File(..) => {
                self.phase = Phase::Over;
                return None;
            }
            Head::Block(block) => (block.file_tag, block.block_seq, block.event_index_base),
            Head::End(end) => (end.file_tag, self.blocks, end.total_events),
        };
        let known = match self.phase {
            Phase::Before => Some(0),
            Phase::Open => Some(self.events),
            Phase::Over => None,
        };
        *self = Track { phase: Phase::Open, tag, blocks, events };
        known.and_then(|known| events.checked_sub(known))
    }

    /// Goes past `head`.
    pub fn pass(&mut self, head: &Head) {
        match head {
            Head::File(header, _) => {
                *self = Track { phase: Phase::Open, tag: header.file_tag(), blocks: 0, events: 0 }
            }
            Head::Block(block) => {
                self.blocks = block.block_seq.saturating_add(1);
                self.events = block.event_index_base.saturating_add(block.event_count.into());
            }
            Head::End(_) => self.phase = Phase::Over,
        }
    }
}
