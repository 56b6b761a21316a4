//! Carries event bytes out of the ring buffer, from the moment the programs are attached until they have stopped.
//! Runs in a thread of its own and knows no files, formats or clocks.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::{Link, RingBufferBuilder};

use super::super::{AttachMode, Attachment, Only};
use super::asked::Asked;
use super::attach::{self, Facts};
use super::clock;
use super::kernel_types::KernelTypes;
use super::linger;
use super::link;
use super::load;
use super::messages::Messages;
use super::rights;
use super::skeleton::MountsnoopSkel;
use super::tracefs::Tracefs;
use super::{Books, Message};

/// How long the reader rests after it has emptied the ring buffer, unless there is much in it before. Events that come meanwhile wake
/// nobody, so a burst costs one wake-up for each rest, not one for each event.
const REST: Duration = Duration::from_millis(50);
/// A batch is handed over when it has grown to this, bytes, even if the ring buffer is not empty yet.
const BATCH: usize = 1 << 20;
/// After the programs were told to stop: those that run have ended by then.
const SETTLE: Duration = Duration::from_millis(2);
/// What the callback returns to make libbpf stop in the middle of a full ring buffer.
const BATCH_IS_FULL: i32 = -1;

/// What the kernel side is told to do.
pub(super) struct Order {
    /// Size of the ring buffer, bytes; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Capture only what this process's descendants do.
    pub only_descendants: bool,
    pub attach: AttachMode,
    pub compat: bool,
    pub queries: bool,
    pub only: Only,
}

/// Loads and attaches, says so through `out`, then carries events until it is asked to stop, and what is left after that.
pub(super) fn run(order: &Order, out: &SyncSender<Message>, asked: &Asked) -> Result<()> {
    let tracefs = Tracefs::reach();
    let facts = Facts::here(&tracefs);
    let types = KernelTypes::here()?;
    Messages::collect();
    let mut refused = String::new();
    for choice in attach::choices(order.attach, &facts) {
        let mut storage = MaybeUninit::uninit();
        let mut links = Vec::new();
        let reached = if choice.mode == AttachMode::Tracepoint { tracefs.needed() } else { Ok(()) };
        let tried = reached.and_then(|()| load::load(order, &choice, &facts, &types, &mut storage)).and_then(
            |(skel, missing)| {
                link::attach(order, &choice, &types, &skel, missing, &mut links).map(|got| (skel, got))
            },
        );
        match tried {
            Ok((skel, mut attachment)) => {
                if !refused.is_empty() {
                    attachment.reason = format!("{} ({refused})", attachment.reason);
                }
                attachment.counts_collide =
                    attach::can_be_preempted(choice.mode, &facts) && !attach::can_keep_cpu(&facts);
                // Megabytes that nobody needs any more.
                drop(types);
                drop(tracefs);
                return carry(skel, links, attachment, &facts, out, asked);
            }
            Err(error) => {
                if !refused.is_empty() {
                    refused.push_str("; ");
                }
                refused.push_str(&format!("{}: {error:#}", choice.mode.name()));
            }
        }
    }
    bail!("this kernel lets none of the ways to attach through: {refused}")
}

fn carry(
    mut skel: MountsnoopSkel<'_>,
    links: Vec<Link>,
    attachment: Attachment,
    facts: &Facts,
    out: &SyncSender<Message>,
    asked: &Asked,
) -> Result<()> {
    load::attached(&mut skel);
    let batch = RefCell::new(Vec::with_capacity(BATCH));
    let mut builder = RingBufferBuilder::new();
    builder.add(&skel.maps.bell, |_| 0)?;
    builder.add(&skel.maps.ring, |event| {
        let mut batch = batch.borrow_mut();
        batch.extend_from_slice(&(event.len() as u32).to_le_bytes());
        batch.extend_from_slice(event);
        if batch.len() < BATCH { 0 } else { BATCH_IS_FULL }
    })?;
    let ring = builder.build().context("failed to map the ring buffer")?;
    rights::keep_only(rights::to_read_counters(facts.release))?;
    if out.send(Message::Attached(attachment)).is_err() {
        return Ok(());
    }
    let hand_over = || -> Result<usize> {
        let full = std::mem::take(&mut *batch.borrow_mut());
        let bytes = full.len();
        if bytes > 0 {
            batch.borrow_mut().reserve(bytes.min(BATCH));
            out.send(Message::Events(full)).map_err(|_| anyhow!("nobody takes the events any more"))?;
        }
        Ok(bytes)
    };
    let mut clock = None;
    while !asked.stopped() {
        let epoch = asked.epoch();
        if let Some(bss) = skel.maps.bss_data.as_mut().filter(|bss| bss.epoch != epoch) {
            let asked_ns = clock::boottime_ns();
            bss.epoch = epoch;
            let _ = out.send(Message::Epoch { asked_ns, begun_ns: clock::boottime_ns() });
        }
        asked.wait(skel.maps.ring.as_fd())?;
        if asked.take_clock() {
            clock.get_or_insert_with(clock::sample);
        }
        let emptied = check(ring.consume_raw())?;
        let bytes = hand_over()?;
        if let Some(clock) = clock.take_if(|_| emptied) {
            let _ = out.send(Message::Clock(clock));
        }
        if emptied && bytes > 0 {
            if let Some(bss) = skel.maps.bss_data.as_mut() {
                bss.resting = 1;
            }
            asked.rest(skel.maps.bell.as_fd(), REST)?;
        }
    }
    // Detaching takes up to 70 ms a tracepoint: the programs are told to do nothing, and detached when all is written.
    if let Some(bss) = skel.maps.bss_data.as_mut() {
        bss.stopped = 1;
    }
    std::thread::sleep(SETTLE);
    loop {
        check(ring.consume_raw())?;
        if hand_over()? == 0 {
            break;
        }
    }
    let cpus = load::counters(&skel)?;
    let (missed, doubt) = match load::missed(&skel) {
        Ok(missed) => (missed, None),
        Err(error) => (Vec::new(), Some(format!("{error:#}"))),
    };
    let books = Books { cpus, missed, doubt };
    let _ = out.send(Message::Detached(books));
    linger::detach_later(links);
    Ok(())
}

/// A count of events, an interruption and a full batch are all fine; anything else that is negative is an error.
/// Returns whether the ring buffer was emptied.
fn check(result: i32) -> Result<bool> {
    const EINTR: i32 = -4;
    match result {
        BATCH_IS_FULL | EINTR => Ok(false),
        0.. => Ok(true),
        errno => Err(std::io::Error::from_raw_os_error(-errno)).context("failed to read the ring buffer"),
    }
}
