//! Reads what `mountsnoop replay --json` says. Strict: a member that is missing or of another type fails the test.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{Done, quoted};

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    pub comm: String,
    pub pid: u32,
    pub tid: u32,
    pub ppid: u32,
    pub mnt_ns: u64,
    pub args: BTreeMap<String, Arg>,
    pub ret: Option<i64>,
    pub error: Option<String>,
    pub finished: bool,
    /// The CALL column.
    pub text: String,
    /// The object, for whoever fails.
    pub line: String,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Arg {
    Null,
    /// All of a string; `late` if it was read as the call returned.
    Whole {
        bytes: Vec<u8>,
        late: bool,
    },
    /// Its beginning.
    Cut(Vec<u8>),
    /// It could not be read, and was there.
    Fault(u64),
    Flags {
        value: u64,
        names: Vec<String>,
        unknown: u64,
    },
}

impl fmt::Debug for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Null => f.write_str("NULL"),
            Arg::Whole { bytes, late: false } => f.write_str(&quoted(bytes)),
            Arg::Whole { bytes, late: true } => write!(f, "{} (late)", quoted(bytes)),
            Arg::Cut(bytes) => write!(f, "{} (cut)", quoted(bytes)),
            Arg::Fault(address) => write!(f, "unreadable at {address:#x}"),
            Arg::Flags { value, names, unknown } => write!(f, "{value:#x} {names:?} and {unknown:#x}"),
        }
    }
}

impl Call {
    pub fn arg(&self, name: &str) -> &Arg {
        self.args.get(name).unwrap_or_else(|| panic!("no argument {name} in {}", self.line))
    }
}

/// The calls that a `replay --json` has printed.
#[track_caller]
pub fn read(done: &Done) -> Vec<Call> {
    let one = |line: &str| {
        let value = serde_json::from_str(line)
            .unwrap_or_else(|error| done.fail(&format!("not JSON: {error}: {line}")));
        call(&value, line).unwrap_or_else(|| done.fail(&format!("not as the contract has it: {line}")))
    };
    done.text().lines().map(one).collect()
}

/// The calls of each thread, in order.
pub fn by_tid(calls: Vec<Call>) -> BTreeMap<u32, Vec<Call>> {
    let mut threads = BTreeMap::<u32, Vec<Call>>::new();
    for call in calls {
        threads.entry(call.tid).or_default().push(call);
    }
    threads
}

fn call(value: &Value, line: &str) -> Option<Call> {
    let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let number = |name: &str| value.get(name)?.as_u64();
    let args = value.get("args")?.as_object()?;
    let args = args.iter().map(|(name, value)| Some((name.clone(), arg(value)?))).collect::<Option<_>>()?;
    Some(Call {
        name: text("call")?,
        comm: text("comm")?,
        pid: number("pid")? as u32,
        tid: number("tid")? as u32,
        ppid: number("ppid")? as u32,
        mnt_ns: number("mnt_ns")?,
        args,
        ret: value.get("ret")?.as_i64(),
        error: value.get("error")?.as_str().map(str::to_owned),
        finished: value.get("finished")?.as_bool()?,
        text: text("text")?,
        line: line.to_owned(),
    })
}

fn arg(value: &Value) -> Option<Arg> {
    match value {
        Value::Null => Some(Arg::Null),
        Value::String(text) => Some(Arg::Whole { bytes: text.clone().into_bytes(), late: false }),
        Value::Object(object) if object.contains_key("names") => {
            let names = object["names"].as_array()?.iter().map(|name| Some(name.as_str()?.to_owned()));
            let unknown = match object.get("unknown")? {
                Value::Null => 0,
                hex => u64::from_str_radix(hex.as_str()?.strip_prefix("0x")?, 16).ok()?,
            };
            Some(Arg::Flags {
                value: integer(object.get("value")?)?,
                names: names.collect::<Option<_>>()?,
                unknown,
            })
        }
        Value::Object(object) => {
            let bytes = || match (object.get("text"), object.get("base64")) {
                (Some(text), None) => Some(text.as_str()?.as_bytes().to_vec()),
                (None, Some(base64)) => unbase64(base64.as_str()?),
                _ => None,
            };
            let length = object.get("length").and_then(Value::as_u64);
            let arg = match object.get("capture")?.as_str()? {
                "whole" => Arg::Whole { bytes: bytes()?, late: false },
                "late" => Arg::Whole { bytes: bytes()?, late: true },
                "cut" => Arg::Cut(bytes()?),
                "fault" => Arg::Fault(address(object.get("address")?)?),
                _ => return None,
            };
            match &arg {
                Arg::Whole { bytes, .. } | Arg::Cut(bytes) if length != Some(bytes.len() as u64) => None,
                _ => Some(arg),
            }
        }
        _ => None,
    }
}

/// A number, or a string where a number in JSON would not be exact.
fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn address(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut have) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | DIGITS.iter().position(|&known| known == digit)? as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have) as u8);
        }
    }
    Some(bytes)
}
