//! Files that must read the same for as long as the format has this major version: `fixtures/v0.1/`, whose README.md says of
//! each how it was made and what it must read as. The files are never written again; what is here made them.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;

use mountsnoop::decode::synth;
use mountsnoop::format::{
    BLOCK_EVENTS, BlockHeader, CONTINUED, ClockSync, DELTA, End, EventInfo, FileHeader, FileIdentity, Frame,
    Item, Metadata, Reader, RecorderStats, Scanner, State, Wanted, Writer, WriterOptions, record, wire,
};
use mountsnoop::layout::{self, Common};

use super::{fixtures, second_reader};

fn dir() -> PathBuf {
    fixtures::dir().join("v0.1")
}

/// Everything that reading some bytes says.
#[derive(Debug, PartialEq)]
struct Seen {
    events: Vec<Vec<u8>>,
    damage: Vec<&'static str>,
    error: Option<String>,
    state: State,
    clean: bool,
}

fn read(bytes: &[u8]) -> Seen {
    let mut reader = Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).expect("memory");
    let (mut events, mut damage, mut error) = (Vec::new(), Vec::new(), None);
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(Item::Event(event))) => events.push(event.bytes.to_vec()),
            Ok(Some(Item::Damage(what))) => damage.push(second_reader::reason(&what)),
            Ok(Some(_)) => {}
            Err(why) => {
                error = Some(why.to_string());
                break;
            }
        }
    }
    Seen { events, damage, error, state: reader.state(), clean: reader.is_clean() }
}

fn events() -> Vec<Vec<u8>> {
    let bytes = fs::read(fixtures::dir().join("containers.mst")).expect("a fixture");
    read(&bytes).events.into_iter().take(24).collect()
}

/// A trace in the making.
fn writer(first: u8) -> Writer<Vec<u8>> {
    let identity = FileIdentity {
        file_uuid: std::array::from_fn(|n| first + n as u8),
        session_uuid: [first; 16],
        created_realtime_ns: 1_790_000_000_000_000_000,
        created_boottime_ns: 9_000_000_000_000,
        ..FileIdentity::default()
    };
    let metadata = Metadata { tool_version: "0.1.0".into(), hostname: "years".into(), ..Metadata::default() };
    Writer::new(Vec::new(), WriterOptions::default(), identity, &metadata, &clock()).expect("memory")
}

fn clock() -> ClockSync {
    ClockSync {
        boottime_ns: 9_000_000_000_000,
        realtime_ns: 1_790_000_000_000_000_000,
        ..ClockSync::default()
    }
}

fn add(writer: &mut Writer<Vec<u8>>, bytes: &[u8]) {
    let head = Common::read(bytes).expect("an event");
    let failed =
        head.phase == layout::EXIT && layout::u64_at(bytes, layout::RET).is_some_and(|ret| (ret as i64) < 0);
    let info = EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete: head.flags != 0 };
    writer.event(&info, bytes).expect("memory");
}

fn finish(writer: Writer<Vec<u8>>) -> Vec<u8> {
    let n = writer.totals().events + writer.unwritten_events();
    let stats = RecorderStats { seen: n, sent: n, written: n, ..RecorderStats::default() };
    writer.finish(&stats, &clock()).expect("memory").0
}

/// Six blocks of four events each between the first block and the last.
fn base(first: u8) -> Vec<u8> {
    let mut writer = writer(first);
    for four in events().chunks(4) {
        four.iter().for_each(|event| add(&mut writer, event));
        writer.flush().expect("memory");
    }
    finish(writer)
}

/// Where each frame begins.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.to_vec())), Wanted::Nothing);
    let mut at = Vec::new();
    while let Some(frame) = scanner.next().expect("a trace") {
        let (Frame::FileHeader { offset, .. } | Frame::Block { offset, .. } | Frame::End { offset, .. }) =
            frame
        else {
            panic!("{frame:?}");
        };
        at.push(offset as usize);
    }
    at
}

/// The trace with another FILE HEADER.
fn headed(bytes: &[u8], change: impl FnOnce(&mut FileHeader)) -> Vec<u8> {
    let mut header = FileHeader::decode(&bytes[..wire::FILE_FRAME]).expect("a header");
    change(&mut header);
    [&header.encode()[..], &bytes[wire::FILE_FRAME..]].concat()
}

/// A FILE HEADER of 200 bytes, as a later version may write it.
fn longer_header(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes[..wire::FILE_FRAME].to_vec();
    frame[4..8].copy_from_slice(&200_u32.to_le_bytes());
    frame[20..24].copy_from_slice(&200_u32.to_le_bytes());
    let sum = crc32c::crc32c(&frame[8..140]);
    frame[140..144].copy_from_slice(&sum.to_le_bytes());
    frame.extend((136..200).map(|n| n as u8));
    [&frame[..], &bytes[wire::FILE_FRAME..]].concat()
}

