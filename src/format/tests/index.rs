//! The index says what the headers say, reading by it gives what reading everything gives, and no lie in it changes that.

use std::io::{Cursor, Seek, Write};

use super::sample::*;
use crate::format::codec;
use crate::format::index::Packed;
use crate::format::*;

const SECOND: u64 = 1_000_000_000;
/// Time between two events.
const STEP: u64 = SECOND / 10;

/// One event in each block, one block after the other; reading can begin at each tenth, and each hundredth tells of a loss.
fn long(blocks: u64) -> Vec<u8> {
    let options = WriterOptions { level: 0, ..WriterOptions::default() };
    let metadata = Metadata::default();
    let mut writer = Writer::new(Vec::new(), options, identity(0xA0), &metadata, &clock(5)).unwrap();
    for n in 0..blocks {
        let time_ns = 10 * SECOND + n * STEP;
        if n % 100 == 99 {
            let lost = Lost { from_ns: time_ns - 1, to_ns: time_ns, count: 2, ..lost() };
            writer.lost(&lost).unwrap();
        }
        if n % 10 == 0 {
            writer.fresh(&ClockSync { boottime_ns: time_ns, ..ClockSync::default() }).unwrap();
        }
        writer.event(&EventInfo { time_ns, ..info(n) }, &n.to_le_bytes()).unwrap();
        writer.flush().unwrap();
    }
    finish(writer)
}

/// Number of an event of [`long`].
fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

/// The events that were read, and how many losses, of what happens from `since` to `until`, both ns; and the bytes read.
fn part(bytes: &[u8], since: u64, until: u64) -> (Vec<u64>, usize, u64) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let mut reader = Reader::from_file(file).unwrap();
    let (mut events, mut losses) = (Vec::new(), 0);
    loop {
        match reader.next().unwrap() {
            None => break,
            Some(Item::Start { .. }) => reader.narrow(Some(since), Some(until)),
            Some(Item::Later) => reader.pass_events(),
            Some(Item::Event(event)) => events.extend(number(event.bytes)),
            Some(Item::Lost(_)) => losses += 1,
            Some(_) => {}
        }
    }
    (events, losses, reader.bytes_read())
}

/// What must be read of `long(blocks)` to see the events from `since` to `until`.
fn expected(blocks: u64, since: u64, until: u64) -> (Vec<u64>, usize) {
    let time = |n: &u64| 10 * SECOND + n * STEP;
    let start = (0..blocks).rev().find(|n| n % 10 == 0 && time(n) + SECOND <= since).unwrap_or(0);
    let too_late = since > time(&(blocks - 1));
    let events = (start..blocks).filter(|n| time(n) <= until + SECOND && !too_late).collect();
    let losses = (start..blocks).filter(|n| n % 100 == 99 && (!too_late || *n == blocks - 1)).count();
    (events, losses)
}

#[test]
fn every_row_is_a_header() {
    const BLOCKS: u64 = 2200;
    let bytes = long(BLOCKS);
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.clone())), Wanted::Nothing);
    let (mut headers, mut end) = (Vec::new(), None);
    while let Some(frame) = scanner.next().unwrap() {
        match frame {
            Frame::Block { header, offset, .. } => headers.push((offset, header)),
            Frame::End { end: found, .. } => end = Some(found),
            _ => {}
        }
    }
    let mut reader = Reader::from_reader(Box::new(Cursor::new(bytes))).unwrap();
    let mut indexes = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Index(index) = item {
            indexes.push(*index);
        }
    }
    assert_eq!(indexes.iter().map(|index| index.level).collect::<Vec<_>>(), [0, 0, 0, 1]);
    for (place, row) in indexes[..3].iter().flat_map(Index::places) {
        let (offset, header) = headers[place.block as usize];
        let lost_before =
            headers.get((place.block as usize).wrapping_sub(1)).map_or(0, |(_, h)| h.lost_total);
        let expected =
            Place { offset, block: header.block_seq, events: header.event_index_base, lost: lost_before };
        assert_eq!((place, row), (expected, &Row::of(&header, lost_before)), "block {}", place.block);
    }
    let (root, last) = (&indexes[3], headers.len() - 2);
    let total = root.total();
    assert_eq!((total.blocks, total.events, total.lost), (last as u64, BLOCKS, 2 * (BLOCKS / 100)));
    assert_eq!((total.ts_min, total.ts_max), (10 * SECOND, 10 * SECOND + (BLOCKS - 1) * STEP));
    let stored = u64::from(headers[last].1.stored_len) + wire::BLOCK_FRAME as u64;
    assert_eq!(end.map(|end| (end.index_offset, end.index_len)), Some((headers[last].0, stored)));
}

