//! Loads the BPF programs that one way to attach needs, told what to record, and reads what they have counted.
//! Must not know where events go: that is capture.rs.

use std::fs;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, ProgramInput, ProgramMut};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::param::page_size;

use super::super::preflight::VMLINUX_BTF;
use super::super::{AttachMode, Only};
use super::attach::{self, Choice, Facts, Target};
use super::capture::Order;
use super::kernel_types::KernelTypes;
use super::link;
use super::messages::Messages;
use super::programs::{self, Missing};
use super::skeleton::{
    MountsnoopSkel, MountsnoopSkelBuilder, OpenMountsnoopSkel, SelfSkelBuilder, TYPES, types as bpf_types,
};
use super::{Counters, clock};
use crate::layout;

/// This part of the ring buffer is much: the reader is told, though it rests, while there is room for what comes until it looks.
const MUCH: u32 = 8;

/// Loads the programs that this way to attach has a place for.
pub(super) fn load<'a>(
    order: &Order,
    choice: &Choice,
    facts: &Facts,
    types: &KernelTypes,
    storage: &'a mut MaybeUninit<libbpf_rs::OpenObject>,
) -> Result<(MountsnoopSkel<'a>, Missing)> {
    let own = own_tgid()?;
    let mut builder = MountsnoopSkelBuilder::default();
    let looked_into = looked_into(types)?;
    builder.obj_builder.btf_custom_path(format!("/proc/self/fd/{}", looked_into.as_raw_fd()))?;
    let mut open = builder.open(storage).context("failed to open the BPF object")?;
    configure(&mut open, order, choice, facts, own)?;
    if let Some(rodata) = open.maps.rodata_data.as_mut() {
        rodata.task_struct_type = types.number_of_struct("task_struct").unwrap_or_default();
    }
    if attach::can_be_preempted(choice.mode, facts) {
        // A slot for each call, calling convention and phase.
        let slots = 2 * open.maps.rebuilt.max_entries();
        open.maps.scratches.set_max_entries(slots).context("failed to size the scratch memory")?;
    }
    let sized = open.maps.ring.set_max_entries(order.ring_bytes);
    sized
        .and(open.maps.bell.set_max_entries(page_size() as u32))
        .context("failed to set the size of the ring buffer")?;
    let missing = programs::choose(&mut open, order, choice, types)?;
    let skel = open
        .load()
        .map_err(|error| anyhow!("the kernel refused the BPF programs: {error}{}", Messages::take()))?;
    fill(&skel, &order.only)?;
    programs::join(&skel, choice.mode)?;
    Ok((skel, missing))
}

/// What libbpf is to know of the kernel's types, as a file.
fn looked_into(types: &KernelTypes) -> Result<OwnedFd> {
    let bytes = types.only(TYPES).with_context(|| {
        format!(
            "the kernel's description of its types is damaged: a type in {VMLINUX_BTF} refers to one that is not there; \
             try another kernel"
        )
    })?;
    let file = memfd_create("types", MemfdFlags::CLOEXEC).context("failed to make a file in memory")?;
    let mut file = fs::File::from(file);
    file.write_all(&bytes).context("failed to write the kernel's types to memory")?;
    Ok(file.into())
}

fn configure(
    open: &mut OpenMountsnoopSkel<'_>,
    order: &Order,
    choice: &Choice,
    facts: &Facts,
    own: u32,
) -> Result<()> {
    let only = &order.only;
    let preempted = attach::can_be_preempted(choice.mode, facts);
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
    rodata.ring_bell_at = u64::from(order.ring_bytes / MUCH);
    rodata.shared_scratch = u8::from(!preempted);
    // Where programs share nothing, only the counts of a CPU can still be stepped on.
    rodata.keep_cpu = u8::from(preempted && attach::can_keep_cpu(facts));
    rodata.can_miss = u8::from(preempted);
    rodata.returns_of_all = u8::from(choice.mode == AttachMode::Tracepoint);
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

/// Says that all programs are attached, as of now.
pub(super) fn attached(skel: &mut MountsnoopSkel<'_>) {
    if let Some(bss) = skel.maps.bss_data.as_mut() {
        bss.attached_at = clock::boottime_ns();
    }
}

/// How often the kernel did not run one of our programs because it ran already on that CPU (since 5.12 it says so), less
/// the beginnings that were told of all the same, as the call returned. Read from /proc, since bpf(2) lists programs for
/// CAP_SYS_ADMIN only.
pub(super) fn missed(skel: &MountsnoopSkel<'_>) -> Result<Vec<(String, u64)>> {
    let mut missed = Vec::new();
    for program in skel.object().progs_mut().filter(|program| program.autoload()) {
        let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
        let info = fs::read_to_string(&path)
            .with_context(|| format!("how often the kernel did not run a program is not known: {path}"))?;
        let count = info.lines().find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok());
        let count: u64 = count.unwrap_or(0);
        let count = count.saturating_sub(made_up_for(skel, &program)?);
        missed.extend((count > 0).then(|| (program.name().to_string_lossy().into_owned(), count)));
    }
    Ok(missed)
}

/// How many of the beginnings that this program should have told of were told of later.
fn made_up_for(skel: &MountsnoopSkel<'_>, program: &ProgramMut<'_>) -> Result<u64> {
    let section = program.section().to_string_lossy().into_owned();
    let name = program.name().to_string_lossy().into_owned();
    // By call, those of 32-bit programs after the others.
    let all = skel.maps.rebuilt.max_entries();
    let natively = |selective| {
        let calls = link::calls(skel).iter();
        calls.filter(|call| (call.selective != 0) == selective).map(|call| call.number.into()).collect()
    };
    let keys: Vec<u32> = match Target::of(&section) {
        None if name == "raw_enter" => (all / 2..all).collect(),
        None if name == "tp_enter" => natively(false),
        None if name == "tp_enter_selective" => natively(true),
        Some(target) if !section.starts_with("fexit/") => {
            let Some(call) = link::number_of(skel, target.native_call()) else { return Ok(0) };
            let compat = call + all / 2;
            match target.is_compat() {
                true => vec![compat],
                // There 32-bit programs come through the same functions.
                false if cfg!(target_arch = "aarch64") => vec![call, compat],
                false => vec![call],
            }
        }
        _ => return Ok(0),
    };
    let mut sum = 0;
    for key in keys {
        let count = skel.maps.rebuilt.lookup(&key.to_ne_bytes(), MapFlags::ANY);
        let count = count.context("failed to read how many beginnings were told of later")?;
        sum += count.and_then(|bytes| layout::u64_at(&bytes, 0)).unwrap_or(0);
    }
    Ok(sum)
}

pub(super) fn counters(skel: &MountsnoopSkel<'_>) -> Result<Vec<Counters>> {
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
            seen: field(bytes, std::mem::offset_of!(bpf_types::ms_counters, seen)),
            ring_full: field(bytes, std::mem::offset_of!(bpf_types::ms_counters, ring_full)),
            map_full: field(bytes, std::mem::offset_of!(bpf_types::ms_counters, map_full)),
            overflow: field(bytes, std::mem::offset_of!(bpf_types::ms_counters, overflow)),
            queries: field(bytes, std::mem::offset_of!(bpf_types::ms_counters, queries)),
        })
        .collect())
}
