//! A thread that opens blocks ahead changes nothing about what is found, whatever state the trace is in.

use std::io::Cursor;

use super::sample::{self, event, info};
use crate::format::ahead::{Blocks, Opened};
use crate::format::scan::{Scanner, Wanted};
use crate::format::{Item, LentBlock, Metadata, Reader, Writer, WriterOptions};

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

/// How blocks are asked of a reader.
#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    OneByOne,
    /// All events of a block at a time, where that can be.
    Runs,
    /// The same, of blocks that were lent, so many at a time.
    Lent(usize),
}

/// What a reader finds, a line each, and how often it was as wished.
fn items(bytes: &[u8], how: How) -> (Vec<String>, usize) {
    let mut reader = Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).unwrap();
    let (mut items, mut times) = (Vec::new(), 0);
    while next(&mut reader, how, &mut items, &mut times) {
        if let How::Lent(at_once) = how
            && let Some(mut lent) = reader.lend()
        {
            assert!(!next(&mut reader, how, &mut items, &mut times), "what is lent is nobody's");
            let mut blocks: Vec<_> = (0..at_once).map(|_| LentBlock::new().unwrap()).collect();
            loop {
                let taken = blocks.iter_mut().map_while(|block| lent.next(block).then_some(())).count();
                // In another order than they are read.
                blocks[..taken].iter_mut().rev().for_each(LentBlock::open);
                for block in &mut blocks[..taken] {
                    times += 1;
                    assert!(block.raw().len() <= 1 << 20, "a block of {} bytes was lent", block.raw().len());
                    reader.feed(block);
                    while next(&mut reader, How::Runs, &mut items, &mut 0) {}
                }
                if taken < at_once {
                    break;
                }
            }
            reader.take_back(lent);
        }
    }
    items.push(format!("{:?}, {} damages, {} lost", reader.state(), reader.damages(), reader.lost_total()));
    (items, times)
}

/// One item, or some; false: there are none.
fn next(reader: &mut Reader, how: How, items: &mut Vec<String>, times: &mut usize) -> bool {
    if how != How::OneByOne
        && let Some(events) = reader.events()
    {
        *times += usize::from(how == How::Runs);
        let block = events.block();
        items.extend(
            events.map(|(index, place)| format!("event {index} {:#x}", crc32c::crc32c(&block[place]))),
        );
        return true;
    }
    items.push(match reader.next().unwrap() {
        Some(Item::Event(event)) => format!("event {} {:#x}", event.index, crc32c::crc32c(event.bytes)),
        Some(item) => format!("{item:?}"),
        None => return false,
    });
    true
}

#[test]
fn however_blocks_are_asked_for_what_is_in_them_is_the_same() {
    let trace = trace();
    let mut damaged = trace.clone();
    (trace.len() / 3..trace.len()).step_by(trace.len() / 7).for_each(|at| damaged[at] ^= 0x55);
    for (what, trace) in
        [("whole", &trace[..]), ("cut", &trace[..trace.len() * 2 / 3]), ("damaged", &damaged)]
    {
        let (want, _) = items(trace, How::OneByOne);
        for how in [How::Runs, How::Lent(1), How::Lent(3)] {
            let (got, times) = items(trace, how);
            assert!(times > 15, "{what}, {how:?}: only {times} times");
            for (nth, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_eq!(got, want, "item {nth} of the {what} trace, {how:?}");
            }
            assert_eq!(got.len(), want.len(), "items of the {what} trace, {how:?}");
        }
    }
}
