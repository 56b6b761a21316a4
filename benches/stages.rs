//! What the benches measure: real events, `fixtures/containers.mst` repeated with times, processes and sequence numbers
//! moved on, so that no two calls are the same, and each stage of the way from events to rows. Knows nothing of measuring.

use std::fs::File;
use std::io::{Seek as _, Write};
use std::ops::Range;
use std::path::Path;

use mountsnoop::assemble::Assembler;
use mountsnoop::decode::Event;
use mountsnoop::format::{
    ClockSync, EventInfo, FileIdentity, Item, Metadata, Reader, RecorderStats, Writer, WriterOptions,
};
use mountsnoop::layout::{self, Common};
use mountsnoop::views::{
    Classic, Clock, Csv, Detail, Json, Stamp, Stats, StatsOptions, Text, TextOptions, View,
};

/// The events of the fixture, which can be had again and again.
pub struct Work {
    /// Each with how many the same processor has, for each processor numbers its own.
    once: Vec<(Vec<u8>, u64)>,
    /// From the first to the last, ns.
    span: u64,
}

impl Work {
    pub fn new() -> Work {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/containers.mst");
        let mut reader = Reader::from_file(File::open(path).expect("the fixture")).expect("a trace");
        let mut once = Vec::new();
        while let Some(item) = reader.next().expect("an intact fixture") {
            if let Item::Event(event) = item {
                once.push(event.bytes.to_vec());
            }
        }
        let span = time(&once[once.len() - 1]) - time(&once[0]);
        let cpu = |event: &[u8]| layout::u32_at(event, layout::CPU).expect("a processor");
        let of_same = |event: &[u8]| once.iter().filter(|other| cpu(other) == cpu(event)).count() as u64;
        let numbers: Vec<u64> = once.iter().map(|event| of_same(event)).collect();
        Work { once: once.into_iter().zip(numbers).collect(), span }
    }

    /// So many events or some more: whole rounds, each with other processes at a later time.
    pub fn events(&self, wanted: usize) -> impl Iterator<Item = Vec<u8>> {
        let rounds = wanted.div_ceil(self.once.len()) as u64;
        (0..rounds).flat_map(move |round| {
            self.once.iter().map(move |(event, numbers)| self.moved(event.clone(), round, *numbers))
        })
    }

