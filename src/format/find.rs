//! Finds blocks in an index, and knows at which of them reading can begin.
//! Must not know how it is read, nor where reading goes on.

use std::io;

use super::header;
use super::index::{Index, Place, Row};
use super::source::Window;
use super::tree::Tree;

/// When processes are to be told of again, an event may be on its way that was made before; and two events may be
/// written in another order than they were made. Neither takes longer.
pub(crate) const MARGIN_NS: u64 = 1_000_000_000;

/// What an index says of the blocks it lists.
pub(crate) enum Found {
    Row(Place, Row),
    None,
    /// It contradicts itself.
    Lie,
}

/// A row of an INDEX, where it begins, and the latest time of all before it.
type Candidate = (Place, Row, u64);

/// Whether reading can begin at a block, or some block of a row, for what happened at `since` or later.
pub(crate) fn is_start(flags: u16, events: u64, ts_min: u64, since: u64) -> bool {
    flags & header::FRESH != 0 && events > 0 && ts_min.saturating_add(MARGIN_NS) <= since
}

impl Tree {
    /// The last block at which reading can begin, and before which nothing is as late as `since`.
    pub fn last_start(&mut self, window: &mut Window, since: u64) -> io::Result<Found> {
        let can_be = |(_, row, latest): &Candidate| {
            *latest < since && is_start(row.flags, row.events, row.ts_min, since)
        };
        self.search(window, |rows| rows.rev().filter(can_be).collect())
    }

    /// The last block that holds events.
    pub fn last_with_events(&mut self, window: &mut Window) -> io::Result<Found> {
        self.search(window, |rows| rows.rev().filter(|(_, row, _)| row.events > 0).collect())
    }

    /// The first block with a loss, of number `from` or higher.
    pub fn first_loss(&mut self, window: &mut Window, from: u64) -> io::Result<Found> {
        let can_be = |(place, row, _): &Candidate| {
            let lossy = row.flags & header::LOSS_BEFORE != 0 || row.lost > 0;
            lossy && place.block.saturating_add(row.blocks) > from
        };
        self.search(window, |rows| rows.filter(can_be).collect())
    }

    /// The first of the blocks that `choose` takes out of the rows of an INDEX; of a row of several it says whether one may
    /// be among them.
    fn search(
        &mut self,
        window: &mut Window,
        choose: impl Fn(std::vec::IntoIter<Candidate>) -> Vec<Candidate>,
    ) -> io::Result<Found> {
        let root = self.root();
        self.search_below(window, &root, 0, &choose)
    }

    fn search_below(
        &mut self,
        window: &mut Window,
        index: &Index,
        latest: u64,
        choose: &impl Fn(std::vec::IntoIter<Candidate>) -> Vec<Candidate>,
    ) -> io::Result<Found> {
        let with_latest = |latest: &mut u64, (place, row): (Place, &Row)| {
            let before = std::mem::replace(latest, row.ts_max.max(*latest));
            Some((place, *row, before))
        };
        let rows: Vec<Candidate> = index.places().scan(latest, with_latest).collect();
        for (place, row, latest) in choose(rows.into_iter()) {
            if index.level == 0 {
                return Ok(Found::Row(place, row));
            }
            let Some(below) = self.below(window, index, place, &row)? else { return Ok(Found::Lie) };
            match self.search_below(window, &below, latest, choose)? {
                Found::None => {}
                found => return Ok(found),
            }
        }
        Ok(Found::None)
    }
}
