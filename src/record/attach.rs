//! Which way to attach on this kernel, and to what: the choice as a pure function of facts, and where the facts come from.
//! Must not know how programs are loaded: that is capture.rs.

use std::collections::HashMap;
use std::fs;

use super::super::AttachMode;
use super::kernel_types::KernelTypes;
use super::tracefs::Tracefs;

/// Whether a task can be preempted while it runs in the kernel, and so in the middle of a BPF program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preemption {
    /// `none` or `voluntary`.
    No,
    /// `full` or `lazy`.
    Yes,
}

/// Facts that decide how to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub preemption: Preemption,
    /// The first two numbers of the kernel's release.
    pub release: (u32, u32),
}

/// A way to attach, and the reason to give for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub mode: AttachMode,
    pub reason: String,
}

/// Linux 7.2 is the first on which returns of kretprobe.multi were seen to be complete under load; 6.12 lost half of them.
const COMPLETE_KRETPROBES: (u32, u32) = (7, 2);

/// What to try, best first. Nothing is lost in the first; what the others may lose is counted and reported.
pub(super) fn choices(wanted: AttachMode, facts: &Facts) -> Vec<Choice> {
    let choice = |mode, reason: &str| Choice { mode, reason: reason.to_string() };
    let fentry = choice(
        AttachMode::Fentry,
        "the kernel is not preemptible: complete, and free for every other system call",
    );
    let kprobe = choice(
        AttachMode::Kprobe,
        "the kernel is preemptible, where fentry would lose events: kprobe.multi is complete",
    );
    let tracepoint = choice(
        AttachMode::Tracepoint,
        "the kernel is preemptible, or does not say that it is not; fentry would lose events then: tracepoints are complete",
    );
    let fallback = choice(AttachMode::Tracepoint, "the kernel refused the better way");
    match (wanted, facts.preemption) {
        (AttachMode::Auto, Preemption::No) => vec![fentry, fallback],
        (AttachMode::Auto, Preemption::Yes) if facts.release >= COMPLETE_KRETPROBES => vec![kprobe, fallback],
        (AttachMode::Auto, Preemption::Yes) => vec![tracepoint],
        (forced, _) => vec![choice(forced, "asked for with --attach")],
    }
}

/// Whether programs of this mode can be preempted half-way, so that each needs memory of its own.
pub(super) fn can_be_preempted(mode: AttachMode, facts: &Facts) -> bool {
    match mode {
        // One program for all calls, which the kernel never runs twice at once on a CPU.
        AttachMode::Kprobe => false,
        // perf's way to a tracepoint switched preemption off until tracepoints learned to sleep (7.2; not yet in 7.1).
        AttachMode::Tracepoint => facts.preemption == Preemption::Yes && facts.release >= (7, 2),
        AttachMode::Fentry | AttachMode::Auto => facts.preemption == Preemption::Yes,
    }
}

/// Before 6.15 a verifier refuses calls of global functions where preemption is off (seen on 6.12), so that programs which
/// can be preempted cannot help it, and step on each other's counts.
const NO_PREEMPTION: (u32, u32) = (6, 15);

/// Whether programs of this mode, which can be preempted, can switch that off while they run.
pub(super) fn can_keep_cpu(facts: &Facts) -> bool {
    facts.release >= NO_PREEMPTION
}

impl Facts {
    /// Those of this machine. `tracefs` has made debugfs visible where it could.
    pub(super) fn here(tracefs: &Tracefs) -> Facts {
        let uname = rustix::system::uname();
        let (release, version) = (uname.release().to_string_lossy(), uname.version().to_string_lossy());
        let scheduler = fs::read_to_string(tracefs.debugfs().join("sched/preempt")).ok();
        Facts {
            preemption: preemption(scheduler.as_deref(), &version),
            release: super::super::preflight::version(&release).unwrap_or_default(),
        }
    }
}

/// From /sys/kernel/debug/sched/preempt, `none (voluntary) full`; where that is not to be had (before 5.12), from `uname -v`.
fn preemption(scheduler: Option<&str>, version: &str) -> Preemption {
    let chosen = scheduler.and_then(|modes| modes.split_once('(')?.1.split_once(')').map(|(mode, _)| mode));
    let no = match chosen {
        Some(mode) => matches!(mode, "none" | "voluntary"),
        None => !version.contains("PREEMPT"),
    };
    if no { Preemption::No } else { Preemption::Yes }
}

/// Every call of 32-bit programs is behind the function that its name suggests, except for clone(2), whose arguments come in
/// another order (arch/x86/ia32/sys_ia32.c, under this name since 5.7).
const COMPAT_CLONE: (&str, &str) = ("__ia32_sys_clone", "__ia32_compat_sys_ia32_clone");

/// What stands before the name of a call where 32-bit programs make it.
pub(super) const COMPAT: &str = "compat ";

