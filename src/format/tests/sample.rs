//! A small trace with fixed ids, and a reader that takes in everything at once.

use std::io::Cursor;

use crate::format::*;

pub const TAG: u64 = 0xA7A6_A5A4_A3A2_A1A0;

pub fn identity(first: u8) -> FileIdentity {
    let id = |from: u8| std::array::from_fn(|i| from.wrapping_add(i as u8));
    FileIdentity {
        file_uuid: id(first),
        session_uuid: id(0x10),
        segment_index: 0,
        created_realtime_ns: 1_700_000_000_000_000_000,
        created_boottime_ns: 5_000_000_000,
        boot_id: id(0xB0),
        host_id: id(0xC0),
        compat: 0,
    }
}

pub fn clock(seconds: u64) -> ClockSync {
    ClockSync {
        boottime_ns: seconds * 1_000_000_000,
        bracket_ns: 90,
        synced: Some(true),
        ..ClockSync::default()
    }
}

/// Event `n` of a sample: long enough to tell it from any other.
pub fn event(n: u64) -> Vec<u8> {
    format!("event {n}, and what it carries").into_bytes()
}

pub fn lost() -> Lost {
    Lost { from_ns: 6, to_ns: 9, cpu: Some(1), count: 3, reason: LossReason::RING_FULL }
}

pub fn info(n: u64) -> EventInfo {
    EventInfo { time_ns: 5_000_000_000 + n, op_bit: 1, failed: n % 2 == 1, incomplete: false }
}

/// A writer whose metadata block is written.
pub fn writer(first: u8) -> Writer<Vec<u8>> {
    let metadata = Metadata { hostname: "h".to_owned(), ..Metadata::default() };
    Writer::new(Vec::new(), WriterOptions::default(), identity(first), &metadata, &clock(5)).unwrap()
}

pub fn finish(writer: Writer<Vec<u8>>) -> Vec<u8> {
    writer.finish(&RecorderStats { written: 6, ..RecorderStats::default() }, &clock(6)).unwrap().0
}

/// Three blocks of two events each between the first and the last META block; the first two share no block with a LOST.
pub fn trace(first: u8) -> Vec<u8> {
    let mut writer = writer(first);
    for n in 0..6 {
        if n == 2 {
            writer.lost(&lost()).unwrap();
        }
        writer.event(&info(n), &event(n)).unwrap();
        if n % 2 == 1 {
            writer.flush().unwrap();
        }
    }
    finish(writer)
}

/// Where the frames of an intact trace begin, END included, and its length.
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.to_vec())), Wanted::Nothing);
    let mut at = Vec::new();
    loop {
        match scanner.next().unwrap() {
            None => break,
            Some(
                Frame::FileHeader { offset, .. } | Frame::Block { offset, .. } | Frame::End { offset, .. },
            ) => at.push(offset as usize),
            Some(Frame::Damage(damage)) => panic!("an intact trace has {damage}"),
        }
    }
    at.push(bytes.len());
    at
}

/// Everything a reader said about some bytes.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub starts: Vec<Option<FileHeader>>,
    pub events: Vec<Vec<u8>>,
    pub indexes: Vec<u64>,
    pub others: Vec<String>,
    pub damages: Vec<Damage>,
    pub ends: usize,
    pub error: Option<String>,
    pub closed: bool,
    pub clean: bool,
}

pub fn read(bytes: &[u8]) -> Seen {
    take(Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).unwrap())
}

pub fn take(mut reader: Reader) -> Seen {
    let mut seen = Seen::default();
    seen.take(&mut reader);
    seen.closed = reader.state() == State::Closed;
    seen.clean = reader.is_clean();
    seen
}

impl Seen {
    /// Adds all that there is for now.
    pub fn take(&mut self, reader: &mut Reader) {
        loop {
            match reader.next() {
                Ok(None) => break,
                Err(e) => {
                    self.error = Some(e.to_string());
                    break;
                }
                Ok(Some(item)) => match item {
                    Item::Start { header, .. } => self.starts.push(header.cloned()),
                    Item::Event(event) => {
                        self.events.push(event.bytes.to_vec());
                        self.indexes.push(event.index);
                    }
                    Item::Damage(damage) => self.damages.push(damage),
                    Item::End { .. } => self.ends += 1,
                    other => self.others.push(format!("{other:?}")),
                },
            }
        }
    }

    pub fn reasons(&self) -> Vec<&DamageReason> {
        self.damages.iter().map(|damage| &damage.reason).collect()
    }

    /// The numbers of the sample's events that were read, whatever else was.
    pub fn numbers(&self) -> Vec<u64> {
        let number = |bytes: &Vec<u8>| (0..20).find(|n| event(*n) == *bytes);
        self.events.iter().map(|bytes| number(bytes).unwrap_or(u64::MAX)).collect()
    }
}

/// Everything a scanner says, as text.
pub fn all_frames(mut scanner: Scanner) -> Vec<String> {
    let mut frames = Vec::new();
    loop {
        match scanner.next() {
            Ok(None) => return frames,
            Ok(Some(frame)) => frames.push(format!("{frame:?}")),
            Err(error) => frames.push(error.to_string()),
        }
    }
}
