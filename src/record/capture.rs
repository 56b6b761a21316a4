//! The kernel side, from user space: load the BPF programs, attach them, carry event bytes out of the ring buffer.
//! The only file that touches libbpf. Runs in a thread of its own and knows no files, formats or clocks.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, PrintLevel, ProgramInput, RingBufferBuilder};

use super::super::Attachment;
use super::tracefs::Tracefs;
use super::{Counters, Message};
use crate::layout;

#[allow(unsafe_code, missing_docs, clippy::all)]
mod skel {
    include!(concat!(env!("OUT_DIR"), "/mountsnoop.skel.rs"));
}
use skel::{MountsnoopSkel, MountsnoopSkelBuilder, types};

// bpf/event.h and src/layout.rs describe the same bytes.
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<types::ms_header>() == layout::COMMON_SIZE);
    assert!(offset_of!(types::ms_header, header_len) == layout::HEADER_LEN);
    assert!(offset_of!(types::ms_header, call) == layout::CALL);
    assert!(offset_of!(types::ms_header, phase) == layout::PHASE);
    assert!(offset_of!(types::ms_header, abi) == layout::ABI);
    assert!(offset_of!(types::ms_header, flags) == layout::FLAGS);
    assert!(offset_of!(types::ms_header, time) == layout::TIME);
    assert!(offset_of!(types::ms_header, seq) == layout::SEQ);
    assert!(offset_of!(types::ms_header, cpu) == layout::CPU);
    assert!(offset_of!(types::ms_header, pid) == layout::PID);
    assert!(offset_of!(types::ms_header, tid) == layout::TID);
    assert!(offset_of!(types::ms_header, mnt_ns) == layout::MNT_NS);
    assert!(size_of::<types::ms_enter>() == layout::ENTER_SIZE);
    assert!(offset_of!(types::ms_enter, ppid) == layout::PPID);
    assert!(offset_of!(types::ms_enter, uid) == layout::UID);
    assert!(offset_of!(types::ms_enter, gid) == layout::GID);
    assert!(offset_of!(types::ms_enter, cgroup) == layout::CGROUP);
    assert!(offset_of!(types::ms_enter, comm) == layout::COMM);
    assert!(size_of::<types::ms_exit>() == layout::EXIT_SIZE);
    assert!(offset_of!(types::ms_exit, ret) == layout::RET);
    assert!(size_of::<types::ms_section>() == layout::SECTION_SIZE);
    assert!(offset_of!(types::ms_section, kind) == layout::SECTION_KIND);
    assert!(offset_of!(types::ms_section, arg) == layout::SECTION_ARG);
    assert!(offset_of!(types::ms_section, state) == layout::SECTION_STATE);
    assert!(offset_of!(types::ms_section, len) == layout::SECTION_LEN);
};

/// How long the reader sleeps after it has emptied the ring buffer. Events that come meanwhile wake nobody, so a burst
/// costs one wake-up for each rest, not one for each event.
const REST: Duration = Duration::from_millis(10);
/// How long it waits for a first event before it looks whether it should stop.
const WAIT: Duration = Duration::from_millis(100);
/// A batch is handed over when it has grown to this, bytes, even if the ring buffer is not empty yet.
const BATCH: usize = 1 << 20;
/// What the callback returns to make libbpf stop in the middle of a full ring buffer.
const BATCH_IS_FULL: i32 = -1;

/// What the kernel side is told to do.
pub(super) struct Order {
    /// Size of the ring buffer, bytes; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Capture only what this process's descendants do.
    pub only_descendants: bool,
}

/// Loads and attaches, says so through `out`, then carries events until `stop` is set; detaches, and carries the rest.
pub(super) fn run(order: &Order, out: &SyncSender<Message>, stop: &Arc<AtomicBool>) -> Result<()> {
    let mut storage = MaybeUninit::uninit();
    let skel = load(order, &mut storage)?;
    let mut links = Vec::new();
    let attachment = attach(&skel, &mut links)?;

    let batch = RefCell::new(Vec::with_capacity(BATCH));
    let mut builder = RingBufferBuilder::new();
    builder.add(&skel.maps.ring, |event| {
        let mut batch = batch.borrow_mut();
        batch.extend_from_slice(&(event.len() as u32).to_le_bytes());
        batch.extend_from_slice(event);
        if batch.len() < BATCH { 0 } else { BATCH_IS_FULL }
    })?;
    let ring = builder.build().context("failed to map the ring buffer")?;
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
    while !stop.load(Ordering::Acquire) {
        check(ring.poll_raw(WAIT))?;
        let bytes = hand_over()?;
        if bytes > 0 && bytes < order.ring_bytes as usize / 16 {
            std::thread::sleep(REST);
        }
    }
    links.clear();
    loop {
        check(ring.consume_raw())?;
        if hand_over()? == 0 {
            break;
        }
    }
    let counters = counters(&skel)?;
    let _ = out.send(Message::Detached(counters));
    Ok(())
}

