//! What a flight recorder holds: the newest blocks of a trace, as they were packed, and never more than is allowed.
//! Must not know what is in a block, but for what its header says.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};

use super::super::FlightOptions;
use crate::format::{BLOCK_INDEX, BlockHeader, Error, FRESH, Writer, wire};

/// One block, as it was packed.
struct Kept {
    header: BlockHeader,
    stored: Vec<u8>,
    /// Events that its LOST records count.
    lost: u64,
}

/// The newest blocks of a trace. The oldest is one in which reading can begin, if there is any such.
pub(super) struct Memory {
    limit: FlightOptions,
    blocks: VecDeque<Kept>,
    bytes: u64,
    /// [`Memory::total`].
    total: u64,
    lost_total: u64,
    /// Blocks were let go.
    full: bool,
}

impl Write for Memory {
    /// A writer gives each frame in one piece.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        let header = frame.get(..wire::BLOCK_FRAME).and_then(BlockHeader::decode);
        // The first block holds what every file says for itself.
        if let Some(header) = header.filter(|header| header.block_seq > 0 && header.block_type != BLOCK_INDEX)
        {
            let stored = frame.get(wire::BLOCK_FRAME..).unwrap_or_default().to_vec();
            let lost =
                header.lost_total.saturating_sub(std::mem::replace(&mut self.lost_total, header.lost_total));
            self.bytes += frame.len() as u64;
            self.total += frame.len() as u64;
            self.blocks.push_back(Kept { header, stored, lost });
            self.let_go(header.ts_max);
        }
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    /// Nothing yet; at most so much.
    pub fn new(limit: FlightOptions) -> Memory {
        Memory { limit, blocks: VecDeque::new(), bytes: 0, total: 0, lost_total: 0, full: false }
    }

    /// Bytes of all blocks that ever came.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Lets the oldest blocks go that need not, or cannot, be kept.
    fn let_go(&mut self, now_ns: u64) {
        while self.bytes > self.limit.bytes && self.blocks.len() > 1 {
            self.pop();
        }
        if self.full {
            let begin = self.beginnings().next();
            self.pop_to(begin);
        }
        let Some(age) = self.limit.age else { return };
        let since = now_ns.saturating_sub(age.as_nanos() as u64);
        let old = |index: &usize| self.blocks.get(*index).is_some_and(|block| block.header.ts_min <= since);
        let begin = self.beginnings().take_while(old).last();
        self.pop_to(begin);
    }

    fn pop_to(&mut self, begin: Option<usize>) {
        (0..begin.unwrap_or_default()).for_each(|_| self.pop());
    }

    /// Blocks in which reading can begin.
    fn beginnings(&self) -> impl Iterator<Item = usize> {
        let is_one = |block: &Kept| block.header.flags & FRESH != 0 && block.header.event_count > 0;
        self.blocks.iter().enumerate().filter(move |(_, block)| is_one(block)).map(|(index, _)| index)
    }

    fn pop(&mut self) {
        if let Some(block) = self.blocks.pop_front() {
            self.bytes -= (wire::BLOCK_FRAME + block.stored.len()) as u64;
            self.full = true;
        }
    }

    /// The time of the first event that is held, if any was let go.
    pub fn since(&self) -> Option<u64> {
        let first = self.blocks.iter().find(|block| block.header.event_count > 0);
        first.filter(|_| self.full).map(|block| block.header.ts_min)
    }

    /// Appends all that is held to a trace; how many events that is, and how many of its time were lost.
    pub fn write_to(&self, writer: &mut Writer<File>) -> Result<(u64, u64), Error> {
        for block in &self.blocks {
            writer.adopt(&block.header, &block.stored, block.lost)?;
        }
        Ok((writer.totals().events, writer.totals().lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::format::{ClockSync, EventInfo, FileIdentity, Metadata, WriterOptions};

    /// Keeps blocks of one event each, some of them beginnings, and says at what times the events are that are left.
    fn left(bytes: u64, age: Option<Duration>, blocks: &[(u64, bool)]) -> Vec<u64> {
        let memory = Memory::new(FlightOptions { bytes, age, post: Duration::ZERO });
        let identity = FileIdentity { file_uuid: [1; 16], ..FileIdentity::default() };
        let (options, metadata) = (WriterOptions::default(), Metadata::default());
        let mut writer = Writer::new(memory, options, identity, &metadata, &ClockSync::default()).unwrap();
        for (time_ns, fresh) in blocks {
            if *fresh {
                writer.fresh(&ClockSync { boottime_ns: *time_ns, ..ClockSync::default() }).unwrap();
            }
            writer.event(&EventInfo { time_ns: *time_ns, ..EventInfo::default() }, b"an event").unwrap();
            writer.flush().unwrap();
        }
        let memory = writer.get_ref();
        let held: usize = memory.blocks.iter().map(|block| wire::BLOCK_FRAME + block.stored.len()).sum();
        assert_eq!(memory.bytes, held as u64);
        assert!(memory.bytes <= bytes.max(200), "{} of {bytes} bytes", memory.bytes);
        assert_eq!(memory.since(), memory.full.then(|| memory.blocks[0].header.ts_min));
        memory.blocks.iter().map(|block| block.header.ts_min).collect()
    }

    #[test]
    fn the_oldest_blocks_are_let_go_up_to_one_in_which_reading_can_begin() {
        let blocks = [(10, false), (20, false), (30, true), (40, false), (50, true), (60, false)];
        assert_eq!(left(10_000, None, &blocks), [10, 20, 30, 40, 50, 60], "there is room for all");
        // A block has some 130 bytes, one that is a beginning some 150.
        assert_eq!(left(650, None, &blocks), [30, 40, 50, 60]);
        assert_eq!(left(500, None, &blocks), [50, 60], "30 would begin a part that has no room");
        let none = [(10, false), (20, false), (30, false), (40, false)];
        assert_eq!(left(300, None, &none), [30, 40], "bounded even where there is no beginning");
    }

    #[test]
    fn what_is_asked_for_by_time_is_all_there() {
        let blocks = [(10, false), (20, true), (30, false), (40, true), (50, false), (60, true), (65, false)];
        let ns = |ns| Some(Duration::from_nanos(ns));
        assert_eq!(left(10_000, ns(100), &blocks), [10, 20, 30, 40, 50, 60, 65]);
        assert_eq!(
            left(10_000, ns(30), &blocks),
            [20, 30, 40, 50, 60, 65],
            "35 is in the part that begins with 20"
        );
        assert_eq!(left(10_000, ns(5), &blocks), [60, 65]);
    }
}
