//! `mountsnoop compact`: makes a trace smaller.

use anyhow::Result;
use mountsnoop::format::WriterOptions;
use mountsnoop::tools::{Edit, rewrite};

use crate::input;
use crate::outcome::Outcome;
use crate::output::{Output, failure};
use crate::record::size;
use crate::tool_args::CompactArgs;

/// Larger blocks and the highest level: nobody waits for what is written here.
const OPTIONS: WriterOptions = WriterOptions { level: 19, block_bytes: 1 << 20 };

/// Changes nothing.
struct AsItIs;

impl Edit for AsItIs {}

pub fn run(args: &CompactArgs) -> Result<Outcome> {
    let inputs = [args.input.clone()];
    let reader = input::reader(&args.input)?;
    let output = Output::create(&args.to, &inputs)?;
    let name = output.name().to_owned();
    let (output, counts) =
        rewrite(reader, output, OPTIONS, &mut AsItIs).map_err(|error| failure(error, &inputs, &name))?;
    let after = output.commit(counts)?;
    let before =
        std::fs::metadata(&args.input).map(|there| size(there.len())).ok().unwrap_or_else(|| "?".to_owned());
    eprintln!("[ mountsnoop compact: {} events, {before} -> {}, {name} ]", counts.events, size(after));
    Ok(Outcome::Done)
}