/// Everything that section 9 of FORMAT.md lets a later version add without asking.
fn additions() -> Vec<u8> {
    let mut writer = writer(0x60);
    for (n, event) in events().iter().enumerate() {
        match n {
            3 => writer.raw_record(0x0042, 0xFFFE, b"a kind of the future").expect("memory"),
            6 => writer.raw_record(record::CHILD_EXIT, 0, &[9, 1, 2, 3]).expect("memory"),
            9 => add(&mut writer, &synth::exit(999).longer_header(16).section(99, 0, 0, b"new").build()),
            _ => {}
        }
        add(&mut writer, event);
    }
    let mut bytes = headed(&finish(writer), |header| (header.format_minor, header.compat) = (7, 1 << 40));
    let at = frames(&bytes)[2];
    let block = BlockHeader::decode(&bytes[at..at + wire::BLOCK_FRAME]).expect("a block");
    assert_eq!(block.block_type, BLOCK_EVENTS);
    let block = BlockHeader { block_type: 9, flags: block.flags | 0x4000, ..block };
    bytes[at..at + wire::BLOCK_FRAME].copy_from_slice(&block.encode());
    let at = bytes.len() - wire::END_FRAME;
    let end = End::decode(&bytes[at..]).expect("an END");
    bytes[at..].copy_from_slice(&End { flags: 1 << 31, ..end }.encode());
    bytes
}

fn critical() -> Vec<u8> {
    let mut writer = writer(0x70);
    for (n, event) in events().iter().enumerate() {
        if n == 10 {
            writer
                .raw_record(0x0042, wire::RECORD_CRITICAL, b"what follows means something else")
                .expect("memory");
        }
        add(&mut writer, event);
        if n == 15 {
            writer.flush().expect("memory");
        }
    }
    finish(writer)
}

/// The block at `at` with one byte more than its differences account for, and the right checksums.
fn wrong_differences(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let begin = at + wire::BLOCK_FRAME;
    let header = BlockHeader::decode(&bytes[at..begin]).expect("a block");
    assert!(header.flags & DELTA != 0, "{header:?}");
    let end = begin + header.stored_len as usize;
    let mut content = zstd::bulk::decompress(&bytes[begin..end], 1 << 20).expect("a frame");
    content.push(0);
    let stored = zstd::bulk::compress(&content, 3).expect("memory");
    let header =
        BlockHeader { stored_len: stored.len() as u32, stored_crc: crc32c::crc32c(&stored), ..header };
    bytes.splice(at..end, [&header.encode()[..], &stored].concat());
    bytes
}

/// The files, each as README.md tells.
fn made(name: &str) -> Vec<u8> {
    let whole = base(0x10);
    let at = frames(&whole);
    let last = at[at.len() - 2];
    let without = |from: usize, to: usize| [&whole[..from], &whole[to..]].concat();
    match name {
        "recorded.mst" => fs::read(fixtures::dir().join("containers.mst")).expect("a fixture"),
        "whole.mst" | "differences.mst" => whole,
        "torn.mst" => whole[..at[5] + 150].to_vec(),
        "missing-end.mst" => whole[..last].to_vec(),
        "missing-block.mst" => without(at[4], at[5]),
        "missing-last-block.mst" => without(last, whole.len() - wire::END_FRAME),
        "zero-tail.mst" => [&whole[..at[6]], &[0; 4096]].concat(),
        "bit-flipped.mst" => {
            let mut bytes = whole.clone();
            bytes[at[4] + 150] ^= 4;
            bytes
        }
        "no-file-header.mst" => {
            let mut bytes = whole.clone();
            bytes[40] ^= 1;
            bytes
        }
        "foreign-block.mst" => {
            let other = base(0x50);
            let stale = frames(&other);
            [&whole[..at[5]], &other[stale[5]..stale[6]], &whole[at[5]..]].concat()
        }
        "continued.mst" => {
            let mut bytes = whole.clone();
            let at = bytes.len() - wire::END_FRAME;
            let end = End::decode(&bytes[at..]).expect("an END");
            bytes[at..].copy_from_slice(&End { flags: CONTINUED, ..end }.encode());
            bytes
        }
        "wrong-differences.mst" => wrong_differences(whole, at[4]),
        "two.mst" => [whole, base(0x50)].concat(),
        "cut-then-another.mst" => [&whole[..at[5]], &base(0x50)].concat(),
        "longer-header.mst" => longer_header(&whole),
        "additions.mst" => additions(),
        "critical.mst" => critical(),
        "ev-be.mst" => headed(&whole, |header| header.incompat = wire::INCOMPAT_EV_BE),
        "incompat.mst" => headed(&whole, |header| header.incompat = 1 << 9),
        "major.mst" => headed(&whole, |header| header.format_major = 2),
        _ => panic!("nothing makes {name}"),
    }
}

