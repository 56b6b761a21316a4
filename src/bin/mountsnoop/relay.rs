//! Reads blocks on several threads, each of which takes one all the way, from what is stored to what is written: opened at any time,
//! read in turn, made into rows at any time, written in turn. What is in a block so stays with one processor.
//! It must not know what is read, nor which rows there are.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use mountsnoop::format::{Lent, LentBlock, Reader};

use crate::hand::Hand;
use crate::input::Complaints;
use crate::outgoing::died;
use crate::pipeline::Rows;
use crate::press::Press;
use crate::turns::Turns;

/// With more threads than this, all would wait for those before them to be read.
const THREADS_MAX: usize = 3;

/// Threads that are worth having.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cpus| cpus.get().min(THREADS_MAX))
}

/// What the threads share.
struct Relay<'a, W: Write> {
    blocks: Mutex<Blocks>,
    reading: Turns<Reading<'a, W>>,
    press: Arc<Turns<Press<W>>>,
}

struct Blocks {
    lent: Lent,
    taken: u64,
    stopped: bool,
}

struct Reading<'a, W: Write> {
    rows: &'a mut Rows<W>,
    reader: &'a mut Reader,
    complaints: &'a mut Complaints,
}

/// Reads what the reader has lent on so many threads, and gives it back.
pub fn relay<W: Write + Send>(
    rows: &mut Rows<W>,
    reader: &mut Reader,
    complaints: &mut Complaints,
    mut lent: Lent,
    threads: usize,
) -> Result<()> {
    let mut block = LentBlock::new()?;
    // Where none can be had at once, threads are not worth it.
    if !lent.next(&mut block) {
        reader.take_back(lent);
        return Ok(());
    }
    let mut press = rows.out.lend().ok_or_else(died)?;
    let others: Vec<_> = (1..threads).map(|_| press.view.as_ref().and_then(|view| view.another())).collect();
    let own = if others.iter().all(Option::is_some) { press.view.take() } else { None };
    let press = Arc::new(Turns::new(press));
    let hand = |view| Box::new(Hand::new(view, &press));
    let (own, others): (_, Vec<_>) = (
        hand(own),
        others.into_iter().map_while(|view| Some((hand(view), LentBlock::new().ok()?))).collect(),
    );

    let blocks = Mutex::new(Blocks { lent, taken: 1, stopped: false });
    let relay = Relay { blocks, reading: Turns::new(Reading { rows, reader, complaints }), press };
    let (hand, ended) = thread::scope(|scope| {
        let others: Vec<_> = others
            .into_iter()
            .map_while(|(hand, block)| {
                let name = thread::Builder::new().name("blocks".into());
                name.spawn_scoped(scope, || relay.run(hand, block, None).1).ok()
            })
            .collect();
        let (hand, own) = relay.run(own, block, Some(0));
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(died())));
        (hand, others.fold(own, Result::and))
    });
    let Relay { blocks, reading, press } = relay;
    let Reading { rows, reader, .. } = reading.into_inner().ok_or_else(died)?;
    reader.take_back(blocks.into_inner().unwrap_or_else(PoisonError::into_inner).lent);
    let own = hand.and_then(|hand| hand.into_view());
    let mut press = Arc::into_inner(press).and_then(Turns::into_inner).ok_or_else(died)?;
    press.view = own.or(press.view);
    rows.out.take_back(press);
    ended?;
    rows.out.result()
}

impl<W: Write + Send> Relay<'_, W> {
    /// One thread; its first block may be there already, with this number.
    fn run(
        &self,
        hand: Box<Hand<W>>,
        block: LentBlock,
        first: Option<u64>,
    ) -> (Option<Box<Hand<W>>>, Result<()>) {
        let closer = Closer(self);
        let mut hand = Some(hand);
        let ended = self.work(&mut hand, block, first);
        std::mem::forget(closer);
        (hand, ended)
    }

    fn work(
        &self,
        hand: &mut Option<Box<Hand<W>>>,
        mut block: LentBlock,
        mut first: Option<u64>,
    ) -> Result<()> {
        while let Some(number) = first.take().or_else(|| self.next(&mut block)) {
            block.open();
            let Some(mut reading) = self.reading.take(number) else { break };
            let read = reading.read(&mut block, number, hand);
            match &read {
                Ok(()) => reading.pass(),
                Err(_) => {
                    drop(reading);
                    self.stop();
                    self.reading.close();
                }
            }
            // What was read is shown, whatever came then.
            if !hand.as_mut().is_some_and(|hand| hand.finish()) {
                self.stop();
            }
            read?;
        }
        Ok(())
    }
}

impl<W: Write> Relay<'_, W> {
    /// The next block, and its number.
    fn next(&self, block: &mut LentBlock) -> Option<u64> {
        let mut blocks = self.blocks.lock().ok()?;
        if blocks.stopped || !blocks.lent.next(block) {
            blocks.stopped = true;
            return None;
        }
        blocks.taken += 1;
        Some(blocks.taken - 1)
    }

    /// Nobody takes another.
    fn stop(&self) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
    }
}

impl<W: Write + Send> Reading<'_, W> {
    fn read(&mut self, block: &mut LentBlock, number: u64, hand: &mut Option<Box<Hand<W>>>) -> Result<()> {
        let Reading { rows, reader, complaints } = self;
        let given = hand.take().ok_or_else(died)?;
        rows.out.give(given, |hand, clock, host| hand.begin(number, block.raw(), clock, host));
        reader.feed(block);
        let read = rows.read_on(reader, complaints);
        *hand = rows.out.take_hand();
        read
    }
}

/// Where a thread dies, the others do not wait for it.
struct Closer<'a, 'b, W: Write>(&'a Relay<'b, W>);

impl<W: Write> Drop for Closer<'_, '_, W> {
    fn drop(&mut self) {
        self.0.stop();
        self.0.reading.close();
        self.0.press.close();
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
