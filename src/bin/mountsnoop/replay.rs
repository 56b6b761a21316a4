//! `mountsnoop replay`: prints the calls of traces.

use anyhow::Result;

use crate::args::ReplayArgs;
use crate::follow::follow;
use crate::outcome::Outcome;
use crate::pipeline::{self, Rows};

pub fn run(args: &ReplayArgs) -> Result<Outcome> {
    let mut rows = Rows::new(&args.filter, args.view.utc, pipeline::view(&args.view), std::io::stdout())?;
    let lossy = match args.files.split_last() {
        Some((last, before)) if args.follow => {
            let lossy = pipeline::read_all(&mut rows, before)?;
            follow(&mut rows, last)? || lossy
        }
        _ => pipeline::read_all(&mut rows, &args.files)?,
    };
    rows.end()?;
    Ok(Outcome::lossy(lossy))
}
