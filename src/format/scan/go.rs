//! Moves a scanner to where a caller knows a block, and lets it look ahead. Files only: a pipe stands where it stands.

use std::io;

use super::{HEADERS_STEP, STEP, Scanner, Wanted};
use crate::format::error::{Error, ErrorKind};
use crate::format::header::{BlockHeader, FileHeader};
use crate::format::index::{Place, Row};
use crate::format::look::{self, Look};
use crate::format::source::Window;
use crate::format::track::Head;
use crate::format::tree::Tree;
use crate::format::wire::{self, array_at};

impl Scanner {
    /// Passes over all blocks of this trace by its index, up to the root of that, and says what it says of them; also of
    /// those that were passed before. `None`, and nothing has changed, where there is no index to be believed, and where a
    /// block has one of the flags `unless`.
    pub fn pass_by_index(&mut self, unless: u16) -> Result<Option<Row>, Error> {
        self.by_index(unless).map_err(|e| Error::new(ErrorKind::Read(e), self.offset()))
    }

    /// Whether the file is shorter than what was read of it, or no longer has this header where the trace began.
    pub(crate) fn was_overwritten(&mut self, header: &FileHeader) -> Result<bool, Error> {
        let read = self.offset();
        let mut look = || {
            let Some(len) = self.window.len()? else { return Ok(false) };
            let mut frame = [0; wire::FILE_FRAME];
            let got = self.window.read_at(self.base, &mut frame)?;
            let uuid = array_at(&frame, wire::FRAME_PREFIX + wire::FILE_UUID_AT);
            // Whoever overwrites it empties it first.
            Ok(len < read || got == frame.len() && uuid != Some(header.file_uuid))
        };
        look().map_err(|e| Error::new(ErrorKind::Read(e), read))
    }

    fn by_index(&mut self, unless: u16) -> io::Result<Option<Row>> {
        let Some(tree) = self.tree()?.filter(|tree| tree.root().total().flags & unless == 0) else {
            return Ok(None);
        };
        Ok(self.jump(&tree.at(), None)?.then(|| tree.root().total()))
    }

    /// The index of the trace being read.
    pub(crate) fn tree(&mut self) -> io::Result<Option<Tree>> {
        match self.track.tag() {
            Some(tag) => Tree::open(&mut self.window, self.base, tag),
            None => Ok(None),
        }
    }

    /// Whether it can be moved.
    pub(crate) fn can_go(&self) -> bool {
        self.window.is_file()
    }

    /// Number of the block that is expected next.
    pub(crate) fn blocks(&self) -> u64 {
        self.track.blocks()
    }

    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Where in the trace a place of the input is.
    pub(crate) fn in_trace(&self, offset: u64) -> u64 {
        offset.saturating_sub(self.base)
    }

    /// Which blocks are wanted from now on.
    pub(crate) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// Reads no more than is asked for, or, where all is, much at a time.
    pub(crate) fn read_little(&mut self, little: bool) {
        self.window.set_step(if little { HEADERS_STEP } else { STEP });
    }

    /// The header of the block that comes next; `None` where there is something else.
    pub(crate) fn peek(&mut self) -> io::Result<Option<BlockHeader>> {
        let passed = std::mem::take(&mut self.passed);
        self.window.advance(passed);
        Ok(match look::look(&mut self.window)? {
            Look::Head(head) if self.track.objection(&head).is_none() => match head {
                Head::Block(header) => Some(header),
                _ => None,
            },
            _ => None,
        })
    }

    /// Goes on at the block that begins at `place`. Stays, and says false, where no intact block of this trace stands there
    /// whose header says the same as `place` and `row`.
    pub(crate) fn jump(&mut self, place: &Place, row: Option<&Row>) -> io::Result<bool> {
        let Some(at) = self.base.checked_add(place.offset) else { return Ok(false) };
        let passed = std::mem::take(&mut self.passed);
        self.window.advance(passed);
        let back = self.window.offset();
        self.window.jump(at);
        self.window.fill(wire::BLOCK_FRAME)?;
        let frame = self.window.get().get(..wire::BLOCK_FRAME).unwrap_or_default();
        let agrees = |header: BlockHeader| {
            self.track.tag() == Some(header.file_tag)
                && place.agrees(&header)
                && row.is_none_or(|row| *row == Row::of(&header, place.lost))
        };
        let there = BlockHeader::decode(frame).is_some_and(agrees);
        match there {
            true => self.track.jump(place.block, place.events),
            false => self.window.jump(back),
        }
        Ok(there)
    }

    /// Another scanner that goes on from here, for looking at headers only; `None` of a pipe.
    pub(crate) fn headers(&mut self) -> io::Result<Option<Scanner>> {
        let passed = std::mem::take(&mut self.passed);
        self.window.advance(passed);
        let Some(window) = self.window.again(HEADERS_STEP)? else { return Ok(None) };
        let (track, wanted) = (self.track.clone(), Wanted::Nothing);
        Ok(Some(Scanner { window, track, wanted, base: self.base, passed: 0, recorder: None, done: false }))
    }
}
