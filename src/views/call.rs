//! A call as one would write it in C, with what it returned: the CALL column.
//! It must not know of the other columns.

use super::{status, structs};
use crate::assemble::{Op, Outcome, Unseen, Why};
use crate::decode::escape::{self, Alone, Within};
use crate::decode::{AT_FDCWD, Argument, CallSpec, Capture, UserStr, Value, digits, errno};
use crate::layout;

/// Appends `mount("/dev/sda1", "/mnt", "ext4", MS_RDONLY, NULL) = 0`.
///
/// Forms are strace's: `NULL`, `"cut"...`, an address where a string could not be read, `/* late */` behind one that was read when
/// the call returned; `?` is what the trace does not have. Bytes that are no text are in hex, and a call of a 32-bit program has
/// `[32]` behind its name.
#[inline]
pub fn write_call(out: &mut Vec<u8>, op: &Op<'_>) {
    write_call_within::<Alone>(out, op);
}

/// The same where it is part of something else.
#[inline]
pub(super) fn write_call_within<W: Within>(out: &mut Vec<u8>, op: &Op<'_>) {
    CallSpec::write_name(out, op.common.call);
    if op.common.abi != layout::ABI_NATIVE {
        write_abi(out, op.common.abi);
    }
    out.push(b'(');
    let mut before: &[u8] = b"";
    // Inlined, so that of each argument of each call only what its kind needs is left.
    op.call_once().args(
        #[inline(always)]
        |arg| {
            out.extend_from_slice(before);
            before = b", ";
            write_arg::<W>(out, &arg);
        },
    );
    write_outcome(out, &op.outcome);
}

#[cold]
fn write_abi(out: &mut Vec<u8>, abi: u8) {
    if abi == layout::ABI_COMPAT {
        return out.extend_from_slice(b"[32]");
    }
    out.extend_from_slice(b"[abi#");
    digits::decimal(out, abi.into());
    out.push(b']');
}

/// Appends one argument.
///
/// `/* ignored */` stands behind text that the kernel did not look at, where it could be taken for something that happened: not
/// behind an address, `NULL`, `""` and `"none"`, which is what callers write who mean nothing.
#[inline(always)]
pub(super) fn write_arg<W: Within>(out: &mut Vec<u8>, arg: &Argument<'_>) {
    match arg.value {
        // Nearly all are.
        Value::Str(UserStr { bytes, capture: Capture::Whole, late: false }) => escape::quote::<W>(out, bytes),
        Value::Str(text) => write_str::<W>(out, text),
        Value::Flags(Some(value), table) => table.write(out, value),
        Value::Flags(None, _) => out.push(b'?'),
        Value::Bytes(bytes) => write_bytes::<W>(out, bytes),
        value => write_other::<W>(out, value),
    }
    if arg.ignored
        && let Value::Str(text) = &arg.value
        && !matches!(text.bytes, b"" | b"none")
    {
        out.extend_from_slice(b" /* ignored */");
    }
}

#[inline(never)]
fn write_other<W: Within>(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Number(Some(value)) => digits::hex(out, value),
        Value::Decimal(Some(value)) => digits::signed(out, value),
        Value::DirFd(Some(AT_FDCWD)) => out.extend_from_slice(b"AT_FDCWD"),
        Value::DirFd(Some(value)) => digits::signed(out, value.into()),
        Value::Enum(Some(value), table) => match table.name(value) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => digits::hex(out, value),
        },
        Value::Pointer(Some(0)) => out.extend_from_slice(b"NULL"),
        Value::Pointer(Some(address)) => digits::hex(out, address),
        Value::Struct(bytes, table) => match bytes.text() {
            Some(_) => {
                structs::write::<W>(out, &bytes, table);
                late(out, &bytes);
            }
            None => write_str::<W>(out, bytes),
        },
        // Written by the caller.
        Value::Str(_) | Value::Flags(..) | Value::Bytes(_) => {}
        Value::Number(None)
        | Value::Decimal(None)
        | Value::DirFd(None)
        | Value::Enum(None, _)
        | Value::Pointer(None) => out.push(b'?'),
    }
}

