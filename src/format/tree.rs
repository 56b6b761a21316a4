//! The index of a trace, read from its file as far as it is needed, believed as far as it agrees with the blocks.
//! Must not know what is looked for.

use std::io;
use std::sync::Arc;

use super::block::{self, Decompressor};
use super::header::{BLOCK_INDEX, BlockHeader, End};
use super::index::{Index, Place, Row};
use super::record::{Record, Records};
use super::source::Window;
use super::wire;

/// The root of an index, and what was read last of each level below it.
pub(crate) struct Tree {
    base: u64,
    tag: u64,
    decompressor: Decompressor,
    root: Arc<Index>,
    at: Place,
    levels: [Option<(Place, Arc<Index>)>; wire::INDEX_LEVELS as usize],
}

impl Tree {
    /// The index of the trace whose FILE HEADER begins at `base` and which is the last in its file. `None` where there is
    /// none, or none to be believed.
    pub fn open(window: &mut Window, base: u64, tag: u64) -> io::Result<Option<Tree>> {
        let Some(len) = window.len()? else { return Ok(None) };
        let Some(end_at) = len.checked_sub(wire::END_FRAME as u64) else { return Ok(None) };
        let mut frame = [0; wire::END_FRAME];
        window.read_at(end_at, &mut frame)?;
        let Some(end) = End::decode(&frame).filter(|end| end.file_tag == tag) else { return Ok(None) };
        let behind = end.index_offset.checked_add(end.index_len).and_then(|behind| behind.checked_add(base));
        if end.index_offset == 0 || behind.is_none_or(|behind| behind > end_at) {
            return Ok(None);
        }
        let mut decompressor = Decompressor::new()?;
        let Some((header, root)) =
            load(window, base, tag, end.index_offset, end.index_len, &mut decompressor)?
        else {
            return Ok(None);
        };
        let at = Place { offset: end.index_offset, ..Place::of(&header) };
        let first = Place { offset: root.first.offset, ..Place::default() };
        if !root.fits(&at) || root.first != first {
            return Ok(None);
        }
        Ok(Some(Tree { base, tag, decompressor, root: Arc::new(root), at, levels: Default::default() }))
    }

    /// Where the root stands: behind it there is only the last block and the END.
    pub fn at(&self) -> Place {
        self.at
    }

    /// What all its blocks say together.
    pub fn root(&self) -> Arc<Index> {
        self.root.clone()
    }

    /// The INDEX that ends `row` of another, which begins at `first`; `None` where it does not say the same.
    pub fn below(
        &mut self,
        window: &mut Window,
        above: &Index,
        first: Place,
        row: &Row,
    ) -> io::Result<Option<Arc<Index>>> {
        let Some(level) = above.level.checked_sub(1) else { return Ok(None) };
        let Some(slot) = self.levels.get_mut(usize::from(level)) else { return Ok(None) };
        if let Some((at, index)) = slot
            && *at == first
        {
            return Ok(Some(index.clone()));
        }
        let Some(end) = first.behind(row) else { return Ok(None) };
        let offset = end.offset.saturating_sub(row.index_bytes);
        let read = load(window, self.base, self.tag, offset, row.index_bytes, &mut self.decompressor)?;
        let same = |(header, index): &(BlockHeader, Index)| {
            let at = Place { offset, ..Place::of(header) };
            index.level == level && index.first == first && index.fits(&at) && index.row(header) == *row
        };
        let Some((_, index)) = read.filter(same) else { return Ok(None) };
        let index = Arc::new(index);
        *slot = Some((first, index.clone()));
        Ok(Some(index))
    }
}

/// The INDEX whose block begins at `offset`; `None` where there is none of this trace.
fn load(
    window: &mut Window,
    base: u64,
    tag: u64,
    offset: u64,
    bytes: u64,
    decompressor: &mut Decompressor,
) -> io::Result<Option<(BlockHeader, Index)>> {
    let Some(at) = base.checked_add(offset) else { return Ok(None) };
    let mut frame = [0; wire::BLOCK_FRAME];
    window.read_at(at, &mut frame)?;
    let ours = |header: &BlockHeader| {
        let len = wire::BLOCK_FRAME as u64 + u64::from(header.stored_len);
        header.file_tag == tag
            && header.block_type == BLOCK_INDEX
            && header.raw_len as usize <= wire::RECORD_PREFIX + wire::MAX_RECORD
            && len == bytes
    };
    let Some(header) = BlockHeader::decode(&frame).filter(ours) else { return Ok(None) };
    let (mut stored, mut raw) = (vec![0; header.stored_len as usize], Vec::new());
    let read = window.read_at(at + wire::BLOCK_FRAME as u64, &mut stored)?;
    if read < stored.len() || block::decompress(&header, &stored, decompressor, &mut raw).is_err() {
        return Ok(None);
    }
    Ok(match Records::new(&raw).next().and_then(|record| record.ok()?.typed().ok()) {
        Some(Record::Index(index)) => Some((header, *index)),
        _ => None,
    })
}
