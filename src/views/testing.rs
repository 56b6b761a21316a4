//! What the tests of the views share: events in, the text of a view out.

use super::{View, write_call};
use crate::assemble::{Assembler, Op};
use crate::decode::synth::Builder;

/// Runs events through an assembler; `each` gets every row.
pub fn assemble(events: impl IntoIterator<Item = Builder>, mut each: impl FnMut(&Op<'_>)) {
    let mut assembler = Assembler::new();
    for event in events {
        assembler.event(&event.build(), &mut each).unwrap();
    }
    assembler.finish(&mut each);
}

/// The CALL column of every row.
pub fn calls(events: impl IntoIterator<Item = Builder>) -> Vec<String> {
    let mut calls = Vec::new();
    assemble(events, |op| {
        let mut out = Vec::new();
        write_call(&mut out, op);
        calls.push(String::from_utf8(out).unwrap());
    });
    calls
}

/// All that a view prints.
pub fn printed(view: &mut dyn View, events: impl IntoIterator<Item = Builder>) -> String {
    let mut out = Vec::new();
    view.begin(&mut out);
    assemble(events, |op| view.row(&mut out, op));
    view.end(&mut out);
    String::from_utf8(out).unwrap()
}