/// The first bytes in hex, and how many were read.
#[inline(never)]
fn write_bytes<W: Within>(out: &mut Vec<u8>, bytes: UserStr<'_>) {
    const SHOWN: usize = 32;
    let Some(read) = bytes.text() else { return write_str::<W>(out, bytes) };
    escape::quote_hex::<W>(out, &read[..read.len().min(SHOWN)]);
    let cut = bytes.capture == Capture::Cut;
    if read.len() > SHOWN || cut {
        out.extend_from_slice(b"...");
    }
    out.extend_from_slice(if cut { b" /* first " } else { b" /* " });
    digits::decimal(out, read.len() as u64);
    out.extend_from_slice(if read.len() == 1 { b" byte */" } else { b" bytes */" });
    late(out, &bytes);
}

#[inline(never)]
fn write_str<W: Within>(out: &mut Vec<u8>, text: UserStr<'_>) {
    match text.capture {
        Capture::Whole => escape::quote::<W>(out, text.bytes),
        Capture::Cut => {
            escape::quote::<W>(out, text.bytes);
            out.extend_from_slice(b"...");
        }
        Capture::Fault { address } => digits::hex(out, address),
        Capture::Null => out.extend_from_slice(b"NULL"),
        Capture::Absent => out.push(b'?'),
    }
    late(out, &text);
}

#[inline]
fn late(out: &mut Vec<u8>, text: &UserStr<'_>) {
    if text.late && text.text().is_some() {
        out.extend_from_slice(b" /* late */");
    }
}

#[inline]
fn write_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match *outcome {
        Outcome::Done { ret, .. } | Outcome::Orphan { ret: Some(ret), why: None } => {
            out.extend_from_slice(b") = ");
            errno::write(out, ret);
        }
        Outcome::Orphan { ret, why } => write_unseen(out, ret, why),
        // It did return: what is missing is the value.
        Outcome::Unfinished { why: Why::ExitLost, .. } => out.extend_from_slice(b") = ?"),
        Outcome::Unfinished { .. } => out.extend_from_slice(b" <unfinished ...>"),
    }
}

#[cold]
fn write_unseen(out: &mut Vec<u8>, ret: Option<i64>, why: Option<Unseen>) {
    out.extend_from_slice(b") = ");
    match ret {
        Some(ret) => errno::write(out, ret),
        None => out.push(b'?'),
    }
    if let Some(why) = why {
        out.extend_from_slice(b" /* ");
        status::explain(out, ret, why);
        out.extend_from_slice(b" */");
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod call_tests;
#[cfg(test)]
#[path = "peer_tests.rs"]
mod peer_tests;

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
    fn a_call_that_nobody_saw_begin_says_why_after_its_result() {
        use crate::layout::{
            FLAG_EARLIER, FLAG_MISSED, FLAG_REBUILT, FLAG_SECCOMP, FLAG_SIGSYS, FLAG_TRACER,
        };
        let exit = |ret| synth::exit(2).ret(ret);
        for (why, exit, text) in [
            (FLAG_SECCOMP, exit(-1), "-EPERM /* refused before entry by seccomp */"),
            (FLAG_SECCOMP, exit(0), "0 /* answered before entry by seccomp */"),
            (
                FLAG_SECCOMP,
                exit(166).flags(FLAG_SIGSYS),
                "? /* refused before entry by seccomp, with SIGSYS */",
            ),
            (FLAG_EARLIER, exit(0), "0 /* begun before the recording */"),
            (
                FLAG_SECCOMP | FLAG_EARLIER,
                exit(-1),
                "-EPERM /* refused before entry by seccomp, or begun before the recording */",
            ),
            (FLAG_MISSED, exit(0), "0 /* beginning missed */"),
            (FLAG_TRACER, exit(-38), "-ENOSYS /* kept from entry by a tracer */"),
        ] {
            let enter = synth::enter(2).late(0, b"/mnt").number(1, 0).flags(FLAG_REBUILT | why);
            assert_eq!(calls([enter, exit]), [format!(r#"umount2("/mnt" /* late */, 0x0) = {text}"#)]);
        }
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
