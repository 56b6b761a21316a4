//! `mountsnoop merge`: several traces in one, in the order of time.

use anyhow::Result;
use mountsnoop::format::WriterOptions;
use mountsnoop::tools::merge;

use crate::input;
use crate::outcome::Outcome;
use crate::output::{Output, failure};
use crate::record::size;
use crate::tool_args::MergeArgs;

pub fn run(args: &MergeArgs) -> Result<Outcome> {
    let readers = args.inputs.iter().map(|path| input::reader(path)).collect::<Result<Vec<_>>>()?;
    let output = Output::create(&args.to, &args.inputs)?;
    let name = output.name().to_owned();
    let (output, merged) = merge(readers, output, WriterOptions::default())
        .map_err(|error| failure(error, &args.inputs, &name))?;
    let bytes = output.commit(merged.counts)?;
    if merged.doubts.events > 0 {
        eprintln!("mountsnoop: {name}: {}", merged.doubts);
    }
    if merged.twice > 0 {
        eprintln!("mountsnoop: {name}: {} events stood in several inputs, and are there once", merged.twice);
    }
    let (events, sources, clocks) = (merged.counts.events, merged.sources, merged.clocks);
    eprintln!(
        "[ mountsnoop merge: {events} events of {sources} traces with {clocks} clocks -> {name}, {} ]",
        size(bytes)
    );
    Ok(Outcome::Done)
}
