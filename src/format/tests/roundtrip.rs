//! What is written is read, by this reader and by the stock `zstd`.

use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

use super::sample::*;
use crate::format::*;

#[test]
fn an_intact_trace_is_read_as_it_was_written() {
    let seen = read(&trace(0xA0));
    assert_eq!(seen.numbers(), [0, 1, 2, 3, 4, 5], "{seen:#?}");
    assert_eq!(seen.indexes, [0, 1, 2, 3, 4, 5]);
    assert_eq!((seen.damages.len(), seen.ends, seen.clean), (0, 1, true), "{seen:#?}");
    assert_eq!(seen.starts.len(), 1);
    assert_eq!(seen.starts[0].as_ref().map(FileHeader::file_tag), Some(TAG));
    let kinds: Vec<_> = seen.others.iter().filter_map(|o| o.split(['(', ' ']).next()).collect();
    assert_eq!(kinds, ["Metadata", "Clock", "Lost", "Index", "Clock", "Stats"]);
}

#[test]
fn block_headers_say_what_is_inside() {
    let bytes = trace(0xA0);
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes)), Wanted::Everything);
    let mut blocks = Vec::new();
    while let Some(frame) = scanner.next().unwrap() {
        if let Frame::Block { header: b, .. } = frame {
            blocks.push((
                b.block_type,
                b.flags,
                b.record_count,
                b.event_count,
                b.event_index_base,
                b.lost_total,
            ));
            if b.event_count > 0 {
                assert_eq!(
                    (b.ts_min, b.ts_max),
                    (info(b.event_index_base).time_ns, info(b.event_index_base + 1).time_ns)
                );
                assert_eq!(b.op_mask, 2);
            }
        }
    }
    let forced = HAS_FAILED_OP | FORCED_FLUSH;
    assert_eq!(
        blocks,
        [
            (BLOCK_META, 0, 2, 0, 0, 0),
            (BLOCK_EVENTS, forced, 2, 2, 0, 0),
            (BLOCK_EVENTS, forced | LOSS_BEFORE, 3, 2, 2, 3),
            (BLOCK_EVENTS, forced, 2, 2, 4, 3),
            (BLOCK_INDEX, 0, 1, 0, 6, 3),
            (BLOCK_META, 0, 2, 0, 6, 3),
        ]
    );
}

#[test]
fn a_pipe_and_a_file_give_the_same() {
    let intact = trace(0xA0);
    let cut = intact.get(..intact.len() - 70).unwrap();
    let mut flipped = intact.clone();
    let at = frames(&intact)[2] + 110;
    flipped[at] ^= 1;
    let longer = [&intact[..], &[0; 5000]].concat();
    for bytes in [&intact[..], cut, &flipped, &longer, b"text\n", b""] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        for wanted in [Wanted::Everything, Wanted::About, Wanted::Nothing] {
            std::io::Seek::rewind(&mut file).unwrap();
            let from_file = Scanner::from_file(file.try_clone().unwrap(), wanted).unwrap();
            let from_pipe = Scanner::from_reader(Box::new(Cursor::new(bytes.to_vec())), wanted);
            let (from_file, from_pipe) = (all_frames(from_file), all_frames(from_pipe));
            assert_eq!(from_file, from_pipe, "{} bytes, {wanted:?}", bytes.len());
        }
    }
}

#[test]
fn two_traces_in_a_row_are_two_traces() {
    let seen = read(&[trace(0xA0), trace(0xD0)].concat());
    assert_eq!((seen.starts.len(), seen.ends, seen.events.len(), seen.clean), (2, 2, 12, true), "{seen:#?}");
}

#[test]
fn blocks_are_cut_at_their_size() {
    let options = WriterOptions { level: 0, block_bytes: 1000 };
    let metadata = Metadata::default();
    let mut writer = Writer::new(Vec::new(), options, identity(0xA0), &metadata, &clock(5)).unwrap();
    for n in 0..100 {
        writer.event(&info(100 - n), &event(0)).unwrap();
    }
    writer.event(&EventInfo { op_bit: 200, ..info(0) }, &[7; 5000]).unwrap();
    assert!(!writer.pending(), "an event longer than a block is a block");
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(finish(writer))), Wanted::Nothing);
    let mut raws = Vec::new();
    while let Some(frame) = scanner.next().unwrap() {
        if let Frame::Block { header, .. } = frame {
            raws.push((header.raw_len, header.flags & UNSORTED != 0, header.op_mask));
        }
    }
    let full: Vec<_> = raws.iter().filter(|(raw, ..)| (960..=1000).contains(raw)).collect();
    assert!(full.len() >= 3 && full.iter().all(|(_, unsorted, _)| *unsorted), "{raws:?}");
    assert!(raws.contains(&(5008, false, 1 << 63)), "{raws:?}");
}