#[test]
fn a_part_is_found_by_the_index_by_headers_and_behind_another_trace() {
    const BLOCKS: u64 = 2200;
    let bytes = long(BLOCKS);
    let cut = bytes[..bytes.len() - wire::END_FRAME].to_vec();
    let behind = [trace(0xD0), bytes.clone()].concat();
    for n in (0..BLOCKS + 30).step_by(61) {
        let (since, until) = (10 * SECOND + n * STEP, 10 * SECOND + (n + 3) * STEP);
        let (events, losses) = expected(BLOCKS, since, until);
        let (found, lost, read) = part(&bytes, since, until);
        assert_eq!((&found, lost), (&events, losses), "from event {n}");
        assert!(read < 60_000, "from event {n}: {read} of {} bytes were read", bytes.len());
        assert_eq!(part(&behind, since, until).0, events, "from event {n}, behind another trace");
        if n < BLOCKS {
            let (found, lost, _) = part(&cut, since, until);
            assert_eq!((&found, lost), (&events, losses), "from event {n}, by headers");
        }
    }
}

/// Where the INDEX blocks begin, the last block, the END and the length.
fn tail(bytes: &[u8]) -> Vec<usize> {
    let at = frames(bytes);
    at[at.len() - 5..].to_vec()
}

#[test]
fn no_flipped_byte_of_the_index_leads_astray() {
    const BLOCKS: u64 = 300;
    let bytes = long(BLOCKS);
    let at = tail(&bytes);
    let index = at[1];
    assert_eq!(
        BlockHeader::decode(&bytes[index..index + wire::BLOCK_FRAME]).unwrap().block_type,
        BLOCK_INDEX
    );
    let (since, until) = (10 * SECOND + 200 * STEP, 10 * SECOND + 203 * STEP);
    let (events, losses) = expected(BLOCKS, since, until);
    for flipped in (index..at[2]).chain(at[3]..at[4]) {
        let mut bytes = bytes.clone();
        bytes[flipped] ^= 0x10;
        let (found, lost, _) = part(&bytes, since, until);
        assert_eq!((found, lost), (events.clone(), losses), "byte {} of the index", flipped - index);
    }
}

/// The trace, with this instead of the records of its root INDEX, and everything around it as if it were meant to be.
fn forged(bytes: &[u8], records: &[u8]) -> Vec<u8> {
    let at = tail(bytes);
    let old = BlockHeader::decode(&bytes[at[1]..at[1] + wire::BLOCK_FRAME]).unwrap();
    let stored = zstd::bulk::compress(records, 1).unwrap();
    let header = BlockHeader {
        raw_len: records.len() as u32,
        stored_len: stored.len() as u32,
        stored_crc: crc32c::crc32c(&stored),
        ..old
    };
    let end = End::decode(&bytes[at[3]..]).unwrap();
    let end = End { index_len: (wire::BLOCK_FRAME + stored.len()) as u64, ..end };
    [&bytes[..at[1]], &header.encode(), &stored, &bytes[at[2]..at[3]], &end.encode()].concat()
}

fn record(body: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    record::append(&mut raw, record::INDEX, 0, body);
    raw
}

