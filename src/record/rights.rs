//! Gives up what a thread of the recorder needs no longer: its capabilities, and every way to get them back.
//! Must not know what the thread does. docs/permissions.md says who keeps what.

use anyhow::{Context, Result};
use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// Since 5.19 (c8644cd0efe7) a process that has a map may read it, whatever kernel.unprivileged_bpf_disabled says.
const READS_NEED_NOTHING: (u32, u32) = (5, 19);

/// Leaves the calling thread no capabilities but these, of those that it has, and no way to more: not for itself, and not
/// for what it executes or starts. Other threads keep theirs.
pub(super) fn keep_only(wanted: CapabilitySet) -> Result<()> {
    // The bounding set can be changed with CAP_SETPCAP only. Where it cannot, no_new_privs alone must do.
    for bit in 0..u64::BITS {
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_err() {
            break;
        }
    }
    set_no_new_privs(true).context("failed to set no_new_privs")?;
    let had = capabilities(None).context("failed to read the capabilities of the recorder")?;
    let kept = had.permitted & wanted;
    // What is not permitted and inheritable leaves the ambient set too.
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).context("failed to give up the capabilities of the recorder")
}

/// For a thread that needs none from its first line on. The main thread will do the same, and says so if it cannot.
pub(super) fn keep_none() {
    let _ = keep_only(CapabilitySet::empty());
}

/// Gives up what the capabilities of the program's file, or an ambient set, have added to the rights of its user: they are
/// for recording. Root keeps its own. For the first thread, before there are others.
pub fn not_recording() {
    if !geteuid().is_root() {
        keep_none();
    }
}

/// What it takes to create files where the user of a program could when it began, and to give them to the one who typed the command.
pub(super) fn to_create_files() -> CapabilitySet {
    CapabilitySet::DAC_OVERRIDE | CapabilitySet::CHOWN | CapabilitySet::FOWNER
}

/// What it takes to read the counters of programs that are loaded, on a kernel of this release.
pub(super) fn to_read_counters(release: (u32, u32)) -> CapabilitySet {
    if release >= READS_NEED_NOTHING {
        return CapabilitySet::empty();
    }
    let has_bpf = capabilities(None).is_ok_and(|had| had.permitted.contains(CapabilitySet::BPF));
    if has_bpf { CapabilitySet::BPF } else { CapabilitySet::SYS_ADMIN }
}
