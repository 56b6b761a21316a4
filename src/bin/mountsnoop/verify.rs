//! `mountsnoop verify`: reads everything of traces and says what is wrong with them.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use mountsnoop::tools::{Finding, Said, Verdict, verify};
use serde_json::json;

use crate::input::{self, clean};
use crate::outcome::Outcome;
use crate::tool_args::VerifyArgs;

pub fn run(args: &VerifyArgs) -> Result<Outcome> {
    // All are opened first: a mistyped name should not show half an answer.
    let readers = args.files.iter().map(|path| input::reader(path)).collect::<Result<Vec<_>>>()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut outcome = Outcome::Done;
    for (mut reader, path) in readers.into_iter().zip(&args.files) {
        let name = input::name(path);
        let mut written = Ok(());
        let read = verify(&mut reader, &mut |said| {
            if let Said::Verdict(verdict) = &said {
                let fine = verdict.complete() || verdict.complete_so_far();
                outcome = outcome.clone().and(Outcome::lossy(!fine));
            }
            let line = if args.json { object(path, &said) } else { line(&name, &said) };
            if written.is_ok() {
                written = writeln!(out, "{line}");
            }
        });
        written?;
        out.flush()?;
        read.with_context(|| name.clone())?;
    }
    Ok(outcome)
}

fn line(name: &str, said: &Said<'_>) -> String {
    let name = clean(name);
    match said {
        Said::Finding(finding) => format!("{name}: {}", sentence(finding)),
        Said::Remark(marker) => format!("{name}: {}: {}", marker.kind, clean(&marker.text)),
        Said::Verdict(verdict) if verdict.trace == 0 => format!("{name}: {verdict}"),
        Said::Verdict(verdict) => format!("{name}: trace {}: {verdict}", verdict.trace + 1),
    }
}

fn sentence(finding: &Finding) -> String {
    let mut text = finding.what.name().to_owned();
    if let Some(offset) = finding.offset {
        text += &format!(" at offset {offset}");
    }
    if let Some(bytes) = finding.bytes {
        text += &format!(", {bytes} bytes");
    }
    text += &match finding.events_lost {
        Some(events) => format!(", {events} events lost"),
        None => ", an unknown number of events lost".to_owned(),
    };
    format!("{text}: {}", finding.what)
}

fn object(path: &Path, said: &Said<'_>) -> String {
    let file = input::name(path);
    let value = match said {
        Said::Finding(Finding { trace, offset, bytes, events_lost, what }) => json!({
            "schema": 1, "finding": what.name(), "file": file, "trace": trace, "offset": offset, "bytes": bytes,
            "events_lost": events_lost, "text": what.to_string(),
        }),
        Said::Remark(marker) => json!({
            "schema": 1, "marker": marker.kind.to_string(), "file": file, "boottime_ns": marker.boottime_ns,
            "text": marker.text,
        }),
        Said::Verdict(verdict) => verdict_object(&file, verdict),
    };
    value.to_string()
}

fn verdict_object(file: &str, verdict: &Verdict) -> serde_json::Value {
    let Verdict { trace, counts, closed, sparse, lost, lost_unknown, parts_lost, damages, .. } = verdict;
    json!({
        "schema": 1, "verdict": if verdict.complete() { "complete" } else { "not complete" }, "file": file,
        "trace": trace, "events": counts.events, "records": counts.records, "closed": closed, "live": verdict.live, "sparse": sparse,
        "lost": lost, "lost_unknown": lost_unknown, "parts_lost": parts_lost, "damaged_places": damages.places,
        "damaged_events": damages.events, "bad_events": verdict.bad_events, "doubts": verdict.doubts,
        "text": verdict.to_string(),
    })
}
