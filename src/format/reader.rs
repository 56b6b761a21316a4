//! Reads a trace item by item: the layer that most callers want.
//! Must not know what an event means.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use super::ahead::{Blocks, Opened};
use super::damage::{Damage, DamageReason};
use super::error::{Error, ErrorKind};
use super::header::{BlockHeader, End, FileHeader};
use super::item::{Item, RawEvent, State};
use super::lend::{Lent, LentBlock};
use super::record::RawRecord;
use super::scan::{Scanner, Wanted};
use super::seek::Part;
use super::unpack::{Block, Step, unreadable};

/// Reads one or more traces from a file or a pipe.
pub struct Reader {
    blocks: Blocks,
    raw: Arc<Vec<u8>>,
    block: Option<Block>,
    header: Option<Box<FileHeader>>,
    part: Option<Part>,
    tag: Option<u64>,
    traces: u32,
    state: State,
    damages: u64,
    trace_intact: bool,
    stats_last: bool,
    lost_total: u64,
    queued: Option<Item<'static>>,
}

impl Reader {
    /// Reads a file from its current position.
    pub fn from_file(file: File) -> Result<Reader, Error> {
        let mut scanner = Scanner::from_file(file, Wanted::Everything)?;
        // Until it is known whether more is wanted than a part.
        scanner.read_little(true);
        Reader::new(scanner)
    }