#[test]
fn what_waits_in_memory_is_known() {
    let mut writer = writer(0xA0);
    assert_eq!((writer.pending(), writer.pending_since()), (false, None));
    writer.event(&info(7), b"x").unwrap();
    writer.event(&info(3), b"x").unwrap();
    assert_eq!((writer.pending(), writer.pending_since()), (true, Some(info(3).time_ns)));
    assert_eq!((writer.unwritten_events(), writer.totals().events), (2, 0));
    writer.flush().unwrap();
    assert_eq!((writer.pending(), writer.pending_since()), (false, None));
    assert_eq!((writer.unwritten_events(), writer.totals().events), (0, 2));
    assert_eq!(writer.totals().file_bytes, writer.get_ref().len() as u64);
}

/// What a reader says about a trace, in order, in a word or two each.
fn words(bytes: Vec<u8>) -> Vec<String> {
    let (mut reader, mut words) = (Reader::from_reader(Box::new(Cursor::new(bytes))).unwrap(), Vec::new());
    while let Some(item) = reader.next().unwrap() {
        words.push(match item {
            Item::Index(_) => continue,
            Item::Event(event) => format!("event {}", event.index),
            Item::Source(Source { number, identity }) => {
                format!("source {number} {:?}", identity.map(|identity| identity.file_uuid[0]))
            }
            Item::Marker(marker) => format!("{}: {}", marker.kind, marker.text),
            Item::Metadata(metadata) => format!("metadata {}", metadata.hostname),
            other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_owned(),
        });
    }
    words
}

#[test]
fn each_block_says_whose_its_records_are() {
    let options = WriterOptions { block_bytes: 900, ..WriterOptions::default() };
    let merged = FileIdentity { compat: wire::COMPAT_MERGED, ..identity(0xA0) };
    let mut writer = Writer::bare(Vec::new(), options, merged).unwrap();
    let source = |number: u32| Source { number, identity: Some(identity(number as u8)) };
    for number in [0, 1] {
        writer.source(source(number));
        writer.metadata(&Metadata { hostname: format!("h{number}"), ..Metadata::default() }).unwrap();
    }
    for (number, event_number) in [(0, 0), (1, 1), (1, 2), (0, 3)] {
        writer.source(source(number));
        writer.event(&info(event_number), &event(event_number)).unwrap();
    }
    writer.flush().unwrap();
    writer.event(&info(4), &event(4)).unwrap();
    writer.stats(&RecorderStats::default()).unwrap();
    writer.source(source(1));
    writer.end(&RecorderStats::default(), None).unwrap();
    let bytes = writer.into_inner();
    let whole = words(bytes.clone());
    let (of, whose) = ("source 0 Some(0)", "source 1 Some(1)");
    let head = ["Start", of, "metadata h0", whose, "metadata h1"];
    let events = [of, "event 0", whose, "event 1", "event 2", of, "event 3"];
    assert_eq!(whole[..12], [&head[..], &events[..]].concat());
    assert_eq!(whole[12..], [of, "event 4", of, "Stats", whose, "Stats", "End"]);
    // Without any one of its blocks, nothing else changes hands.
    let at = frames(&bytes);
    for gone in 1..at.len() - 2 {
        let rest = words([&bytes[..at[gone]], &bytes[at[gone + 1]..]].concat());
        let owners = |words: &[String]| {
            let mut of = String::new();
            let mut owners = Vec::new();
            for word in words {
                match word.starts_with("source") {
                    true => of.clone_from(word),
                    false => owners.push((of.clone(), word.clone())),
                }
            }
            owners.retain(|(_, word)| word.starts_with("event"));
            owners
        };
        assert!(owners(&rest).iter().all(|pair| owners(&whole).contains(pair)), "frame {gone}: {rest:?}");
    }
}

#[test]
fn what_a_trace_is_about_shares_no_block_with_events() {
    let mut writer = writer(0xA0);
    writer.event(&info(0), &event(0)).unwrap();
    writer.metadata(&Metadata::default()).unwrap();
    writer.marker(&Marker { boottime_ns: 9, kind: MarkerKind::NOTE, text: "deploy".to_owned() }).unwrap();
    writer.event(&info(1), &event(1)).unwrap();
    writer.stats(&RecorderStats::default()).unwrap();
    let bytes = finish(writer);
    let mut blocks = Vec::new();
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.clone())), Wanted::Nothing);
    while let Some(frame) = scanner.next().unwrap() {
        if let Frame::Block { header, .. } = frame {
            blocks.push((header.block_type, header.record_count, header.event_count));
        }
    }
    let (about, events) = (BLOCK_META, BLOCK_EVENTS);
    assert_eq!(
        blocks[1..],
        [(events, 1, 1), (about, 2, 0), (events, 1, 1), (about, 1, 0), (BLOCK_INDEX, 1, 0), (about, 2, 0)]
    );
    assert!(words(bytes).contains(&"note: deploy".to_owned()));
}

