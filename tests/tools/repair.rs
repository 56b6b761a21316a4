//! Whatever happens to a trace, what is left of it can be read, what is missing is named, and a repair settles that for good.

use mountsnoop::format::{Item, WriterOptions, wire};
use mountsnoop::tools::{Error, Refusal, Repaired, repair};

use super::{Content, content, reader, sample, verdicts};
use crate::fixtures;

pub fn repaired(bytes: &[u8]) -> Result<(Vec<u8>, Repaired), Error> {
    repair(&mut reader(bytes), Vec::new(), WriterOptions::default())
}

/// A trace, what is done to it, and how many events it had.
struct Case {
    what: String,
    bytes: Vec<u8>,
    /// Events of the traces that the bytes were made of.
    had: u64,
}

impl Case {
    fn new(what: String, bytes: Vec<u8>, had: u64) -> Case {
        Case { what, bytes, had }
    }
}

/// Repairs, and holds the outcome against what a reader shows of the damaged trace.
fn check(case: &Case) {
    let what = &case.what;
    let Some(before) = content(&case.bytes) else {
        let refused = repaired(&case.bytes);
        assert!(matches!(refused, Err(Error::Input(0, Refusal::Unreadable(_)))), "{what}: {refused:?}");
        return;
    };
    if before == Content::default() && traces(&case.bytes) == 0 {
        let refused = repaired(&case.bytes);
        assert!(matches!(refused, Err(Error::Input(0, Refusal::Nothing))), "{what}: {refused:?}");
        return;
    }
    let (clean, done) = repaired(&case.bytes).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let after = content(&clean).unwrap_or_else(|| panic!("{what}: the repaired trace cannot be read"));
    assert_eq!(after.events, before.events, "{what}: other events");
    let (found, findings) = verdicts(&clean);
    let told = || format!("{what}: {done:#?}\n{found:#?}\n{findings:#?}");
    for verdict in &found {
        assert!(verdict.closed && verdict.damages.places == 0 && verdict.doubts == 0, "{}", told());
        assert_eq!(verdict.bad_events, 0, "{}", told());
    }
    let kept: u64 = found.iter().map(|verdict| verdict.counts.events).sum();
    assert_eq!((kept, kept), (before.events.len() as u64, done.counts.events), "{}", told());
    let complete = found.iter().all(|verdict| verdict.complete());
    assert!(!complete || kept == case.had, "called complete with {kept} of {} events: {}", case.had, told());
    // Where all losses have a number, it is the right one.
    let exact = found.iter().all(|verdict| !verdict.lost_unknown) && found.len() == traces(&case.bytes);
    assert!(!exact || done.lost == case.had - kept, "{} of {} events: {}", kept, case.had, told());
    for record in before.others.iter().filter(|record| !record.starts_with("Stats(")) {
        assert!(after.others.contains(record), "{what}: {record} is not there any more");
    }
    let (again, nothing) =
        repaired(&clean).unwrap_or_else(|error| panic!("{what}: repaired again: {error:?}"));
    assert_eq!(content(&again), Some(after), "{what}: repaired again, it is another");
    assert_eq!(
        (nothing.lost, nothing.damages, nothing.lost_unknown),
        (0, 0, false),
        "{what}: repaired again"
    );
}

/// Traces that a reader finds.
fn traces(bytes: &[u8]) -> usize {
    let (mut reader, mut starts) = (reader(bytes), 0);
    while let Ok(Some(item)) = reader.next() {
        starts += usize::from(matches!(item, Item::Start { .. }));
    }
    starts
}

/// Each fixture and a trace of many blocks, with the number of its events.
fn originals() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("sample".to_owned(), sample(1, 12, false)),
        ("sample with a loss".to_owned(), sample(1, 12, true)),
    ];
    for name in ["seed", "containers"] {
        let bytes = std::fs::read(fixtures::dir().join(name).with_extension("mst")).expect("a fixture");
        all.push((name.to_owned(), bytes));
    }
    all
}

fn events(bytes: &[u8]) -> u64 {
    content(bytes).expect("a trace").events.len() as u64
}

#[test]
fn an_intact_trace_stays_what_it_is() {
    for (name, bytes) in originals() {
        let (clean, done) = repaired(&bytes).expect("repaired");
        assert_eq!(content(&clean), content(&bytes), "{name}");
        assert_eq!((done.damages, done.lost, done.lost_unknown, done.cut), (0, 0, false, 0), "{name}");
        assert_ne!(clean[40..56], bytes[40..56], "{name}: a new file has an id of its own");
        assert_eq!(clean[56..72], bytes[56..72], "{name}: of the same recording");
    }
}

#[test]
fn cut_at_any_place() {
    for (name, bytes) in originals() {
        let step = if bytes.len() > 3000 { 17 } else { 5 };
        for len in (1..bytes.len()).step_by(step) {
            check(&Case::new(
                format!("{name}, its first {len} bytes"),
                bytes[..len].to_vec(),
                events(&bytes),
            ));
        }
    }
}

