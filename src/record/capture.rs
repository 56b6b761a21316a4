//! The kernel side, from user space: load the BPF programs, attach them, carry event bytes out of the ring buffer.
//! The only file that loads BPF. Runs in a thread of its own and knows no files, formats or clocks.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{KprobeMultiOpts, Link, MapCore, MapFlags, Program, ProgramInput, RingBufferBuilder};
use std::os::fd::AsFd;

use super::super::{AttachMode, Attachment, Only};
use super::attach::{self, Choice, Facts, Functions, Target};
use super::linger;
use super::messages::Messages;
use super::tracefs::Tracefs;
use super::{Books, Counters, Message};
use crate::layout;

#[allow(unsafe_code, missing_docs, clippy::all)]
mod skel {
    include!(concat!(env!("OUT_DIR"), "/mountsnoop.skel.rs"));
}
#[allow(unsafe_code, missing_docs, clippy::all)]
mod self_skel {
    include!(concat!(env!("OUT_DIR"), "/self.skel.rs"));
}
use self_skel::SelfSkelBuilder;
use skel::{MountsnoopSkel, MountsnoopSkelBuilder, OpenMountsnoopSkel, types};

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
    assert!(offset_of!(types::ms_enter, start) == layout::START);
    assert!(offset_of!(types::ms_enter, mnt_ns_id) == layout::MNT_NS_ID);
    assert!(offset_of!(types::ms_enter, pid_ns) == layout::PID_NS);
    assert!(offset_of!(types::ms_enter, pid_ns_level) == layout::PID_NS_LEVEL);
    assert!(offset_of!(types::ms_enter, ns_pid) == layout::NS_PID);
    assert!(offset_of!(types::ms_enter, ns_tid) == layout::NS_TID);
    assert!(size_of::<types::ms_mount>() == layout::MOUNT_SIZE);
    assert!(offset_of!(types::ms_mount, unique_id) == layout::MOUNT_UNIQUE_ID);
    assert!(offset_of!(types::ms_mount, key) == layout::MOUNT_KEY);
    assert!(offset_of!(types::ms_mount, id) == layout::MOUNT_ID);
    assert!(offset_of!(types::ms_mount, dev) == layout::MOUNT_DEV);
    assert!(size_of::<types::ms_fscontext>() == layout::FSCONTEXT_SIZE);
    assert!(offset_of!(types::ms_fscontext, purpose) == layout::FSCONTEXT_PURPOSE);
    assert!(size_of::<types::ms_namespace>() == layout::NAMESPACE_SIZE);
    assert!(size_of::<types::ms_parent>() == layout::PARENT_SIZE);
    assert!(offset_of!(types::ms_parent, comm) == layout::PARENT_COMM);
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
/// After the programs were told to stop: those that run have ended by then.
const SETTLE: Duration = Duration::from_millis(2);
/// A scratch slot for each program (`PROGRAM` slots of bpf/capture.h): two phases, two calling conventions.
const SLOTS: u32 = 2 * 2 * 21;
/// Before 6.15 a verifier refuses calls of global functions where preemption is off (seen on 6.12).
const NO_PREEMPTION: (u32, u32) = (6, 15);
const NO_COMPAT: &str = "calls of 32-bit programs are not recorded: tracepoints do not see them; --compat records them, at a \
                         price for every system call";
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

