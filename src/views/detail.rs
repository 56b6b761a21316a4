//! One field a line, a blank line between calls: what `mountsnoop -d` of libbpf-tools prints, for every call alike.
//! It must not know any call.

use super::call::write_arg;
use super::clock::{Clock, Seconds};
use super::text::{loss, path, remark};
use super::{Lost, Remark, View, status};
use crate::assemble::{Op, Outcome};
use crate::decode::escape::{self, Alone};
use crate::decode::{CallSpec, Names, Part, digits, errno};

/// Where the values begin.
const INDENT: usize = 8;

/// The detail view.
pub struct Detail {
    clock: Clock,
    seconds: Seconds,
}

impl Detail {
    /// A view that tells times in UTC, or in local time.
    pub fn new(clock: Clock, utc: bool) -> Detail {
        Detail { clock, seconds: Seconds::new("%H:%M:%S", utc) }
    }
}

impl View for Detail {
    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_repeated() {
            return;
        }
        field(out, "PID", |out| digits::decimal(out, op.common.pid.into()));
        field(out, "TID", |out| digits::decimal(out, op.common.tid.into()));
        field(out, "COMM", |out| match op.task {
            Some(task) => escape::escape(out, task.comm()),
            None => out.push(b'?'),
        });
        field(out, "OP", |out| {
            let start = out.len();
            CallSpec::write_name(out, op.common.call);
            out[start..].make_ascii_uppercase();
        });
        field(out, "RET", |out| match op.ret() {
            Some(ret) => errno::write(out, ret),
            None => out.push(b'?'),
        });
        field(out, "LAT", |out| latency(out, &op.outcome));
        if let Outcome::Orphan { ret, why: Some(why) } = op.outcome {
            field(out, "NOTE", |out| status::explain(out, ret, why));
        }
        field(out, "MNT_NS", |out| digits::decimal(out, op.common.mnt_ns.into()));
        place(out, op.cgroup());
        op.call().args(|arg| {
            let start = out.len();
            field(out, arg.name, |out| write_arg::<Alone>(out, &arg));
            out[start..start + arg.name.len()].make_ascii_uppercase();
        });
        out.push(b'\n');
    }

    fn lost(&mut self, out: &mut Vec<u8>, lost: &Lost<'_>) {
        loss(out, lost, self.clock, &mut self.seconds);
        out.push(b'\n');
    }

    fn remark(&mut self, out: &mut Vec<u8>, said: &Remark<'_>) {
        remark(out, said, self.clock, &mut self.seconds);
        out.push(b'\n');
    }

    fn clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn another(&self) -> Option<Box<dyn View>> {
        Some(Box::new(Detail { clock: self.clock, seconds: self.seconds.clone() }))
    }
}

/// The cgroup, and what its path names.
fn place(out: &mut Vec<u8>, cgroup: Option<Names<'_>>) {
    let Some(cgroup) = cgroup else { return field(out, "CGROUP", |out| out.push(b'?')) };
    field(out, "CGROUP", |out| path(out, &cgroup));
    for (label, part) in
        [("CONTAINER", Part::Container), ("RUNTIME", Part::Runtime), ("POD", Part::Pod), ("UNIT", Part::Unit)]
    {
        if let Some(text) = part.of(&cgroup) {
            field(out, label, |out| escape::escape(out, &text));
        }
    }
}

fn field(out: &mut Vec<u8>, label: &str, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(label.as_bytes());
    out.push(b':');
    let end = (start + INDENT).max(out.len() + 1);
    out.resize(end, b' ');
    write(out);
    out.push(b'\n');
}

fn latency(out: &mut Vec<u8>, outcome: &Outcome) {
    match *outcome {
        Outcome::Done { duration_ns, .. } => {
            digits::decimal(out, duration_ns / 1000);
            out.extend_from_slice(b"us");
        }
        Outcome::Unfinished { open_ns, .. } if open_ns > 0 => {
            out.extend_from_slice(b">=");
            digits::decimal(out, open_ns / 1000);
            out.extend_from_slice(b"us <unfinished ...>");
        }
        Outcome::Unfinished { .. } | Outcome::Orphan { .. } => out.push(b'?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth;
    use crate::layout;
    use crate::views::testing::printed;

    #[test]
    fn a_call_is_a_field_a_line() {
        let enter = synth::mount(Some(b"/dev/sda1"), Some(b"/mnt"), Some(b"squashfs"), 1, None)
            .comm(b"mount")
            .task(4, 5);
        let exit = synth::exit(1).task(4, 5).time(1_234_567).ret(-22);
        assert_eq!(
            printed(&mut Detail::new(Clock::default(), true), [enter, exit]),
            "PID:    4\nTID:    5\nCOMM:   mount\nOP:     MOUNT\nRET:    -EINVAL\nLAT:    1234us\nMNT_NS: 4026531840\nCGROUP: ?\n\
             SOURCE: \"/dev/sda1\"\nTARGET: \"/mnt\"\nFSTYPE: \"squashfs\"\nFLAGS:  MS_RDONLY\nDATA:   NULL\n\n"
        );
    }

    #[test]
    fn a_cgroup_is_told_with_what_it_names() {
        let told =
            synth::process().start(7).cgroup(0, b"payload\0systemd-nspawn@box.service\0machine.slice\0");
        let call = [synth::umount2(b"/", 0).start(7), synth::exit(2)];
        let text = printed(&mut Detail::new(Clock::default(), true), [told].into_iter().chain(call));
        let want = "CGROUP: /machine.slice/systemd-nspawn@box.service/payload\n\
                    CONTAINER: box\nRUNTIME: systemd-nspawn\nUNIT:   systemd-nspawn@box.service\nTARGET: ";
        assert!(text.contains(want), "{text}");
    }

    #[test]
    fn null_empty_cut_unreadable_and_lost_are_told_apart() {
        let enter = synth::enter(1).null(0).string(1, b"").cut(2, b"abc").fault(4, 0x10);
        let text = printed(&mut Detail::new(Clock::default(), true), [enter, synth::exit(1)]);
        assert!(
            text.ends_with("SOURCE: NULL\nTARGET: \"\"\nFSTYPE: \"abc\"...\nFLAGS:  ?\nDATA:   0x10\n\n"),
            "{text}"
        );
    }

    #[test]
    fn a_call_that_nobody_saw_begin_has_a_line_that_says_why() {
        let unseen = synth::umount2(b"/mnt", 0).flags(layout::FLAG_REBUILT | layout::FLAG_SECCOMP);
        let text = printed(&mut Detail::new(Clock::default(), true), [unseen, synth::exit(2).ret(-1)]);
        assert!(
            text.contains("RET:    -EPERM\nLAT:    ?\nNOTE:   refused before entry by seccomp\n"),
            "{text}"
        );
    }

    #[test]
    fn a_hung_call_says_how_long_it_has_hung_and_an_orphan_that_nothing_is_known() {
        let hung = synth::umount2(b"/nfs", 0).task(9, 9);
        let tick = synth::exit(2).time(5_000_000);
        let text = printed(&mut Detail::new(Clock::default(), true), [hung, tick]);
        assert!(text.contains("COMM:   ?\nOP:     UMOUNT2\nRET:    0\nLAT:    ?\n"), "{text}");
        assert!(text.contains("RET:    ?\nLAT:    >=5000us <unfinished ...>\n"), "{text}");
    }
}
