//! Throughput of each stage on a million real events. Each bench asserts what it measured.
//!
//! `cargo bench --bench pipeline -- --quick` for a look; `MOUNTSNOOP_BENCH_EVENTS=10000` for a smaller trace.

mod stages;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mountsnoop::layout::{self, Common};
use stages::{VIEWS, blocks, decode, file, grow, pair, read, show, write};

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
    let mut file = file(&trace);
    group.bench_function("read", |b| b.iter(|| assert_eq!(read(&mut file), events.len())));
    group.bench_function("decode", |b| b.iter(|| assert!(decode(black_box(&events)) > events.len())));
    group.finish();

    let mut group = c.benchmark_group("calls");
    let ends = |event: &&Vec<u8>| Common::read(event).expect("an event").phase == layout::EXIT;
    let calls = events.iter().filter(ends).count();
    group.throughput(Throughput::Elements(calls as u64)).sample_size(10);
    let blocks = blocks(&events);
    group.bench_function("pair", |b| b.iter(|| assert_eq!(pair(black_box(&blocks)), calls)));
    for (name, view) in VIEWS {
        let direct = |step: &mut dyn FnMut()| step();
        let expected = show(&events, &mut *view(), direct);
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(show(black_box(&events), &mut *view(), direct), expected));
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
