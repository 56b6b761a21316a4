//! A thread that opens blocks ahead changes nothing about what is found, whatever state the trace is in.

use std::io::Cursor;

use super::sample::{self, event, info};
use crate::format::ahead::{Blocks, Opened};
use crate::format::scan::{Scanner, Wanted};
use crate::format::{Item, Metadata, Reader, Writer, WriterOptions};

/// Many blocks, some of them too large for others beside them, of two traces.
fn trace() -> Vec<u8> {
    let part = |id: u8, blocks: u64| {
        let options = WriterOptions { level: 1, block_bytes: 4 << 20 };
        let metadata = Metadata::default();
        let mut writer =
            Writer::new(Vec::new(), options, sample::identity(id), &metadata, &sample::clock(5)).unwrap();
        for n in 0..blocks {
            let events = if n % 5 == 4 { 100 } else { 10 };
            (0..events).for_each(|_| writer.event(&info(n), &event(n).repeat(1000)).unwrap());
            writer.flush().unwrap();
        }
        sample::finish(writer)
    };
    [part(1, 30), part(40, 12)].concat()
}

/// All that is found in `bytes`, a line each, and whether a thread has been at it.
fn found(bytes: &[u8], may_go_ahead: bool) -> (Vec<String>, bool) {
    let scanner = Scanner::from_reader(Box::new(Cursor::new(bytes.to_vec())), Wanted::Everything);
    let (mut blocks, mut raw) = (Blocks::new(scanner).unwrap(), Vec::new());
    let (mut found, mut ahead) = (Vec::new(), false);
    loop {
        let next = blocks.next(&mut raw, may_go_ahead);
        ahead |= blocks.scanner().is_none();
        let end = matches!(next, Ok(None) | Err(_));
        let records = matches!(next, Ok(Some(Opened::Block { opened: Some(Ok(())), .. })));
        let crc = crc32c::crc32c(if records { &raw } else { b"" });
        found.push(format!("{next:?} {crc:#x}"));
        if end {
            found.push(format!("{} bytes", blocks.bytes_read()));
            return (found, ahead);
        }
    }
}

#[track_caller]
fn same(bytes: &[u8]) -> usize {
    let ((here, alone), (there, ahead)) = (found(bytes, false), found(bytes, true));
    assert!(!alone && ahead, "one of the two is not what it should be");
    for (nth, (here, there)) in here.iter().zip(&there).enumerate() {
        assert_eq!(here, there, "frame {nth}");
    }
    assert_eq!(here.len(), there.len());
    here.len()
}

#[test]
fn reading_ahead_finds_the_same() {
    let trace = trace();
    assert!(same(&trace) > 42);
    for cut in [trace.len() - 1, trace.len() * 2 / 3, trace.len() / 2] {
        same(&trace[..cut]);
    }
    // In the stored bytes of blocks, of which the first ones are read before the thread begins.
    for at in (trace.len() / 3..trace.len()).step_by(trace.len() / 23) {
        let mut damaged = trace.clone();
        damaged[at] ^= 0x55;
        same(&damaged);
    }
}

#[test]
fn a_reader_that_is_given_up_leaves_its_thread_behind() {
    let scanner = Scanner::from_reader(Box::new(Cursor::new(trace())), Wanted::Everything);
    let (mut blocks, mut raw) = (Blocks::new(scanner).unwrap(), Vec::new());
    while blocks.scanner().is_some() {
        assert!(blocks.next(&mut raw, true).unwrap().is_some(), "no thread was begun");
    }
    drop(blocks);
}

/// What a reader finds, a line each; with `runs`, events a block at a time where that can be, and how many such times.
fn items(bytes: &[u8], runs: bool) -> (Vec<String>, usize) {
    let mut reader = Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).unwrap();
    let (mut items, mut times, mut held) = (Vec::new(), 0, Vec::new());
    loop {
        if runs && let Some(events) = reader.events() {
            times += 1;
            let (block, shared) = (events.block(), events.shared().cloned());
            assert_eq!(shared.is_some(), block.len() <= 1 << 20, "a block of {} bytes", block.len());
            let of = |place| crc32c::crc32c(&block[place]);
            items.extend(events.map(|(index, place)| format!("event {index} {:#x}", of(place))));
            // Some are kept for a while, as those do who look at them later.
            held.extend(shared.map(|block| (crc32c::crc32c(&block), block)));
            if held.len() > 12 {
                held.drain(..6);
            }
            continue;
        }
        match reader.next().unwrap() {
            Some(Item::Event(event)) => {
                items.push(format!("event {} {:#x}", event.index, crc32c::crc32c(event.bytes)));
            }
            Some(item) => items.push(format!("{item:?}")),
            None => break,
        }
    }
    assert!(
        held.iter().all(|(crc, block)| *crc == crc32c::crc32c(block)),
        "a block was changed that somebody has"
    );
    (items, times)
}

#[test]
fn the_events_of_a_block_are_those_that_come_one_by_one() {
    let trace = trace();
    for trace in [&trace[..], &trace[..trace.len() * 2 / 3]] {
        let ((want, none), (got, times)) = (items(trace, false), items(trace, true));
        assert_eq!(none, 0);
        assert!(times > 20, "only {times} times");
        for (nth, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got, want, "item {nth}");
        }
        assert_eq!(got.len(), want.len());
    }
}
