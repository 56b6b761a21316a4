//! One file of a recording. It takes whatever comes: what cannot be written is counted, told of where it is missing, and
//! writing goes on when it can. Must not know what an event means, nor what comes after this file.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::clock;
use super::losses::Losses;
use super::output::Output;
use crate::format::{
    self, ClockSync, EventInfo, FileIdentity, LossReason, Lost, Metadata, RecorderStats, Writer,
    WriterOptions,
};

/// How long to wait before writing is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// One file of a recording.
pub(super) struct Segment {
    name: String,
    writer: Writer<Output>,
    /// What no block tells of yet.
    losses: Losses,
    /// Nothing can be written at present.
    stuck: Option<Stuck>,
    /// Events that could not be written.
    dropped: u64,
    /// What a person should know, since it was asked last.
    said: Vec<String>,
}

struct Stuck {
    reason: LossReason,
    next_try: Instant,
}

impl Segment {
    /// Begins the file with what explains it. What fails here fails the recording.
    pub fn begin(
        name: String,
        output: Output,
        options: WriterOptions,
        identity: FileIdentity,
        metadata: &Metadata,
        clock: &ClockSync,
    ) -> Result<Segment> {
        let writer = Writer::new(output, options, identity, metadata, clock)
            .with_context(|| format!("failed to write the trace {name}"))?;
        Ok(Segment { name, writer, losses: Losses::default(), stuck: None, dropped: 0, said: Vec::new() })
    }

    /// Where it is written.
    pub fn output(&self) -> &Output {
        self.writer.get_ref()
    }