    /// Reads anything that can be read.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Reader, Error> {
        Reader::new(Scanner::from_reader(reader, Wanted::Everything))
    }

    fn new(scanner: Scanner) -> Result<Reader, Error> {
        let blocks = Blocks::new(scanner).map_err(|e| Error::new(ErrorKind::Read(e), 0))?;
        Ok(Reader {
            blocks,
            raw: Arc::default(),
            block: None,
            header: None,
            part: None,
            tag: None,
            traces: 0,
            state: State::Reading,
            damages: 0,
            trace_intact: true,
            stats_last: false,
            lost_total: 0,
            queued: None,
        })
    }

    /// How far reading has come; after the end, whether the recorder closed the trace.
    pub fn state(&self) -> State {
        self.state
    }

    /// How many [`Item::Damage`] there were.
    pub fn damages(&self) -> u64 {
        self.damages
    }

    /// Read to its end, closed, nothing damaged: what is not counted as lost is there.
    pub fn is_clean(&self) -> bool {
        self.state == State::Closed && self.damages == 0
    }

    /// Of the trace that has just begun ([`Item::Start`]) only a part is wanted: its events from `since` to `until`, ns of
    /// CLOCK_BOOTTIME, with what must be known to understand them, and all losses from there on. Events before and after
    /// come too, as far as they stand in the same blocks or between.
    ///
    /// What is not wanted is passed over unread, and what is wrong with it not noticed. Does nothing where the input is a
    /// pipe, the trace has no FILE HEADER, or is merged from several with clocks of their own.
    pub fn narrow(&mut self, since: Option<u64>, until: Option<u64>) {
        let wanted = since.is_some() || until.is_some();
        let one_clock = self.header.as_ref().is_some_and(|header| !header.identity().is_merged());
        let can_go = self.blocks.scanner().is_some_and(|scanner| scanner.can_go());
        if wanted && one_clock && can_go {
            self.part = Some(Part::new(since, until));
        }
    }

    /// After [`Item::Later`]: no events are wanted from here on.
    pub fn pass_events(&mut self) {
        if let (Some(part), Some(scanner)) = (&mut self.part, self.blocks.scanner()) {
            part.pass_events(scanner);
        }
    }

    /// Events that LOST records of the trace being read count, by the headers of its blocks: also where such a record
    /// itself could not be read.
    pub fn lost_total(&self) -> u64 {
        self.lost_total
    }

    /// Whether the file holds another trace by now than the one that is being read: it is shorter, or begins otherwise.
    pub fn was_overwritten(&mut self) -> Result<bool, Error> {
        match (&self.header, self.blocks.scanner()) {
            (Some(header), Some(scanner)) => scanner.was_overwritten(header),
            _ => Ok(false),
        }
    }

    /// The header of the trace being read; `None` where it is damaged.
    pub fn header(&self) -> Option<&FileHeader> {
        self.header.as_deref()
    }

    /// Bytes that were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.blocks.bytes_read()
    }

    /// The events that come next in a block that has been begun, as far as nothing stands between them; `None` where something else
    /// comes next, or another block, and [`Reader::next`] has that. For those who want events without the way there for each.
    pub fn events(&mut self) -> Option<Events<'_>> {
        let wanted = self.part.as_ref().is_none_or(|part| part.wants_events());
        let block = self.block.as_mut().filter(|block| wanted && block.is_at_event(&self.raw))?;
        Some(Events { block, raw: &self.raw })
    }

    /// The blocks that come next, for threads that open them and have them read one after the other ([`Reader::feed`]); `None` where
    /// there are few, or something else comes first. Until they are given back ([`Reader::take_back`]) only what is fed is read.
    pub fn lend(&mut self) -> Option<Lent> {
        let over = self.block.as_ref().is_none_or(|block| block.is_over(&self.raw));
        let until = self.part.as_ref().map_or(Some(None), Part::reads_on)?;
        let tag = self.tag.filter(|_| over && self.queued.is_none())?;
        Some(Lent { opener: self.blocks.lend()?, tag, until })
    }

    /// Of what was lent, this block is read next, which has been opened; [`Reader::next`] says `None` after it. They must be fed in
    /// their order.
    pub fn feed(&mut self, block: &mut LentBlock) {
        let (header, offset, opened) = block.found();
        self.raw = Arc::clone(block.raw());
        self.block(header, offset, opened);
    }

    /// Reads on behind what was fed.
    pub fn take_back(&mut self, lent: Lent) {
        self.blocks.take_back(lent.opener);
    }

    /// The next item; `None` at the end of the input. After an error there is nothing more; in [`State::Live`], another
    /// call looks whether there is.
    #[allow(clippy::should_implement_trait)] // Items borrow from the reader.
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        let step = loop {
            if let Some((block_offset, index, bytes)) = self.event() {
                let bytes = self.raw.get(bytes).unwrap_or_default();
                return Ok(Some(Item::Event(RawEvent { block_offset, index, bytes })));
            }
            match self.step()? {
                Frames::Step(step) => break step,
                Frames::Block => {}
                Frames::Over => return Ok(None),
            }
        };
        Ok(Some(match step {
            Step::Unknown { at, kind, flags, bytes } => {
                Item::Unknown(RawRecord { at, kind, flags, body: self.raw.get(bytes).unwrap_or_default() })
            }
            Step::Start => {
                Item::Start { header: self.header.as_deref(), segment_no: self.traces.saturating_sub(1) }
            }
            Step::Item(item) => {
                self.count(&item);
                item
            }
        }))
    }

    fn count(&mut self, item: &Item<'_>) {
        if matches!(item, Item::Damage(_)) {
            self.damages += 1;
            self.trace_intact = false;
        }
    }

    /// The next record of the block, where that is an event: where its block begins, its number, its place.
    #[inline]
    fn event(&mut self) -> Option<(u64, u64, Range<usize>)> {
        let block = self.block.as_mut()?;
        loop {
            let (index, bytes) = block.event(&self.raw)?;
            if self.part.as_ref().is_none_or(|part| part.wants_events()) {
                return Some((block.offset(), index, bytes));
            }
        }
    }

    /// What comes next and is no event.
    fn step(&mut self) -> Result<Frames, Error> {
        if let Some(item) = self.queued.take() {
            return Ok(Frames::Step(Step::Item(item)));
        }
        if let Some(block) = &mut self.block {
            if let Some(step) = block.step(&self.raw, &mut self.stats_last) {
                return Ok(Frames::Step(step));
            }
            self.block = None;
        }
        self.frame()
    }

    /// Goes to where the part goes on; true if what comes next is later.
    fn steer(&mut self) -> Result<bool, Error> {
        // While a thread has the scanner, everything is wanted.
        let Some(scanner) = self.blocks.scanner() else { return Ok(false) };
        let Some(part) = &mut self.part else {
            scanner.read_little(self.tag.is_none() && scanner.can_go());
            return Ok(false);
        };
        let steered = part.steer(scanner).and_then(|()| part.is_later(scanner));
        steered.map_err(|e| Error::new(ErrorKind::Read(e), scanner.offset()))
    }

    fn frame(&mut self) -> Result<Frames, Error> {
        if self.steer()? {
            return Ok(Frames::Step(Step::Item(Item::Later)));
        }
        if self.blocks.are_lent() {
            // Whoever has opened the block may use its memory again.
            self.raw = Arc::default();
            return Ok(Frames::Over);
        }
        let may_go_ahead = self.tag.is_some() && self.part.is_none();
        let mut raw = Arc::get_mut(&mut self.raw).map(std::mem::take).unwrap_or_default();
        let frame = self.blocks.next(&mut raw, may_go_ahead);
        self.raw = Arc::new(raw);
        let frame = match frame? {
            None => {
                if self.state != State::Closed {
                    let recorder = self.blocks.scanner().and_then(|scanner| scanner.recorder());
                    self.state = State::unclosed(recorder);
                }
                return Ok(Frames::Over);
            }
            Some(frame) => frame,
        };
        if self.state == State::Live {
            self.state = State::Reading;
        }
        Ok(match frame {
            Opened::Damage(damage) => Frames::Step(Step::Item(Item::Damage(damage))),
            Opened::FileHeader(header) => {
                let tag = header.file_tag();
                self.start(Some(header), tag)
            }
            Opened::Block { opened: None, .. } => {
                self.stats_last = false;
                Frames::Block
            }
            Opened::Block { header, offset, opened: Some(opened) } => {
                let begins = self.tag != Some(header.file_tag);
                let frames = if begins { self.start(None, header.file_tag) } else { Frames::Block };
                self.block(header, offset, opened);
                frames
            }
            Opened::End { end, offset } => self.end(end, offset),
        })
    }

    /// Begins with a block that has been opened.
    fn block(&mut self, header: BlockHeader, offset: u64, opened: Result<(), DamageReason>) {
        match opened {
            Ok(()) => self.block = Some(Block::new(header, offset)),
            Err(reason) => self.queued = Some(Item::Damage(unreadable(&header, offset, reason))),
        }
        self.stats_last = false;
        self.lost_total = self.lost_total.max(header.lost_total);
    }

    fn start(&mut self, header: Option<Box<FileHeader>>, tag: u64) -> Frames {
        self.whole();
        (self.header, self.tag, self.state) = (header, Some(tag), State::Reading);
        // Without its header, the damage was reported just before, and is this trace's.
        (self.trace_intact, self.stats_last, self.lost_total) = (self.header.is_some(), false, 0);
        self.traces = self.traces.saturating_add(1);
        Frames::Step(Step::Start)
    }

    /// What comes is read whole.
    fn whole(&mut self) {
        if let (Some(_), Some(scanner)) = (self.part.take(), self.blocks.scanner()) {
            scanner.want(Wanted::Everything);
        }
    }

    fn end(&mut self, end: End, offset: u64) -> Frames {
        self.whole();
        self.state = State::Closed;
        let item = Item::End { end, offset };
        if self.stats_last || !self.trace_intact {
            return Frames::Step(Step::Item(item));
        }
        self.queued = Some(item);
        let damage = Damage { offset, len: None, reason: DamageReason::NoStats, events_lost: Some(0) };
        Frames::Step(Step::Item(Item::Damage(damage)))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("header", &self.header).field("state", &self.state).finish()
    }
}

/// Events that follow each other in a block, each by its number in the trace and its place in the block.
pub struct Events<'a> {
    block: &'a mut Block,
    raw: &'a [u8],
}

impl<'a> Events<'a> {
    /// The block, whose bytes the places are of.
    pub fn block(&self) -> &'a [u8] {
        self.raw
    }
}

impl Iterator for Events<'_> {
    type Item = (u64, Range<usize>);

    #[inline]
    fn next(&mut self) -> Option<(u64, Range<usize>)> {
        self.block.event(self.raw)
    }
}

enum Frames {
    Step(Step),
    /// A block was opened, or something was queued: there may be more.
    Block,
    Over,
}
