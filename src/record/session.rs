//! One recording from start to end: starts the capture thread and the command, watches clocks and signals, and hands
//! everything to the sink in order. Must not know what a sink does with it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::thread::CapabilitySet;
use signal_hook::consts::{SIGHUP, SIGUSR2};

use super::super::preflight::System;
use super::super::{Attachment, CommandEnd, Options, Progress, Request, Sink, Summary, Trigger, Wish};
use super::about;
use super::asked::Asked;
use super::capture::{self, Order};
use super::clock::{self, Steps};
use super::command::Running;
use super::epoch::Epoch;
use super::tally::Tally;
use super::{Books, Message, rights, signals};
use crate::format::{ChildExit, ClockSync, LossReason, Lost};
use crate::layout::{self, Common};

/// Batches that may wait for the writer before the capture thread waits for it, and the ring buffer fills.
const BATCHES: usize = 8;
const CLOCK_EVERY: Duration = Duration::from_secs(10);
/// After this long without events the clock is written once more: it lets a reader see that a call hangs.
const QUIET: Duration = Duration::from_secs(1);

/// Records until something ends it: a signal, the duration, the command, or an error.
///
/// Once the programs are attached and the sink has begun, the calling thread gives up its capabilities for good, and sets
/// no_new_privs; the command does not. docs/permissions.md has the few that some threads keep.
///
/// # Errors
/// What this machine lacks, what the kernel refused, or the first error of the sink. The sink is ended properly where
/// that is still possible.
pub fn run(options: &Options, sink: &mut dyn Sink) -> Result<Summary> {
    let missing = System::here().missing();
    if !missing.is_empty() {
        bail!(missing.join("\n"));
    }
    let (sender, receiver) = sync_channel(BATCHES);
    signals::watch(sender.clone(), sink.signals())?;
    let asked = Arc::new(Asked::new()?);
    let order = Order {
        ring_bytes: options.ring_bytes,
        only_descendants: !options.command.is_empty(),
        attach: options.attach,
        compat: options.compat,
        queries: options.queries,
        only: options.only.clone(),
    };
    spawn_capture(order, sender.clone(), asked.clone())?;

    let mut session = Session::new(options, sink, asked, sender);
    let recorded = session.record(&receiver);
    // Whatever went wrong, the programs are detached and what they caught is drained.
    session.asked.stop();
    // The command uses our terminal, and its caller goes on when we end: not before it has.
    recorded.and(session.await_command(&receiver))?;
    Ok(session.summary)
}

fn spawn_capture(order: Order, out: SyncSender<Message>, asked: Arc<Asked>) -> Result<()> {
    std::thread::Builder::new()
        .name("capture".to_string())
        .spawn(move || {
            if let Err(error) = capture::run(&order, &out, &asked) {
                let _ = out.send(Message::Failed(error));
            }
        })
        .context("failed to start the capture thread")?;
    Ok(())
}

struct Session<'a> {
    options: &'a Options,
    sink: &'a mut dyn Sink,
    asked: Arc<Asked>,
    sender: SyncSender<Message>,
    summary: Summary,
    started: Instant,
    command: Option<Running>,
    attached_ns: u64,
    tally: Tally,
    steps: Steps,
    epoch: Epoch,
    /// With the next one begins another file.
    next_file: bool,
    /// When the first event came that may not have been flushed.
    dirty_since: Option<Instant>,
    next_clock: Instant,
    next_progress: Instant,
    stopped_by: Option<String>,
}

impl<'a> Session<'a> {
    fn new(
        options: &'a Options,
        sink: &'a mut dyn Sink,
        asked: Arc<Asked>,
        sender: SyncSender<Message>,
    ) -> Self {
        let now = Instant::now();
        Session {
            options,
            sink,
            asked,
            sender,
            summary: Summary::default(),
            started: now,
            command: None,
            attached_ns: 0,
            tally: Tally::default(),
            steps: Steps::default(),
            epoch: Epoch::new(now),
            next_file: false,
            dirty_since: None,
            next_clock: now + CLOCK_EVERY,
            next_progress: now + Duration::from_secs(1),
            stopped_by: None,
        }
    }

