//! The recordings of a merged trace, each with its own calls in flight, clock and host: thread ids and times of two never meet.
//! It must not know what is shown.

use anyhow::{Result, bail};
use mountsnoop::assemble::Assembler;
use mountsnoop::filter::Window;
use mountsnoop::format::{Source, wire};
use mountsnoop::views::Clock;

/// One recording.
#[derive(Debug, Default)]
pub struct Stream {
    pub assembler: Assembler,
    /// What is asked for of it, ns of its CLOCK_BOOTTIME.
    pub window: (Option<u64>, Option<u64>),
    pub clock: Clock,
    pub host: String,
}

/// Which recording a source is of: files of one share their calls. A source that was not told of has its number only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Session([u8; 16]),
    Source(u32),
}

/// The recording that is being read, and those that are put aside meanwhile. A trace that was not merged has one.
#[derive(Debug)]
pub struct Streams {
    pub now: Stream,
    of: Option<Recording>,
    aside: Vec<(Recording, Stream)>,
    window: Window,
    /// When the trace began, ns since 1970.
    began: i64,
    share: usize,
}

impl Streams {
    /// Of which a window is asked for.
    pub fn new(window: Window) -> Streams {
        Streams { now: Stream::default(), of: None, aside: Vec::new(), window, began: 0, share: 1 }
    }

    /// Keeps only one in so many of what is kept otherwise, for those who need memory for something else.
    pub fn share(&mut self, among: usize) {
        self.share = among;
        self.now.assembler.share(among);
    }

    /// A trace begins; what was before it has been ended ([`Streams::next`]).
    pub fn begin(&mut self, realtime_ns: i64, boottime_ns: u64) {
        self.began = realtime_ns;
        self.of = None;
        self.set_clock(realtime_ns, boottime_ns);
    }

    /// What follows is from this source; false: so was what came before.
    pub fn turn(&mut self, source: &Source) -> Result<bool> {
        let session = source.identity.map(|identity| identity.session_uuid).filter(|id| *id != [0; 16]);
        let to = session.map_or(Recording::Source(source.number), Recording::Session);
        match self.of.replace(to) {
            Some(from) if from == to => return Ok(false),
            Some(from) => {
                let known = self.aside.iter().position(|(recording, _)| *recording == to);
                let next = known.map(|at| self.aside.swap_remove(at).1);
                let is_new = next.is_none();
                let before = std::mem::replace(&mut self.now, next.unwrap_or_default());
                self.aside.push((from, before));
                if self.aside.len() >= wire::MAX_SOURCES as usize {
                    bail!("more than {} sources in one trace, which no writer makes", wire::MAX_SOURCES);
                }
                // What may be kept is for all of them together.
                self.now.assembler.share(self.share * (self.aside.len() + 1));
                if !is_new {
                    return Ok(true);
                }
            }
            None => {}
        }
        let identity = source.identity.unwrap_or_default();
        self.set_clock(identity.created_realtime_ns, identity.created_boottime_ns);
        Ok(true)
    }

    /// The one being read is at its end: takes up one that was put aside; false where there is none.
    pub fn next(&mut self) -> bool {
        let next = self.aside.pop();
        let (of, stream) = next.map_or((None, Stream::default()), |(of, stream)| (Some(of), stream));
        (self.of, self.now) = (of, stream);
        self.now.assembler.share(self.share);
        self.of.is_some()
    }

    /// Events are missing, and nobody knows whose.
    pub fn missing(&mut self) {
        self.now.assembler.missing(None);
        self.aside.iter_mut().for_each(|(_, stream)| stream.assembler.missing(None));
    }

    /// Calls given up because more were open than are kept, since this was asked last.
    pub fn take_evicted(&mut self) -> u64 {
        let aside: u64 = self.aside.iter_mut().map(|(_, stream)| stream.assembler.take_evicted()).sum();
        aside + self.now.assembler.take_evicted()
    }

    /// What is asked for, by the clock of what is being read.
    fn set_clock(&mut self, realtime_ns: i64, boottime_ns: u64) {
        let offset = realtime_ns.saturating_sub(boottime_ns as i64);
        let window = self.window.resolve(self.began, offset);
        // What was open as recording began may have begun at any time.
        self.now.assembler.since(window.0.filter(|since| *since > boottime_ns));
        (self.now.window, self.now.clock) = (window, Clock { offset_ns: Some(offset) });
    }
}