    fn moved(&self, mut event: Vec<u8>, round: u64, numbers: u64) -> Vec<u8> {
        let mut add64 = |at: usize, by: u64| {
            let value = layout::u64_at(&event, at).expect("a field") + by;
            event[at..at + 8].copy_from_slice(&value.to_le_bytes());
        };
        // Something that changes but little, as the kernel's clock does.
        add64(layout::TIME, round * (self.span + 1_000_000) + round * round % 997);
        add64(layout::SEQ, round * numbers);
        for at in [layout::PID, layout::TID] {
            let value = layout::u32_at(&event, at).expect("a field") + (round as u32 % 30_000) * 100;
            event[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        event
    }
}

/// When an event was, ns of CLOCK_BOOTTIME.
pub fn time(event: &[u8]) -> u64 {
    layout::u64_at(event, layout::TIME).expect("a time")
}

/// The events as a list.
pub fn grow(wanted: usize) -> Vec<Vec<u8>> {
    Work::new().events(wanted).collect()
}

/// A trace that is begun.
pub fn begin<W: Write>(out: W) -> Writer<W> {
    let identity = FileIdentity { file_uuid: [7; 16], ..FileIdentity::default() };
    Writer::new(out, WriterOptions::default(), identity, &Metadata::default(), &ClockSync::default())
        .expect("a writer")
}

/// Appends an event.
pub fn append<W: Write>(writer: &mut Writer<W>, bytes: &[u8]) {
    let head = Common::read(bytes).expect("an event");
    let failed =
        head.phase == layout::EXIT && layout::u64_at(bytes, layout::RET).is_some_and(|ret| (ret as i64) < 0);
    let info = EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete: head.flags != 0 };
    writer.event(&info, bytes).expect("written");
}

/// Closes it, with the books of so many events.
pub fn close<W: Write>(writer: Writer<W>, events: usize) -> W {
    let n = events as u64;
    let stats = RecorderStats { seen: n, sent: n, written: n, ..RecorderStats::default() };
    writer.finish(&stats, &ClockSync::default()).expect("finished").0
}

/// The events as a trace, in memory.
pub fn write(events: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = begin(Vec::with_capacity(64 << 20));
    for bytes in events {
        append(&mut writer, bytes);
    }
    close(writer, events.len())
}

/// A trace in a file that is gone when it is closed.
pub fn file(trace: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(trace).expect("written");
    file
}

/// How many events the trace has.
pub fn read(file: &mut File) -> usize {
    file.rewind().expect("rewound");
    let mut reader = Reader::from_file(file.try_clone().expect("a file")).expect("a trace");
    let mut read = 0;
    loop {
        read += reader.events().map_or(0, Iterator::count);
        match reader.next().expect("intact") {
            Some(item) => read += usize::from(matches!(item, Item::Event(_))),
            None => return read,
        }
    }
}

/// How many sections the events have.
pub fn decode(events: &[Vec<u8>]) -> usize {
    events.iter().map(|event| Event::decode(event).expect("an event").sections.count()).sum()
}

/// Events that stand one behind the other, each with its number and its place.
pub type Block = (Vec<u8>, Vec<(u64, Range<usize>)>);

/// The events as a reader has them.
pub fn blocks(events: &[Vec<u8>]) -> Vec<Block> {
    let block = |events: &[Vec<u8>]| {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for (number, event) in (0..).zip(events) {
            places.push((number, bytes.len()..bytes.len() + event.len()));
            bytes.extend_from_slice(event);
        }
        (bytes, places)
    };
    events.chunks(2000).map(block).collect()
}

/// How many calls the events are.
pub fn pair(blocks: &[Block]) -> usize {
    let (mut assembler, mut calls) = (Assembler::new(), 0);
    for (bytes, places) in blocks {
        let malformed = assembler.events(bytes, places.iter().cloned(), &mut |_| calls += 1);
        assert_eq!(malformed, 0);
    }
    calls
}

/// A view that has shown nothing yet.
pub type NewView = fn() -> Box<dyn View>;

/// The views by name.
pub const VIEWS: [(&str, NewView); 8] = [
    ("text", || Box::new(Text::new(TextOptions::default()))),
    ("text-times", || {
        Box::new(Text::new(TextOptions {
            stamps: vec![Stamp::Clock],
            clock: clock(),
            ..TextOptions::default()
        }))
    }),
    ("classic", || Box::new(Classic)),
    ("detail", || Box::new(Detail::new(clock(), true))),
    ("ndjson", || Box::new(Json::lines("host", clock()))),
    ("json", || Box::new(Json::array("host", clock()))),
    ("csv", || Box::new(Csv::new("host", clock(), false))),
    ("stats", || Box::new(Stats::new(StatsOptions::default()))),
];

fn clock() -> Clock {
    Clock { offset_ns: Some(1_700_000_000_000_000_000) }
}

/// Every call to one view, each step of it through `step`; bytes of its output.
pub fn show(events: &[Vec<u8>], view: &mut dyn View, step: impl Fn(&mut dyn FnMut())) -> usize {
    let (mut out, mut bytes) = (Vec::with_capacity(1 << 20), 0);
    let mut assembler = Assembler::new();
    step(&mut || view.begin(&mut out));
    for event in events {
        assembler.event(event, &mut |op| step(&mut || view.row(&mut out, op))).expect("an event");
        if out.len() > 64 << 10 {
            bytes += out.len();
            out.clear();
        }
    }
    step(&mut || view.end(&mut out));
    bytes + out.len()
}