#[test]
fn a_loss_of_a_later_version_is_at_least_known_to_be_there() {
    let mut writer = writer(0xA0);
    writer.raw_record(record::LOST, 0, &[2, 1, 1]).unwrap();
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(finish(writer))), Wanted::Nothing);
    let mut flags = Vec::new();
    while let Some(frame) = scanner.next().unwrap() {
        if let Frame::Block { header, .. } = frame {
            flags.push(header.flags & LOSS_BEFORE);
        }
    }
    assert_eq!(flags, [0, LOSS_BEFORE, 0, 0], "behind it the index and the books");
}

/// Takes so many bytes, then there is no space left.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = bytes.len().min(self.0);
        self.0 -= n;
        if n == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(n) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_failed_stays_failed_and_knows_what_it_lost() {
    let (options, metadata) = (WriterOptions::default(), Metadata::default());
    let mut writer = Writer::new(Disk(500), options, identity(0xA0), &metadata, &clock(5)).unwrap();
    writer.event(&info(0), &event(0)).unwrap();
    writer.flush().unwrap();
    for n in 1..4 {
        writer.event(&info(n), &event(n)).unwrap();
    }
    let first = writer.flush().unwrap_err();
    assert!(matches!(first.kind(), ErrorKind::Write(_)), "{first}");
    assert_eq!(first.io().map(|e| e.kind()), Some(std::io::ErrorKind::StorageFull));
    let second = writer.event(&info(4), &event(4)).unwrap_err();
    assert!(second.to_string().contains(&first.io().unwrap().to_string()), "{second} does not name {first}");
    assert!(writer.flush().is_err());
    assert!(writer.close(&RecorderStats::default(), &clock(6)).is_err());
    assert_eq!(writer.unwritten_events(), 4);
    assert_eq!(writer.totals().events, 1);
}

#[test]
fn options_and_records_out_of_range_are_refused() {
    let new = |level, block_bytes| {
        let options = WriterOptions { level, block_bytes };
        Writer::new(Vec::new(), options, identity(1), &Metadata::default(), &clock(1)).map(|_| ())
    };
    for (level, bytes) in [(-1, 1000), (20, 1000), (3, 0), (3, usize::MAX)] {
        let error = new(level, bytes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Option { .. }), "level {level}, {bytes} bytes: {error}");
    }
    let mut writer = writer(0xA0);
    let error = writer.event(&info(0), &vec![0; wire::MAX_RECORD + 1]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLong { .. }), "{error}");
    writer.event(&info(0), &vec![0; wire::MAX_RECORD]).unwrap();
    assert!(writer.raw_record(record::EVENT, 0, b"").is_err(), "events are counted in block headers");
    assert_eq!(read(&finish(writer)).events.len(), 1, "a refused record leaves the writer usable");
    let huge = Metadata { args: vec!["x".repeat(wire::MAX_RECORD)], ..Metadata::default() };
    let error = Writer::new(Vec::new(), WriterOptions::default(), identity(1), &huge, &clock(1)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Fields(_)), "{error}");
}

#[test]
fn the_stock_zstd_tests_and_unpacks_a_trace() {
    let bytes = trace(0xA0);
    let mut raw = Vec::new();
    let mut scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.clone())), Wanted::Everything);
    let (mut context, mut block) = (Decompressor::new().unwrap(), Vec::new());
    while let Some(frame) = scanner.next().unwrap() {
        if let Frame::Block { header, stored: Some(stored), .. } = frame {
            decompress(&header, stored, &mut context, &mut block).unwrap();
            raw.extend_from_slice(&block);
        }
    }
    let mut file = tempfile::NamedTempFile::with_suffix(".mst").unwrap();
    file.write_all(&bytes).unwrap();
    let zstd = |option: &str| {
        let command =
            Command::new("zstd").arg(option).arg("-q").stdin(Stdio::from(file.reopen().unwrap())).output();
        let output = command.expect("this test needs the zstd command");
        assert!(output.status.success(), "zstd {option}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    zstd("-t");
    assert_eq!(zstd("-dc"), raw);
}
