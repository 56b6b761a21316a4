//! The bytes of every user-space record, literally: bincode may go, these stay.

use crate::format::codec::{decode, encode};
use crate::format::index::Packed;
use crate::format::*;

fn golden<T: Cold + PartialEq + std::fmt::Debug>(record: &T, bytes: &[u8]) {
    let encoded = encode(record).unwrap();
    assert_eq!(encoded, bytes, "encoding {record:?} gives {encoded:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(record));
    for len in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..len]).is_err(), "{record:?} from its first {len} bytes");
    }
    let longer = [bytes, &[0]].concat();
    assert_eq!(decode::<T>(&longer), Err(CodecError::TrailingBytes(1)));
    let mut later = bytes.to_vec();
    later[0] = 2;
    assert_eq!(decode::<T>(&later), Err(CodecError::Version { found: 2, known: 1 }));
}

#[test]
fn lost() {
    let lost =
        Lost { from_ns: 250, to_ns: 251, cpu: Some(3), count: 70_000, reason: LossReason(4_000_000_000) };
    let bytes =
        [&[1, 250, 251, 251, 0, 1, 3][..], &[252, 0x70, 0x11, 1, 0], &[252, 0x00, 0x28, 0x6B, 0xEE]].concat();
    golden(&lost, &bytes);
    golden(
        &Lost { from_ns: 0, to_ns: 0, cpu: None, count: 1, reason: LossReason::RING_FULL },
        &[1, 0, 0, 0, 1, 1],
    );
}

#[test]
fn clock_sync() {
    let clock = ClockSync {
        boottime_ns: 1 << 32,
        realtime_ns: -2,
        monotonic_ns: 65_536,
        tai_ns: 37,
        bracket_ns: 90,
        offset_ns: Some(-1),
        maxerror_ns: None,
        synced: Some(true),
    };
    let bytes =
        [&[1, 253, 0, 0, 0, 0, 1, 0, 0, 0][..], &[3], &[252, 0, 0, 1, 0], &[74, 90], &[1, 1, 0, 1, 1]]
            .concat();
    golden(&clock, &bytes);
}

#[test]
fn child_exit() {
    golden(
        &ChildExit { pid: 300, status: Some(-1), signal: None, boottime_ns: 5 },
        &[1, 251, 44, 1, 1, 1, 0, 5],
    );
    golden(&ChildExit { pid: 1, status: None, signal: Some(9), boottime_ns: 5 }, &[1, 1, 0, 1, 18, 5]);
}

#[test]
fn recorder_stats() {
    let stats = RecorderStats {
        seen: 10,
        sent: 8,
        ring_full: 2,
        written: 7,
        user_dropped: 1,
        map_full: 3,
        overflow: 4,
        queries: 9,
        cpus: vec![CpuStats { cpu: 5, seen: 10, ring_full: 2 }],
        missed: vec![("ab".to_owned(), 6)],
        stopped_by: "c".to_owned(),
    };
    golden(&stats, b"\x01\x0a\x08\x02\x07\x01\x03\x04\x09\x01\x05\x0a\x02\x01\x02ab\x06\x01c");
}

#[test]
fn metadata() {
    let text = str::to_owned;
    let metadata = Metadata {
        tool_version: text("v"),
        tool_commit: text(""),
        args: vec![text("m"), text("r")],
        hostname: text("h"),
        kernel_release: text("6"),
        kernel_version: text("#1"),
        machine: text("x"),
        os: text("\u{e9}"),
        page_size: 4096,
        cpus: 2,
        boot_id: [0xFF; 16],
        init_mnt_ns: Some(1),
        recorder_pid: 7,
        attach_mode: text("f"),
        attach_reason: text("g"),
        attached: vec![text("a")],
        missing: vec![(text("b"), text("c"))],
        filters: vec![],
        ring_bytes: 8,
        flush_ns: 9,
        level: -1,
        redaction: text("d"),
        labels: vec![(text("k"), text("l"))],
    };
    let bytes = [
        &b"\x01\x01v\0\x02\x01m\x01r\x01h\x016\x02#1\x01x\x02\xc3\xa9\xfb\x00\x10\x02"[..],
        &[0xFF; 16],
        b"\x01\x01\x07\x01f\x01g\x01\x01a\x01\x01b\x01c\0\x08\x09\x01\x01d\x01\x01k\x01l",
    ]
    .concat();
    golden(&metadata, &bytes);
}

#[test]
fn index() {
    let first = Place { offset: 144, block: 0, events: 3, lost: 1 };
    let row = |blocks, bytes, index_bytes, events, ts_min, ts_max, flags| {
        let (raw_bytes, lost, ops) = (7, 2, 1 << 4);
        Row { blocks, bytes, index_bytes, raw_bytes, events, lost, ts_min, ts_max, ops, flags }
    };
    let rows = vec![
        row(2, 300, 110, 9, 1000, 1200, 0x21),
        row(2, 220, 105, 0, 0, 0, 0),
        row(3, 400, 120, 1, 998, 998, 4),
    ];
    let index = Index { level: 1, first, rows };
    let bytes = [
        &[1, 1, 144, 0, 3, 1, 3][..],
        &[2, 251, 44, 1, 110, 7, 9, 2, 251, 0xD0, 7, 200, 16, 0x21],
        &[2, 220, 105, 7, 0, 2, 0, 0, 16, 0],
        &[3, 251, 144, 1, 120, 7, 1, 2, 3, 0, 16, 4],
    ]
    .concat();
    let packed = Packed::from(&index);
    golden(&packed, &bytes);
    assert_eq!(Index::from(packed), index);
    let rows = [(0, 0), (u64::MAX, u64::MAX), (0, u64::MAX), (5, 6)];
    let rows = rows.map(|(ts_min, ts_max)| row(1, 104, 0, 1, ts_min, ts_max, 0)).to_vec();
    let extreme = Index { level: 0, first: Place::default(), rows };
    assert_eq!(Index::from(Packed::from(&extreme)), extreme, "times that wrap");
}

#[test]
fn marker() {
    let marker = Marker { boottime_ns: 300, kind: MarkerKind::EDITED, text: "\u{e9}".to_owned() };
    golden(&marker, b"\x01\xfb\x2c\x01\x03\x02\xc3\xa9");
}

#[test]
fn every_record_that_is_written_can_be_read_back() {
    // The limit of the decoder counts integers in full width, that of the encoder would not.
    let many = Metadata { args: vec![String::new(); 200_000], ..Metadata::default() };
    assert!(matches!(encode(&many), Err(CodecError::Malformed(_))));
}
