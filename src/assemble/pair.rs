//! Beginning and return of each call, put together by thread: a thread makes one call at a time.
//! It must not know what any call means.

use std::cell::OnceCell;
use std::ops::Range;

use super::op::{Op, Outcome, Told, Unseen, Why};
use super::orphans::Orphans;
use super::pending::{Pending, Slot};
use super::process::Processes;
use crate::decode::{Body, Event, Malformed, Sections, Task};
use crate::layout::{self, Common, Head};

/// A call open for this long, by the stream's own clock, is shown although it has not returned.
pub const INTERIM_NS: u64 = 1_000_000_000;

/// Open calls kept, and bytes of their events: beyond either the oldest is given up.
const CALLS_MAX: usize = 32_768;
const BYTES_MAX: usize = 10 << 20;

/// Puts calls together from the events of one stream, in the order of the stream.
///
/// Memory is bounded: at most 32,768 open calls or 10 MiB of them, and 32,768 processes or 8 MiB. Each call gets one final row, and perhaps an interim one
/// before ([`Op::is_interim`]).
#[derive(Debug)]
pub struct Assembler {
    pending: Pending,
    processes: Processes,
    orphans: Orphans,
    number: u64,
    share: usize,
    /// Open calls kept, and bytes.
    most: (usize, usize),
    now: u64,
    evicted: u64,
}

impl Default for Assembler {
    fn default() -> Assembler {
        Assembler::new()
    }
}

impl Assembler {
    /// An assembler that has seen nothing.
    pub fn new() -> Assembler {
        let (pending, processes) = (Pending::default(), Processes::default());
        let (orphans, most) = (Orphans::default(), (CALLS_MAX, BYTES_MAX));
        Assembler { pending, processes, orphans, number: 0, share: 1, most, now: 0, evicted: 0 }
    }

    /// Keeps only one in so many of what an assembler that is alone keeps.
    pub fn share(&mut self, among: usize) {
        self.share = among.max(1);
        self.most = (CALLS_MAX / self.share, BYTES_MAX / self.share);
    }

    /// The number of the next event: [`Op::events`] says which events a call is from.
    pub fn number(&mut self, number: u64) {
        self.number = number;
    }

