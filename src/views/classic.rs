//! Byte for byte what the first mountsnoop (bcc, 2016) printed, so that what read its output goes on working.
//! It must not learn anything new: no new flag names, no states of strings, no calls it did not know.

use super::View;
use crate::assemble::{Op, Outcome};
use crate::decode::escape::{self, Alone};
use crate::decode::{CallSpec, Value, digits, errno};

/// What the seed kept of a string (`MAX_STR_LEN`); more than that it cut without saying so.
const STRING_MAX: usize = 412;

/// The classic view.
///
/// It prints calls that have returned, and nothing of the others. NULL and unreadable strings are `""`, as are those the trace
/// does not have. Two things differ, because nothing from a trace may command a terminal and because numbers of errors have the
/// kernel's names here: bytes of a name outside printable ASCII are escaped, and of two names for an error number the
/// kernel's is taken (EDEADLK, EOPNOTSUPP), where Python's choice depended on its version.
#[derive(Debug, Default)]
pub struct Classic;

impl View for Classic {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"COMM             PID     TID     MNT_NS      CALL\n");
    }

    fn another(&self) -> Option<Box<dyn View>> {
        Some(Box::new(Classic))
    }

    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        let Outcome::Done { ret, .. } = op.outcome else { return };
        let (Some(task), Some(name)) = (op.task, CallSpec::of(op.common.call).and_then(|spec| spec.classic))
        else {
            return;
        };
        left(out, 16, |out| escape::escape_name(out, task.comm()));
        left(out, 7, |out| digits::decimal(out, op.common.pid.into()));
        left(out, 7, |out| digits::decimal(out, op.common.tid.into()));
        left(out, 11, |out| digits::decimal(out, op.common.mnt_ns.into()));
        out.extend_from_slice(name.as_bytes());
        let mut separator: &[u8] = b"(";
        op.call().args(|arg| {
            out.extend_from_slice(separator);
            separator = b", ";
            match arg.value {
                Value::Str(text) => {
                    escape::quote::<Alone>(out, &text.bytes[..text.bytes.len().min(STRING_MAX)])
                }
                Value::Flags(value, table) => table.write_classic(out, value.unwrap_or(0)),
                // What it knew has strings and flags, and data that is no text was a string to it.
                Value::Bytes(bytes) => {
                    escape::quote::<Alone>(out, &bytes.bytes[..bytes.bytes.len().min(STRING_MAX)])
                }
                _ => digits::hex(out, 0),
            }
        });
        out.extend_from_slice(b") = ");
        errno::write_classic(out, ret);
        out.push(b'\n');
    }
}

/// Python's `{:<width} `.
fn left(out: &mut Vec<u8>, width: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let end = (start + width).max(out.len()) + 1;
    out.resize(end, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth::{self, Builder};
    use crate::views::testing::printed;

    #[test]
    fn the_seeds_example_comes_out_byte_for_byte() {
        let bind = || synth::mount(Some(b"/mnt"), Some(b"/mnt"), Some(b""), 0xc0ed_1000, None);
        let private = synth::mount(Some(b"none"), Some(b"/"), None, 0x4_4000, None);
        let calls: [(&[u8], u32, u32, u16, Builder); 5] = [
            (b"mount", 710, 4_026_531_840, 1, bind()),
            (b"umount", 714, 4_026_531_840, 2, synth::umount2(b"/mnt", 0)),
            (b"unshare", 717, 4_026_532_160, 1, private),
            (b"mount", 725, 4_026_532_160, 1, bind().null(2)),
            (b"umount", 728, 4_026_532_160, 2, synth::umount2(b"/mnt", 0)),
        ];
        let events = calls.into_iter().flat_map(|(comm, pid, ns, call, enter)| {
            [enter.comm(comm).task(pid, pid).mnt_ns(ns), synth::exit(call).task(pid, pid)]
        });
        assert_eq!(printed(&mut Classic, events), include_str!("../../fixtures/seed-example.txt"));
    }

    fn calls(events: impl IntoIterator<Item = Builder>) -> Vec<String> {
        let rows = printed(&mut Classic, events);
        rows.lines().skip(1).map(|row| row[45..].to_owned()).collect()
    }

    #[test]
    fn null_empty_unreadable_and_lost_are_all_empty_and_a_cut_string_is_not_marked() {
        let enter = synth::enter(1).null(0).string(1, b"").fault(2, 0x1000).number(3, 0);
        assert_eq!(calls([enter, synth::exit(1)]), [r#"mount("", "", "", 0x0, "") = 0"#]);
        assert_eq!(
            calls([synth::enter(2).cut(0, b"/long").number(1, 0), synth::exit(2)]),
            [r#"umount("/long", 0x0) = 0"#]
        );
    }

    #[test]
    fn strings_end_where_the_seed_cut_them() {
        let call = |length: usize| calls([synth::umount2("x".repeat(length).as_bytes(), 0), synth::exit(2)]);
        assert_eq!(call(412), [format!("umount(\"{}\", 0x0) = 0", "x".repeat(412))]);
        assert_eq!(call(413), call(412));
    }

    #[test]
    fn what_the_seed_did_not_print_is_not_printed() {
        assert_eq!(calls([synth::umount2(b"/hung", 0)]), [""; 0]);
        assert_eq!(calls([synth::exit(2)]), [""; 0]);
        assert_eq!(calls([synth::enter(77), synth::exit(77)]), [""; 0]);
    }

    #[test]
    fn a_name_longer_than_its_column_pushes_the_rest_along() {
        let enter = synth::umount2(b"/", 0).comm(b"\x1b\x1b\x1b\x1b\x1b").task(12_345_678, 1);
        let rows = printed(&mut Classic, [enter, synth::exit(2).task(12_345_678, 1).ret(-9999)]);
        let want = r#"\x1b\x1b\x1b\x1b\x1b 12345678 1       4026531840  umount("/", 0x0) = -9999"#;
        assert_eq!(rows.lines().nth(1), Some(want));
    }
}
