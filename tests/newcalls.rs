//! strace and mountsnoop watch the calls beside mount(2) and umount2(2), and must say the same of each.
//! strace is the reference. What its version in Debian 12 does not know is named here, and expected literally.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::support::witness::{self, Field, Value};
use crate::support::{live, unbase64};

/// Differences that are shown; the rest is counted.
const SHOWN: usize = 8;
/// The most bytes of a structure or a blob that are kept.
const BYTES_MAX: usize = 512;
const NEWNS: i128 = 0x2_0000;

/// Names that an strace of 2022 may not know, and their values.
const NEWER: &[(&str, u64)] = &[
    ("FSMOUNT_NAMESPACE", 2),
    ("FSCONFIG_CMD_CREATE_EXCL", 8),
    ("MOVE_MOUNT_BENEATH", 0x200),
    ("OPEN_TREE_NAMESPACE", 2),
    ("UNSHARE_EMPTY_MNTNS", 0x10_0000),
    ("CLONE_AUTOREAP", 1 << 34),
    ("CLONE_NNP", 1 << 35),
    ("CLONE_PIDFD_AUTOKILL", 1 << 36),
    ("CLONE_EMPTY_MNTNS", 1 << 37),
    ("CLONE_DETACHED", 0x40_0000),
    // Known to it as attributes of mount_setattr(2), not of fsmount(2).
    ("MOUNT_ATTR_IDMAP", 0x10_0000),
    ("MOUNT_ATTR_NOSYMFOLLOW", 0x20_0000),
    // strace takes `propagation` for one number and knows no name for a sum.
    ("MS_UNBINDABLE", 1 << 17),
    ("MS_PRIVATE", 1 << 18),
    ("MS_SLAVE", 1 << 19),
    ("MS_SHARED", 1 << 20),
];

/// Flags of other calls, which strace also names in open_tree(2), where the kernel refuses them; and signals whose names
/// belong to the C library.
const ELSEWHERE: &[(&str, u64)] =
    &[("AT_REMOVEDIR", 0x200), ("AT_SYMLINK_FOLLOW", 0x400), ("SIGRTMIN", 32), ("SIGRT_32", 64)];

#[test]
fn every_newer_call_is_what_strace_says_it_is() {
    let Some(dir) = live() else { return };
    dir.compile("newcalls").subdir("scratch");
    let mut args = vec!["record", "-o", "t.mst", "--", "strace", "-o", "strace"];
    args.extend_from_slice(witness::OPTIONS);
    args.extend(["./newcalls", "scratch"]);
    let recorded = dir.mountsnoop(args).run().code(0);
    let replayed = dir.mountsnoop(["replay", "--json", "--comm", "newcalls", "t.mst"]).run().code(0).silent();

    let mut theirs = BTreeMap::new();
    for (tid, calls) in witness::read(&dir.path(""), "strace") {
        let calls: Vec<witness::Call> = calls.into_iter().filter(of_interest).collect();
        if let Some(first) = calls.first() {
            let Value::Text { bytes, .. } = &first.args[0].value else { recorded.fail(&first.line) };
            theirs.insert(String::from_utf8_lossy(bytes).into_owned(), (tid, calls));
        }
    }
    let mut ours = BTreeMap::<u64, Vec<Json>>::new();
    for line in replayed.text().lines() {
        let call: Json = serde_json::from_str(line).unwrap_or_else(|error| replayed.fail(&error.to_string()));
        // That test is oracle.rs.
        if !["mount", "umount2"].contains(&call["call"].as_str().unwrap_or_default()) {
            ours.entry(call["tid"].as_u64().expect("a tid")).or_default().push(call);
        }
    }
    let ours: BTreeMap<&str, &Vec<Json>> =
        ours.values().map(|calls| (calls[0]["args"]["path"].as_str().unwrap_or("?"), calls)).collect();
    assert_eq!(
        theirs.keys().map(String::as_str).collect::<Vec<_>>(),
        ours.keys().copied().collect::<Vec<_>>(),
        "the processes"
    );

    let mut seen = Seen::default();
    let mut differences = Vec::new();
    for (name, (_, theirs)) in &theirs {
        let ours = ours[name.as_str()];
        for (number, (their, our)) in theirs.iter().zip(ours).enumerate() {
            if let Err(what) = seen.call(their, our) {
                let ours = our["text"].as_str().unwrap_or_default();
                let line: String = their.line.chars().take(500).collect();
                differences.push(format!(
                    "{name}, call {}: {what}\n  strace:     {line}\n  mountsnoop: {ours}",
                    number + 1
                ));
            }
        }
        if theirs.len() != ours.len() {
            differences.push(format!("{name}: strace saw {} calls, mountsnoop {}", theirs.len(), ours.len()));
        }
    }
    assert!(
        differences.is_empty(),
        "the first of {} differences:\n\n{}\n",
        differences.len(),
        differences[..differences.len().min(SHOWN)].join("\n\n")
    );

    // The agreement is worth only as much as what was agreed upon.
    let calls: usize = seen.calls.values().sum();
    assert!(calls >= 1200, "{seen:?}");
    assert_eq!(seen.calls.len(), 13, "{seen:?}");
    assert!(seen.calls.values().all(|&count| count >= 10), "{seen:?}");
    assert!(seen.errors.len() >= 8, "{seen:?}");
    assert!(seen.names.len() >= 70, "{} names: {seen:?}", seen.names.len());
    let kinds = [seen.null, seen.text, seen.address, seen.structs, seen.rests, seen.cut, seen.unseen];
    assert!(kinds.iter().all(|&count| count >= 4), "{seen:?}");
}

