//! Reading a part of a trace: where to begin, what to pass over, and what must be seen all the same.
//! Must not know what an event means.

use std::io;

use super::header;
use super::index::{Index, Place, Row};
use super::scan::{Frame, Scanner, Wanted};
use super::tree::Tree;

/// When processes are to be told of again, an event may be on its way that was made before; and two events may be
/// written in another order than they were made. Neither takes longer.
const MARGIN_NS: u64 = 1_000_000_000;

/// The part of one trace that is read.
pub(crate) struct Part {
    since: Option<u64>,
    until: Option<u64>,
    phase: Phase,
    tree: Option<Tree>,
    asked: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first block, which tells of the recording.
    First,
    /// Every block.
    Inside,
    /// No events any more: losses, since they may be of an earlier time, and how the recording ended.
    Behind,
}

impl Part {
    pub fn new(since: Option<u64>, until: Option<u64>) -> Part {
        Part { since, until, phase: Phase::First, tree: None, asked: None }
    }

    /// Whether events are wanted.
    pub fn wants_events(&self) -> bool {
        self.phase != Phase::Behind
    }

    /// Goes to where reading is to go on; to be called before each frame.
    pub fn steer(&mut self, scanner: &mut Scanner) -> io::Result<()> {
        match self.phase {
            Phase::First if scanner.blocks() > 0 => self.begin(scanner),
            Phase::Behind => self.next_loss(scanner),
            Phase::First | Phase::Inside => Ok(()),
        }
    }

    /// Whether the block that comes next is later than the part, which is said once of each.
    pub fn is_later(&mut self, scanner: &mut Scanner) -> io::Result<bool> {
        let (Some(until), Phase::Inside) = (self.until, self.phase) else { return Ok(false) };
        let Some(header) = scanner.peek()? else { return Ok(false) };
        let later = header.event_count > 0 && header.ts_min > until.saturating_add(MARGIN_NS);
        Ok(later && self.asked.replace(header.block_seq) != Some(header.block_seq))
    }

    /// No events are wanted from here on.
    pub fn pass_events(&mut self, scanner: &mut Scanner) {
        self.phase = Phase::Behind;
        scanner.want(Wanted::Losses);
    }

    fn begin(&mut self, scanner: &mut Scanner) -> io::Result<()> {
        self.phase = Phase::Inside;
        self.tree = scanner.tree()?;
        let Some(since) = self.since else { return Ok(()) };
        let start = match &mut self.tree {
            Some(tree) => tree.start(scanner, since)?,
            None => Start::Unknown,
        };
        match start {
            Start::At(place, row) if scanner.jump(&place, Some(&row))? => Ok(()),
            Start::TooLate(place, row) if scanner.jump(&place, Some(&row))? => {
                self.pass_events(scanner);
                Ok(())
            }
            Start::Here => Ok(()),
            Start::At(..) | Start::TooLate(..) | Start::Unknown => {
                self.tree = None;
                match walk(scanner, since)? {
                    Some(place) => scanner.jump(&place, None).map(|_| ()),
                    None => Ok(()),
                }
            }
        }
    }

    /// With an index, goes to the next block with a loss, and after the last to the end.
    fn next_loss(&mut self, scanner: &mut Scanner) -> io::Result<()> {
        let Some(tree) = &mut self.tree else { return Ok(()) };
        let from = scanner.blocks();
        let root = tree.at();
        let next = match from < root.block {
            true => tree.first(scanner, from)?,
            false => Found::None,
        };
        let there = match next {
            Found::Row(place, row) => scanner.jump(&place, Some(&row))?,
            Found::None if from < root.block => scanner.jump(&root, None)?,
            Found::None => true,
            Found::Lie => false,
        };
        if !there {
            self.tree = None;
        }
        Ok(())
    }
}

/// Where to begin.
enum Start {
    At(Place, Row),
    /// No later than this.
    Here,
    /// Nothing in the trace is late enough; the last block with events.
    TooLate(Place, Row),
    Unknown,
}

/// What an index says of the blocks it lists.
enum Found {
    Row(Place, Row),
    None,
    /// It contradicts itself.
    Lie,
}

