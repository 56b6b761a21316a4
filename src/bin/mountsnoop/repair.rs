//! `mountsnoop repair`: makes a clean trace of what is left of a damaged one.

use anyhow::Result;
use mountsnoop::format::{State, WriterOptions};
use mountsnoop::tools::{Repaired, repair};

use crate::input;
use crate::outcome::Outcome;
use crate::output::{Output, failure};
use crate::record::size;
use crate::tool_args::RepairArgs;

pub fn run(args: &RepairArgs) -> Result<Outcome> {
    let inputs = [args.input.clone()];
    let mut reader = input::reader(&args.input)?;
    let output = Output::create(&args.to, &inputs)?;
    let name = output.name().to_owned();
    let (output, done) = repair(&mut reader, output, WriterOptions::default())
        .map_err(|error| failure(error, &inputs, &name))?;
    if reader.state() == State::Live {
        let input = input::name(&args.input);
        eprintln!("mountsnoop: {input}: still being recorded: what had been written up to now was copied");
    }
    let bytes = output.commit(done.counts)?;
    eprintln!("[ mountsnoop repair: {} -> {name}, {} ]", said(&done), size(bytes));
    Ok(Outcome::lossy(done.lost > 0 || done.lost_unknown))
}

fn said(done: &Repaired) -> String {
    let mut said = format!("{} events kept, {} damaged places", done.counts.events, done.damages);
    said += &match (done.lost, done.lost_unknown) {
        (lost, false) => format!(", {lost} events lost"),
        (0, true) => ", nobody knows whether events are lost".to_owned(),
        (lost, true) => format!(", {lost} events lost and perhaps more"),
    };
    if done.cut > 0 {
        said += ", was not closed";
    }
    if done.without_books > 0 {
        said += ", without the recorder's own books";
    }
    if done.traces > 1 {
        said += &format!(", {} traces", done.traces);
    }
    said
}