/// A count of events, an interruption and a full batch are all fine; anything else that is negative is an error.
fn check(result: i32) -> Result<()> {
    const EINTR: i32 = -4;
    match result {
        BATCH_IS_FULL | EINTR | 0.. => Ok(()),
        errno => Err(std::io::Error::from_raw_os_error(-errno)).context("failed to read the ring buffer"),
    }
}

fn load<'a>(
    order: &Order,
    storage: &'a mut MaybeUninit<libbpf_rs::OpenObject>,
) -> Result<MountsnoopSkel<'a>> {
    let _messages = Messages::collect();
    let root = if order.only_descendants { own_tgid()? } else { 0 };
    let mut open = MountsnoopSkelBuilder::default().open(storage).context("failed to open the BPF object")?;
    if let Some(rodata) = open.maps.rodata_data.as_mut() {
        rodata.only_descendants_of = root;
    }
    open.maps.ring.set_max_entries(order.ring_bytes).context("failed to set the size of the ring buffer")?;
    open.progs.self_id.set_autoload(false);
    open.load().map_err(|error| anyhow!("the kernel refused the BPF programs: {error}{}", Messages::take()))
}

/// The thread group id of this process as the kernel counts it, which in a pid namespace is not getpid().
fn own_tgid() -> Result<u32> {
    let mut storage = MaybeUninit::uninit();
    let mut open = MountsnoopSkelBuilder::default().open(&mut storage)?;
    for mut program in open.open_object_mut().progs_mut() {
        let wanted = program.name() == "self_id";
        program.set_autoload(wanted);
    }
    let skel = open
        .load()
        .map_err(|error| anyhow!("the kernel refused a BPF program: {error}{}", Messages::take()))?;
    skel.progs.self_id.test_run(ProgramInput::default()).context("failed to run a BPF program")?;
    match skel.maps.bss_data.as_ref() {
        Some(bss) if bss.self_tgid != 0 => Ok(bss.self_tgid),
        _ => bail!("the kernel did not say which process this is"),
    }
}

/// Attaches every program that was loaded; what the kernel has no place for is named, not fatal.
fn attach(skel: &MountsnoopSkel<'_>, links: &mut Vec<Link>) -> Result<Attachment> {
    let tracefs = Tracefs::reach()?;
    let mut attached = Vec::new();
    let mut missing = Vec::new();
    for program in skel.object().progs_mut().filter(|program| program.autoload()) {
        let section = program.section().to_string_lossy().into_owned();
        let Some(event) = section.strip_prefix("tracepoint/") else { continue };
        if !tracefs.has(event) {
            missing.push((event.to_string(), "this kernel has no such tracepoint".to_string()));
            continue;
        }
        links.push(program.attach().with_context(|| format!("failed to attach to the tracepoint {event}"))?);
        attached.push(event.to_string());
    }
    if attached.is_empty() {
        bail!("this kernel has none of the system call tracepoints: it needs CONFIG_FTRACE_SYSCALLS=y");
    }
    Ok(Attachment {
        mode: "tracepoint".to_string(),
        reason: "the only mode of this version".to_string(),
        attached,
        missing,
    })
}

fn counters(skel: &MountsnoopSkel<'_>) -> Result<Vec<Counters>> {
    let per_cpu = skel
        .maps
        .counters
        .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
        .context("failed to read the event counters")?
        .ok_or_else(|| anyhow!("the kernel has no event counters"))?;
    let field = |bytes: &[u8], at| layout::u64_at(bytes, at).unwrap_or(0);
    Ok(per_cpu
        .iter()
        .map(|bytes| Counters {
            seen: field(bytes, std::mem::offset_of!(types::ms_counters, seen)),
            ring_full: field(bytes, std::mem::offset_of!(types::ms_counters, ring_full)),
            map_full: field(bytes, std::mem::offset_of!(types::ms_counters, map_full)),
            overflow: field(bytes, std::mem::offset_of!(types::ms_counters, overflow)),
        })
        .collect())
}

/// What libbpf has to say. It takes a plain function, so the text has to go through a static.
struct Messages;

static MESSAGES: Mutex<String> = Mutex::new(String::new());

impl Messages {
    fn collect() -> Messages {
        fn keep(_: PrintLevel, text: String) {
            if let Ok(mut all) = MESSAGES.lock()
                && all.len() < 16 << 10
            {
                all.push_str(&text);
            }
        }
        libbpf_rs::set_print(Some((PrintLevel::Warn, keep)));
        Messages
    }

    /// All that was said so far, on lines of its own.
    fn take() -> String {
        let text = MESSAGES.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        if text.is_empty() { text } else { format!("\n{}", text.trim_end()) }
    }
}