/// strace tells of every call; these make, change or enter a mount namespace, or may.
fn of_interest(call: &witness::Call) -> bool {
    let flags = |field: Option<&Field>| match field.map(|field| &field.value) {
        Some(Value::Number { value, .. }) => *value,
        _ => 0,
    };
    let named =
        |fields: &[Field], name: &str| flags(fields.iter().find(|field| field.name.as_deref() == Some(name)));
    match call.name.as_str() {
        "unshare" => flags(call.args.first()) & (NEWNS | 0x10_0000) != 0,
        "setns" => flags(call.args.get(1)) == 0 || flags(call.args.get(1)) & NEWNS != 0,
        "clone" => named(&call.args, "flags") & NEWNS != 0,
        "clone3" => match &call.args[0].value {
            Value::Struct { fields, .. } => named(fields, "flags") & (NEWNS | 1 << 37) != 0,
            _ => true,
        },
        _ => true,
    }
}

#[derive(Debug, Default)]
struct Seen {
    calls: BTreeMap<String, usize>,
    names: BTreeSet<String>,
    errors: BTreeSet<String>,
    null: usize,
    text: usize,
    address: usize,
    structs: usize,
    /// Bytes behind a structure.
    rests: usize,
    cut: usize,
    /// strace shows an address only: the kernel did not look.
    unseen: usize,
}

impl Seen {
    fn call(&mut self, their: &witness::Call, our: &Json) -> Result<(), String> {
        same("the call", &their.name.as_str(), &our["call"].as_str().unwrap_or_default())?;
        let args = our["args"].as_object().ok_or("no args")?;
        if their.name == "clone" {
            // Its arguments come in another order on each architecture: only the flags are told.
            let flags = their.args.iter().find(|field| field.name.as_deref() == Some("flags"));
            self.value(&flags.ok_or("no flags of strace's")?.value, &args["flags"], false)
                .map_err(|what| format!("flags: {what}"))?;
        } else {
            same("how many arguments", &their.args.len(), &args.len())?;
            let names = argument_names(&their.name);
            for (field, name) in their.args.iter().zip(names) {
                let command = args.get("cmd").and_then(|cmd| cmd["value"].as_u64());
                let no_key = *name == "key" && matches!(command, Some(6..));
                self.value(&field.value, &args[*name], no_key).map_err(|what| format!("{name}: {what}"))?;
            }
        }
        same("whether it returned", &Some(true), &our["finished"].as_bool())?;
        same("the error", &their.error.as_deref(), &our["error"].as_str())?;
        match &their.error {
            Some(error) => _ = self.errors.insert(error.clone()),
            None => same("the result", &Some(their.ret), &our["ret"].as_i64())?,
        }
        *self.calls.entry(their.name.clone()).or_default() += 1;
        Ok(())
    }

