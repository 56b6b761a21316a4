//! `mountsnoop export`: converts traces into what other programs read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use mountsnoop::views::{Clock, Csv, Json, View};

use crate::args::{ExportArgs, ExportFormat};
use crate::outcome::Outcome;
use crate::output::refuse_inputs;
use crate::pipeline::{self, Rows};

pub fn run(args: &ExportArgs) -> Result<Outcome> {
    let format = format(args)?;
    refuse_inputs(&args.output, &args.files)?;
    let mut rows = Rows::new(&args.filter, false, view(format, args.raw_csv), open(args)?)?;
    let lossy = pipeline::read_all(&mut rows, &args.files)?;
    rows.end().with_context(|| format!("failed to write {}", args.output.display()))?;
    Ok(Outcome::lossy(lossy))
}

fn format(args: &ExportArgs) -> Result<ExportFormat> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    match args.output.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(ExportFormat::Csv),
        Some("json") => Ok(ExportFormat::Json),
        Some("ndjson" | "jsonl") => Ok(ExportFormat::Ndjson),
        _ => bail!(
            "{} does not say which format to write: name it .csv, .json or .ndjson, or choose one with -F",
            args.output.display()
        ),
    }
}

fn view(format: ExportFormat, raw_csv: bool) -> Box<dyn View> {
    let clock = Clock::default();
    match format {
        ExportFormat::Csv => Box::new(Csv::new("", clock, raw_csv)),
        ExportFormat::Json => Box::new(Json::array("", clock)),
        ExportFormat::Ndjson => Box::new(Json::lines("", clock)),
    }
}

/// The output is opened before anything is read, so that a wrong name fails at once.
fn open(args: &ExportArgs) -> Result<Box<dyn Write + Send>> {
    if args.output == Path::new("-") {
        return Ok(Box::new(io::stdout()));
    }
    let mut options = OpenOptions::new();
    options.write(true);
    let options = if args.force { options.create(true).truncate(true) } else { options.create_new(true) };
    let file: io::Result<File> = options.open(&args.output);
    let hint = match &file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => ": overwrite it with --force",
        _ => "",
    };
    Ok(Box::new(file.with_context(|| format!("cannot write {}{hint}", args.output.display()))?))
}
