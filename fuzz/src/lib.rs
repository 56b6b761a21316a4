//! What is fuzzed: each function takes any bytes, and panics where the library breaks a promise.
//! `tests/corpus.rs` of the program includes this file and runs it over the corpus: it must not know of libFuzzer.

use std::io::Cursor;

use mountsnoop::assemble::{Assembler, Op};
use mountsnoop::decode::{Call, CallSpec, Event, Value};
use mountsnoop::filter::{Filter, TimeContext, TimeSpec, parse_comm, parse_duration};
use mountsnoop::format::{
    BlockHeader, DELTA, End, FileHeader, Frame, Item, Reader, Records, Scanner, Wanted, wire,
};
use mountsnoop::views::{
    Classic, Clock, Csv, Detail, Json, Key, Lost, Remark, Stamp, Stats, StatsOptions, Text, TextOptions, View,
};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its binary and of its part of the corpus.
pub const TARGETS: &[(&str, Target)] =
    &[("scan", scan), ("records", records), ("events", events), ("blocks", blocks), ("words", words)];

/// The bytes of a file. Bits of the first byte make right what is never found by chance: 0 the checksums of headers,
/// 1 those of the bytes of blocks, 2 the tags of blocks and END.
pub fn scan(data: &[u8]) {
    let Some((&how, file)) = data.split_first() else { return };
    let file = mended(file, how);
    for wanted in [Wanted::Everything, Wanted::About, Wanted::Nothing] {
        walk(&file, wanted);
    }
    read(&file, &mut []);
}

/// The decompressed bytes of a block.
pub fn records(data: &[u8]) {
    let mut end = 0;
    for record in Records::new(data) {
        let Ok(record) = record else { break };
        assert_eq!(record.at, end, "a record begins where the one before it ends");
        end = record.at + wire::RECORD_PREFIX + record.body.len();
        let _ = record.typed();
    }
    assert!(end <= data.len(), "{end} of {} bytes", data.len());
}

/// Events of one stream, each behind two bytes of length.
pub fn events(data: &[u8]) {
    let (mut assembler, mut shown) = (Assembler::new(), shown());
    let filter = Filter { failed: true, pids: vec![7], since: Some(9), ..Filter::default() };
    let mut show = |op: &Op<'_>| {
        filter.matches(op);
        show_all(&mut shown, op);
    };
    for bytes in pieces(data) {
        if let Ok(event) = Event::decode(bytes) {
            look(&event);
        }
        let _ = assembler.event(bytes, &mut show);
    }
    assembler.finish(&mut show);
    shown.into_iter().for_each(Shown::end);
}

/// Blocks of records, each behind two bytes of length: made a trace with right checksums, which is then read to its end
/// by everything there is. Bits of the first byte: 0 without FILE HEADER, 1 without END, 2 with wrong counts, 3 with
/// differences: each block has two bytes of length first.
pub fn blocks(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let mut shown = shown();
    read(&trace(rest, how), &mut shown);
    shown.into_iter().for_each(Shown::end);
}

/// What people type, one thing in each line.
pub fn words(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        if let Ok(spec) = TimeSpec::parse(line) {
            for start in [0, i64::MIN, i64::MAX, 1_700_000_000_000_000_000] {
                spec.resolve(&TimeContext { start, end: None, now: start, offset: start / 2, utc: true });
            }
        }
        if let Ok(glob) = parse_comm(line) {
            glob.is_match("mount");
        }
        let _ = parse_duration(line);
        if let Ok(by) = Key::parse_list(line) {
            Stats::new(StatsOptions { by, ..StatsOptions::default() });
        }
    }
}

/// A view, what it has printed, and what must be true of that.
struct Shown {
    view: Box<dyn View>,
    out: Vec<u8>,
    check: fn(&[u8]),
}

impl Shown {
    fn begin(mut view: impl View + 'static, check: fn(&[u8])) -> Shown {
        let mut out = Vec::new();
        view.begin(&mut out);
        Shown { view: Box::new(view), out, check }
    }

    fn end(mut self) {
        self.view.end(&mut self.out);
        (self.check)(&self.out);
    }
}

