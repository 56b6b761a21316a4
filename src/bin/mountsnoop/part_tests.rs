//! A part of a trace, read alone, shows what the whole shows of that time, byte for byte, and is not much to read.

mod machine;

use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;

use mountsnoop::format::{
    BLOCK_INDEX, BLOCK_META, BlockHeader, FRESH, Frame, Item, Reader, Scanner, Wanted, wire,
};
use mountsnoop::layout::Common;
use mountsnoop::views::{Clock, Json, Stamp, Stats, StatsOptions, Text, TextOptions, View};

use crate::args::FilterArgs;
use crate::input::Complaints;
use crate::pipeline::Rows;
use machine::MS;
pub use machine::recorded;

#[derive(Clone, Copy, Debug)]
enum How {
    Text,
    Json,
    Stats,
}

fn view(how: How) -> Box<dyn View> {
    match how {
        How::Text => {
            let stamps = vec![Stamp::Clock];
            Box::new(Text::new(TextOptions { stamps, utc: true, ..TextOptions::default() }))
        }
        How::Json => Box::new(Json::lines("", Clock::default())),
        How::Stats => Box::new(Stats::new(StatsOptions::default())),
    }
}

/// A moment, ns after the start; `None`: no limit.
type Moment = Option<u64>;

/// What is shown of a time.
struct Shown {
    text: String,
    lossy: bool,
    bytes_read: u64,
}

fn shown(mut reader: Reader, how: How, since: Moment, until: Moment) -> Shown {
    let option = |moment: Moment| moment.map(|ns| format!("+{ns}ns"));
    let filter = FilterArgs { since: option(since), until: option(until), ..FilterArgs::default() };
    let mut text = Vec::new();
    let mut rows = Rows::new(&filter, true, view(how), &mut text).unwrap();
    let mut complaints = Complaints::new(Path::new("made up"));
    while rows.next(&mut reader, &mut complaints).unwrap() {}
    let lossy = rows.complain(&reader, complaints);
    rows.end().unwrap();
    drop(rows);
    Shown { text: String::from_utf8(text).unwrap(), lossy, bytes_read: reader.bytes_read() }
}

struct Trace {
    bytes: Vec<u8>,
    file: tempfile::NamedTempFile,
    blocks: Vec<BlockHeader>,
    /// When it was begun, ns of CLOCK_BOOTTIME.
    begun: u64,
}

impl Trace {
    fn new(bytes: Vec<u8>) -> Trace {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let mut scanner = Scanner::from_file(file.reopen().unwrap(), Wanted::Nothing).unwrap();
        let (mut blocks, mut begun) = (Vec::new(), 0);
        while let Some(frame) = scanner.next().unwrap() {
            match frame {
                Frame::Block { header, .. } => blocks.push(header),
                Frame::FileHeader { header, .. } => begun = header.created_boottime_ns,
                _ => {}
            }
        }
        Trace { bytes, file, blocks, begun }
    }

    /// The part, from the whole trace, which of a pipe is all one can read, and from as little of the file as will do.
    #[track_caller]
    fn compare(&self, how: How, since: Moment, until: Moment) -> Shown {
        let pipe = Reader::from_reader(Box::new(Cursor::new(self.bytes.clone()))).unwrap();
        let file = Reader::from_file(File::open(self.file.path()).unwrap()).unwrap();
        let (whole, part) = (shown(pipe, how, since, until), shown(file, how, since, until));
        if whole.text != part.text {
            let (lines, others) = (whole.text.lines().count(), part.text.lines().count());
            let differ = whole.text.lines().zip(part.text.lines()).position(|(a, b)| a != b);
            let n = differ.unwrap_or(lines.min(others));
            panic!(
                "{how:?} from {since:?} to {until:?}: {lines} and {others} lines, the first that differ:\nwhole: {:?}\npart:  {:?}",
                whole.text.lines().nth(n),
                part.text.lines().nth(n)
            );
        }
        assert_eq!(whole.lossy, part.lossy, "whether anything is missing from {since:?} to {until:?}");
        part
    }
}

/// From each block to a later one, and from the middle of it; and a few times without a beginning or an end.
#[test]
fn every_part_of_a_trace_is_shown_as_the_whole_shows_it() {
    for (lossy, closed) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut bytes = recorded(400, lossy);
        if !closed {
            // As a recorder that was killed leaves it.
            bytes.truncate(bytes.len() - 5000);
        }
        let trace = Trace::new(bytes);
        let fresh = trace.blocks.iter().filter(|block| block.flags & FRESH != 0).count();
        assert!(fresh > 5, "{fresh} blocks where reading can begin");
        for (n, block) in trace.blocks.iter().enumerate().filter(|(_, block)| block.event_count > 0) {
            let since = block.ts_min - trace.begun + (n as u64 % 2) * (block.ts_max - block.ts_min) / 2;
            let how = [How::Text, How::Json, How::Stats][n % 3];
            trace.compare(how, Some(since), Some(since + n as u64 % 5 * 200 * MS));
            if n % 10 == 0 {
                trace.compare(how, Some(since), None);
                trace.compare(how, None, Some(since));
            }
        }
    }
}

