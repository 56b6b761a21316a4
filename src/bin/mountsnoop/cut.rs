//! `mountsnoop cut`: copies the part of a trace that a filter lets through.
//!
//! First the calls are put together as for any view, and the events that the wanted ones are from are noted; then these events
//! are copied. So a cut holds what `replay` with the same filter shows.

use std::fs::File;
use std::io::{self, Seek};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use mountsnoop::assemble::Op;
use mountsnoop::filter::Window;
use mountsnoop::format::{FileIdentity, Item, Marker, MarkerKind, Reader, WriterOptions, wire};
use mountsnoop::layout::Common;
use mountsnoop::tools::{Edit, rewrite};
use mountsnoop::views::View;

use crate::args::FilterArgs;
use crate::input::{self, Complaints};
use crate::kept::Kept;
use crate::outcome::Outcome;
use crate::output::{Output, failure};
use crate::pipeline::{self, Rows, TRACE_SHIFT};
use crate::record::size;
use crate::tool_args::CutArgs;

/// The calls in flight may take this part of the memory that they may take elsewhere: the whole is to stay below 64 MiB.
const SHARE: usize = 4;

pub fn run(args: &CutArgs) -> Result<Outcome> {
    let words = words(&args.filter);
    if words.is_empty() {
        bail!(
            "say what to keep, for example --since 12:03:00, --failed or -p PID; to copy all of a trace, use cp"
        );
    }
    let inputs = [args.input.clone()];
    let mut file = open(args)?;
    let output = Output::create(&args.to, &inputs)?;
    let kept = choose(args, file.try_clone().context("failed to open the trace twice")?)?;
    file.rewind().context("failed to read the trace a second time")?;
    let reader = Reader::from_file(file).with_context(|| input::name(&args.input))?;
    let name = output.name().to_owned();
    let window = pipeline::window(&args.filter, args.utc)?;
    let mut cut = Cut {
        words,
        kept,
        window,
        began: 0,
        trace: None,
        now: (None, None),
        latest: 0,
        events: (0, 0),
        unknown: 0,
    };
    let (output, counts) = rewrite(reader, output, WriterOptions::default(), &mut cut)
        .map_err(|error| failure(error, &inputs, &name))?;
    let bytes = output.commit(counts)?;
    let (some, all) = cut.events;
    eprintln!("[ mountsnoop cut: {some} of {all} events -> {name}, {} ]", size(bytes));
    Ok(Outcome::Done)
}

fn open(args: &CutArgs) -> Result<File> {
    let name = input::name(&args.input);
    let file = input::file(&args.input)?.filter(|file| file.metadata().is_ok_and(|there| there.is_file()));
    file.with_context(|| {
        format!("{name} can be read only once, and a cut reads twice: write it to a file first")
    })
}

/// The first time through: which events are wanted.
fn choose(args: &CutArgs, file: File) -> Result<Kept> {
    let name = input::name(&args.input);
    let kept = Arc::new(Mutex::new(Kept::default()));
    let mut rows = Rows::new(&args.filter, args.utc, Box::new(Keep(kept.clone())), io::sink())?;
    rows.share(SHARE);
    rows.read(
        Reader::from_file(file).with_context(|| name.clone())?,
        Complaints::of_first_reading(&args.input),
    )?;
    rows.end()?;
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    if kept.is_full() {
        bail!(
            "{name} holds more events than can be cut at once: cut it by time first, with --since and --until"
        );
    }
    Ok(kept)
}

/// Shows nothing, and notes what would be shown.
struct Keep(Arc<Mutex<Kept>>);

impl View for Keep {
    fn row(&mut self, _: &mut Vec<u8>, op: &Op<'_>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        op.events().for_each(|number| kept.insert(number));
    }
}

/// The second time through.
struct Cut {
    words: String,
    kept: Kept,
    window: Window,
    /// When the trace being read began, ns since 1970.
    began: i64,
    /// Its number.
    trace: Option<u64>,
    /// The window by the clock of its present source.
    now: (Option<u64>, Option<u64>),
    /// The latest time read.
    latest: u64,
    /// Events kept, and all of them.
    events: (u64, u64),
    /// Records left out because nobody knows what they tell.
    unknown: u64,
}

impl Edit for Cut {
    fn begin(&mut self, identity: FileIdentity) -> FileIdentity {
        self.trace = Some(self.trace.map_or(0, |trace| trace + 1));
        (self.began, self.latest) = (identity.created_realtime_ns, 0);
        self.source(&identity);
        FileIdentity { compat: identity.compat | wire::COMPAT_SPARSE, ..identity }
    }

    fn keeps(&mut self, item: &mut Item<'_>) -> bool {
        match item {
            Item::Event(event) => {
                let time = Common::read(event.bytes).map_or(0, |head| head.time);
                self.latest = self.latest.max(time);
                let number = (self.trace.unwrap_or(0) << TRACE_SHIFT) | event.index;
                let keeps = self.kept.contains(number);
                self.events = (self.events.0 + u64::from(keeps), self.events.1 + 1);
                keeps
            }
            Item::Metadata(metadata) => {
                metadata.filters.push(format!("cut: {}", self.words));
                true
            }
            Item::Source(source) => {
                if let Some(identity) = &mut source.identity {
                    self.source(identity);
                    identity.compat |= wire::COMPAT_SPARSE;
                }
                true
            }
            Item::Clock(clock) | Item::Fresh(clock) => {
                self.latest = self.latest.max(clock.boottime_ns);
                true
            }
            Item::Lost(lost) => self.overlaps(lost.from_ns, lost.to_ns),
            Item::ChildExit(exit) => self.overlaps(exit.boottime_ns, exit.boottime_ns),
            Item::Marker(marker) => self.overlaps(marker.boottime_ns, marker.boottime_ns),
            Item::Unknown(_) => {
                self.unknown += 1;
                false
            }
            _ => true,
        }
    }

    fn last_words(&mut self) -> Option<Marker> {
        let (some, all) = self.events;
        let mut text = format!("cut: {}: {some} of {all} events kept", self.words);
        if self.unknown > 0 {
            text += &format!("; {} records of kinds that this version does not know left out", self.unknown);
        }
        Some(Marker { boottime_ns: self.latest, kind: MarkerKind::EDITED, text })
    }
}

impl Cut {
    fn source(&mut self, identity: &FileIdentity) {
        let offset = identity.created_realtime_ns.saturating_sub(identity.created_boottime_ns as i64);
        self.now = self.window.resolve(self.began, offset);
    }

    fn overlaps(&self, from: u64, to: u64) -> bool {
        self.now.0.is_none_or(|since| to >= since) && self.now.1.is_none_or(|until| from <= until)
    }
}

/// The filter as it was typed.
fn words(filter: &FilterArgs) -> String {
    let FilterArgs { pid, comm, ns, failed, slow, since, until } = filter;
    let mut words: Vec<String> = Vec::new();
    words.extend(pid.iter().map(|pid| format!("-p {pid}")));
    words.extend(comm.iter().map(|glob| format!("--comm {glob}")));
    words.extend(ns.iter().map(|inode| format!("--ns {inode}")));
    words.extend(failed.then(|| "--failed".to_owned()));
    words.extend(slow.map(|slow| format!("--slow {}", humantime::format_duration(slow))));
    words.extend(since.as_ref().map(|when| format!("--since {when}")));
    words.extend(until.as_ref().map(|when| format!("--until {when}")));
    words.join(" ")
}