    fn value(&mut self, their: &Value, our: &Json, unseen: bool) -> Result<(), String> {
        let wrong = || Err(format!("strace has {their:?}, mountsnoop {our}"));
        match (their, our) {
            (Value::Null, Json::Null) => self.null += 1,
            (Value::Text { bytes, more }, _) => {
                let Some((ours, cut)) = bytes_of(our) else { return wrong() };
                self.text += 1;
                self.cut += usize::from(cut);
                if cut {
                    same("how much is kept", &true, &(ours.len() >= BYTES_MAX))?;
                    same("bytes", &bytes[..ours.len().min(bytes.len())], &ours[..])?;
                } else if *more {
                    same("bytes", bytes, &ours[..bytes.len().min(ours.len())].to_vec())?;
                } else {
                    same("bytes", bytes, &ours)?;
                }
            }
            (Value::Struct { fields, rest }, Json::Object(object)) => {
                self.structs += 1;
                for field in fields {
                    let name = field.name.as_deref().ok_or("a field without a name")?;
                    let ours = object["fields"].get(name).ok_or(format!("no field {name}"))?;
                    self.field(&field.value, ours).map_err(|what| format!("{name}: {what}"))?;
                }
                let (ours, cut) = bytes_of(our).ok_or("no bytes")?;
                let size: usize = if object["fields"].get("attr_set").is_some() { 32 } else { 88 };
                let ours = ours.get(size..).unwrap_or_default();
                match rest {
                    None => {
                        same("bytes behind it that are not 0", &false, &ours.iter().any(|&byte| byte != 0))?
                    }
                    Some(rest) => {
                        self.rests += 1;
                        same("bytes behind it", &rest[..ours.len().min(rest.len())], ours)?;
                        same("whether it is whole", &(rest.len() > ours.len()), &cut)?;
                    }
                }
            }
            (Value::Number { value, names, unknown }, Json::Object(object)) => {
                if let Some(address) = object.get("address").and_then(Json::as_str) {
                    self.address += 1;
                    same("the address", &format!("{value:#x}"), &address.to_owned())?;
                } else if let Some(list) = object.get("names").and_then(Json::as_array) {
                    let list = list.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
                    self.flags(*value, names, *unknown, list, object)?;
                } else if let Some(name) = object.get("name") {
                    same("the number", &Some(*value), &integer(&object["value"]))?;
                    let known =
                        name.as_str().is_some_and(|ours| NEWER.iter().any(|(newer, _)| *newer == ours));
                    if !known || !names.is_empty() {
                        same("its name", &names.first().map(String::as_str), &name.as_str())?;
                    }
                    self.names.extend(name.as_str().map(str::to_owned));
                } else if bytes_of(our).is_some() {
                    // A structure too short for strace.
                    self.unseen += 1;
                } else {
                    return wrong();
                }
            }
            (Value::Number { .. }, Json::String(_)) if unseen => self.unseen += 1,
            (Value::Number { value, .. }, Json::Number(_) | Json::String(_)) => {
                same("the number", &Some(*value), &integer(our))?
            }
            _ => return wrong(),
        }
        Ok(())
    }

    /// A descriptor is signed here, in whichever width, and not there; a NULL stack is a number here.
    fn field(&mut self, their: &Value, our: &Json) -> Result<(), String> {
        match (their, our) {
            (Value::Null, our) => same("the number", &Some(0), &integer(our)),
            (Value::Number { value, names, .. }, Json::Number(_) | Json::String(_)) if names.is_empty() => {
                let ours = integer(our).ok_or("no number")?;
                let same_int = i128::from(*value as i32) == ours && *value <= i128::from(u32::MAX);
                same("the number", &(*value as u64), &if same_int { *value as u64 } else { ours as u64 })
            }
            _ => self.value(their, our, false),
        }
    }

