//! Where calls go from where they are put together: to the bytes of a view at once, or into the hand of the thread that has their
//! block. It must not know which calls are wanted.

use std::io::Write;

use anyhow::{Result, anyhow};
use mountsnoop::assemble::Op;
use mountsnoop::views::{Clock, View};

use crate::hand::Hand;
use crate::press::Press;

/// What becomes of calls.
pub struct Outgoing<W: Write> {
    to: To<W>,
    clock: Clock,
    host: String,
}

enum To<W: Write> {
    Press(Press<W>),
    Hand(Box<Hand<W>>),
    /// No thread has a block that is being read.
    Nobody,
}

impl<W: Write> Outgoing<W> {
    /// The view is begun.
    pub fn new(view: Box<dyn View>, to: W) -> Outgoing<W> {
        Outgoing { to: To::Press(Press::new(view, to)), clock: Clock::default(), host: String::new() }
    }

    /// Adds a row.
    #[inline]
    pub fn row(&mut self, op: &Op<'_>) {
        match &mut self.to {
            To::Press(press) => press.row(op),
            To::Hand(hand) => hand.add(op),
            To::Nobody => {}
        }
    }

    /// Adds what is no call.
    pub fn with(&mut self, add: impl FnOnce(&mut dyn View, &mut Vec<u8>)) {
        match &mut self.to {
            To::Press(press) => press.with(add),
            To::Hand(hand) => hand.with(add),
            To::Nobody => {}
        }
    }

    /// How the times of what follows are to be read.
    pub fn clock(&mut self, clock: Clock) {
        self.clock = clock;
        self.with(|view, _| view.clock(clock));
    }

    /// Which host what follows is from.
    pub fn host(&mut self, name: &str) {
        name.clone_into(&mut self.host);
        self.with(|view, _| view.host(name));
    }

    /// Whether all rows could be written.
    #[inline]
    pub fn result(&mut self) -> Result<()> {
        match &mut self.to {
            To::Press(press) => Ok(press.result()?),
            To::Hand(hand) if hand.is_closed() => Err(died()),
            To::Hand(_) | To::Nobody => Ok(()),
        }
    }

    /// Writes all rows there are.
    pub fn write(&mut self) -> Result<()> {
        match &mut self.to {
            To::Press(press) => press.put(),
            To::Hand(hand) => hand.write(),
            To::Nobody => {}
        }
        self.result()
    }

    /// The same, for somebody who waits for them.
    pub fn flush(&mut self) -> Result<()> {
        self.write()?;
        match &mut self.to {
            To::Press(press) => Ok(press.flush()?),
            To::Hand(_) | To::Nobody => Ok(()),
        }
    }

    /// Ends the view.
    pub fn end(&mut self) -> Result<()> {
        self.with(|view, rows| view.end(rows));
        self.flush()
    }

    /// Gives away where rows go: until it is back ([`Outgoing::take_back`]), they go into a hand.
    pub fn lend(&mut self) -> Option<Press<W>> {
        match std::mem::replace(&mut self.to, To::Nobody) {
            To::Press(press) => Some(press),
            _ => None,
        }
    }

    pub fn take_back(&mut self, mut press: Press<W>) {
        let Outgoing { clock, host, .. } = self;
        // It may be the view of a hand that others were told of after.
        press.with(|view, _| {
            view.clock(*clock);
            view.host(host);
        });
        self.to = To::Press(press);
    }

    /// What follows goes into this hand.
    pub fn give(&mut self, mut hand: Box<Hand<W>>, begin: impl FnOnce(&mut Hand<W>, Clock, &str)) {
        begin(&mut hand, self.clock, &self.host);
        self.to = To::Hand(hand);
    }

    /// Gives the hand back.
    pub fn take_hand(&mut self) -> Option<Box<Hand<W>>> {
        match std::mem::replace(&mut self.to, To::Nobody) {
            To::Hand(hand) => Some(hand),
            _ => None,
        }
    }
}

/// What becomes of the work of others where a thread died.
pub fn died() -> anyhow::Error {
    anyhow!("a thread that reads has died, and what it had is not shown: report this with the lines above")
}
