//! `replay --follow`: goes on reading while a recorder goes on writing, from one file of its recording to the next.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mountsnoop::format::{Reader, State};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::input::{self, Complaints};
use crate::pipeline::Rows;

/// Between two looks at a file that may grow.
const POLL: Duration = Duration::from_millis(100);
/// How long the next file of a recording may take to appear.
const NEXT_WITHIN: Duration = Duration::from_secs(5);

/// Reads a trace until its recording ends, or somebody asks us to; true if anything is missing.
pub fn follow<W: Write + Send>(rows: &mut Rows<W>, path: &Path) -> Result<bool> {
    if path == Path::new("-") {
        bail!(
            "standard input cannot be followed: it is read to its end anyway; name the file, or leave --follow out"
        );
    }
    let stop = asked_to_stop()?;
    let mut path = path.to_owned();
    let mut lossy = false;
    loop {
        let mut reader = input::reader(&path)?;
        let mut complaints = Complaints::new(&path);
        to_its_end(rows, &mut reader, &mut complaints, &stop)
            .with_context(|| format!("stopped following {}", input::name(&path)))?;
        lossy |= rows.complain(&reader, complaints);
        if reader.state() != State::Closed || !rows.continues() || stop.load(Ordering::Relaxed) {
            return Ok(lossy);
        }
        match next(&path).filter(|next| appears(next, &stop)) {
            Some(next) => path = next,
            None if stop.load(Ordering::Relaxed) => return Ok(lossy),
            None => {
                say_missing(&path);
                return Ok(true);
            }
        }
    }
}

/// Set by the first signal that asks; the second kills.
fn asked_to_stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, stop.clone())
            .and_then(|_| flag::register(signal, stop.clone()))
            .context("failed to watch for signals")?;
    }
    Ok(stop)
}

/// Reads as long as somebody writes, and whatever is asked for may still come.
fn to_its_end<W: Write + Send>(
    rows: &mut Rows<W>,
    reader: &mut Reader,
    complaints: &mut Complaints,
    stop: &AtomicBool,
) -> Result<()> {
    loop {
        while !stop.load(Ordering::Relaxed) && rows.next(reader, complaints)? {}
        rows.flush()?;
        if reader.state() != State::Live || rows.past() || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if reader.was_overwritten()? {
            bail!(
                "somebody writes another trace over it: what was there before has been shown up to here; follow it once \
                 more to see the new one"
            );
        }
        sleep(POLL);
    }
}

/// The file that follows in a recording: `trace.000001.mst` after `trace.000000.mst`.
fn next(path: &Path) -> Option<PathBuf> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".mst")?;
    let (name, digits) = stem.rsplit_once('.')?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (number, width) = (digits.parse::<u32>().ok()?.checked_add(1)?, digits.len());
    Some(path.with_file_name(format!("{name}.{number:0width$}.mst")))
}

/// Waits until the file is there, and is not only a name.
fn appears(path: &Path, stop: &AtomicBool) -> bool {
    let give_up = Instant::now() + NEXT_WITHIN;
    loop {
        // The recorder holds its lock before it writes the first byte.
        if path.metadata().is_ok_and(|file| file.len() > 0) {
            return true;
        }
        if stop.load(Ordering::Relaxed) || Instant::now() >= give_up {
            return false;
        }
        sleep(POLL);
    }
}

fn say_missing(path: &Path) {
    let name = path.display();
    match next(path) {
        Some(next) => eprintln!(
            "mountsnoop: {name}: the recording goes on in {}, which is not there: what was recorded later is missing",
            next.display()
        ),
        None => eprintln!(
            "mountsnoop: {name}: the recording goes on in another file, whose name cannot be told from this one: expected \
             a name such as trace.000000.mst"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_recording_are_numbered() {
        for (this, expected) in [
            ("/a/trace.000000.mst", Some("/a/trace.000001.mst")),
            ("trace.2026.000999.mst", Some("trace.2026.001000.mst")),
            ("trace.999999.mst", Some("trace.1000000.mst")),
            ("trace.9.mst", Some("trace.10.mst")),
            ("trace.mst", None),
            ("trace..mst", None),
            ("trace.+1.mst", None),
            ("trace.4294967295.mst", None),
            ("trace.000000", None),
        ] {
            assert_eq!(next(Path::new(this)).as_deref(), expected.map(Path::new), "after {this}");
        }
    }
}
