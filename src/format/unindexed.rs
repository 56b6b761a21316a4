//! What a writer remembers of its blocks until an INDEX lists them: at most [`wire::INDEX_ROWS`] rows for each level.
//! Must not know how an INDEX becomes a block.

use super::header::BlockHeader;
use super::index::{Index, Place, Row};
use super::wire;

/// Rows that are in no INDEX yet, by level.
#[derive(Debug, Default)]
pub(crate) struct Unindexed {
    levels: Vec<Index>,
    /// Behind the last block.
    end: Place,
}

impl Unindexed {
    /// Of a file of which only the FILE HEADER is written.
    pub fn new() -> Unindexed {
        Unindexed { levels: Vec::new(), end: Place { offset: wire::FILE_FRAME as u64, ..Place::default() } }
    }

    /// A block has been written; `of`: what it lists, where it is an INDEX.
    pub fn push(&mut self, header: &BlockHeader, of: Option<&Index>) {
        let own = Row::of(header, self.end.lost);
        let (level, first, row) = match of {
            None => (0, self.end, own),
            Some(index) => (usize::from(index.level) + 1, index.first, index.row(header)),
        };
        self.end = self.end.behind(&own).unwrap_or(self.end);
        if self.levels.len() == level {
            self.levels.push(Index { level: level as u8, ..Index::default() });
        }
        if let Some(index) = self.levels.get_mut(level) {
            index.first = if index.rows.is_empty() { first } else { index.first };
            index.rows.push(row);
        }
    }

    /// What is to be written now.
    pub fn full(&mut self) -> Option<Index> {
        let full = self.levels.iter_mut().find(|index| index.rows.len() >= wire::INDEX_ROWS)?;
        Some(take(full))
    }

    /// What is to be written before the file ends; nothing once all blocks stand below one INDEX, the root.
    pub fn rest(&mut self) -> Option<Index> {
        let top = self.levels.len().checked_sub(1)?;
        let is_root = |level: usize, index: &Index| level == top && level > 0 && index.rows.len() == 1;
        let mut levels = self.levels.iter_mut().enumerate();
        let rest = levels.find(|(level, index)| !index.rows.is_empty() && !is_root(*level, index));
        rest.map(|(_, index)| take(index))
    }

    /// An INDEX that was to be written was not.
    pub fn put_back(&mut self, index: &Index) {
        if let Some(level) = self.levels.get_mut(usize::from(index.level)) {
            level.first = index.first;
            level.rows.splice(..0, index.rows.iter().copied());
        }
    }

    /// Where the root stands, and its bytes.
    pub fn root(&self) -> Option<(u64, u64)> {
        let top = self.levels.last()?;
        let row = top.rows.last()?;
        Some((top.first.behind(row)?.offset.checked_sub(row.index_bytes)?, row.index_bytes))
    }
}

/// Bytes that a file of so many blocks may still take when it is closed: the INDEX blocks that are due then, and the END.
/// The last block is not among them.
pub fn room_to_close(blocks: u64) -> u64 {
    let row = |rows: u64| wire::compress_bound(wire::MAX_INDEX_ROW * (rows as usize + 2)) + wire::BLOCK_FRAME;
    let levels = (0..wire::INDEX_LEVELS).map(|level| blocks >> (10 * level)).take_while(|rows| *rows > 0);
    // One level above the highest that has a row: the root.
    let indexes = levels.chain([1]).map(|rows| row(rows.min(wire::INDEX_ROWS as u64)) as u64);
    indexes.sum::<u64>() + wire::END_FRAME as u64
}

fn take(index: &mut Index) -> Index {
    Index { rows: std::mem::take(&mut index.rows), ..*index }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes so many blocks, and the INDEX blocks that are due, as a writer does; all INDEX blocks, with their own headers.
    fn written(blocks: u64) -> (Unindexed, Vec<(Index, BlockHeader)>) {
        let (mut unindexed, mut all, mut seq) = (Unindexed::new(), Vec::new(), 0);
        let mut put = |unindexed: &mut Unindexed, of: Option<&Index>| {
            let header = BlockHeader {
                block_seq: seq,
                stored_len: 50,
                event_count: u32::from(of.is_none()),
                ..BlockHeader::default()
            };
            seq += 1;
            unindexed.push(&header, of);
            header
        };
        for _ in 0..blocks {
            put(&mut unindexed, None);
            while let Some(index) = unindexed.full() {
                let header = put(&mut unindexed, Some(&index));
                all.push((index, header));
            }
            let waiting: usize = unindexed.levels.iter().map(|index| index.rows.len()).sum();
            assert!(waiting <= unindexed.levels.len() * wire::INDEX_ROWS, "{waiting} rows wait");
        }
        while let Some(index) = unindexed.rest() {
            let header = put(&mut unindexed, Some(&index));
            all.push((index, header));
        }
        (unindexed, all)
    }

    #[test]
    fn all_blocks_stand_below_the_root() {
        const ROWS: u64 = wire::INDEX_ROWS as u64;
        for (blocks, levels) in
            [(1, 1), (ROWS, 1), (ROWS + 1, 2), (2 * ROWS, 2), (ROWS * ROWS, 2), (ROWS * ROWS + 1, 3)]
        {
            let (unindexed, all) = written(blocks);
            let (root, header) = all.last().unwrap();
            assert_eq!((root.level, root.total().events), (levels - 1, blocks), "{blocks} blocks");
            let own = wire::BLOCK_FRAME as u64 + 50;
            let at = wire::FILE_FRAME as u64 + header.block_seq * own;
            assert_eq!(unindexed.root(), Some((at, own)), "{blocks} blocks");
            let place = Place { offset: at, block: header.block_seq, events: blocks, lost: 0 };
            assert!(root.fits(&place) && root.first.block == 0, "{blocks} blocks: {root:?}");
        }
    }
}