#[test]
fn every_part_of_a_fixture_is_shown_as_the_whole_shows_it() {
    for name in ["seed.mst", "containers.mst"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let trace = Trace::new(std::fs::read(path).unwrap());
        let mut reader = Reader::from_file(trace.file.reopen().unwrap()).unwrap();
        let mut times = Vec::new();
        while let Some(item) = reader.next().unwrap() {
            if let Item::Event(event) = item {
                times.push(Common::read(event.bytes).unwrap().time - trace.begun);
            }
        }
        assert!(times.len() >= 10, "{name} has {} events", times.len());
        for (n, &since) in times.iter().enumerate() {
            let how = [How::Text, How::Json, How::Stats][n % 3];
            trace.compare(how, Some(since), times.get(n + 7).copied());
            trace.compare(how, None, Some(since));
        }
    }
}

impl Trace {
    /// Bytes that have to be read to show a part: the headers of file and blocks or the index, the first and the last block,
    /// and the blocks from where reading can begin to where the last call of the part has returned.
    fn needed(&self, since: u64, last: u64, indexed: bool) -> u64 {
        const SECOND: u64 = 1000 * MS;
        let bytes = |block: &BlockHeader| wire::BLOCK_FRAME as u64 + u64::from(block.stored_len);
        let is_start =
            |block: &BlockHeader| block.flags & FRESH != 0 && block.ts_min + SECOND <= since + self.begun;
        let start = self.blocks.iter().rposition(is_start).unwrap_or(0);
        let is_later = |block: &BlockHeader| block.ts_min > last + self.begun + SECOND;
        let end = self.blocks.iter().position(is_later).unwrap_or(self.blocks.len());
        let about = |n: usize, block: &BlockHeader| match indexed {
            true => n == 0 || n + 1 == self.blocks.len() || block.block_type == BLOCK_INDEX,
            false => block.block_type == BLOCK_META,
        };
        let sum = |blocks: &mut dyn Iterator<Item = (usize, &BlockHeader)>| {
            blocks.map(|(_, block)| bytes(block)).sum::<u64>()
        };
        let blocks = || self.blocks.iter().enumerate();
        let part = sum(&mut blocks().filter(|(n, _)| (start..end).contains(n)));
        let about = sum(&mut blocks().filter(|(n, block)| about(*n, block)));
        let frames = (wire::FILE_FRAME + 2 * wire::END_FRAME) as u64;
        // On the way to the beginning and from the end on: a header, and a look at what follows the block.
        let headers =
            if indexed { 10 } else { 2 * self.blocks.len() as u64 } * (wire::BLOCK_FRAME as u64 + 5);
        frames + headers + part + about
    }
}

/// When the last call that is shown has returned, ns after the start; `None` where one has not.
fn last_return(json: &str, begun: u64) -> Option<u64> {
    let end = |line| {
        let call: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| call[name].as_u64();
        Some(number("boottime_ns")? + number("duration_ns")? - begun)
    };
    json.lines().map(end).try_fold(0, |last, end| Some(last.max(end?)))
}

#[test]
fn of_thousands_of_blocks_only_those_are_read_that_are_asked_for() {
    let closed = recorded(4000, false);
    let mut killed = closed.clone();
    killed.truncate(killed.len() * 9 / 10);
    for (bytes, indexed, at_most) in [(closed, true, 20), (killed, false, 2)] {
        let trace = Trace::new(bytes);
        let (whole, mut compared) = (trace.bytes.len() as u64, 0);
        for block in trace.blocks.iter().filter(|block| block.event_count > 0).step_by(97) {
            let (since, until) = (block.ts_min - trace.begun, block.ts_min - trace.begun + 100 * MS);
            let shown = trace.compare(How::Json, Some(since), Some(until));
            // For one that does not return in the whole trace, the whole trace is read.
            let Some(last) = last_return(&shown.text, trace.begun) else { continue };
            let (read, needed) = (shown.bytes_read, trace.needed(since, last.max(until), indexed));
            assert!(
                read <= needed,
                "from {since}: {read} bytes were read, {needed} are needed: {}",
                shown.text
            );
            assert!(
                read <= whole / at_most,
                "from {since}: {read} of {whole} bytes were read: {}",
                shown.text
            );
            compared += 1;
        }
        assert!(compared > 20, "{compared} parts");
    }
}
