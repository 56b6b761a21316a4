//! Reading a part of a trace: where to begin, what to pass over, and what must be seen all the same.
//! Must not know what an event means.

use std::io;

use super::find::{Found, MARGIN_NS, is_start};
use super::header::BlockHeader;
use super::index::Place;
use super::scan::{Frame, Scanner, Wanted};
use super::tree::Tree;

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

    /// Every block is read that is not later than this: `None` where that is not so now, `Some(None)` where all are.
    pub fn reads_on(&self) -> Option<Option<u64>> {
        (self.phase == Phase::Inside).then_some(self.until)
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
        Ok(is_later(&header, until) && self.asked.replace(header.block_seq) != Some(header.block_seq))
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
            Some(tree) if tree.root().total().ts_max < since => {
                // Nothing is late enough. That the last block says so too is proof enough.
                let last = tree.last_with_events(scanner.window())?;
                if goes(scanner, &last)? {
                    self.pass_events(scanner);
                    return Ok(());
                }
                Found::Lie
            }
            Some(tree) => tree.last_start(scanner.window(), since)?,
            None => Found::Lie,
        };
        if matches!(start, Found::None) || goes(scanner, &start)? {
            return Ok(());
        }
        self.tree = None;
        match walk(scanner, since)? {
            Some(place) => scanner.jump(&place, None).map(|_| ()),
            None => Ok(()),
        }
    }

    /// With an index, goes to the next block with a loss, and after the last to the end.
    fn next_loss(&mut self, scanner: &mut Scanner) -> io::Result<()> {
        let Some(tree) = &mut self.tree else { return Ok(()) };
        let from = scanner.blocks();
        let root = tree.at();
        if from >= root.block {
            return Ok(());
        }
        let there = match tree.first_loss(scanner.window(), from)? {
            Found::None => scanner.jump(&root, None)?,
            found => goes(scanner, &found)?,
        };
        if !there {
            self.tree = None;
        }
        Ok(())
    }
}

/// Whether all events of a block are later.
pub(crate) fn is_later(header: &BlockHeader, until: u64) -> bool {
    header.event_count > 0 && header.ts_min > until.saturating_add(MARGIN_NS)
}

/// Goes to what was found; false where nothing was, or it is not what the index says.
fn goes(scanner: &mut Scanner, found: &Found) -> io::Result<bool> {
    match found {
        Found::Row(place, row) => scanner.jump(place, Some(row)),
        Found::None | Found::Lie => Ok(false),
    }
}

/// Where to begin, from header to header, as far as is needed.
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