    /// Events that could not be written so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What a person should know, since this was asked last.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    pub fn event(&mut self, info: &EventInfo, bytes: &[u8]) -> Result<()> {
        if let Some(stuck) = &self.stuck {
            self.losses.event(info.time_ns, stuck.reason);
            self.dropped += 1;
            return Ok(());
        }
        match self.writer.event(info, bytes) {
            Ok(()) => Ok(()),
            Err(error) => self.refused(error, Some(info.time_ns)),
        }
    }

    pub fn lost(&mut self, lost: &Lost) -> Result<()> {
        if self.stuck.is_none() {
            match self.writer.lost(lost) {
                Ok(()) => return Ok(()),
                Err(error) => self.refused(error, None)?,
            }
        }
        self.losses.add(*lost);
        Ok(())
    }

    /// Writes what stands for a moment only: when it cannot be written, the next one will do.
    pub fn passing(
        &mut self,
        write: impl Fn(&mut Writer<Output>) -> Result<(), format::Error>,
    ) -> Result<()> {
        match self.stuck {
            Some(_) => Ok(()),
            None => write(&mut self.writer).or_else(|error| self.refused(error, None)),
        }
    }

    /// Writes what must not be missing: when it cannot be written, it waits.
    pub fn lasting(
        &mut self,
        write: impl Fn(&mut Writer<Output>) -> Result<(), format::Error>,
    ) -> Result<()> {
        let Err(error) = write(&mut self.writer) else { return Ok(()) };
        self.refused(error, None)?;
        // The block that could not be written has made room in memory.
        write(&mut self.writer).with_context(|| self.failed())
    }

    /// Writes out what waits in memory, or tries whether anything can be written again; true if that is so: what came before
    /// is not all there.
    pub fn flush(&mut self) -> Result<bool> {
        match &self.stuck {
            None => self.passing(Writer::flush).map(|()| false),
            Some(stuck) if Instant::now() < stuck.next_try => Ok(false),
            Some(_) => self.go_on(),
        }
    }

    fn go_on(&mut self) -> Result<bool> {
        if !self.writer.get_mut().has_room() {
            self.stuck.iter_mut().for_each(|stuck| stuck.next_try = Instant::now() + AGAIN);
            return Ok(false);
        }
        self.tell_of_losses()?;
        let told = self.writer.clock(&clock::sample()).and_then(|()| self.writer.flush());
        if let Err(error) = told {
            self.refused(error, None)?;
            return Ok(false);
        }
        self.stuck = None;
        self.said.push(format!("the trace {} is written again", self.name));
        Ok(true)
    }

    fn tell_of_losses(&mut self) -> Result<()> {
        for lost in self.losses.take() {
            if let Err(error) = self.writer.lost(&lost) {
                self.losses.add(lost);
                self.refused(error, None)?;
            }
        }
        Ok(())
    }

    /// Writing failed. Of a pipe some bytes may have gone out already: nothing more can follow. A file is as it was before.
    fn refused(&mut self, error: format::Error, event_ns: Option<u64>) -> Result<()> {
        let errno = error.io().and_then(|error| error.raw_os_error());
        let Some(errno) = errno.filter(|_| self.writer.get_ref().is_file()) else {
            return Err(error).with_context(|| self.failed());
        };
        let gone = self.writer.abandon();
        let reason = LossReason::write_failed(errno);
        gone.lost.into_iter().for_each(|lost| self.losses.add(lost));
        if gone.events > 0 {
            let times = gone.span.into_iter().chain(event_ns.map(|time| (time, time)));
            let (from_ns, to_ns) =
                times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, clock::boottime_ns()));
            self.losses.add(Lost { from_ns, to_ns, cpu: None, count: gone.events, reason });
            self.dropped += gone.events;
        }
        if self.stuck.is_none() {
            self.said.push(format!(
                "{}: {error}: until it can be written again, events are counted as lost",
                self.failed()
            ));
        }
        self.stuck = Some(Stuck { reason, next_try: Instant::now() + AGAIN });
        Ok(())
    }

    fn failed(&self) -> String {
        format!("failed to write the trace {}", self.name)
    }

    /// Another file of this recording will follow.
    pub fn will_continue(&mut self) {
        self.writer.will_continue();
    }

    /// Writes the end, in the room that was kept for it. `stats` are the books without what could not be written here.
    pub fn close(&mut self, stats: &RecorderStats, clock: &ClockSync) -> Result<()> {
        self.flush()?;
        self.writer.get_mut().closing();
        self.tell_of_losses()?;
        let written = stats.written.saturating_sub(self.dropped);
        let stats = RecorderStats { written, user_dropped: self.dropped, ..stats.clone() };
        self.writer.close(&stats, clock).with_context(|| {
            let unreserved = match self.output().reserves() {
                true => "",
                false => ", and its filesystem keeps no room for that",
            };
            format!(
                "the trace {} could not be closed{unreserved}: what was written so far can be read",
                self.name
            )
        })?;
        self.writer.get_mut().release().with_context(|| self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;

    use crate::format::{Item, Reader};

    /// A file for a trace, and the trace.
    fn begun() -> (tempfile::NamedTempFile, Segment) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = Output::new(file.reopen().unwrap(), true);
        let identity = FileIdentity { file_uuid: [1; 16], ..FileIdentity::default() };
        let (options, metadata, clock) =
            (WriterOptions::default(), Metadata::default(), ClockSync::default());
        let segment =
            Segment::begin("t.mst".to_string(), output, options, identity, &metadata, &clock).unwrap();
        (file, segment)
    }

    fn event(segment: &mut Segment, time_ns: u64) {
        segment.event(&EventInfo { time_ns, ..EventInfo::default() }, b"an event").unwrap();
    }

    /// The losses and the number of events in a trace, and what else stays.
    fn read(file: &File) -> (Vec<Lost>, u64, u32, Option<RecorderStats>) {
        let (mut losses, mut events, mut markers, mut books) = (Vec::new(), 0, 0, None);
        let mut reader = Reader::from_file(file.try_clone().unwrap()).unwrap();
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Lost(lost) => losses.push(lost),
                Item::Event(_) => events += 1,
                Item::Marker(_) => markers += 1,
                Item::Stats(stats) => books = Some(*stats),
                Item::Damage(damage) => panic!("{damage}"),
                _ => {}
            }
        }
        (losses, events, markers, books)
    }

    #[test]
    fn what_a_failing_disk_refuses_is_counted_and_writing_goes_on() {
        let (file, mut segment) = begun();
        event(&mut segment, 10);
        segment.flush().unwrap();
        // A file that is not open for writing: EBADF.
        let working = segment.writer.get_mut().replace_file(File::open(file.path()).unwrap());
        event(&mut segment, 20);
        let ring = Lost { from_ns: 5, to_ns: 25, cpu: Some(1), count: 7, reason: LossReason::RING_FULL };
        segment.lost(&ring).unwrap();
        let marker = crate::format::Marker {
            boottime_ns: 26,
            kind: crate::format::MarkerKind::NOTE,
            text: String::new(),
        };
        segment.lasting(|writer| writer.marker(&marker)).unwrap();
        event(&mut segment, 30);
        segment.flush().unwrap();
        event(&mut segment, 40);
        assert_eq!(segment.dropped(), 3);
        let said = segment.said().join("\n");
        assert!(said.contains("failed to write the trace t.mst") && said.contains("(os error 9)"), "{said}");
        segment.writer.get_mut().replace_file(working);
        segment.stuck.as_mut().unwrap().next_try = Instant::now();
        assert!(segment.flush().unwrap(), "it can be written again");
        assert_eq!(segment.said(), ["the trace t.mst is written again"]);
        event(&mut segment, 50);
        let seen = RecorderStats { seen: 12, sent: 5, ring_full: 7, written: 5, ..RecorderStats::default() };
        segment.close(&seen, &ClockSync { boottime_ns: 60, ..ClockSync::default() }).unwrap();
        let (losses, events, markers, books) = read(file.as_file());
        let reason = LossReason::write_failed(9);
        assert_eq!(reason.to_string(), "writing failed: Bad file descriptor (os error 9)");
        assert_eq!(losses, [ring, Lost { from_ns: 20, to_ns: 40, cpu: None, count: 3, reason }]);
        assert_eq!((events, markers), (2, 1));
        let books = books.unwrap();
        assert_eq!((books.balance(), books.written, books.user_dropped), (Ok(()), 2, 3));
    }

    #[test]
    fn a_pipe_that_fails_ends_the_recording() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let output = Output::new(File::from(std::os::fd::OwnedFd::from(writer)), false);
        let identity = FileIdentity { file_uuid: [1; 16], ..FileIdentity::default() };
        let (options, metadata, clock) =
            (WriterOptions::default(), Metadata::default(), ClockSync::default());
        let mut segment =
            Segment::begin("-".to_string(), output, options, identity, &metadata, &clock).unwrap();
        reader.read_exact(&mut [0; 144]).unwrap();
        drop(reader);
        event(&mut segment, 10);
        let error = segment.flush().unwrap_err();
        assert!(format!("{error:#}").contains("Broken pipe"), "{error:#}");
    }
}
