//! Attaches loaded programs to the kernel.
//! Must not know what they record.

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::skel::Skel;
use libbpf_rs::{ErrorKind, KprobeMultiOpts, Link, TracepointCategory};

use super::super::{AttachMode, Attachment};
use super::attach::{Choice, Functions, OLD_UMOUNT, Target};
use super::capture::Order;
use super::kernel_types::KernelTypes;

use super::messages::Messages;
use super::programs::{Missing, once};
use super::skeleton::{MountsnoopSkel, types::ms_named};
use super::tracefs::Tracefs;

const NO_COMPAT: &str = "calls of 32-bit programs are not recorded: tracepoints do not see them; --compat records them, at a \
                         price for every system call";

const NOT_ENTERED: &str = "calls that a seccomp filter refuses are not recorded: they never reach the functions that are \
                           watched; --attach tracepoint records them";

/// Since 5.12, and in 5.10 as Debian has it: bpf_tramp_image_put() in kernel/bpf/trampoline.c lets what is under way go past all fexit
/// programs when those of its function change.
const SKIPPED: &str = "the return of a call that is under way when another tool attaches an fentry or fexit program to the same \
                       function, or detaches one, is not recorded, and the call looks as if it hung: the kernel runs no \
                       program then; --attach kprobe or tracepoint records it";

/// Attaches every program that was loaded, in the way that was chosen.
pub(super) fn attach(
    order: &Order,
    choice: &Choice,
    types: &KernelTypes,
    skel: &MountsnoopSkel<'_>,
    mut missing: Missing,
    links: &mut Vec<Link>,
) -> Result<Attachment> {
    let mut attached = match choice.mode {
        AttachMode::Kprobe => attach_kprobes(types, skel, links, &mut missing)?,
        AttachMode::Tracepoint => attach_tracepoints(skel, links, &mut missing)?,
        AttachMode::Fentry | AttachMode::Auto => attach_trampolines(skel, links)?,
    };
    if attached.is_empty() {
        bail!("this kernel has none of the places to attach to");
    }
    let mut not_seen = |what: &str, why: &str| missing.push((what.to_string(), why.to_string()));
    match choice.mode {
        // They do not fire for 32-bit calls (arch_trace_is_compat_syscall).
        AttachMode::Tracepoint if order.compat => attached.push("compat calls".to_string()),
        AttachMode::Tracepoint => not_seen("compat calls", NO_COMPAT),
        AttachMode::Kprobe => not_seen("refused calls", NOT_ENTERED),
        AttachMode::Fentry | AttachMode::Auto => {
            not_seen("refused calls", NOT_ENTERED);
            not_seen("skipped returns", SKIPPED);
        }
    }
    Ok(Attachment {
        mode: choice.mode.name().to_string(),
        reason: choice.reason.clone(),
        attached,
        missing,
        counts_collide: false,
    })
}

/// Every program that was loaded for a function.
fn attach_trampolines(skel: &MountsnoopSkel<'_>, links: &mut Vec<Link>) -> Result<Vec<String>> {
    let mut attached: Vec<String> = Vec::new();
    for program in skel.object().progs_mut().filter(|program| program.autoload()) {
        let section = program.section().to_string_lossy().into_owned();
        let Some(target) = Target::of(&section) else { continue };
        links.push(program.attach().map_err(|error| refused(error, &section))?);
        if !attached.contains(&target.call) {
            attached.push(target.call);
        }
    }
    Ok(attached)
}