/// umount(2) without flags, as the kernel names it: never a call of 64-bit programs.
pub(super) const OLD_UMOUNT: &str = "oldumount";

/// The function that a program wants to attach to, read from its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The kernel's name of the call, with [`COMPAT`] before it for that of 32-bit programs.
    pub call: String,
    pub function: String,
}

impl Target {
    /// Of a program with this section; `None` for one that serves many calls.
    pub(super) fn of(section: &str) -> Option<Target> {
        let (_, function) =
            section.split_once('/').filter(|(kind, _)| matches!(*kind, "fentry" | "fexit"))?;
        let (prefix, call) = function.split_once("_sys_")?;
        let compat = if prefix.contains("ia32") || prefix.contains("compat") { COMPAT } else { "" };
        let function = if function == COMPAT_CLONE.0 { COMPAT_CLONE.1 } else { function };
        Some(Target { call: format!("{compat}{call}"), function: function.to_string() })
    }

    /// Whether it is about calls of 32-bit programs.
    pub(super) fn is_compat(&self) -> bool {
        self.call.starts_with(COMPAT)
    }

    /// The kernel's name of the call, whoever makes it.
    pub(super) fn native_call(&self) -> &str {
        self.call.strip_prefix(COMPAT).unwrap_or(&self.call)
    }

    /// Whether a 64-bit kernel should have it.
    pub(super) fn exists_natively(&self) -> bool {
        self.call != OLD_UMOUNT
    }
}

/// The functions of system calls that the running kernel has, each with the number of its prototype.
pub(super) struct Functions<'a>(HashMap<&'a str, u32>);

impl Functions<'_> {
    pub(super) fn of(types: &KernelTypes) -> Functions<'_> {
        let mut functions = HashMap::new();
        for (name, prototype) in types.functions().filter(|(name, _)| name.contains("_sys_")) {
            // Of two with one name libbpf takes the first.
            functions.entry(name).or_insert(prototype);
        }
        Functions(functions)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the kernel lets programs of these two functions be joined.
    pub(super) fn are_alike(&self, one: &str, other: &str) -> bool {
        self.0.get(one) == self.0.get(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn chosen(wanted: AttachMode, preemption: Preemption, release: (u32, u32)) -> Vec<AttachMode> {
        choices(wanted, &Facts { preemption, release }).into_iter().map(|choice| choice.mode).collect()
    }

    #[test]
    fn auto_takes_what_loses_nothing() {
        use AttachMode::*;
        use Preemption::*;
        assert_eq!(chosen(Auto, No, (5, 10)), [Fentry, Tracepoint]);
        assert_eq!(chosen(Auto, No, (6, 18)), [Fentry, Tracepoint]);
        assert_eq!(chosen(Auto, Yes, (6, 1)), [Tracepoint]);
        assert_eq!(chosen(Auto, Yes, (6, 12)), [Tracepoint]);
        assert_eq!(chosen(Auto, Yes, (7, 2)), [Kprobe, Tracepoint]);
        assert_eq!(chosen(Fentry, Yes, (7, 2)), [Fentry], "what is asked for has no substitute");
    }

    #[test]
    fn the_preemption_model_is_read_from_the_scheduler_and_else_from_the_version() {
        for (scheduler, version, expected) in [
            (Some("none (voluntary) full \n"), "#1 SMP PREEMPT_DYNAMIC Debian", Preemption::No),
            (Some("(none) voluntary full \n"), "#1 SMP PREEMPT_DYNAMIC", Preemption::No),
            (Some("none voluntary (full) \n"), "#1 SMP PREEMPT_DYNAMIC", Preemption::Yes),
            (Some("full (lazy) \n"), "#1 SMP PREEMPT_DYNAMIC", Preemption::Yes),
            (None, "#1 SMP Debian 5.10.223-1", Preemption::No),
            (None, "#1 SMP PREEMPT_DYNAMIC Debian", Preemption::Yes),
            (None, "#1 SMP PREEMPT_RT Debian", Preemption::Yes),
        ] {
            assert_eq!(preemption(scheduler, version), expected, "{scheduler:?} {version}");
        }
    }

    #[test]
    fn sections_say_where_a_program_belongs() {
        let target =
            |call: &str, function: &str| Some(Target { call: call.into(), function: function.into() });
        for (section, expected) in [
            ("fentry/__x64_sys_move_mount", target("move_mount", "__x64_sys_move_mount")),
            ("fexit/__ia32_sys_oldumount", target("compat oldumount", "__ia32_sys_oldumount")),
            ("fentry/__ia32_sys_clone", target("compat clone", "__ia32_compat_sys_ia32_clone")),
            ("kprobe.multi", None),
            ("tracepoint", None),
            ("raw_tp/sys_enter", None),
        ] {
            assert_eq!(Target::of(section), expected, "{section}");
        }
    }
}