/// Whether reading can begin at a block, or some block of a row, for what happened at `since` or later.
fn is_start(flags: u16, events: u64, ts_min: u64, since: u64) -> bool {
    flags & header::FRESH != 0 && events > 0 && ts_min.saturating_add(MARGIN_NS) <= since
}

impl Tree {
    fn start(&mut self, scanner: &mut Scanner, since: u64) -> io::Result<Start> {
        let root = self.root();
        if root.total().ts_max < since {
            return Ok(match self.search(scanner, &root, &|_, row| row.events > 0, true)? {
                Found::Row(place, row) => Start::TooLate(place, row),
                Found::None => Start::Here,
                Found::Lie => Start::Unknown,
            });
        }
        Ok(match self.last_start(scanner, &root, 0, since)? {
            Found::Row(place, row) => Start::At(place, row),
            Found::None => Start::Here,
            Found::Lie => Start::Unknown,
        })
    }

    /// The last block at which reading can begin, and before which nothing is as late as `since`; `latest`: what comes
    /// before `index`.
    fn last_start(
        &mut self,
        scanner: &mut Scanner,
        index: &Index,
        latest: u64,
        since: u64,
    ) -> io::Result<Found> {
        let mut possible = Vec::new();
        let mut latest = latest;
        for (place, row) in index.places() {
            if latest >= since {
                break;
            }
            if is_start(row.flags, row.events, row.ts_min, since) {
                possible.push((place, *row, latest));
            }
            latest = latest.max(row.ts_max);
        }
        for (place, row, latest) in possible.into_iter().rev() {
            if index.level == 0 {
                return Ok(Found::Row(place, row));
            }
            let Some(below) = self.below(scanner.window(), index, place, &row)? else {
                return Ok(Found::Lie);
            };
            match self.last_start(scanner, &below, latest, since)? {
                Found::None => {}
                found => return Ok(found),
            }
        }
        Ok(Found::None)
    }

    /// The first block with a loss, of number `from` or higher.
    fn first(&mut self, scanner: &mut Scanner, from: u64) -> io::Result<Found> {
        let lossy = |row: &Row| row.flags & header::LOSS_BEFORE != 0 || row.lost > 0;
        let wanted = |place: Place, row: &Row| place.block.saturating_add(row.blocks) > from && lossy(row);
        let root = self.root();
        self.search(scanner, &root, &wanted, false)
    }

    /// The first or the last block that is wanted; of some together it is asked whether one may be.
    fn search(
        &mut self,
        scanner: &mut Scanner,
        index: &Index,
        wanted: &dyn Fn(Place, &Row) -> bool,
        last: bool,
    ) -> io::Result<Found> {
        let mut rows: Vec<_> = index.places().filter(|(place, row)| wanted(*place, row)).collect();
        if last {
            rows.reverse();
        }
        for (place, row) in rows {
            if index.level == 0 {
                return Ok(Found::Row(place, *row));
            }
            let Some(below) = self.below(scanner.window(), index, place, row)? else { return Ok(Found::Lie) };
            match self.search(scanner, &below, wanted, last)? {
                Found::None => {}
                found => return Ok(found),
            }
        }
        Ok(Found::None)
    }
}

/// The same without an index: from header to header, as far as is needed.
fn walk(scanner: &mut Scanner, since: u64) -> io::Result<Option<Place>> {
    let Some(mut headers) = scanner.headers()? else { return Ok(None) };
    let mut start = None;
    // What cannot be read here is read, and reported, on the way from where reading begins.
    while let Ok(Some(frame)) = headers.next() {
        let Frame::Block { header, offset, .. } = frame else {
            match frame {
                Frame::Damage(_) => continue,
                _ => break,
            }
        };
        if is_start(header.flags, header.event_count.into(), header.ts_min, since) {
            start = Some(Place { offset: scanner.in_trace(offset), ..Place::of(&header) });
        }
        if header.ts_max >= since {
            break;
        }
    }
    scanner.window().add_bytes_read(headers.bytes_read());
    Ok(start)
}
