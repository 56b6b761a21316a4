//! Attaches loaded programs to the kernel.
//! Must not know what they record.

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::skel::Skel;
use libbpf_rs::{ErrorKind, KprobeMultiOpts, Link, TracepointCategory};

use super::super::{AttachMode, Attachment};
use super::attach::{Choice, Functions, Target};
use super::capture::Order;
use super::load::{Missing, once};
use super::messages::Messages;
use super::skeleton::{MountsnoopSkel, types};

const NO_COMPAT: &str = "calls of 32-bit programs are not recorded: tracepoints do not see them; --compat records them, at a \
                         price for every system call";

const NOT_ENTERED: &str = "calls that a seccomp filter refuses are not recorded: they never reach the functions that are \
                           watched; --attach tracepoint records them";

/// Attaches every program that was loaded, in the way that was chosen.
pub(super) fn attach(
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
            let failed = |error: libbpf_rs::Error| {
                let refused =
                    choice.mode == AttachMode::Tracepoint && error.kind() == ErrorKind::PermissionDenied;
                let advice = if refused { paranoia().unwrap_or_default() } else { String::new() };
                anyhow!(error).context(format!("failed to attach to {section}{advice}{}", Messages::take()))
            };
            // Programs for many returns: attached with each beginning below.
            if section == "tracepoint" {
                continue;
            }
            links.push(program.attach().map_err(failed)?);
            let Some(target) = Target::of(&section) else { continue };
            if choice.mode == AttachMode::Tracepoint {
                let place = format!("sys_exit_{}", target.call);
                let returns = match call(skel, &target.call) {
                    Some(call) if call.selective != 0 => &skel.progs.tp_exit_selective,
                    _ => &skel.progs.tp_exit,
                };
                let link = returns.attach_tracepoint(TracepointCategory::Syscalls, place);
                links.push(link.map_err(failed)?);
            }
            if !attached.contains(&target.call) {
                attached.push(target.call);
            }
        }
    }
    if attached.is_empty() {
        bail!("this kernel has none of the places to attach to");
    }
    if choice.mode == AttachMode::Tracepoint {
        // The tracepoints do not fire for 32-bit calls (arch_trace_is_compat_syscall).
        match order.compat {
            true => attached.push("compat calls".to_string()),
            false => missing.push(("compat calls".to_string(), NO_COMPAT.to_string())),
        }
    } else {
        missing.push(("refused calls".to_string(), NOT_ENTERED.to_string()));
    }
    Ok(Attachment {
        mode: choice.mode.name().to_string(),
        reason: choice.reason.clone(),
        attached,
        missing,
        counts_collide: false,
    })
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
    skel: &MountsnoopSkel<'_>,
    links: &mut Vec<Link>,
    missing: &mut Missing,
) -> Result<Vec<String>> {
    let functions = Functions::here();
    let (mut symbols, mut cookies, mut attached) = (Vec::new(), Vec::new(), Vec::new());
    for program in skel.object().progs_mut() {
        let section = program.section().to_string_lossy().into_owned();
        let (Some(target), true) = (Target::of(&section), section.starts_with("fentry/")) else { continue };
        let Some(call) = number_of(skel, target.native_call()) else { continue };
        if !functions.has(&target.place) {
            if target.exists_natively() {
                missing.push((target.call, format!("this kernel has no function {}", target.place)));
            }
            continue;
        }
        cookies.push(u64::from(call) | u64::from(target.is_compat()) << 8);
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

/// What the kernel side knows of a call, by the name of the kernel function behind it.
fn call<'a>(skel: &'a MountsnoopSkel<'_>, function: &str) -> Option<&'a types::ms_named> {
    let is_it = |name: &[u8]| name.split(|&byte| byte == 0).next() == Some(function.as_bytes());
    skel.maps.rodata_data.as_ref()?.ms_names.iter().find(|call| is_it(&call.name))
}

/// The number of a call, by the same name.
pub(super) fn number_of(skel: &MountsnoopSkel<'_>, function: &str) -> Option<u32> {
    call(skel, function).map(|call| call.number.into())
}
