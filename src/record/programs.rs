//! Which of the programs one way to attach needs, and which of them go on in which.
//! Must not know what they are told to record.

use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result};
use libbpf_rs::skel::OpenSkel;
use libbpf_rs::{MapCore, MapFlags, OpenProgramMut};

use super::super::AttachMode;
use super::attach::{self, Choice, Functions, Target};
use super::capture::Order;
use super::kernel_types::KernelTypes;
use super::skeleton::{MountsnoopSkel, OpenMountsnoopSkel};

/// What the kernel lacks, each with what is therefore not seen.
pub(super) type Missing = Vec<(String, String)>;

/// Has those loaded; returns the calls whose functions this kernel lacks.
pub(super) fn choose(
    open: &mut OpenMountsnoopSkel<'_>,
    order: &Order,
    choice: &Choice,
    types: &KernelTypes,
) -> Result<Missing> {
    let functions = (choice.mode == AttachMode::Fentry).then(|| Functions::of(types));
    let (mut missing, mut there) = (Missing::new(), Vec::new());
    for mut program in open.open_object_mut().progs_mut() {
        let section = program.section().to_string_lossy().into_owned();
        let name = program.name().to_string_lossy().into_owned();
        let wanted = match (Target::of(&section), &functions) {
            (Some(target), Some(functions)) if functions.has(&target.function) => {
                if !section.ends_with(&target.function) {
                    attach_to(&mut program, &target.function)?;
                }
                there.push(target);
                true
            }
            (Some(target), Some(_)) => {
                if section.starts_with("fentry/") && target.exists_natively() {
                    missing.push((target.call, format!("this kernel has no function {}", target.function)));
                }
                false
            }
            (Some(_), None) => false,
            (None, _) => match name.split_once('_') {
                Some(("kmulti", _)) => choice.mode == AttachMode::Kprobe,
                Some(("tp", _)) => choice.mode == AttachMode::Tracepoint,
                Some(("raw", _)) => choice.mode == AttachMode::Tracepoint && order.compat,
                _ => false,
            },
        };
        program.set_autoload(wanted);
    }
    if let Some(functions) = &functions {
        choose_bodies(open, functions, &there)?;
    }
    once(&mut missing);
    Ok(missing)
}

/// The programs in which those of functions go on. They are never attached, but the kernel wants to know to what they could be.
fn choose_bodies(
    open: &mut OpenMountsnoopSkel<'_>,
    functions: &Functions<'_>,
    there: &[Target],
) -> Result<()> {
    let Some(any) = there.first() else { return Ok(()) };
    let clone3 = there.iter().find(|target| target.call == "clone3");
    let clone3 = clone3.filter(|clone3| !functions.are_alike(&clone3.function, &any.function));
    let progs = &mut open.progs;
    for (program, like) in [
        (&mut progs.trampoline_enter, Some(any)),
        (&mut progs.trampoline_exit, Some(any)),
        (&mut progs.trampoline_clone3_enter, clone3),
        (&mut progs.trampoline_clone3_exit, clone3),
    ] {
        if let Some(target) = like {
            attach_to(program, &target.function)?;
            program.set_autoload(true);
        }
    }
    Ok(())
}

fn attach_to(program: &mut OpenProgramMut<'_>, function: &str) -> Result<()> {
    let attached = program.set_attach_target(0, Some(function.to_string()));
    attached.with_context(|| format!("failed to make {:?} one for {function}", program.name()))
}

/// A call that the kernel lacks altogether is named once, not again for 32-bit programs.
pub(super) fn once(missing: &mut Missing) {
    let native: Vec<String> = missing.iter().map(|(call, _)| call.clone()).collect();
    missing.retain(|(call, _)| {
        call.strip_prefix(attach::COMPAT).is_none_or(|call| !native.iter().any(|name| name == call))
    });
}

/// Puts the programs that do the work where the others of the same way to attach go on in them.
pub(super) fn join(skel: &MountsnoopSkel<'_>, mode: AttachMode) -> Result<()> {
    let (progs, maps) = (&skel.progs, &skel.maps);
    let of_clone3 = progs.trampoline_clone3_enter.autoload();
    let bodies = match mode {
        AttachMode::Tracepoint => {
            vec![(&maps.enter_body, &progs.tp_enter), (&maps.exit_body, &progs.tp_exit)]
        }
        AttachMode::Fentry => vec![
            (&maps.enter_body, &progs.trampoline_enter),
            (&maps.exit_body, &progs.trampoline_exit),
            (
                &maps.clone3_enter_body,
                if of_clone3 { &progs.trampoline_clone3_enter } else { &progs.trampoline_enter },
            ),
            (
                &maps.clone3_exit_body,
                if of_clone3 { &progs.trampoline_clone3_exit } else { &progs.trampoline_exit },
            ),
        ],
        AttachMode::Kprobe | AttachMode::Auto => Vec::new(),
    };
    for (map, program) in bodies {
        let body = program.as_fd().as_raw_fd();
        map.update(&0u32.to_ne_bytes(), &body.to_ne_bytes(), MapFlags::ANY)
            .with_context(|| format!("failed to join the BPF programs with {:?}", program.name()))?;
    }
    Ok(())
}
