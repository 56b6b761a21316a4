//! `mountsnoop stats`: counts the calls of traces.

use anyhow::{Result, anyhow};
use mountsnoop::views::{Key, Stats, StatsOptions};

use crate::args::StatsArgs;
use crate::outcome::Outcome;
use crate::pipeline::{self, Rows};

pub fn run(args: &StatsArgs) -> Result<Outcome> {
    let mut options = StatsOptions { top: args.top, json: args.json, ..StatsOptions::default() };
    if let Some(by) = &args.by {
        options.by = Key::parse_list(by).map_err(|error| anyhow!("--by: {error}"))?;
    }
    let mut rows = Rows::new(&args.filter, false, Box::new(Stats::new(options)), std::io::stdout())?;
    let lossy = pipeline::read_all(&mut rows, &args.files)?;
    rows.end()?;
    Ok(Outcome::lossy(lossy))
}
