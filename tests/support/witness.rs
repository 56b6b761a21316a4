//! Reads what `strace -ff -xx -X verbose` says about any call: numbers, flags, strings and structures by their looks alone.
//! Strict, as strace.rs is: a line that is not understood fails the test.

use std::collections::BTreeMap;
use std::path::Path;

/// The options of strace for all calls that its version in Debian 12 knows.
pub const OPTIONS: &[&str] = &[
    "-ff",
    "-e",
    "trace=fsopen,fsconfig,fsmount,fspick,move_mount,open_tree,mount_setattr,pivot_root,chroot,unshare,setns,clone,clone3",
    "-s",
    "65536",
    "-xx",
    "-X",
    "verbose",
    "-qq",
    "-e",
    "signal=none",
];

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub args: Vec<Field>,
    pub ret: i64,
    /// The name of the error.
    pub error: Option<String>,
    pub line: String,
}

/// An argument or a field of a structure, which strace may name.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: Option<String>,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    /// A string; `more` if strace stopped before its end.
    Text {
        bytes: Vec<u8>,
        more: bool,
    },
    /// A number, an address, flags: the names of `unknown` bits are not known to strace.
    Number {
        value: i128,
        names: Vec<String>,
        unknown: u64,
    },
    /// Fields, and the bytes behind the last one if strace shows them.
    Struct {
        fields: Vec<Field>,
        rest: Option<Vec<u8>>,
    },
}

/// The calls of each process, from the files PREFIX.TID.
pub fn read(dir: &Path, prefix: &str) -> BTreeMap<u32, Vec<Call>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a directory that strace wrote into") {
        let path = entry.expect("a directory entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(tid) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')?.parse().ok())
        else {
            continue;
        };
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let calls = text.lines().filter(|line| !line.starts_with("+++"));
        let understood = |line: &str| {
            call(line).unwrap_or_else(|| panic!("this line of strace's is not understood:\n{line}"))
        };
        let calls: Vec<Call> = calls.map(understood).collect();
        if !calls.is_empty() {
            all.insert(tid, calls);
        }
    }
    all
}

fn call(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let ((args, _), rest) = list(rest, ')')?;
    let result = rest.trim_start().strip_prefix("= ")?;
    let (ret, error) = match result.split_once(' ') {
        None => (result, None),
        Some((ret, error)) => (ret, Some(error.split_once(" (")?.0.to_owned())),
    };
    Some(Call { name: name.to_owned(), args, ret: ret.parse().ok()?, error, line: line.to_owned() })
}

/// Fields, and the bytes behind them.
type Fields = (Vec<Field>, Option<Vec<u8>>);

/// Fields up to `end`, and what follows.
fn list(mut text: &str, end: char) -> Option<(Fields, &str)> {
    let (mut fields, mut rest) = (Vec::new(), None);
    loop {
        if let Some(bytes) = text.strip_prefix("/* bytes ") {
            let (Value::Text { bytes, .. }, behind) = value(bytes.split_once(" */ ")?.1)? else {
                return None;
            };
            rest = Some(bytes);
            text = behind;
        } else {
            let name_end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric())?;
            let (name, behind) = match text[name_end..].strip_prefix('=') {
                Some(behind) => (Some(text[..name_end].to_owned()), behind),
                None => (None, text),
            };
            let (value, behind) = value(behind)?;
            fields.push(Field { name, value });
            text = behind;
        }
        match text.strip_prefix(", ") {
            Some(next) => text = next,
            None => return Some(((fields, rest), text.strip_prefix(end)?)),
        }
    }
}

fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(rest) = text.strip_prefix("NULL") {
        return Some((Value::Null, rest));
    }
    if let Some(inside) = text.strip_prefix('{') {
        let ((fields, rest), behind) = list(inside, '}')?;
        return Some((Value::Struct { fields, rest }, behind));
    }
    if let Some(quoted) = text.strip_prefix('"') {
        let (hex, rest) = quoted.split_once('"')?;
        let bytes = match hex.strip_prefix("\\x") {
            None if hex.is_empty() => Vec::new(),
            None => return None,
            Some(hex) => {
                hex.split("\\x").map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?
            }
        };
        let more = rest.strip_prefix("...");
        return Some((Value::Text { bytes, more: more.is_some() }, more.unwrap_or(rest)));
    }
    flags(text)
}

/// `-1`, `0x1001 /* A|B|0x1000 */`, `0x20000 /* A */|17 /* B */`.
fn flags(mut text: &str) -> Option<(Value, &str)> {
    let (mut all, mut names, mut unknown) = (0, Vec::new(), 0);
    loop {
        let (value, mut rest) = number(text)?;
        let first = all == 0;
        all |= value;
        if let Some(comment) = rest.strip_prefix(" /* ") {
            let (words, behind) = comment.split_once(" */")?;
            rest = behind;
            for word in words.split('|') {
                match word {
                    _ if word.ends_with("_???") => unknown |= value as u64,
                    _ if word.starts_with("0x") => unknown |= number(word)?.0 as u64,
                    _ => names.push(word.to_owned()),
                }
            }
        } else if !first {
            unknown |= value as u64;
        }
        match rest.strip_prefix('|') {
            Some(next) => text = next,
            None => return Some((Value::Number { value: all, names, unknown }, rest)),
        }
    }
}

fn number(text: &str) -> Option<(i128, &str)> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (radix, text) = text.strip_prefix("0x").map_or((10, text), |text| (16, text));
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    Some((sign * i128::from_str_radix(&text[..end], radix).ok()?, &text[end..]))
}

#[test]
fn calls_of_every_form_are_understood_or_refused() {
    let number = |value, names: &[&str], unknown| Value::Number {
        value,
        names: names.iter().map(|name| name.to_string()).collect(),
        unknown,
    };
    let text = |bytes: &[u8]| Value::Text { bytes: bytes.to_vec(), more: false };
    let got = call(
        r#"mount_setattr(-100 /* AT_FDCWD */, "\x61", 0x9 /* A|0x8 */, {attr_set=0x1 /* R */, fd=5, /* bytes 32..33 */ "\x07\x00"}, 34) = -1 EINVAL (Invalid argument)"#,
    )
    .expect("a call");
    let values: Vec<&Value> = got.args.iter().map(|field| &field.value).collect();
    assert_eq!(values[0], &number(-100, &["AT_FDCWD"], 0));
    assert_eq!(values[1..3], [&text(b"a"), &number(9, &["A"], 8)]);
    let Value::Struct { fields, rest } = values[3] else { panic!("{:?}", values[3]) };
    assert_eq!(fields[0], Field { name: Some("attr_set".into()), value: number(1, &["R"], 0) });
    assert_eq!((fields.len(), rest), (2, &Some(vec![7, 0])));
    assert_eq!((got.ret, got.error.as_deref()), (-1, Some("EINVAL")));

    let got = call("clone(child_stack=NULL, flags=0x20000 /* N */|17 /* SIGCHLD */) = 77").expect("a call");
    assert_eq!(got.args[1].value, number(0x20011, &["N", "SIGCHLD"], 0));
    for wrong in [r#"chroot("a") = 0"#, r#"chroot("\x61" <unfinished ...>"#, "fsopen(?) = 1"] {
        assert_eq!(call(wrong), None, "{wrong}");
    }
}
