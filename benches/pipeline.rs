//! Throughput of each stage on a million real events: `fixtures/containers.mst`, repeated with times, processes and
//! sequence numbers moved on, so that no two calls are the same. Each bench asserts what it measured.
//!
//! `cargo bench -- --quick` for a look; `MOUNTSNOOP_BENCH_EVENTS=10000` for a smaller trace.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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
fn grow(wanted: usize) -> Vec<Vec<u8>> {
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

fn write(events: &[Vec<u8>]) -> Vec<u8> {
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

/// Every call of the trace to one view; bytes of its output.
fn show(events: &[Vec<u8>], view: &mut dyn View) -> usize {
    let (mut out, mut bytes) = (Vec::with_capacity(1 << 20), 0);
    let mut assembler = Assembler::new();
    view.begin(&mut out);
    for event in events {
        assembler.event(event, &mut |op| view.row(&mut out, op)).expect("an event");
        if out.len() > 64 << 10 {
            bytes += out.len();
            out.clear();
        }
    }
    view.end(&mut out);
    bytes + out.len()
}

fn pipeline(c: &mut Criterion) {
    let wanted =
        std::env::var("MOUNTSNOOP_BENCH_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let events = grow(wanted);
    let raw: usize = events.iter().map(Vec::len).sum();
    let trace = write(&events);
    println!(
        "{} events, {raw} bytes, {} bytes as a trace: {:.1} bytes an event",
        events.len(),
        trace.len(),
        trace.len() as f64 / events.len() as f64
    );

    let mut group = c.benchmark_group("events");
    group.throughput(Throughput::Elements(events.len() as u64)).sample_size(10);
    group.bench_function("write", |b| b.iter(|| assert_eq!(write(black_box(&events)).len(), trace.len())));
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&trace).expect("written");
    group.bench_function("read", |b| {
        b.iter(|| {
            std::io::Seek::rewind(&mut file).expect("rewound");
            let mut reader = Reader::from_file(file.try_clone().expect("a file")).expect("a trace");
            let mut read = 0;
            while let Some(item) = reader.next().expect("intact") {
                read += usize::from(matches!(item, Item::Event(_)));
            }
            assert_eq!(read, events.len());
        });
    });
    group.bench_function("decode", |b| {
        b.iter(|| {
            let sections =
                |event: &Vec<u8>| Event::decode(black_box(event)).expect("an event").sections.count();
            assert!(events.iter().map(sections).sum::<usize>() > events.len());
        });
    });
    group.finish();

    let mut group = c.benchmark_group("calls");
    let ends = |event: &&Vec<u8>| Common::read(event).expect("an event").phase == layout::EXIT;
    let calls = events.iter().filter(ends).count();
    group.throughput(Throughput::Elements(calls as u64)).sample_size(10);
    group.bench_function("pair", |b| {
        b.iter(|| {
            let (mut assembler, mut shown) = (Assembler::new(), 0);
            for event in &events {
                assembler.event(black_box(event), &mut |_| shown += 1).expect("an event");
            }
            assert_eq!(shown, calls);
        });
    });
    let clock = || Clock { offset_ns: Some(1_700_000_000_000_000_000) };
    type Make = fn(Clock) -> Box<dyn View>;
    let views: [(&str, Make); 8] = [
        ("text", |_| Box::new(Text::new(TextOptions::default()))),
        ("text with times", |clock| {
            Box::new(Text::new(TextOptions { stamps: vec![Stamp::Clock], clock, ..TextOptions::default() }))
        }),
        ("classic", |_| Box::new(Classic)),
        ("detail", |clock| Box::new(Detail::new(clock, true))),
        ("ndjson", |clock| Box::new(Json::lines("host", clock))),
        ("json", |clock| Box::new(Json::array("host", clock))),
        ("csv", |clock| Box::new(Csv::new("host", clock, false))),
        ("stats", |_| Box::new(Stats::new(StatsOptions::default()))),
    ];
    for (name, make) in views {
        let expected = show(&events, &mut *make(clock()));
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(show(black_box(&events), &mut *make(clock())), expected));
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