#[test]
fn an_index_that_lies_is_found_out_or_harmless() {
    const BLOCKS: u64 = 300;
    let bytes = long(BLOCKS);
    let root = record::Records::new(&{
        let at = tail(&bytes);
        let header = BlockHeader::decode(&bytes[at[1]..at[1] + wire::BLOCK_FRAME]).unwrap();
        let mut raw = Vec::new();
        let stored = &bytes[at[1] + wire::BLOCK_FRAME..at[2]];
        decompress(&header, stored, &mut Decompressor::new().unwrap(), &mut raw).unwrap();
        raw
    })
    .next()
    .and_then(|record| match record.unwrap().typed().unwrap() {
        Record::Index(index) => Some(*index),
        _ => None,
    })
    .unwrap();
    let honest = forged(&bytes, &record(&codec::encode(&Packed::from(&root)).unwrap()));
    let late = 10 * SECOND + 250 * STEP;
    assert!(part(&honest, late, late).2 < bytes.len() as u64 / 3, "an INDEX made here is believed");

    type Lie = fn(&mut Index);
    let lies: &[(&str, Lie)] = &[
        ("nothing", |_| {}),
        ("no rows", |index| index.rows.clear()),
        ("a level that points to itself", |index| index.level = 1),
        ("a level that is none", |index| index.level = 255),
        ("a row that is the INDEX itself", |index| {
            let row = index.total();
            (index.level, index.rows) = (1, vec![Row { index_bytes: row.bytes / 2, ..row }]);
        }),
        ("a beginning beyond the end", |index| index.first.offset = u64::MAX),
        ("a row without end", |index| index.rows[3].bytes = u64::MAX),
        ("a row of nothing", |index| index.rows[3].bytes = 0),
        ("rows that swap their bytes", |index| index.rows.swap(210, 0)),
        ("blocks twice", |index| index.rows[3].blocks = 2),
        ("a block too many", |index| index.rows.push(Row { blocks: 1, bytes: 104, ..Row::default() })),
        ("everything is early", |index| {
            index.rows.iter_mut().for_each(|row| (row.ts_min, row.ts_max) = (1, 1))
        }),
        ("everything is late", |index| {
            index.rows.iter_mut().for_each(|row| (row.ts_min, row.ts_max) = (u64::MAX, u64::MAX))
        }),
        ("everything is fresh", |index| index.rows.iter_mut().for_each(|row| row.flags |= FRESH)),
        ("nothing is fresh", |index| index.rows.iter_mut().for_each(|row| row.flags &= !FRESH)),
        ("nothing was lost", |index| index.rows.iter_mut().for_each(|row| row.flags &= !LOSS_BEFORE)),
        ("it was lost elsewhere", |index| {
            let lost = std::mem::take(&mut index.rows[300].lost);
            index.rows[299].lost += lost;
        }),
        ("more rows than are allowed", |index| {
            let row = index.rows[1];
            index.rows.resize(5000, row);
        }),
    ];
    for (what, lie) in lies {
        let mut index = root.clone();
        lie(&mut index);
        let forged = forged(&bytes, &record(&codec::encode(&Packed::from(&index)).unwrap()));
        same(&forged, BLOCKS, what);
    }
    let mut body = codec::encode(&Packed::from(&Index { rows: vec![], ..root })).unwrap();
    body.pop();
    body.push(253);
    body.extend_from_slice(&(1_u64 << 60).to_le_bytes());
    same(&forged(&bytes, &record(&body)), BLOCKS, "2^60 rows");
    same(&forged(&bytes, &[]), BLOCKS, "no record at all");
    same(&forged(&bytes, &record(b"")), BLOCKS, "an empty record");
}

/// What is asked for is all there; more may be, for want of a better beginning.
#[track_caller]
fn same(bytes: &[u8], blocks: u64, what: &str) {
    for n in [0, 150, 205, blocks - 1, blocks + 50] {
        let (since, until) = (10 * SECOND + n * STEP, 10 * SECOND + (n + 3) * STEP);
        let (events, losses) = expected(blocks, since, until);
        let (found, lost, read) = part(bytes, since, until);
        let wanted = |n: &u64| (since..=until).contains(&(10 * SECOND + n * STEP));
        let asked: Vec<_> = events.iter().copied().filter(wanted).collect();
        let got: Vec<_> = found.iter().copied().filter(wanted).collect();
        assert_eq!(got, asked, "{what}: from event {n}, of {found:?}");
        assert!(lost >= losses, "{what}: from event {n}: {lost} losses, not {losses}");
        assert!(read < 3 * bytes.len() as u64, "{what}: from event {n}: {read} bytes were read");
    }
}

#[test]
fn a_survey_reads_no_more_than_both_ends_and_the_root() {
    const BLOCKS: u64 = 2200;
    let bytes = long(BLOCKS);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    let mut scanner = Scanner::from_file(file, Wanted::About).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = scanner.next().unwrap() {
        let block = match frame {
            Frame::Block { header, .. } => Some(header.block_seq),
            Frame::Damage(damage) => panic!("{damage}"),
            _ => None,
        };
        seen.push(block);
        if block == Some(0) {
            let total = scanner.pass_by_index(0).unwrap().expect("an index");
            assert_eq!((total.events, total.lost), (BLOCKS, 2 * (BLOCKS / 100)));
        }
    }
    let at = frames(&bytes);
    let root = at.len() as u64 - 5;
    assert_eq!(
        seen,
        [None, Some(0), Some(root), Some(root + 1), None],
        "FILE HEADER, first, root, last, END"
    );
    let both_ends = (at[2] + 2 * (bytes.len() - at[at.len() - 4])) as u64;
    let read = scanner.bytes_read();
    assert!(read <= both_ends + 200, "{read} bytes were read, {both_ends} are at both ends");
}
