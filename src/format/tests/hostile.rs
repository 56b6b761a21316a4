//! Bytes made to mislead: valid checksums over wrong contents.

use super::sample::*;
use crate::format::*;

/// A trace of one block with these records, its counts as given, and an END.
fn forged(raw: &[u8], records: u32, events: u32) -> Vec<u8> {
    let stored = zstd::bulk::compress(raw, 1).unwrap();
    let header = BlockHeader {
        block_type: BLOCK_EVENTS,
        file_tag: TAG,
        block_seq: 1,
        raw_len: raw.len() as u32,
        stored_len: stored.len() as u32,
        record_count: records,
        event_count: events,
        stored_crc: crc32c::crc32c(&stored),
        ..BlockHeader::default()
    };
    let end = End { file_tag: TAG, total_events: events.into(), ..End::default() };
    [writer(0xA0).into_inner(), header.encode().to_vec(), stored, end.encode().to_vec()].concat()
}

fn records(list: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut raw = Vec::new();
    for (kind, flags, body) in list {
        record::append(&mut raw, *kind, *flags, body);
    }
    raw
}

const STATS: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn an_unknown_record_is_passed_over_and_handed_out() {
    let raw =
        records(&[(0x7F01, 0, b"later"), (record::EVENT, 0, &event(0)), (record::RECORDER_STATS, 0, STATS)]);
    let seen = read(&forged(&raw, 3, 1));
    assert_eq!((seen.numbers(), seen.clean), (vec![0], true), "{seen:#?}");
    assert!(
        seen.others.iter().any(|other| other.contains("Unknown") && other.contains("kind: 32513")),
        "{seen:#?}"
    );
}

#[test]
fn a_later_version_of_a_record_is_passed_over() {
    let raw = records(&[
        (record::LOST, 0, &[2, 1, 1]),
        (record::EVENT, 0, &event(0)),
        (record::RECORDER_STATS, 0, STATS),
    ]);
    let seen = read(&forged(&raw, 3, 1));
    assert_eq!((seen.numbers(), seen.clean), (vec![0], true), "{seen:#?}");
}

#[test]
fn an_unknown_critical_record_stops_its_block() {
    let raw = records(&[(record::EVENT, 0, &event(0)), (0x7F01, 1, b"later"), (record::EVENT, 0, &event(1))]);
    let seen = read(&forged(&raw, 3, 2));
    assert_eq!(
        (seen.numbers(), seen.reasons()),
        (vec![0], vec![&DamageReason::Unsupported { kind: 0x7F01 }])
    );
    assert_eq!((seen.damages[0].events_lost, seen.ends, seen.clean), (Some(1), 1, false), "{seen:#?}");
}

#[test]
fn records_that_lie_about_their_length_end_their_block() {
    for lie in [1_u32, 1 << 20, (1 << 20) + 1, u32::MAX] {
        let mut raw = records(&[(record::EVENT, 0, &event(0))]);
        raw.extend_from_slice(&[0x10, 0, 0, 0]);
        raw.extend_from_slice(&lie.to_le_bytes());
        let seen = read(&forged(&raw, 2, 2));
        assert_eq!(
            (seen.numbers(), seen.damages.len(), seen.clean),
            (vec![0], 1, false),
            "length {lie}: {seen:#?}"
        );
        assert_eq!(seen.damages[0].events_lost, Some(1), "length {lie}: {seen:#?}");
    }
}

#[test]
fn wrong_fields_cost_one_record() {
    let long_string = [1, 253, 255, 255, 255, 255, 255, 255, 255, 255];
    let list: [&[u8]; 4] = [b"", &[1], &long_string, &[1, 0, 0, 0, 0, 0, 0]];
    for body in list {
        for kind in [record::METADATA, record::LOST, record::CHILD_EXIT, record::CLOCK_SYNC] {
            let raw = records(&[(kind, 0, body), (record::EVENT, 0, &event(0))]);
            let seen = read(&forged(&raw, 2, 1));
            assert_eq!((seen.numbers(), seen.clean), (vec![0], false), "kind {kind}, {body:?}: {seen:#?}");
        }
    }
}

#[test]
fn counts_that_do_not_agree_are_reported() {
    let raw = records(&[(record::EVENT, 0, &event(0)), (record::RECORDER_STATS, 0, STATS)]);
    let seen = read(&forged(&raw, 2, 5));
    let reason = DamageReason::BadCount { expected: (2, 5), found: (2, 1) };
    assert_eq!((seen.numbers(), seen.reasons()), (vec![0], vec![&reason]), "{seen:#?}");
    assert_eq!(seen.damages[0].events_lost, Some(4));
}

