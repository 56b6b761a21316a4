//! The compiled BPF objects, and the proof that `bpf/event.h` and `src/layout.rs` describe the same bytes.

use crate::layout;

#[allow(unsafe_code, missing_docs, clippy::all)]
mod main_skel {
    include!(concat!(env!("OUT_DIR"), "/mountsnoop.skel.rs"));
}
#[allow(unsafe_code, missing_docs, clippy::all)]
mod self_skel {
    include!(concat!(env!("OUT_DIR"), "/self.skel.rs"));
}
pub(super) use main_skel::{MountsnoopSkel, MountsnoopSkelBuilder, OpenMountsnoopSkel, types};
pub(super) use self_skel::SelfSkelBuilder;

/// The names of the types that the programs know: those of the kernel that they look into, and their own.
pub(super) const TYPES: &[&str] = &include!(concat!(env!("OUT_DIR"), "/mountsnoop.types.rs"));

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
