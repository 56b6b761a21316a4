//! What the head of a trace says about the recording: the host, the recorder, and what is left out on purpose.
//! Must not know how a recording goes on from there.

use super::super::{Attachment, Options};
use super::host;
use crate::format::Metadata;

/// The head of a trace that is taken with these options.
pub(super) fn metadata(options: &Options, attachment: Attachment) -> Metadata {
    let uname = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    Metadata {
        tool_version: env!("CARGO_PKG_VERSION").to_string(),
        tool_commit: env!("MOUNTSNOOP_COMMIT").to_string(),
        args: options.args.clone(),
        hostname: text(uname.nodename()),
        kernel_release: text(uname.release()),
        kernel_version: text(uname.version()),
        machine: text(uname.machine()),
        os: host::os(),
        page_size: rustix::param::page_size() as u32,
        cpus: host::possible_cpus(),
        boot_id: host::boot_id(),
        init_mnt_ns: host::init_mnt_ns(),
        recorder_pid: std::process::id(),
        attach_mode: attachment.mode,
        attach_reason: attachment.reason,
        attached: attachment.attached,
        missing: attachment.missing,
        filters: filters(options),
        ring_bytes: options.ring_bytes.into(),
        flush_ns: options.flush.as_nanos() as u64,
        level: options.level.unwrap_or_default(),
        redaction: "none".to_string(),
        labels: Vec::new(),
    }
}

/// What is left out of the trace on purpose, in words.
fn filters(options: &Options) -> Vec<String> {
    let only = &options.only;
    let mut filters = Vec::new();
    let mut add = |wanted: bool, text: String| filters.extend(wanted.then_some(text));
    let words: Vec<_> = options.command.iter().map(|word| word.to_string_lossy()).collect();
    add(!words.is_empty(), format!("only the command {:?} and its descendants", words.join(" ")));
    let forks = if only.follow_forks { " and their descendants" } else { "" };
    add(!only.pids.is_empty(), format!("only processes {:?}{forks}", only.pids));
    add(!only.namespaces.is_empty(), format!("only mount namespaces {:?}", only.namespaces));
    add(only.cgroup.is_some(), format!("only cgroup {}", only.cgroup.unwrap_or_default()));
    add(!only.calls.is_empty(), format!("only calls number {:?}", only.calls));
    add(only.failed, "only calls that failed".to_string());
    add(!options.queries, "statmount, listmount and listns are counted, not recorded".to_string());
    filters
}