/// Every view of the program.
fn shown() -> Vec<Shown> {
    let clock = Clock { offset_ns: Some(1_700_000_000_000_000_000) };
    let text = TextOptions { stamps: vec![Stamp::Clock], utc: true, clock, ..TextOptions::default() };
    vec![
        Shown::begin(Text::new(text), is_printable),
        Shown::begin(Classic, is_printable),
        Shown::begin(Detail::new(clock, true), is_printable),
        Shown::begin(Stats::new(StatsOptions::default()), is_printable),
        Shown::begin(Stats::new(StatsOptions { json: true, ..StatsOptions::default() }), is_json),
        Shown::begin(Json::lines("host", clock), is_json),
        Shown::begin(Json::array("host", clock), is_json),
        Shown::begin(Csv::new("host", clock, false), is_csv),
    ]
}

fn show_all(shown: &mut [Shown], op: &Op<'_>) {
    shown.iter_mut().for_each(|one| one.view.row(&mut one.out, op));
}

/// Nothing that a terminal obeys.
pub fn is_printable(out: &[u8]) {
    let obeyed = out.iter().find(|&&byte| byte != b'\n' && !(0x20..=0x7e).contains(&byte));
    assert_eq!(obeyed, None, "in {}", out.escape_ascii());
}

pub fn is_json(out: &[u8]) {
    for value in serde_json::Deserializer::from_slice(out).into_iter::<serde_json::Value>() {
        assert!(value.is_ok(), "{value:?} in {}", out.escape_ascii());
    }
}

fn is_csv(out: &[u8]) {
    for record in csv::Reader::from_reader(out).records() {
        assert!(record.is_ok(), "{record:?} in {}", out.escape_ascii());
    }
}

/// Everything that can be asked of an event.
fn look(event: &Event<'_>) {
    for section in event.sections {
        let _ = (section.number(), section.captured());
    }
    let _ = event.sections.identities().count() + event.sections.parents().count();
    let mut path = Vec::new();
    for names in [event.sections.cwd(), event.sections.root(), event.sections.exe()].into_iter().flatten() {
        names.write(&mut path);
    }
    for (enter, exit) in [(Some(event.sections), None), (None, Some(event.sections))] {
        let call = Call::decode(event.common.call, enter, exit);
        CallSpec::write_name(&mut path, event.common.call);
        call.args(|arg| {
            if let Value::Struct(bytes, table) = arg.value {
                let (known, rest) = table.rest(bytes.bytes);
                assert_eq!(known + rest.len(), bytes.bytes.len(), "{}", table.name);
                table.fields(bytes.bytes, |_, _| {});
            }
        });
    }
}

/// Takes pieces off the front, each behind two bytes of length; the last may be shorter than it says.
fn pieces(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk()?;
        let (piece, rest) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
        data = rest;
        Some(piece)
    })
}

/// Walks over the frames of a file: each stands behind the one before, and there is an end to them.
fn walk(file: &[u8], wanted: Wanted) {
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(file.to_vec())), wanted);
    let (mut frames, mut last) = (0, None);
    while let Ok(Some(frame)) = scanner.next() {
        if let Frame::FileHeader { offset, .. } | Frame::Block { offset, .. } | Frame::End { offset, .. } =
            frame
        {
            assert!(last < Some(offset), "a frame at {offset} behind one at {last:?}");
            last = Some(offset);
        }
        frames += 1;
        assert!(scanner.offset() <= file.len() as u64 && frames <= 2 * file.len(), "{scanner:?}");
    }
}

/// Reads a file to its end and shows its calls.
fn read(file: &[u8], shown: &mut [Shown]) {
    let mut reader = Reader::from_reader(Box::new(Cursor::new(file.to_vec()))).expect("memory");
    let (mut assembler, mut damages, mut last) = (Assembler::new(), 0, None);
    let mut show = |op: &Op<'_>| show_all(shown, op);
    let (mut losses, mut remarks) = (Vec::new(), Vec::new());
    while let Ok(Some(item)) = reader.next() {
        match item {
            Item::Start { .. } => last = None,
            Item::Event(event) => {
                assert!(last < Some(event.index) || last == Some(u64::MAX), "{event:?} behind {last:?}");
                last = Some(event.index);
                let _ = assembler.event(event.bytes, &mut show);
            }
            Item::Clock(clock) | Item::Fresh(clock) => assembler.clock(clock.boottime_ns, &mut show),
            Item::Stats(stats) => drop(stats.balance()),
            Item::Lost(lost) => losses.push(lost),
            Item::Marker(marker) => remarks.push(marker),
            Item::Damage(damage) => {
                // Who writes blocks that contradict each other may number events twice, but not unnoticed.
                last = None;
                damages += 1;
                assert!(!damage.to_string().is_empty());
            }
            _ => {}
        }
    }
    assembler.finish(&mut show);
    assert_eq!(damages, reader.damages());
    for lost in losses {
        let (why, between) = (lost.reason.to_string(), Some((lost.from_ns, lost.to_ns)));
        let lost = Lost { events: lost.known(), cpu: lost.cpu, between, why: &why };
        shown.iter_mut().for_each(|one| one.view.lost(&mut one.out, &lost));
    }
    for marker in remarks {
        let kind = marker.kind.to_string();
        let remark = Remark { time: marker.boottime_ns, kind: &kind, text: &marker.text };
        shown.iter_mut().for_each(|one| one.view.remark(&mut one.out, &remark));
    }
}

