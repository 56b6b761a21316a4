//! A call as one would write it in C, with what it returned: the CALL column.
//! It must not know of the other columns.

use crate::assemble::{Op, Outcome, Why};
use crate::decode::{Argument, Capture, UserStr, Value, digits, errno, escape};

/// Appends `mount("/dev/sda1", "/mnt", "ext4", MS_RDONLY, NULL) = 0`.
///
/// Forms are strace's: `NULL`, `"cut"...`, an address where a string could not be read, `/* late */` behind one that was read when
/// the call returned; `?` is what the trace does not have.
#[inline]
pub fn write_call(out: &mut Vec<u8>, op: &Op<'_>) {
    op.call.write_name(out);
    let mut separator: &[u8] = b"(";
    op.call.args(|arg| {
        out.extend_from_slice(separator);
        write_arg(out, &arg);
        separator = b", ";
    });
    if separator == b"(" {
        out.push(b'(');
    }
    write_outcome(out, &op.outcome);
}

/// Appends one argument.
#[inline]
pub(super) fn write_arg(out: &mut Vec<u8>, arg: &Argument<'_>) {
    match &arg.value {
        Value::Str(text) => write_str(out, text),
        Value::Flags(Some(value), table) => table.write(out, *value),
        Value::Number(Some(value)) => digits::hex(out, *value),
        Value::Flags(None, _) | Value::Number(None) => out.push(b'?'),
    }
}

#[inline]
fn write_str(out: &mut Vec<u8>, text: &UserStr<'_>) {
    match text.capture {
        Capture::Whole => escape::quote(out, text.bytes),
        Capture::Cut => {
            escape::quote(out, text.bytes);
            out.extend_from_slice(b"...");
        }
        Capture::Fault { address } => digits::hex(out, address),
        Capture::Null => out.extend_from_slice(b"NULL"),
        Capture::Absent => out.push(b'?'),
    }
    if text.late && text.text().is_some() {
        out.extend_from_slice(b" /* late */");
    }
}

#[inline]
fn write_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match *outcome {
        Outcome::Done { ret, .. } | Outcome::Orphan { ret } => {
            out.extend_from_slice(b") = ");
            errno::write(out, ret);
        }
        // It did return: what is missing is the value.
        Outcome::Unfinished { why: Why::ExitLost, .. } => out.extend_from_slice(b") = ?"),
        Outcome::Unfinished { .. } => out.extend_from_slice(b" <unfinished ...>"),
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::synth;
    use crate::views::testing::calls;

    #[test]
    fn null_empty_cut_unreadable_late_and_lost_are_told_apart() {
        let enter = synth::enter(1).null(0).string(1, b"").cut(2, b"abc").number(3, 0).fault(4, 0x7fff_1000);
        assert_eq!(calls([enter, synth::exit(1)]), [r#"mount(NULL, "", "abc"..., 0x0, 0x7fff1000) = 0"#]);
        let enter = synth::enter(1).fault(0, 4096).string(1, b"/mnt");
        let exit = synth::exit(1).late(0, b"none").ret(-14);
        assert_eq!(calls([enter, exit]), [r#"mount("none" /* late */, "/mnt", ?, ?, ?) = -EFAULT"#]);
    }

    #[test]
    fn a_string_that_is_cut_and_late_says_both() {
        let exit = synth::exit(2).section(2, 0, 0x81, b"/long");
        let enter = synth::enter(2).fault(0, 1).number(1, 8);
        assert_eq!(calls([enter, exit]), [r#"umount2("/long"... /* late */, UMOUNT_NOFOLLOW) = 0"#]);
    }

    #[test]
    fn an_ignored_pointer_that_is_unreadable_shows_its_address() {
        let enter =
            synth::enter(1).string(0, b"/a").string(1, b"/b").fault(2, 0xc0ed_0000).number(3, 4096).null(4);
        assert_eq!(calls([enter, synth::exit(1)]), [r#"mount("/a", "/b", 0xc0ed0000, MS_BIND, NULL) = 0"#]);
    }

    #[test]
    fn a_call_without_return_is_unfinished_and_one_without_beginning_has_question_marks() {
        assert_eq!(calls([synth::umount2(b"/nfs", 1)]), [r#"umount2("/nfs", MNT_FORCE <unfinished ...>"#]);
        assert_eq!(calls([synth::exit(2).ret(-22)]), ["umount2(?, ?) = -EINVAL"]);
        let lost = [synth::umount2(b"/a", 0), synth::umount2(b"/b", 0), synth::exit(2)];
        assert_eq!(calls(lost), [r#"umount2("/a", 0x0) = ?"#, r#"umount2("/b", 0x0) = 0"#]);
    }

    #[test]
    fn a_call_from_the_future_shows_its_number() {
        let enter = synth::enter(77).string(0, b"x\n").number(1, 16);
        assert_eq!(calls([enter, synth::exit(77).ret(5)]), [r#"call#77("x\n", 0x10) = 5"#]);
        assert_eq!(calls([synth::exit(77).ret(5)]), ["call#77() = 5"]);
    }

    #[test]
    fn nothing_from_a_trace_reaches_the_terminal_unescaped() {
        let enter = synth::umount2(b"/\x1b]0;owned\x07\xe2\x80\xae", 0);
        assert_eq!(calls([enter, synth::exit(2)]), [r#"umount2("/\x1b]0;owned\a\xe2\x80\xae", 0x0) = 0"#]);
    }
}