/// A row of README.md: file, how it was made, and what it must read as.
struct Row {
    name: String,
    /// Exit status of replay; state, or why it is refused; events and the checksum of their bytes; damage.
    expected: [String; 4],
}

fn table() -> Vec<Row> {
    let text = fs::read_to_string(dir().join("README.md")).expect("fixtures/v0.1/README.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_string()).collect();
        let [_, name, _, exit, state, events, damage, _] = &cells[..] else { panic!("not a row: {row}") };
        let expected = [exit, state, events, damage].map(String::clone);
        Row { name: name.trim_matches('`').to_string(), expected }
    })
    .collect()
}

#[test]
fn every_file_of_the_release_reads_as_it_did() {
    let mut wrong = Vec::new();
    let rows = table();
    for row in &rows {
        let path = dir().join(&row.name);
        if std::env::var_os("MOUNTSNOOP_UPDATE").is_some() && !path.exists() {
            fs::write(&path, made(&row.name)).expect("fixtures can be written");
        }
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(bytes.len() < 50_000, "{}: {} bytes", row.name, bytes.len());
        let seen = read(&bytes);
        let done = fixtures::mountsnoop(&["replay", &path.display().to_string()]);
        let state = match (&seen.error, seen.state) {
            (Some(error), _) if error.contains(&row.expected[1]) => row.expected[1].clone(),
            (Some(error), _) => error.clone(),
            (None, State::Closed) => "closed".to_string(),
            (None, _) => "cut".to_string(),
        };
        let sum = crc32c::crc32c(&seen.events.concat());
        let got = [
            done.status.code().map_or("killed".into(), |code| code.to_string()),
            state,
            format!("{}, {sum:08x}", seen.events.len()),
            seen.damage.join(", "),
        ];
        if got != row.expected {
            wrong.push(format!("{}:\n  expected {:?}\n  got      {got:?}", row.name, row.expected));
        }
    }
    assert!(rows.len() >= 17, "rows are missing");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for path in fixtures::all().iter().filter(|path| path.starts_with(dir())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(rows.iter().any(|row| row.name == name), "README.md says nothing of {name}");
    }
}

#[test]
fn zstd_itself_finds_nothing_wrong_with_a_good_file() {
    let mut good = 0;
    for path in fixtures::all() {
        let seen = read(&fs::read(&path).expect("a fixture"));
        if !seen.damage.is_empty() || seen.error.is_some() {
            continue;
        }
        good += 1;
        let done = Command::new("zstd").args(["-q", "-t", "-o"]).arg("/dev/null").arg(&path).output();
        let done = done.expect("zstd: `make test` installs it");
        assert!(done.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&done.stderr));
    }
    assert!(good >= 7, "only {good} good files");
}

fn is_prefix(short: &[Vec<u8>], long: &[Vec<u8>]) -> bool {
    short.len() <= long.len() && short.iter().zip(long).all(|(a, b)| a == b)
}

/// In the same order, perhaps with some left out.
fn is_part(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|event| rest.any(|other| other == event))
}

#[test]
fn a_prefix_of_any_file_is_a_prefix_of_its_events_and_complete_only_behind_an_end() {
    for path in fixtures::all() {
        let bytes = fs::read(&path).expect("a fixture");
        let whole = read(&bytes);
        for len in 0..bytes.len() {
            let seen = read(&bytes[..len]);
            let what =
                || format!("{} cut at {len}: {:?}, {} events", path.display(), seen, seen.events.len());
            assert!(is_prefix(&seen.events, &whole.events), "{}", what());
            let ends = len.checked_sub(wire::END_FRAME).and_then(|at| End::decode(&bytes[at..len]));
            assert!(!seen.clean || ends.is_some(), "{}", what());
        }
    }
}

#[test]
fn a_byte_flipped_in_any_file_adds_no_event_and_costs_none_silently() {
    for path in fixtures::all() {
        let mut bytes = fs::read(&path).expect("a fixture");
        let whole = read(&bytes);
        for at in 0..bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            let seen = read(&bytes);
            bytes[at] ^= 1 << (at % 8);
            let what = || format!("{} flipped at {at}: {:?}", path.display(), seen.damage);
            assert!(is_part(&seen.events, &whole.events) || whole.error.is_some(), "{}", what());
            assert!(!seen.clean || seen.events == whole.events, "{}", what());
        }
    }
}