    fn record(&mut self, receiver: &Receiver<Message>) -> Result<()> {
        loop {
            let message = match receiver.recv_timeout(self.wait()) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => bail!("the capture thread has gone"),
            };
            match message {
                Some(Message::Attached(attachment)) => self.begin(attachment)?,
                Some(Message::Events(batch)) => self.events(&batch)?,
                Some(Message::Clock(clock)) => {
                    self.look_at_the_clock(&clock)?;
                    self.sink.clock(&clock)?;
                    self.dirty_since.get_or_insert_with(Instant::now);
                }
                Some(Message::Epoch { asked_ns, begun_ns }) => {
                    self.epoch.begun(asked_ns, begun_ns, Instant::now());
                }
                Some(Message::Command(end)) => self.command_ended(end)?,
                Some(Message::Signal(signal)) => self.signalled(signal),
                Some(Message::Failed(error)) => return self.give_up(error),
                Some(Message::Detached(books)) => {
                    self.end(books)?;
                    break;
                }
                None => {}
            }
            self.timers()?;
        }
        Ok(())
    }

    /// Until the next thing that is due.
    fn wait(&self) -> Duration {
        let due = [
            Some(self.next_clock),
            self.dirty_since.map(|since| since + self.options.flush),
            self.epoch.due(),
            self.sink.due(),
            self.options.progress.then_some(self.next_progress),
            self.options
                .duration
                .filter(|_| self.stopped_by.is_none())
                .map(|duration| self.started + duration),
        ];
        until_due(self.attached_ns, &due, Instant::now())
    }

    fn timers(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.attached_ns == 0 {
            return Ok(());
        }
        if now >= self.next_clock {
            self.asked.clock();
            self.next_clock = now + CLOCK_EVERY;
        }
        if self.dirty_since.is_some_and(|since| now >= since + self.options.flush) {
            self.look_at_the_clock(&clock::sample())?;
            self.sink.flush()?;
            self.dirty_since = None;
        }
        self.wishes(now)?;
        if self.options.progress && now >= self.next_progress {
            self.next_progress = now + Duration::from_secs(1);
            let so_far = Progress {
                elapsed: self.started.elapsed(),
                events: self.summary.events,
                lost: self.summary.lost + self.sink.unwritten().events,
            };
            self.sink.progress(&so_far);
        }
        if self.options.duration.is_some_and(|duration| now >= self.started + duration) {
            self.stop("the duration was over".to_string());
        }
        Ok(())
    }

    fn wishes(&mut self, now: Instant) -> Result<()> {
        match self.sink.tick(now)? {
            Some(Wish::Stop(why)) => self.stop(why),
            Some(wish) => {
                self.next_file |= wish == Wish::NextFile;
                self.epoch.end();
            }
            None => {}
        }
        if self.epoch.is_over(now) {
            self.asked.next_epoch();
        }
        if self.epoch.has_settled(now) {
            self.fresh()?;
        }
        Ok(())
    }

    /// From here on every process is told of again.
    fn fresh(&mut self) -> Result<()> {
        let clock = clock::sample();
        if !std::mem::take(&mut self.next_file) {
            return self.sink.fresh(&clock);
        }
        if self.sink.next_file(&self.tally.books(), &clock)? {
            self.tally.next_file();
        }
        Ok(())
    }

    fn look_at_the_clock(&mut self, clock: &ClockSync) -> Result<()> {
        let Some(marker) = self.steps.look(clock) else { return Ok(()) };
        // Apart from the events: whoever reads only what is about the trace will find it.
        self.sink.flush()?;
        self.sink.marker(&marker)?;
        self.sink.clock(clock)?;
        self.sink.flush()
    }

    fn begin(&mut self, attachment: Attachment) -> Result<()> {
        self.started = Instant::now();
        let clock = clock::sample();
        self.attached_ns = clock.boottime_ns.max(1);
        self.tally = Tally::new(self.attached_ns, attachment.counts_collide);
        self.steps.look(&clock);
        self.sink.begin(&about::metadata(self.options, attachment), &clock)?;
        if !self.options.command.is_empty() && self.stopped_by.is_none() {
            match Running::start(&self.options.command, self.sender.clone()) {
                Ok(running) => self.command = Some(running),
                Err(end) => {
                    self.summary.command = Some(end);
                    self.stop("the command could not be run".to_string());
                }
            }
        }
        // The output is open and the command has all that its caller has. From here on this thread only writes what comes,
        // and passes signals on to a command that may be somebody else by now.
        let mut kept = CapabilitySet::empty();
        kept.set(CapabilitySet::KILL, self.command.is_some());
        kept.set(rights::to_create_files(), !self.sink.signals().is_empty());
        rights::keep_only(kept)
    }

    fn events(&mut self, mut batch: &[u8]) -> Result<()> {
        let now = Instant::now();
        while let Some(length) = layout::u32_at(batch, 0) {
            let (event, rest) = batch[4..].split_at((length as usize).min(batch.len() - 4));
            batch = rest;
            let head = Common::read(event)
                .ok_or_else(|| anyhow!("the kernel side sent an event of {length} bytes"))?;
            if self.epoch.event(head.time, head.phase == layout::PROCESS, event.len(), now) {
                self.fresh()?;
            }
            if let Some(lost) = self.tally.event(&head) {
                self.lost(&lost)?;
            }
            self.sink.event(&head, event)?;
            self.summary.events += 1;
        }
        self.dirty_since.get_or_insert(now);
        self.next_clock = self.next_clock.min(now + QUIET);
        Ok(())
    }

    fn lost(&mut self, lost: &Lost) -> Result<()> {
        self.summary.lost += lost.count;
        self.sink.lost(lost)
    }

    fn signalled(&mut self, signal: i32) {
        match signal {
            SIGHUP => return self.sink.request(Request::NextFile),
            SIGUSR2 => return self.sink.request(Request::Dump(Trigger::Signal)),
            _ => {}
        }
        if let (Some(command), Some(signal)) =
            (&self.command, rustix::process::Signal::from_named_raw(signal))
        {
            command.signal(signal);
        }
        self.stop(format!("signal {signal}"));
    }

    fn command_ended(&mut self, end: CommandEnd) -> Result<()> {
        let (status, signal) = match end {
            CommandEnd::Exited(status) => (Some(status), None),
            CommandEnd::Killed(signal) => (None, Some(signal)),
            CommandEnd::NotFound | CommandEnd::CannotExecute(_) => (None, None),
        };
        let pid = self.command.take().map(|command| command.pid()).unwrap_or_default();
        self.sink.child_exit(&ChildExit { pid, status, signal, boottime_ns: clock::boottime_ns() })?;
        self.summary.command = Some(end);
        self.stop("the command had ended".to_string());
        Ok(())
    }

    fn stop(&mut self, why: String) {
        self.stopped_by.get_or_insert(why);
        self.asked.stop();
    }

    fn end(&mut self, books: Books) -> Result<()> {
        let clock = clock::sample();
        let (losses, mut stats) = self.tally.end(&books.cpus, clock.boottime_ns);
        for lost in losses {
            self.lost(&lost)?;
        }
        stats.stopped_by = self.stopped_by.clone().unwrap_or_default();
        let missed = books.missed.iter().map(|(_, count)| count).sum();
        stats.missed = books.missed;
        self.summary.lost += missed;
        for (count, reason) in [
            (missed, LossReason::MISSED),
            (stats.map_full, LossReason::MAP_FULL),
            (stats.overflow, LossReason::OVERFLOW),
        ] {
            if count > 0 {
                let (from_ns, to_ns) = (self.attached_ns, clock.boottime_ns);
                self.sink.lost(&Lost { from_ns, to_ns, cpu: None, count, reason })?;
            }
        }
        self.summary.parts_lost = stats.map_full + stats.overflow;
        self.summary.doubt = stats.balance().err().map(|unbalanced| unbalanced.to_string()).or(books.doubt);
        self.summary.elapsed = self.started.elapsed();
        self.sink.end(&stats, &clock)?;
        let unwritten = self.sink.unwritten();
        self.summary.events = self.summary.events.saturating_sub(unwritten.events);
        self.summary.lost += unwritten.events;
        self.summary.unwritten = unwritten;
        Ok(())
    }

    /// What was captured so far stays, in a file that says it was not closed.
    fn give_up(&mut self, error: anyhow::Error) -> Result<()> {
        if self.attached_ns != 0 {
            self.sink.flush()?;
        }
        Err(error)
    }

    /// The file is closed, or lost; the command's status is still owed to the caller.
    fn await_command(&mut self, receiver: &Receiver<Message>) -> Result<()> {
        while self.command.is_some() {
            match receiver.recv().context("the thread that waits for the command has gone")? {
                Message::Command(end) => {
                    self.summary.command = Some(end);
                    self.command = None;
                }
                Message::Signal(signal) => self.signalled(signal),
                _ => {}
            }
        }
        Ok(())
    }
}

/// How long until the first of these. Nothing is looked at before it records: what is due meanwhile, as a duration shorter than
/// the programs take to load, would have the loop spin.
fn until_due(attached_ns: u64, due: &[Option<Instant>], now: Instant) -> Duration {
    let first = due.iter().flatten().min().filter(|_| attached_ns != 0);
    first.map_or(CLOCK_EVERY, |at| at.saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_waited_for_only_while_it_records() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let (later, much_later) = (now + second, now + 5 * second);
        for (attached_ns, due, expected) in [
            (0, vec![Some(now)], CLOCK_EVERY),
            (1, vec![Some(now), Some(later)], Duration::ZERO),
            (1, vec![None, Some(much_later), Some(later)], second),
            (1, vec![Some(now)], Duration::ZERO),
            (1, vec![None], CLOCK_EVERY),
        ] {
            assert_eq!(until_due(attached_ns, &due, now), expected, "{attached_ns} {due:?}");
        }
        assert_eq!(until_due(1, &[Some(now)], later), Duration::ZERO, "what was due before is due now");
    }
}
