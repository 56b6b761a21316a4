//! `mountsnoop info`: what traces hold, from block headers and the few blocks that are about the trace itself.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use mountsnoop::format::{
    BLOCK_META, BlockHeader, ClockSync, Damage, Decompressor, FileHeader, Frame, LOSS_BEFORE, LossReason,
    Marker, Metadata, REMARK, Record, RecorderStats, Records, Row, State, decompress,
};
use mountsnoop::views::rfc3339;
use serde_json::{Value, json};

use crate::args::InfoArgs;
use crate::input::{self, DESCRIBED, clean};
use crate::origins::Origins;
use crate::outcome::Outcome;
use crate::record::size;

pub fn run(args: &InfoArgs) -> Result<Outcome> {
    let mut outcome = Outcome::Done;
    let mut out = std::io::stdout().lock();
    for path in &args.files {
        survey(path, args.blocks, |trace| {
            if args.json {
                writeln!(out, "{}", trace.json(path, args.blocks))?;
            } else {
                out.write_all(trace.text(path, args.blocks).as_bytes())?;
            }
            outcome = outcome.clone().and(Outcome::lossy(!trace.complete() && !trace.is_well()));
            Ok(())
        })?;
    }
    out.flush()?;
    Ok(outcome)
}

/// What is known of one trace without looking at its events.
#[derive(Default)]
struct Trace {
    header: Option<FileHeader>,
    metadata: Option<Metadata>,
    clock: Option<ClockSync>,
    stats: Option<RecorderStats>,
    state: Option<State>,
    /// What is known of the blocks, the index said.
    by_index: bool,
    blocks: u64,
    events: u64,
    span: Option<(u64, u64)>,
    raw_bytes: u64,
    file_bytes: u64,
    lost: u64,
    /// Some block holds a LOST record.
    losses: bool,
    origins: Origins,
    /// Why events could not be written.
    unwritten: Vec<LossReason>,
    /// The first [`DESCRIBED`].
    markers: Vec<Marker>,
    /// The first [`DESCRIBED`], and how many there are.
    damages: Vec<Damage>,
    damaged: u64,
    /// The first [`LISTED`].
    list: Vec<(u64, BlockHeader)>,
}

/// Blocks with these flags have something to say that the index does not.
const TELLING: u16 = LOSS_BEFORE | REMARK;

/// Blocks that are listed: as many as a recorder writes for some 2.5 GB of events.
const LISTED: usize = 10_000;

/// Calls `each` with every trace of a file, of which several may stand one behind the other.
fn survey(path: &Path, list_blocks: bool, mut each: impl FnMut(&Trace) -> Result<()>) -> Result<()> {
    let mut scanner = input::scanner(path)?;
    let mut open = Decompressor::new().context("failed to set up decompression")?;
    let mut raw = Vec::new();
    let mut current: Option<Trace> = None;
    let mut begun = 0;
    while let Some(frame) = scanner.next().with_context(|| input::name(path))? {
        if matches!(frame, Frame::FileHeader { .. }) {
            current.take().map_or(Ok(()), |before| each(&before))?;
        }
        let trace = current.get_or_insert_default();
        let mut first = false;
        match frame {
            Frame::FileHeader { header, offset } => {
                begun = offset;
                trace.header = Some(*header);
            }
            Frame::Block { header, offset, stored } => {
                first = trace.header.is_some() && header.block_seq == 0;
                trace.block(&header);
                if list_blocks && trace.list.len() < LISTED {
                    trace.list.push((offset, header));
                }
                let about = stored.filter(|_| header.block_type == BLOCK_META);
                if about.is_some_and(|stored| decompress(&header, stored, &mut open, &mut raw).is_ok()) {
                    trace.about(&raw);
                }
            }
            Frame::End { .. } => trace.state = Some(State::Closed),
            Frame::Damage(damage) => trace.damage(damage),
        }
        if first
            && !list_blocks
            && !trace.is_merged()
            && let Some(all) = scanner.pass_by_index(TELLING).with_context(|| input::name(path))?
        {
            trace.indexed(&all);
        }
        trace.file_bytes = scanner.offset() - begun;
    }
    let mut last = current.unwrap_or_default();
    last.state = last.state.or(Some(State::unclosed(scanner.recorder())));
    each(&last)
}

impl Trace {
    fn block(&mut self, header: &BlockHeader) {
        self.blocks += 1;
        self.events += u64::from(header.event_count);
        self.raw_bytes += u64::from(header.raw_len);
        self.lost = self.lost.max(header.lost_total);
        self.losses |= header.flags & LOSS_BEFORE != 0;
        if header.event_count > 0 {
            let (first, last) = self.span.unwrap_or((u64::MAX, 0));
            self.span = Some((first.min(header.ts_min), last.max(header.ts_max)));
        }
    }

    /// Of all blocks up to the index, those that were seen included.
    fn indexed(&mut self, all: &Row) {
        self.by_index = true;
        (self.blocks, self.events, self.raw_bytes, self.lost) =
            (all.blocks, all.events, all.raw_bytes, all.lost);
        self.span = (all.events > 0).then_some((all.ts_min, all.ts_max));
        self.losses |= all.flags & LOSS_BEFORE != 0;
    }