    fn flags(
        &mut self,
        value: i128,
        theirs: &[String],
        their_unknown: u64,
        ours: BTreeSet<String>,
        object: &serde_json::Map<String, Json>,
    ) -> Result<(), String> {
        same("the value", &Some(value), &integer(&object["value"]))?;
        let mut unknown = match &object["unknown"] {
            Json::Null => 0,
            hex => u64::from_str_radix(hex.as_str().unwrap_or_default().trim_start_matches("0x"), 16)
                .map_err(|error| error.to_string())?,
        };
        let mut expected: BTreeSet<String> = theirs.iter().cloned().collect();
        let mut their_unknown = their_unknown;
        for (name, bit) in ELSEWHERE {
            if expected.remove(*name) {
                their_unknown |= bit;
            }
        }
        for (name, bit) in NEWER {
            if ours.contains(*name) && !expected.contains(*name) {
                same("a bit that strace does not know", bit, &(their_unknown & bit))?;
                expected.insert(name.to_string());
                their_unknown &= !bit;
            }
        }
        // strace takes the access time, one number in three bits, for flags.
        let attributes = ours.iter().chain(&expected).any(|name| name.starts_with("MOUNT_ATTR_"));
        if attributes {
            expected
                .retain(|name| !["MOUNT_ATTR_NOATIME", "MOUNT_ATTR_STRICTATIME"].contains(&name.as_str()));
            their_unknown &= !0x70;
            match value & 0x70 {
                0 => expected
                    .extend(ours.contains("MOUNT_ATTR_RELATIME").then(|| "MOUNT_ATTR_RELATIME".into())),
                0x10 => _ = expected.insert("MOUNT_ATTR_NOATIME".into()),
                0x20 => _ = expected.insert("MOUNT_ATTR_STRICTATIME".into()),
                0x70 => _ = expected.insert("MOUNT_ATTR__ATIME".into()),
                other => same("an access time without a name", &(other as u64), &(unknown & 0x70))?,
            }
            unknown &= !0x70;
        }
        same("the names", &expected, &ours)?;
        // A word of flags without one known name is a plain number to strace.
        if !theirs.is_empty() || their_unknown != 0 {
            same("the unknown bits", &their_unknown, &unknown)?;
        }
        self.names.extend(ours);
        Ok(())
    }
}

fn argument_names(call: &str) -> &'static [&'static str] {
    match call {
        "fsopen" => &["fsname", "flags"],
        "fsconfig" => &["fd", "cmd", "key", "value", "aux"],
        "fsmount" => &["fsfd", "flags", "attr_flags"],
        "fspick" | "open_tree" => &["dirfd", "path", "flags"],
        "move_mount" => &["from_dirfd", "from_path", "to_dirfd", "to_path", "flags"],
        "mount_setattr" => &["dirfd", "path", "flags", "attr", "size"],
        "pivot_root" => &["new_root", "put_old"],
        "chroot" => &["path"],
        "unshare" => &["flags"],
        "setns" => &["fd", "nstype"],
        "clone3" => &["cl_args", "size"],
        other => panic!("{other}"),
    }
}

/// Bytes, and whether they are only the first.
fn bytes_of(our: &Json) -> Option<(Vec<u8>, bool)> {
    match our {
        Json::String(text) => Some((text.clone().into_bytes(), false)),
        Json::Object(object) => {
            let bytes = match (object.get("text"), object.get("base64")) {
                (Some(text), _) => text.as_str()?.as_bytes().to_vec(),
                (_, base64) => unbase64(base64?.as_str()?)?,
            };
            Some((bytes, object.get("capture")?.as_str()? == "cut"))
        }
        _ => None,
    }
}

/// A number, or a string where a number in JSON would not be exact.
fn integer(value: &Json) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_str()?.parse().ok())
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, theirs: &T, ours: &T) -> Result<(), String> {
    if theirs == ours { Ok(()) } else { Err(format!("{what}: expected {theirs:?}, got {ours:?}")) }
}
