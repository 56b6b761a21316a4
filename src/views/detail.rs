//! One field a line, a blank line between calls: what `mountsnoop -d` of libbpf-tools prints, for every call alike.
//! It must not know any call.

use super::call::write_arg;
use super::clock::{Clock, Seconds};
use super::text::loss;
use super::{Lost, View};
use crate::assemble::{Op, Outcome};
use crate::decode::{digits, errno, escape};

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
            Some(task) => escape::escape(out, task.comm),
            None => out.push(b'?'),
        });
        field(out, "OP", |out| {
            let start = out.len();
            op.call.write_name(out);
            out[start..].make_ascii_uppercase();
        });
        field(out, "RET", |out| match op.ret() {
            Some(ret) => errno::write(out, ret),
            None => out.push(b'?'),
        });
        field(out, "LAT", |out| latency(out, &op.outcome));
        field(out, "MNT_NS", |out| digits::decimal(out, op.common.mnt_ns.into()));
        op.call.args(|arg| {
            let start = out.len();
            field(out, arg.name, |out| write_arg(out, &arg));
            out[start..start + arg.name.len()].make_ascii_uppercase();
        });
        out.push(b'\n');
    }

    fn lost(&mut self, out: &mut Vec<u8>, lost: &Lost<'_>) {
        loss(out, lost, self.clock, &mut self.seconds);
        out.push(b'\n');
    }

    fn clock(&mut self, clock: Clock) {
        self.clock = clock;
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
    use crate::views::testing::printed;

    #[test]
    fn a_call_is_a_field_a_line() {
        let enter = synth::mount(Some(b"/dev/sda1"), Some(b"/mnt"), Some(b"squashfs"), 1, None)
            .comm(b"mount")
            .task(4, 5);
        let exit = synth::exit(1).task(4, 5).time(1_234_567).ret(-22);
        assert_eq!(
            printed(&mut Detail::new(Clock::default(), true), [enter, exit]),
            "PID:    4\nTID:    5\nCOMM:   mount\nOP:     MOUNT\nRET:    -EINVAL\nLAT:    1234us\nMNT_NS: 4026531840\n\
             SOURCE: \"/dev/sda1\"\nTARGET: \"/mnt\"\nFSTYPE: \"squashfs\"\nFLAGS:  MS_RDONLY\nDATA:   NULL\n\n"
        );
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
    fn a_hung_call_says_how_long_it_has_hung_and_an_orphan_that_nothing_is_known() {
        let hung = synth::umount2(b"/nfs", 0).task(9, 9);
        let tick = synth::exit(2).time(5_000_000);
        let text = printed(&mut Detail::new(Clock::default(), true), [hung, tick]);
        assert!(text.contains("COMM:   ?\nOP:     UMOUNT2\nRET:    0\nLAT:    ?\n"), "{text}");
        assert!(text.contains("RET:    ?\nLAT:    >=5000us <unfinished ...>\n"), "{text}");
    }
}