#[test]
fn a_later_format_is_refused_with_its_number() {
    let mut header = read(&trace(0xA0)).starts[0].clone().unwrap();
    header.format_major = 2;
    let error = read(&header.encode()).error;
    assert!(error.as_deref().is_some_and(|e| e.contains("format version 2")), "{error:?}");
    (header.format_major, header.incompat) = (1, 1 << 9);
    let error = read(&header.encode()).error;
    assert!(error.as_deref().is_some_and(|e| e.contains("0x200")), "{error:?}");
    header.incompat = wire::INCOMPAT_EV_BE;
    let error = read(&header.encode()).error;
    assert!(error.as_deref().is_some_and(|e| e.contains("big-endian")), "{error:?}");
}

#[test]
fn what_is_no_trace_is_refused_by_name() {
    let junk: Vec<u8> = (0..60_000_u32).map(|n| (n * n % 253) as u8).collect();
    let cases: [(&[u8], &str); 6] = [
        (b"", "an empty file"),
        (&[0; 70_000], "zero bytes"),
        (b"mount(\"a\", \"b\")\n", "text"),
        (b"PERFILE2.......", "perf.data"),
        (&[0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0], "zstd data"),
        (&junk, "binary data"),
    ];
    for (bytes, name) in cases {
        let seen = read(bytes);
        assert!(seen.error.as_deref().is_some_and(|e| e.contains(name)), "{name}: {seen:?}");
        assert!(!seen.closed && seen.events.is_empty(), "{name}: {seen:?}");
    }
}

#[test]
fn a_block_of_eight_mebibytes_that_is_not_there_costs_no_memory() {
    let header = BlockHeader {
        file_tag: TAG,
        block_seq: 1,
        raw_len: 8 << 20,
        stored_len: 8 << 20,
        ..Default::default()
    };
    let seen = read(&[writer(0xA0).into_inner(), header.encode().to_vec()].concat());
    assert_eq!(seen.reasons(), [&DamageReason::TornTail], "{seen:#?}");
    let too_large = BlockHeader { raw_len: (8 << 20) + 1, ..header };
    assert_eq!(BlockHeader::decode(&too_large.encode()), None);
    let more_than_zstd_makes = BlockHeader { raw_len: 100, stored_len: 100_000, ..header };
    assert_eq!(BlockHeader::decode(&more_than_zstd_makes.encode()), None);
}

#[test]
fn numbers_at_the_end_of_their_range_do_not_wrap() {
    let header = BlockHeader {
        file_tag: TAG,
        block_seq: u64::MAX,
        event_index_base: u64::MAX,
        event_count: u32::MAX,
        ..BlockHeader::default()
    };
    let seen = read(&[writer(0xA0).into_inner(), header.encode().to_vec()].concat());
    assert!(!seen.clean && seen.damages.len() == 2, "{seen:#?}");
}

/// The body of a SOURCE without identity.
fn source(number: u8) -> [u8; 3] {
    [1, number, 0]
}

#[test]
fn what_is_wrong_with_a_source_costs_the_rest_of_its_block_for_nobody_knows_whose_it_is() {
    let event = |n| (record::EVENT, 0, event(n));
    for (body, what) in [
        (&[1, 251, 0, 4, 0][..], "source 1024"),
        (&[1, 5][..], "malformed"),
        (&[1, 5, 0, 9], "1 bytes follow"),
    ] {
        let (first, second) = (event(0), event(1));
        let raw = records(&[
            (record::SOURCE, 1, &source(0)),
            (first.0, first.1, &first.2),
            (record::SOURCE, 1, body),
            (second.0, second.1, &second.2),
        ]);
        let seen = read(&forged(&raw, 4, 2));
        assert_eq!((seen.numbers(), seen.damages[0].events_lost), (vec![0], Some(1)), "{seen:#?}");
        assert!(seen.damages[0].to_string().contains(what), "{what}: {seen:#?}");
    }
}

#[test]
fn a_later_version_of_a_source_asks_for_a_newer_reader() {
    let (later, first) = ([2, 0, 0], event(0));
    let raw = records(&[(record::SOURCE, 1, &later), (record::EVENT, 0, &first)]);
    let seen = read(&forged(&raw, 2, 1));
    assert_eq!(seen.reasons()[0], &DamageReason::Unsupported { kind: record::SOURCE }, "{seen:#?}");
    assert_eq!(seen.numbers(), [0_u64; 0]);
}