/// Loads and attaches, says so through `out`, then carries events until `stop` is set, and what is left after that.
pub(super) fn run(order: &Order, out: &SyncSender<Message>, stop: &Arc<AtomicBool>) -> Result<()> {
    let tracefs = Tracefs::reach()?;
    let facts = Facts::here(&tracefs);
    Messages::collect();
    let mut refused = String::new();
    for choice in attach::choices(order.attach, &facts) {
        let mut storage = MaybeUninit::uninit();
        let mut links = Vec::new();
        let tried = load(order, &choice, &facts, &mut storage).and_then(|(skel, missing)| {
            attach(order, &choice, &skel, missing, &mut links).map(|got| (skel, got))
        });
        match tried {
            Ok((skel, mut attachment)) => {
                if !refused.is_empty() {
                    attachment.reason = format!("{} ({refused})", attachment.reason);
                }
                drop(tracefs);
                return carry(order, skel, links, attachment, out, stop);
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
    order: &Order,
    mut skel: MountsnoopSkel<'_>,
    links: Vec<Link>,
    attachment: Attachment,
    out: &SyncSender<Message>,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
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
    let books = Books { cpus: counters(&skel)?, missed: missed(&skel) };
    let _ = out.send(Message::Detached(books));
    linger::detach_later(links);
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

/// What the kernel lacks, each with what is therefore not seen.
type Missing = Vec<(String, String)>;

/// Loads the programs that this way to attach has a place for.
fn load<'a>(
    order: &Order,
    choice: &Choice,
    facts: &Facts,
    storage: &'a mut MaybeUninit<libbpf_rs::OpenObject>,
) -> Result<(MountsnoopSkel<'a>, Missing)> {
    let own = own_tgid()?;
    let mut open = MountsnoopSkelBuilder::default().open(storage).context("failed to open the BPF object")?;
    let alone = attach::can_be_preempted(choice.mode, facts);
    configure(&mut open, order, facts, own, !alone)?;
    if alone {
        open.maps.scratches.set_max_entries(SLOTS).context("failed to size the scratch memory")?;
    }
    open.maps.ring.set_max_entries(order.ring_bytes).context("failed to set the size of the ring buffer")?;
    let functions = if choice.mode == AttachMode::Tracepoint { None } else { Some(Functions::here()) };
    let mut missing = Missing::new();
    for mut program in open.open_object_mut().progs_mut() {
        let section = program.section().to_string_lossy().into_owned();
        let name = program.name().to_string_lossy().into_owned();
        let wanted = match Target::of(&section) {
            Some(target) if target.mode != choice.mode => false,
            Some(target) if target.mode == AttachMode::Fentry => {
                let there = functions.as_ref().is_some_and(|functions| functions.has(&target.place));
                if !there && section.starts_with("fentry/") && target.exists_natively() {
                    missing
                        .push((target.call.clone(), format!("this kernel has no function {}", target.place)));
                }
                there
            }
            Some(target) => {
                let there = Tracefs::has(&target.place);
                if !there && section.contains("sys_enter_") && target.exists_natively() {
                    missing.push((
                        target.call.clone(),
                        format!("this kernel has no tracepoint {}", target.place),
                    ));
                }
                there
            }
            None => match name.as_str() {
                "kmulti_enter" | "kmulti_exit" => choice.mode == AttachMode::Kprobe,
                "raw_enter" | "raw_exit" => choice.mode == AttachMode::Tracepoint && order.compat,
                _ => false,
            },
        };
        program.set_autoload(wanted);
    }
    once(&mut missing);
    let skel = open
        .load()
        .map_err(|error| anyhow!("the kernel refused the BPF programs: {error}{}", Messages::take()))?;
    fill(&skel, &order.only)?;
    Ok((skel, missing))
}

/// A call that the kernel lacks altogether is named once, not again for 32-bit programs.
fn once(missing: &mut Missing) {
    let native: Vec<String> = missing.iter().map(|(call, _)| call.clone()).collect();
    missing.retain(|(call, _)| {
        call.strip_prefix("compat ").is_none_or(|call| !native.iter().any(|name| name == call))
    });
}

fn configure(
    open: &mut OpenMountsnoopSkel<'_>,
    order: &Order,
    facts: &Facts,
    own: u32,
    shared: bool,
) -> Result<()> {
    let only = &order.only;
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| anyhow!("no random bytes to hide kernel addresses with: {error}"))?;
    let Some(rodata) = open.maps.rodata_data.as_mut() else { bail!("the BPF object has no constants") };
    rodata.not_of = own;
    rodata.only_descendants_of = if order.only_descendants { own } else { 0 };
    rodata.only_pids = u8::from(!only.pids.is_empty());
    rodata.follow_forks = u8::from(only.follow_forks);
    rodata.only_namespaces = u8::from(!only.namespaces.is_empty());
    rodata.only_cgroup = only.cgroup.unwrap_or_default();
    rodata.only_calls = only.calls.iter().fold(0, |bits, call| bits | 1 << (call & 63));
    rodata.only_failed = u8::from(only.failed);
    rodata.queries = u8::from(order.queries);
    rodata.shared_scratch = u8::from(shared);
    // Where programs share nothing, only the counts of a CPU can still be stepped on.
    rodata.keep_cpu = u8::from(!shared && facts.release >= NO_PREEMPTION);
    rodata.hash_key =
        [layout::u64_at(&key, 0).unwrap_or_default(), layout::u64_at(&key, 8).unwrap_or_default()];
    Ok(())
}

/// Lists what is wanted in the maps that the programs look it up in.
fn fill(skel: &MountsnoopSkel<'_>, only: &Only) -> Result<()> {
    let lists: [(&dyn MapCore, &[u32]); 2] =
        [(&skel.maps.pids, &only.pids), (&skel.maps.namespaces, &only.namespaces)];
    for (map, list) in lists {
        for number in list {
            map.update(&number.to_ne_bytes(), &[1], MapFlags::ANY)
                .context("failed to tell the kernel what to record")?;
        }
    }
    Ok(())
}

/// The thread group id of this process as the kernel counts it, which in a pid namespace is not getpid().
fn own_tgid() -> Result<u32> {
    let mut storage = MaybeUninit::uninit();
    let open = SelfSkelBuilder::default().open(&mut storage)?;
    let skel = open
        .load()
        .map_err(|error| anyhow!("the kernel refused a BPF program: {error}{}", Messages::take()))?;
    skel.progs.self_id.test_run(ProgramInput::default()).context("failed to run a BPF program")?;
    match skel.maps.bss_data.as_ref() {
        Some(bss) if bss.self_tgid != 0 => Ok(bss.self_tgid),
        _ => bail!("the kernel did not say which process this is"),
    }
}

/// Attaches every program that was loaded, in the way that was chosen.
fn attach(
    order: &Order,
    choice: &Choice,
    skel: &MountsnoopSkel<'_>,
    mut missing: Missing,
    links: &mut Vec<Link>,
) -> Result<Attachment> {
    let mut attached: Vec<String> = Vec::new();
    if choice.mode == AttachMode::Kprobe {
        attached = attach_kprobes(skel, links, &mut missing)?;
    } else {
        for program in skel.object().progs_mut().filter(|program| program.autoload()) {
            let section = program.section().to_string_lossy().into_owned();
            links.push(
                program
                    .attach()
                    .with_context(|| format!("failed to attach to {section}{}", Messages::take()))?,
            );
            if let Some(target) = Target::of(&section)
                && !attached.contains(&target.call)
            {
                attached.push(target.call);
            }
        }
    }
    if attached.is_empty() {
        bail!("this kernel has none of the places to attach to");
    }
    if choice.mode == AttachMode::Tracepoint {
        // On x86 the tracepoints do not fire for 32-bit calls (arch_trace_is_compat_syscall).
        match order.compat {
            true => attached.push("compat calls".to_string()),
            false => missing.push(("compat calls".to_string(), NO_COMPAT.to_string())),
        }
    }
    Ok(Attachment { mode: choice.mode.name().to_string(), reason: choice.reason.clone(), attached, missing })
}

/// All functions that there are, native ones and those of 32-bit calls, with two programs and two links.
fn attach_kprobes(
    skel: &MountsnoopSkel<'_>,
    links: &mut Vec<Link>,
    missing: &mut Missing,
) -> Result<Vec<String>> {
    let functions = Functions::here();
    let (mut symbols, mut cookies, mut attached) = (Vec::new(), Vec::new(), Vec::new());
    for program in skel.object().progs_mut() {
        let section = program.section().to_string_lossy().into_owned();
        let (Some(target), true) = (Target::of(&section), section.starts_with("fentry/")) else { continue };
        let Some(call) = number_of(target.call.trim_start_matches("compat ")) else { continue };
        if !functions.has(&target.place) {
            if target.exists_natively() {
                missing.push((target.call, format!("this kernel has no function {}", target.place)));
            }
            continue;
        }
        cookies.push(u64::from(call) | u64::from(target.call.starts_with("compat ")) << 8);
        symbols.push(target.place);
        attached.push(target.call);
    }
    once(missing);
    let opts = |retprobe| KprobeMultiOpts {
        symbols: symbols.clone(),
        cookies: cookies.clone(),
        retprobe,
        ..Default::default()
    };
    // Returns first: a return without its beginning is left alone, a beginning without its return would look like a hang.
    links.push(
        skel.progs
            .kmulti_exit
            .attach_kprobe_multi_with_opts(opts(true))
            .context("failed to attach kretprobe.multi")?,
    );
    links.push(
        skel.progs
            .kmulti_enter
            .attach_kprobe_multi_with_opts(opts(false))
            .context("failed to attach kprobe.multi")?,
    );
    Ok(attached)
}

/// The number of a call, by the name of the kernel function behind it.
fn number_of(function: &str) -> Option<u16> {
    // bpf/calls.h has the same pairs; the kernel calls umount2(2) umount, and the old umount(2) oldumount.
    const NUMBERS: [(&str, u16); 20] = [
        ("mount", 1),
        ("umount", 2),
        ("oldumount", 3),
        ("fsopen", 4),
        ("fsconfig", 5),
        ("fsmount", 6),
        ("fspick", 7),
        ("move_mount", 8),
        ("open_tree", 9),
        ("open_tree_attr", 10),
        ("mount_setattr", 11),
        ("pivot_root", 12),
        ("chroot", 13),
        ("unshare", 14),
        ("setns", 15),
        ("clone", 16),
        ("clone3", 17),
        ("statmount", 18),
        ("listmount", 19),
        ("listns", 20),
    ];
    NUMBERS.iter().find(|(name, _)| *name == function).map(|(_, number)| *number)
}

/// How often the kernel did not run one of our programs because it ran already on that CPU (since 5.12 it says so).
fn missed(skel: &MountsnoopSkel<'_>) -> Vec<(String, u64)> {
    let ours: Vec<u32> = skel
        .object()
        .progs_mut()
        .filter(|program| program.autoload())
        .filter_map(|program| Program::id_from_fd(program.as_fd()).ok())
        .collect();
    ProgInfoIter::default()
        .filter(|info| info.recursion_misses > 0 && ours.contains(&info.id))
        .map(|info| (info.name.to_string_lossy().into_owned(), info.recursion_misses))
        .collect()
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
            queries: field(bytes, std::mem::offset_of!(types::ms_counters, queries)),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_functions_are_those_of_the_kernel_side() {
        let define = |name: &str| {
            let event = include_str!("../../bpf/event.h");
            let line = event.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
            line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok())
        };
        let rows: Vec<(&str, Option<u16>)> = include_str!("../../bpf/calls.h")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("CALL(")?.split_once(", "))
            .map(|(function, rest)| (function, define(rest.split(',').next().unwrap_or_default())))
            .collect();
        assert!(rows.len() >= 20, "{rows:?}");
        for (function, number) in rows {
            assert!(number.is_some() && number_of(function) == number, "{function}: {number:?}");
        }
    }
}
