//! What the benches measure: real events, `fixtures/containers.mst` repeated with times, processes and sequence numbers
//! moved on, so that no two calls are the same, and each stage of the way from events to rows. Knows nothing of measuring.

use std::fs::File;
use std::io::{Seek as _, Write as _};
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

/// The events of the fixture, again and again, each round with other processes at a later time.
pub fn grow(wanted: usize) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/containers.mst");
    let mut reader = Reader::from_file(File::open(path).expect("the fixture")).expect("a trace");
    let mut once = Vec::new();
    while let Some(item) = reader.next().expect("an intact fixture") {
        if let Item::Event(event) = item {
            once.push(event.bytes.to_vec());
        }
    }
    let span = layout::u64_at(&once[once.len() - 1], layout::TIME).expect("a time")
        - layout::u64_at(&once[0], layout::TIME).expect("a time");
    let rounds = wanted.div_ceil(once.len());
    let mut events = Vec::with_capacity(rounds * once.len());
    for round in 0..rounds as u64 {
        for event in &once {
            let mut event = event.clone();
            let mut add64 = |at: usize, by: u64| {
                let value = layout::u64_at(&event, at).expect("a field") + by;
                event[at..at + 8].copy_from_slice(&value.to_le_bytes());
            };
            // Something that changes but little, as the kernel's clock does.
            add64(layout::TIME, round * (span + 1_000_000) + round * round % 997);
            add64(layout::SEQ, round * once.len() as u64);
            for at in [layout::PID, layout::TID] {
                let value = layout::u32_at(&event, at).expect("a field") + (round as u32 % 30_000) * 100;
                event[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            events.push(event);
        }
    }
    events
}

/// The events as a trace, in memory.
pub fn write(events: &[Vec<u8>]) -> Vec<u8> {
    let identity = FileIdentity { file_uuid: [7; 16], ..FileIdentity::default() };
    let (metadata, clock) = (Metadata::default(), ClockSync::default());
    let out = Vec::with_capacity(64 << 20);
    let mut writer =
        Writer::new(out, WriterOptions::default(), identity, &metadata, &clock).expect("a writer");
    for bytes in events {
        let head = Common::read(bytes).expect("an event");
        let failed = head.phase == layout::EXIT
            && layout::u64_at(bytes, layout::RET).is_some_and(|ret| (ret as i64) < 0);
        let info =
            EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete: head.flags != 0 };
        writer.event(&info, bytes).expect("written");
    }
    let n = events.len() as u64;
    let stats = RecorderStats { seen: n, sent: n, written: n, ..RecorderStats::default() };
    writer.finish(&stats, &clock).expect("finished").0
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
    while let Some(item) = reader.next().expect("intact") {
        read += usize::from(matches!(item, Item::Event(_)));
    }
    read
}

/// How many sections the events have.
pub fn decode(events: &[Vec<u8>]) -> usize {
    events.iter().map(|event| Event::decode(event).expect("an event").sections.count()).sum()
}

/// How many calls the events are.
pub fn pair(events: &[Vec<u8>]) -> usize {
    let (mut assembler, mut calls) = (Assembler::new(), 0);
    for event in events {
        assembler.event(event, &mut |_| calls += 1).expect("an event");
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