    fn damage(&mut self, damage: Damage) {
        self.damaged += 1;
        if self.damages.len() < DESCRIBED {
            self.damages.push(damage);
        }
    }

    fn about(&mut self, raw: &[u8]) {
        for record in Records::new(raw).flatten() {
            match record.typed() {
                Ok(Record::Source(source)) => self.origins.turn(&source),
                Ok(Record::Metadata(metadata)) => {
                    self.origins.metadata(&metadata);
                    self.metadata.get_or_insert(*metadata);
                }
                Ok(Record::Clock(clock)) => self.clock = self.clock.or(Some(clock)),
                Ok(Record::Stats(stats)) => {
                    self.origins.stats(&stats);
                    self.stats = Some(*stats);
                }
                Ok(Record::Lost(lost)) => self.unwritten(lost.reason),
                Ok(Record::Marker(marker)) if self.markers.len() < DESCRIBED => self.markers.push(marker),
                _ => {}
            }
        }
    }

    fn is_merged(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.identity().is_merged())
    }

    fn is_sparse(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.identity().is_sparse())
    }

    fn unwritten(&mut self, reason: LossReason) {
        if reason.is_unwritten() && !self.unwritten.contains(&reason) && self.unwritten.len() < DESCRIBED {
            self.unwritten.push(reason);
        }
    }

    /// How many events were lost, for each reason.
    fn losses(&self, stats: &RecorderStats) -> String {
        let missed = stats.missed.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
        let unwritten = match &self.unwritten[..] {
            [] => "not written".to_string(),
            reasons => reasons.iter().map(LossReason::to_string).collect::<Vec<_>>().join(", "),
        };
        let all = [
            (stats.ring_full, LossReason::RING_FULL.to_string()),
            (stats.user_dropped, unwritten),
            (missed, LossReason::MISSED.to_string()),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        some.map(|(count, why)| format!("{count} ({why})")).collect::<Vec<_>>().join(", ")
    }

    /// Every event that happened is here, or was left out on purpose, and that is proven: closed, undamaged, nothing
    /// recorded as lost, and the recorder's books add up.
    fn complete(&self) -> bool {
        let all = self.origins.seen().is_some_and(|seen| self.is_sparse() || seen == self.events);
        self.is(State::Closed) && self.damages.is_empty() && !self.losses && all
    }

    /// It is still being recorded, and nothing is missing so far.
    fn is_well(&self) -> bool {
        self.is(State::Live) && self.damages.is_empty() && self.lost == 0
    }

    fn is(&self, state: State) -> bool {
        self.state == Some(state)
    }

    /// Why it cannot be called complete.
    fn doubts(&self) -> Vec<String> {
        let mut doubts: Vec<String> = self.damages.iter().map(Damage::to_string).collect();
        if self.damaged > DESCRIBED as u64 {
            doubts.push(format!("and {} more damaged places", self.damaged - DESCRIBED as u64));
        }
        if !self.is(State::Closed) {
            doubts.push(format!("it is {}", self.state.unwrap_or(State::Cut)));
        }
        let why = match &self.stats {
            Some(stats) if !self.is_merged() => format!(": {}", self.losses(stats)),
            _ => String::new(),
        };
        for proof in self.origins.proofs() {
            if proof.lost > 0 {
                doubts
                    .push(format!("{} of {} events were lost while recording{why}", proof.lost, proof.seen));
            }
            doubts.extend(proof.unbalanced.map(|unbalanced| unbalanced.to_string()));
        }
        if self.losses && doubts.is_empty() {
            doubts.push("something is recorded as lost: `verify` says what".to_string());
        }
        doubts
    }

    fn unlisted(&self) -> u64 {
        self.blocks - self.list.len() as u64
    }

    fn state(&self) -> &'static str {
        match self.state {
            Some(State::Closed) => "closed",
            Some(State::Live) => "live",
            Some(State::Crashed) => "crashed",
            _ => "cut",
        }
    }

    /// ns of CLOCK_REALTIME at a moment of CLOCK_BOOTTIME, by the clocks of the trace's start.
    fn realtime(&self, boottime_ns: u64) -> Option<i64> {
        // Of several clocks, nobody knows whose time this is.
        let one_clock = |header: &&FileHeader| !self.is_merged() || header.boot_id != [0; 16];
        let header = self.header.as_ref().filter(one_clock)?;
        Some(
            header.created_realtime_ns.saturating_add(boottime_ns as i64 - header.created_boottime_ns as i64),
        )
    }

    fn text(&self, path: &Path, blocks: bool) -> String {
        let mut text = format!("{}\n", input::name(path));
        let mut row = |key: &str, value: String| text.push_str(&format!("  {key:<10} {}\n", clean(&value)));
        row("state", self.state().to_string());
        row(
            "complete",
            match self.complete() {
                // They prove that nothing was lost, not that no bit has changed since.
                true => {
                    let by = if self.by_index { "index" } else { "headers" };
                    let sparse = if self.is_sparse() { "; others were left out on purpose" } else { "" };
                    format!(
                        "yes: {0} of {0} events, by its {by} (`verify` reads everything){sparse}",
                        self.events
                    )
                }
                false if self.is(State::Live) => "not yet".to_string(),
                false => "no".to_string(),
            },
        );
        self.doubts().into_iter().for_each(|doubt| row("", doubt));
        if let Some(header) = &self.header {
            row("recorded", format!("{} (UTC)", rfc3339(header.created_realtime_ns)));
        }
        let first_and_last =
            self.span.map(|(first, last)| (self.realtime(first), self.realtime(last), last - first));
        if let Some((Some(first), Some(last), took)) = first_and_last {
            let took = took as f64 / 1e9;
            row(
                "events",
                format!("{}, from {} to {}, {took:.3} s", self.events, rfc3339(first), rfc3339(last)),
            );
        } else {
            row("events", self.events.to_string());
        }
        row("lost", self.lost.to_string());
        for marker in &self.markers {
            let at = self.realtime(marker.boottime_ns).map(rfc3339).unwrap_or_default();
            row("remark", format!("{at} {}: {}", marker.kind, marker.text));
        }
        let ratio = self.raw_bytes as f64 / self.file_bytes.max(1) as f64;
        let sizes = format!("{}, {} uncompressed ({ratio:.1}x)", size(self.file_bytes), size(self.raw_bytes));
        row("size", format!("{sizes}, {} blocks", self.blocks));
        let origins = self.origins.lines();
        if let Some(metadata) = self.metadata.as_ref().filter(|_| origins.is_empty()) {
            about_recorder(metadata, &mut row);
        }
        origins.into_iter().for_each(|origin| row("source", origin));
        if blocks {
            text.push_str("  OFFSET       SEQ      EVENTS   RAW      STORED   FIRST                LAST\n");
            for (offset, b) in &self.list {
                let (seq, events, first, last) = (b.block_seq, b.event_count, b.ts_min, b.ts_max);
                let (raw, stored) = (b.raw_len, b.stored_len);
                text.push_str(&format!(
                    "  {offset:<12} {seq:<8} {events:<8} {raw:<8} {stored:<8} {first:<20} {last}\n"
                ));
            }
            if self.unlisted() > 0 {
                text.push_str(&format!("  (and {} more blocks)\n", self.unlisted()));
            }
        }
        text
    }

    fn json(&self, path: &Path, blocks: bool) -> Value {
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let header = self.header.as_ref().map(|h| {
            json!({
                "file_uuid": hex(&h.file_uuid), "session_uuid": hex(&h.session_uuid),
                "segment_index": h.segment_index, "boot_id": hex(&h.boot_id), "host_id": hex(&h.host_id),
                "format": format!("{}.{}", h.format_major, h.format_minor),
                "created": rfc3339(h.created_realtime_ns),
            })
        });
        let list: Vec<Value> = self
            .list
            .iter()
            .map(|(offset, b)| {
                json!({
                    "offset": offset, "seq": b.block_seq, "type": b.block_type, "flags": b.flags,
                    "records": b.record_count, "events": b.event_count, "raw_bytes": b.raw_len,
                    "stored_bytes": b.stored_len, "first_boottime_ns": b.ts_min, "last_boottime_ns": b.ts_max,
                    "lost_total": b.lost_total,
                })
            })
            .collect();
        let mut value = json!({
            "schema": 1, "file": input::name(path), "state": self.state(), "complete": self.complete(),
            "events_read": false, "doubts": self.doubts(), "header": header, "events": self.events, "lost": self.lost,
            "blocks": self.blocks, "raw_bytes": self.raw_bytes, "file_bytes": self.file_bytes,
            "first_boottime_ns": self.span.map(|span| span.0), "last_boottime_ns": self.span.map(|span| span.1),
            "first": self.span.and_then(|span| self.realtime(span.0)).map(rfc3339),
            "last": self.span.and_then(|span| self.realtime(span.1)).map(rfc3339),
            "merged": self.is_merged(), "sources": self.origins.json(), "markers": self.markers,
            "recorder": self.metadata, "stats": self.stats, "clock": self.clock, "sparse": self.is_sparse(),
        });
        if blocks {
            value["block_list"] = Value::Array(list);
            value["blocks_not_listed"] = self.unlisted().into();
        }
        value
    }
}

fn about_recorder(metadata: &Metadata, row: &mut impl FnMut(&str, String)) {
    let Metadata { hostname, os, kernel_release, machine, cpus, tool_version, tool_commit, .. } = metadata;
    row("host", format!("{hostname}, {os}, Linux {kernel_release} {machine}, {cpus} CPUs"));
    row("kernel", metadata.kernel_version.clone());
    row("recorder", format!("mountsnoop {tool_version} ({tool_commit}), pid {}", metadata.recorder_pid));
    row("command", metadata.args.join(" "));
    row(
        "attached",
        format!("{} ({}): {}", metadata.attach_mode, metadata.attach_reason, metadata.attached.join(" ")),
    );
    for (what, why) in &metadata.missing {
        row("not seen", format!("{what}: {why}"));
    }
    for filter in &metadata.filters {
        row("filter", filter.clone());
    }
}