const IDENTITY: FileHeader = FileHeader {
    format_major: wire::FORMAT_MAJOR,
    format_minor: wire::FORMAT_MINOR,
    incompat: 0,
    compat: 0,
    file_uuid: [7; 16],
    session_uuid: [8; 16],
    segment_index: 0,
    max_block_raw: wire::MAX_RAW as u32,
    created_realtime_ns: 1_700_000_000_000_000_000,
    created_boottime_ns: 5_000_000_000,
    boot_id: [0; 16],
    host_id: [0; 16],
};

/// A file of these blocks.
pub fn trace(data: &[u8], how: u8) -> Vec<u8> {
    let mut file = if how & 1 == 0 { IDENTITY.encode().to_vec() } else { Vec::new() };
    let (mut header, mut total) =
        (BlockHeader { file_tag: IDENTITY.file_tag(), ..BlockHeader::default() }, 0);
    for piece in pieces(data) {
        let (len, content) = match piece.split_first_chunk() {
            Some((len, content)) if how & 8 != 0 => (u16::from_le_bytes(*len).into(), content),
            _ => (piece.len() as u32, piece),
        };
        let (raw, stored) = (content, zstd::bulk::compress(content, 1).expect("memory"));
        header.flags = if how & 8 != 0 { DELTA } else { 0 };
        let kinds: Vec<u16> = Records::new(raw).flatten().map(|record| record.kind).collect();
        header.event_index_base = total;
        header.event_count =
            kinds.iter().filter(|&&kind| kind == mountsnoop::format::record::EVENT).count() as u32;
        header.record_count = kinds.len() as u32 + u32::from(how & 4 != 0);
        header.raw_len = len;
        header.stored_len = stored.len() as u32;
        header.stored_crc = crc32c::crc32c(&stored);
        file.extend_from_slice(&header.encode());
        file.extend_from_slice(&stored);
        header.block_seq += 1;
        total += u64::from(header.event_count);
    }
    if how & 2 == 0 {
        let end = End { file_tag: header.file_tag, total_events: total, ..End::default() };
        file.extend_from_slice(&end.encode());
    }
    file
}

/// The file with some of its headers made right.
pub fn mended(file: &[u8], how: u8) -> Vec<u8> {
    let (mut file, mut tag) = (file.to_vec(), None);
    for at in 0..file.len() {
        let Some(magic) = file[at..].first_chunk().map(|magic| u32::from_le_bytes(*magic)) else { break };
        let (tag_at, crc_at, len) = match magic {
            wire::FILE_MAGIC => (32, 132, wire::FILE_PAYLOAD),
            wire::BLOCK_MAGIC => (8, 92, wire::BLOCK_PAYLOAD),
            wire::END_MAGIC => (8, 40, wire::END_PAYLOAD),
            _ => continue,
        };
        let rest = file.get_mut(at + wire::FRAME_PREFIX..).unwrap_or_default();
        let Some((payload, stored)) = rest.split_at_mut_checked(len) else { continue };
        let tag = tag.get_or_insert([payload[tag_at], 7, 7, 7, 7, 7, 7, 7]);
        if how & 4 != 0 {
            payload[tag_at..tag_at + 8].copy_from_slice(tag);
        }
        if how & 2 != 0 && magic == wire::BLOCK_MAGIC {
            let len = u32::from_le_bytes([payload[28], payload[29], payload[30], payload[31]]) as usize;
            let sum = crc32c::crc32c(stored.get(..len).unwrap_or_default());
            payload[88..92].copy_from_slice(&sum.to_le_bytes());
        }
        if how & 1 != 0 {
            let sum = crc32c::crc32c(&payload[..crc_at]);
            payload[crc_at..crc_at + 4].copy_from_slice(&sum.to_le_bytes());
        }
    }
    file
}