    /// Feeds one event; `sink` gets every row that follows from it. Bytes that are no event change nothing.
    pub fn event(&mut self, bytes: &[u8], sink: &mut impl FnMut(&Op<'_>)) -> Result<(), Malformed> {
        let fed = self.feed(bytes, (self.number, 0..bytes.len()), sink);
        self.keep(bytes, sink);
        fed
    }

    /// Feeds events that stand in one block, each with its number and its place there; returns how many are none. Rows are made
    /// of the bytes of the block: only of calls that are open at the end is anything copied.
    pub fn events(
        &mut self,
        block: &[u8],
        events: impl Iterator<Item = (u64, Range<usize>)>,
        sink: &mut impl FnMut(&Op<'_>),
    ) -> u64 {
        let malformed = events.map(|event| u64::from(self.feed(block, event, sink).is_err())).sum();
        self.keep(block, sink);
        malformed
    }

    #[inline]
    fn feed(
        &mut self,
        block: &[u8],
        (number, place): (u64, Range<usize>),
        sink: &mut impl FnMut(&Op<'_>),
    ) -> Result<(), Malformed> {
        let bytes = &block[place.clone()];
        let (head, body, sections) = Event::check(bytes)?;
        let Common { tid, time, .. } = Common::of(head);
        let wanted = self.orphans.may_be_wanted(tid, time);
        self.number = number;
        self.now = self.now.max(time);
        match body {
            Body::Enter(_) if self.orphans.is_before(time) => {}
            Body::Enter(_) => self.enter(head, block, place, sink),
            Body::Exit { ret } => self.exit(head, sections, block, ret, wanted, sink),
            Body::Process(task) => self.process(head, &task, bytes),
            Body::Unknown => {}
        }
        // Last, so that the return of a call does not first show it as open.
        self.show(block, sink);
        Ok(())
    }

    #[cold]
    fn process(&mut self, head: &Head, task: &Task<'_>, event: &[u8]) {
        self.processes.insert(&Common::of(head), task, event, self.number, self.share);
    }

    /// Nothing refers to the block any more.
    fn keep(&mut self, block: &[u8], sink: &mut impl FnMut(&Op<'_>)) {
        self.pending.keep(block);
        self.limit(&[], sink);
    }

    /// Calls that began before this are not wanted, ns of CLOCK_BOOTTIME: they are no rows, and a return without a
    /// beginning is one only if its call may have begun later. So it does not matter how much of the time before is in the
    /// stream.
    pub fn since(&mut self, since: Option<u64>) {
        self.orphans.since(since);
    }

    /// Says that events are missing here, none later than `to` if that is known.
    pub fn missing(&mut self, to: Option<u64>) {
        self.orphans.missing(to);
    }

    /// Says what time it is, where the stream does so without an event. Time that goes backwards is ignored.
    pub fn clock(&mut self, boottime_ns: u64, sink: &mut impl FnMut(&Op<'_>)) {
        self.now = self.now.max(boottime_ns);
        self.show(&[], sink);
    }

    /// Shows what has been open for long.
    #[inline]
    fn show(&mut self, block: &[u8], sink: &mut impl FnMut(&Op<'_>)) {
        while let Some(at) = self.pending.next_to_show(self.now, INTERIM_NS) {
            if !self.has_returned(at) {
                self.unfinished(at, block, Why::Interim, sink);
            }
        }
    }

    /// Ends the stream: every call still open gets its final row, in the order they began.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Op<'_>)) {
        for at in self.pending.drain() {
            self.unfinished(at, &[], Why::StreamEnded, sink);
            self.pending.release(at);
        }
    }

    /// Whether a call is open that began in this time.
    pub fn waits(&self, since: Option<u64>, until: Option<u64>) -> bool {
        self.pending.any(|call| {
            since.is_none_or(|since| call.time >= since) && until.is_none_or(|until| call.time <= until)
        })
    }

    /// Number of calls open now.
    pub fn open(&self) -> usize {
        self.pending.size().0
    }

    /// Number of calls given up since this was asked last because more were open than are kept: their returns, if they
    /// come, are orphans.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    #[inline]
    fn enter(&mut self, head: &Head, block: &[u8], place: Range<usize>, sink: &mut impl FnMut(&Op<'_>)) {
        if let Some(at) = self.pending.take(Common::of(head).tid) {
            self.give_up(at, block, Why::ExitLost, sink);
        }
        self.pending.insert(head, place, self.number);
        if self.is_above_limit() {
            self.limit(block, sink);
        }
    }

    #[inline]
    fn is_above_limit(&self) -> bool {
        let (calls, bytes) = self.pending.size();
        calls > self.most.0 || bytes > self.most.1
    }

    /// Gives up calls until no more are open than are kept.
    #[cold]
    fn limit(&mut self, block: &[u8], sink: &mut impl FnMut(&Op<'_>)) {
        while self.is_above_limit() {
            let Some(at) = self.pending.take_oldest() else { break };
            self.evicted += 1;
            self.give_up(at, block, Why::Evicted, sink);
        }
    }

    #[inline]
    fn exit(
        &mut self,
        head: &Head,
        sections: Sections<'_>,
        block: &[u8],
        ret: i64,
        wanted: bool,
        sink: &mut impl FnMut(&Op<'_>),
    ) {
        let exit = Common::of(head);
        let Some(at) = self.pending.take(exit.tid) else {
            return self.orphan(exit, sections, ret, wanted, sink);
        };
        let start = &self.pending.slot(at).common;
        if (start.call, start.pid) != (exit.call, exit.pid) {
            // The thread, or one with its number, is elsewhere: one return and one beginning are lost.
            self.give_up(at, block, Why::ExitLost, sink);
            return self.orphan(exit, sections, ret, wanted, sink);
        }
        match Unseen::read(start.flags) {
            None => {
                let duration_ns = exit.time.saturating_sub(start.time);
                self.emit(at, block, Some(sections), Outcome::Done { ret, duration_ns, exit }, sink);
            }
            Some(why) => self.unseen(at, block, sections, result(&exit, ret), why, sink),
        }
        self.pending.release(at);
    }

    /// A call returned whose beginning was put together then.
    #[cold]
    fn unseen(
        &self,
        at: u32,
        block: &[u8],
        exit: Sections<'_>,
        ret: Option<i64>,
        why: Unseen,
        sink: &mut impl FnMut(&Op<'_>),
    ) {
        self.emit(at, block, Some(exit), Outcome::Orphan { ret, why: Some(why) }, sink);
    }

    #[cold]
    fn give_up(&mut self, at: u32, block: &[u8], why: Why, sink: &mut impl FnMut(&Op<'_>)) {
        self.unfinished(at, block, why, sink);
        self.pending.release(at);
    }

    /// What was put together when the call returned says that it did, even if that event is lost.
    fn has_returned(&self, at: u32) -> bool {
        Unseen::read(self.pending.slot(at).common.flags).is_some()
    }

    #[cold]
    fn unfinished(&self, at: u32, block: &[u8], why: Why, sink: &mut impl FnMut(&Op<'_>)) {
        let slot = self.pending.slot(at);
        let returned = self.has_returned(at);
        let why = if returned { Why::ExitLost } else { why };
        // A call whose return is lost may have ended at once.
        let open_ns = if why == Why::ExitLost { 0 } else { self.now.saturating_sub(slot.common.time) };
        let again = slot.shown && why != Why::Interim && !returned;
        self.emit(at, block, None, Outcome::Unfinished { open_ns, why, again }, sink);
    }

    #[inline]
    fn emit(
        &self,
        at: u32,
        block: &[u8],
        exit: Option<Sections<'_>>,
        outcome: Outcome,
        sink: &mut impl FnMut(&Op<'_>),
    ) {
        let slot = self.pending.slot(at);
        let (Slot { common, number, .. }, enter) = (slot, slot.event(block));
        let numbers = (Some(*number), exit.map(|_| self.number));
        let (task, call) = (Op::task_of(enter), OnceCell::new());
        let (exit, told) = (exit.unwrap_or_default(), Told::Among(&self.processes));
        sink(&Op { common: *common, task, call, outcome, enter, exit, numbers, told });
    }

    #[cold]
    fn orphan(
        &self,
        common: Common,
        exit: Sections<'_>,
        ret: i64,
        wanted: bool,
        sink: &mut impl FnMut(&Op<'_>),
    ) {
        if !wanted {
            return;
        }
        let call = OnceCell::new();
        let enter = &[][..];
        let outcome = Outcome::Orphan { ret: result(&common, ret), why: None };
        let (numbers, told) = ((None, Some(self.number)), Told::Known(None));
        sink(&Op { common, task: None, call, outcome, enter, exit, numbers, told });
    }
}

/// What a call returned, unless it was refused with a signal.
fn result(exit: &Common, ret: i64) -> Option<i64> {
    (exit.flags & layout::FLAG_SIGSYS == 0).then_some(ret)
}

#[cfg(test)]
#[path = "pair_tests.rs"]
mod tests;