/// The beginning and the return of each call that has tracepoints, with the programs that serve many calls.
fn attach_tracepoints(
    skel: &MountsnoopSkel<'_>,
    links: &mut Vec<Link>,
    missing: &mut Missing,
) -> Result<Vec<String>> {
    let (progs, mut attached) = (&skel.progs, Vec::new());
    for program in [&progs.raw_enter, &progs.raw_exit] {
        if program.autoload() {
            let section = program.section().to_string_lossy().into_owned();
            links.push(program.attach().map_err(|error| refused(error, &section))?);
        }
    }
    for call in calls(skel) {
        let name = name_of(call);
        let place = format!("syscalls/sys_enter_{name}");
        if !Tracefs::has(&place) {
            if name != OLD_UMOUNT {
                missing.push((name, format!("this kernel has no tracepoint {place}")));
            }
            continue;
        }
        let (begins, returns) = match call.selective {
            0 => (&progs.tp_enter, &progs.tp_exit),
            _ => (&progs.tp_enter_selective, &progs.tp_exit_selective),
        };
        for (program, place) in [(begins, format!("sys_enter_{name}")), (returns, format!("sys_exit_{name}"))]
        {
            let link = program.attach_tracepoint(TracepointCategory::Syscalls, &place);
            links.push(link.map_err(|error| tracepoint_refused(error, &place))?);
        }
        attached.push(name);
    }
    keep_perf_out();
    Ok(attached)
}

/// Each of these places is an event of perf's, which libbpf opens for processor 0: there the kernel goes on after the program, and
/// makes a sample that nobody wants. 7.2, unlike 6.18, even brings in pages with strings of the caller for that, so that what a call
/// finds in memory would depend on who else records. The program runs all the same where the event is disabled
/// (perf_syscall_enter() in kernel/trace/trace_syscalls.c).
fn keep_perf_out() {
    // Those that this thread has opened. Where that may not be, a call costs more, which is no reason not to record.
    let _ = rustix::process::configure_performance_counters(false);
}

fn refused(error: libbpf_rs::Error, place: &str) -> anyhow::Error {
    anyhow!(error).context(format!("failed to attach to {place}{}", Messages::take()))
}

fn tracepoint_refused(error: libbpf_rs::Error, place: &str) -> anyhow::Error {
    let denied = error.kind() == ErrorKind::PermissionDenied;
    let advice = if denied { paranoia().unwrap_or_default() } else { String::new() };
    refused(error, &format!("tracepoint/syscalls/{place}{advice}"))
}

/// What to do where perf_event_open(2) refuses a tracepoint. In Linux itself CAP_PERFMON is enough; Debian and Ubuntu know
/// levels above 2, on which it is not.
fn paranoia() -> Option<String> {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok()?;
    let level: i32 = level.trim().parse().ok().filter(|&level| level > 2)?;
    Some(format!(
        " (kernel.perf_event_paranoid is {level}, with which this kernel wants CAP_SYS_ADMIN: run it with sudo, set it to 2, or \
         try --attach fentry)"
    ))
}

/// All functions that there are, native ones and those of 32-bit calls, with two programs and two links.
fn attach_kprobes(
    types: &KernelTypes,
    skel: &MountsnoopSkel<'_>,
    links: &mut Vec<Link>,
    missing: &mut Missing,
) -> Result<Vec<String>> {
    let functions = Functions::of(types);
    let (mut symbols, mut cookies, mut attached) = (Vec::new(), Vec::new(), Vec::new());
    for program in skel.object().progs_mut() {
        let section = program.section().to_string_lossy().into_owned();
        let (Some(target), true) = (Target::of(&section), section.starts_with("fentry/")) else { continue };
        let Some(call) = number_of(skel, target.native_call()) else { continue };
        if !functions.has(&target.function) {
            if target.exists_natively() {
                missing.push((target.call, format!("this kernel has no function {}", target.function)));
            }
            continue;
        }
        cookies.push(u64::from(call) | u64::from(target.is_compat()) << 8);
        symbols.push(target.function);
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

/// What the kernel side knows of the calls.
pub(super) fn calls<'a>(skel: &'a MountsnoopSkel<'_>) -> &'a [ms_named] {
    skel.maps.rodata_data.as_ref().map_or(&[], |rodata| &rodata.ms_names)
}

/// The kernel's name of the function behind a call.
fn name_of(call: &ms_named) -> String {
    let name = call.name.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// The number of a call, by that name.
pub(super) fn number_of(skel: &MountsnoopSkel<'_>, function: &str) -> Option<u32> {
    calls(skel).iter().find(|call| name_of(call) == function).map(|call| call.number.into())
}