#[test]
fn any_byte_flipped() {
    for (name, bytes) in originals() {
        let step = if bytes.len() > 3000 { 13 } else { 3 };
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            check(&Case::new(format!("{name}, byte {at} flipped"), flipped, events(&bytes)));
        }
    }
}

#[test]
fn a_stretch_missing_or_zeroed() {
    for (name, bytes) in originals() {
        for at in (0..bytes.len()).step_by(97) {
            for len in [40, 300, 900] {
                let end = (at + len).min(bytes.len());
                let missing = [&bytes[..at], &bytes[end..]].concat();
                check(&Case::new(format!("{name}, {len} bytes missing at {at}"), missing, events(&bytes)));
                let mut zeroed = bytes.clone();
                zeroed[at..end].fill(0);
                check(&Case::new(format!("{name}, {len} bytes zeroed at {at}"), zeroed, events(&bytes)));
            }
        }
    }
}

#[test]
fn tails_of_zeroes_and_garbage() {
    for (name, bytes) in originals() {
        let garbage: Vec<u8> = (0..3000_u32).map(|n| (n * 7 % 251) as u8).collect();
        for keep in [bytes.len(), bytes.len() * 2 / 3] {
            for (tail, with) in [("zeroes", vec![0; 4096]), ("garbage", garbage.clone())] {
                let spoilt = [&bytes[..keep], &with].concat();
                check(&Case::new(format!("{name}, {keep} bytes, then {tail}"), spoilt, events(&bytes)));
            }
        }
    }
}

/// Where the blocks of a trace begin.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let magic = wire::BLOCK_MAGIC.to_le_bytes();
    (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(&magic) && bytes[at + 8..].starts_with(b"MBLK"))
        .collect()
}

#[test]
fn blocks_of_another_file_in_the_middle() {
    let other = sample(9, 6, false);
    let stale = &other[blocks(&other)[1]..];
    for (name, bytes) in originals() {
        for at in blocks(&bytes) {
            let mixed = [&bytes[..at], stale, &bytes[at..]].concat();
            check(&Case::new(format!("{name}, another file's blocks at {at}"), mixed, events(&bytes)));
            let over = (at + stale.len()).min(bytes.len());
            let mut written_over = bytes.clone();
            written_over[at..over].copy_from_slice(&stale[..over - at]);
            check(&Case::new(
                format!("{name}, another file's blocks over {at}"),
                written_over,
                events(&bytes),
            ));
        }
    }
}

#[test]
fn blocks_gone_or_twice() {
    for (name, bytes) in originals() {
        let mut at = blocks(&bytes);
        at.push(bytes.len() - wire::END_FRAME);
        for pair in at.windows(2) {
            let gone = [&bytes[..pair[0]], &bytes[pair[1]..]].concat();
            check(&Case::new(format!("{name}, the block at {} gone", pair[0]), gone, events(&bytes)));
            let twice = [&bytes[..pair[1]], &bytes[pair[0]..]].concat();
            check(&Case::new(format!("{name}, the block at {} twice", pair[0]), twice, events(&bytes)));
        }
    }
}

#[test]
fn two_traces_in_one_file_are_repaired_one_after_the_other() {
    let (first, second) = (sample(1, 12, true), sample(2, 7, false));
    let had = events(&first) + events(&second);
    for keep in (1..=first.len()).step_by(61).chain([first.len()]) {
        let both = [&first[..keep], &second].concat();
        // What has not even a header is no trace, and nobody can know what it would have been.
        let had = if keep < wire::FILE_FRAME { events(&second) } else { had };
        check(&Case::new(format!("{keep} bytes of one trace, then another"), both, had));
    }
    let mut headless = [&first[..], &second].concat();
    headless[first.len() + 50] ^= 1;
    check(&Case::new("two traces, the header of the second damaged".to_owned(), headless, had));
}

#[test]
fn a_killed_recorders_books_are_derived_from_what_is_left() {
    let bytes = sample(1, 12, true);
    let cut = &bytes[..*blocks(&bytes).last().expect("blocks")];
    let (clean, done) = repaired(cut).expect("repaired");
    assert_eq!((done.lost, done.lost_unknown, done.without_books), (0, true, 1));
    let stats = content(&clean).expect("a trace").others.pop().expect("the books are last");
    // 12 calls of 3 events on 2 CPUs, and 3 events that the ring buffer had no room for on CPU 0.
    for said in [
        "seen: 39, sent: 36, ring_full: 3, written: 36, user_dropped: 0",
        "CpuStats { cpu: 0, seen: 21, ring_full: 3 }, CpuStats { cpu: 1, seen: 18, ring_full: 0 }",
        "stopped_by: \"repaired: the recorder's own books are missing\"",
    ] {
        assert!(stats.contains(said), "expected {said} in {stats}");
    }
}

#[test]
fn what_a_newer_program_could_read_is_not_thrown_away() {
    let mut recorder = super::Recorder::new(super::identity(1), "host");
    recorder.writer().raw_record(0x7F02, wire::RECORD_CRITICAL, b"must be understood").expect("written");
    let refused = repaired(&recorder.finish());
    assert!(matches!(refused, Err(Error::Input(0, Refusal::NeedsNewer { kind: 0x7F02 }))), "{refused:?}");
}
