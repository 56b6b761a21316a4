//! Reads what `strace -ff -xx -X verbose` says about mount calls: the other witness.
//! Strict: a line that is not understood fails the test, for it could be the one that matters.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::quoted;

/// The options that make strace's account exact: one file a thread (no line is split), every byte of a string in hex,
/// flags as a number with its names behind it, and strings of any length.
pub const OPTIONS: &[&str] =
    &["-ff", "-e", "trace=mount,umount2", "-s", "65536", "-xx", "-X", "verbose", "-qq", "-e", "signal=none"];

/// One call.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub args: Vec<Arg>,
    /// -1 where it failed.
    pub ret: i64,
    /// The name of the error and what strerror(3) says of it.
    pub error: Option<(String, String)>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Arg {
    Null,
    /// A pointer, because what it points at could not be read, or because strace knows that the kernel does not look.
    Address(u64),
    /// A string; `more` if there is more of it than strace reads of a path.
    Text {
        bytes: Vec<u8>,
        more: bool,
    },
    Flags(Flags),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    pub value: u64,
    pub names: Vec<String>,
    /// Bits without a name.
    pub unknown: u64,
}

/// As strace would have printed it without `-xx`.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<String> = self.args.iter().map(|arg| format!("{arg:?}")).collect();
        write!(f, "{}({}) = {}", self.name, args.join(", "), self.ret)?;
        self.error.iter().try_for_each(|(name, _)| write!(f, " {name}"))
    }
}

impl fmt::Debug for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Null => f.write_str("NULL"),
            Arg::Address(address) => write!(f, "{address:#x}"),
            Arg::Text { bytes, more } => write!(f, "{}{}", quoted(bytes), if *more { "..." } else { "" }),
            Arg::Flags(flags) => write!(f, "{:#x} {:?}", flags.value, flags.names),
        }
    }
}

/// The calls of each thread, from the files PREFIX.TID.
pub fn read(dir: &Path, prefix: &str) -> BTreeMap<u32, Vec<Call>> {
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a directory that strace wrote into") {
        let path = entry.expect("a directory entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(tid) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')?.parse().ok())
        else {
            continue;
        };
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let calls: Vec<Call> = text.lines().filter(|line| !line.starts_with("+++")).map(call).collect();
        if !calls.is_empty() {
            threads.insert(tid, calls);
        }
    }
    threads
}

fn call(line: &str) -> Call {
    parse(line).unwrap_or_else(|| panic!("this line of strace's is not understood:\n{line}"))
}

fn parse(line: &str) -> Option<Call> {
    let (name, mut rest) = line.split_once('(')?;
    let mut args = Vec::new();
    loop {
        let is_flags = matches!((name, args.len()), ("mount", 3) | ("umount2", 1));
        let arg;
        (arg, rest) = if is_flags { flags(rest)? } else { pointer(rest)? };
        args.push(arg);
        match rest.strip_prefix(", ") {
            Some(next) => rest = next,
            None => break,
        }
    }
    let result = rest.strip_prefix(')')?.trim_start().strip_prefix("= ")?;
    let (ret, error) = match result.split_once(' ') {
        None => (result, None),
        Some((ret, error)) => {
            let (name, message) = error.split_once(" (")?;
            (ret, Some((name.to_owned(), message.strip_suffix(')')?.to_owned())))
        }
    };
    Some(Call { name: name.to_owned(), args, ret: ret.parse().ok()?, error })
}

/// `NULL`, `0x7f...` or `"\x2f..."`, the latter perhaps with `...` behind it.
fn pointer(text: &str) -> Option<(Arg, &str)> {
    if let Some(rest) = text.strip_prefix("NULL") {
        return Some((Arg::Null, rest));
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = number(text)?;
        return Some((Arg::Address(value), rest));
    };
    let (hex, rest) = quoted.split_once('"')?;
    let bytes = match hex.strip_prefix("\\x") {
        None if hex.is_empty() => Vec::new(),
        None => return None,
        Some(hex) => hex.split("\\x").map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?,
    };
    let more = rest.strip_prefix("...");
    Some((Arg::Text { bytes, more: more.is_some() }, more.unwrap_or(rest)))
}

/// `0`, or `0x1001 /* MS_RDONLY|MS_BIND */`, several of which may be joined by `|`.
fn flags(mut text: &str) -> Option<(Arg, &str)> {
    let mut all = Flags::default();
    loop {
        let (value, mut rest) = number(text)?;
        all.value |= value;
        if let Some(comment) = rest.strip_prefix(" /* ") {
            let (names, behind) = comment.split_once(" */")?;
            rest = behind;
            for name in names.split('|') {
                match name {
                    "MS_???" | "MNT_???" => all.unknown |= value,
                    _ if name.starts_with("0x") => all.unknown |= number(name)?.0,
                    _ => all.names.push(name.to_owned()),
                }
            }
        } else if value != 0 {
            return None;
        }
        match rest.strip_prefix('|') {
            Some(next) => text = next,
            None => return Some((Arg::Flags(all), rest)),
        }
    }
}

fn number(text: &str) -> Option<(u64, &str)> {
    let hex = text.strip_prefix("0x");
    let digits = hex.unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let value = match hex {
        Some(_) => u64::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some((value, rest))
}

#[test]
fn lines_of_strace_are_understood_or_refused() {
    let text = |bytes: &[u8], more| Arg::Text { bytes: bytes.to_vec(), more };
    let flags = |value, names: &[&str], unknown| {
        Arg::Flags(Flags { value, names: names.iter().map(|name| name.to_string()).collect(), unknown })
    };
    let got = call(
        r#"mount("\x61", "", 0x55d0, 0xc0ed0000 /* MS_MGC_VAL */|0x1201 /* MS_RDONLY|MS_BIND|0x200 */, NULL) = -1 EBUSY (Device or resource busy)"#,
    );
    let want = flags(0xc0ed_1201, &["MS_MGC_VAL", "MS_RDONLY", "MS_BIND"], 0x200);
    assert_eq!(got.args, [text(b"a", false), text(b"", false), Arg::Address(0x55d0), want, Arg::Null]);
    assert_eq!((got.ret, got.error), (-1, Some(("EBUSY".into(), "Device or resource busy".into()))));

    let got = call(r#"umount2("\x0a\xff"..., 0x10 /* MNT_??? */)    = 0"#);
    assert_eq!(got.args, [text(b"\n\xff", true), flags(0x10, &[], 0x10)]);
    assert_eq!((got.ret, got.error), (0, None));

    for wrong in
        [r#"umount2("\x61", 0 <unfinished ...>"#, r#"umount2("a", 0) = 0"#, r#"umount2("\x61", 0x1) = 0"#]
    {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}
