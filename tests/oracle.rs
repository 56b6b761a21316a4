//! strace and mountsnoop watch the same program at the same time, and must say the same of every call.
//! strace is the reference. Where it deliberately says less, that is named in [`argument`] and [`flags`].

use std::collections::{BTreeMap, BTreeSet};

use crate::support::calls::{self, Arg, Call};
use crate::support::{in_first_pid_namespace, live, strace};

/// Differences that are shown; the rest is counted.
const SHOWN: usize = 5;
/// The longest string that is kept, and the most that strace reads of a path.
const STRING_MAX: usize = 4096;
const STRACE_PATH_MAX: usize = 4095;

#[test]
fn every_call_is_what_strace_says_it_is() {
    let Some(dir) = live() else { return };
    dir.compile("calls").subdir("scratch");
    let mut args = vec!["record", "-o", "t.mst", "--", "strace", "-o", "strace"];
    args.extend_from_slice(strace::OPTIONS);
    args.extend(["./calls", "scratch"]);
    let recorded = dir.mountsnoop(args).run().code(0);
    let replayed = dir.mountsnoop(["replay", "--json", "t.mst"]).run().code(0).silent();

    let theirs = named(strace::read(&dir.path(""), "strace"), |calls| match &calls[0].args[0] {
        strace::Arg::Text { bytes, .. } => bytes.clone(),
        other => recorded.fail(&format!("a thread's first call should say who it is, not {other:?}")),
    });
    let ours = named(calls::by_tid(calls::read(&replayed)), |calls| match calls[0].arg("target") {
        Arg::Whole { bytes, .. } => bytes.clone(),
        other => recorded.fail(&format!("a thread's first call should say who it is, not {other:?}")),
    });

    let names = |threads: &[&Vec<u8>]| {
        threads.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    };
    let (their_names, our_names): (Vec<String>, Vec<String>) =
        (names(&theirs.keys().collect::<Vec<_>>()), names(&ours.keys().collect::<Vec<_>>()));
    assert_eq!(their_names, our_names, "strace and mountsnoop did not see the same threads");

    let mut compared = Compared::default();
    let same_numbers = in_first_pid_namespace();
    let main = ours[&b"the main thread"[..]].0;
    for (name, (their_tid, theirs)) in &theirs {
        let (our_tid, ours) = &ours[name];
        let name = String::from_utf8_lossy(name);
        if same_numbers && their_tid != our_tid {
            compared.differ(format!("{name}: strace says tid {their_tid}, mountsnoop {our_tid}"));
        }
        compared.threads(&name, theirs, ours, if name.starts_with("thread") { main } else { *our_tid });
    }
    assert_eq!(
        compared.differences.len(),
        0,
        "strace and mountsnoop disagree; the first of {} differences:\n\n{}\n",
        compared.differences.len(),
        compared.differences[..compared.differences.len().min(SHOWN)].join("\n\n")
    );

    // The agreement is worth only as much as what was agreed upon.
    assert!(compared.calls >= 200, "only {} calls were compared", compared.calls);
    assert!(compared.errors.len() >= 10, "only these errors were seen: {:?}", compared.errors);
    for flag in ["MS_RDONLY", "MS_NOSYMFOLLOW", "MS_NOUSER", "MS_MGC_VAL", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"] {
        assert!(compared.flags.contains(flag), "{flag} was not among the flags: {:?}", compared.flags);
    }
    assert!(theirs.len() >= 6, "only these threads: {their_names:?}");
    let kinds = [compared.whole, compared.null, compared.cut, compared.fault, compared.ignored];
    assert!(kinds.iter().all(|&seen| seen >= 5), "{compared:?}");
}

/// The same threads by the name that each gives with its first call: between pid namespaces the numbers differ.
fn named<T>(
    threads: BTreeMap<u32, Vec<T>>,
    name: impl Fn(&[T]) -> Vec<u8>,
) -> BTreeMap<Vec<u8>, (u32, Vec<T>)> {
    threads.into_iter().map(|(tid, calls)| (name(&calls), (tid, calls))).collect()
}

#[derive(Debug, Default)]
struct Compared {
    calls: usize,
    whole: usize,
    null: usize,
    cut: usize,
    fault: usize,
    ignored: usize,
    flags: BTreeSet<String>,
    errors: BTreeSet<String>,
    differences: Vec<String>,
}

impl Compared {
    fn differ(&mut self, what: String) {
        self.differences.push(what);
    }

    fn threads(&mut self, name: &str, theirs: &[strace::Call], ours: &[Call], pid: u32) {
        for (number, (their, our)) in theirs.iter().zip(ours).enumerate() {
            let what = match self.call(their, our, pid) {
                Ok(()) => continue,
                Err(what) => what,
            };
            let our = &our.text;
            self.differ(format!(
                "{name}, call {}: {what}\n  strace:     {their:?}\n  mountsnoop: {our}",
                number + 1
            ));
        }
        if theirs.len() != ours.len() {
            self.differ(format!("{name}: strace saw {} calls, mountsnoop {}", theirs.len(), ours.len()));
        }
        self.calls += theirs.len().min(ours.len());
    }

    fn call(&mut self, their: &strace::Call, our: &Call, pid: u32) -> Result<(), String> {
        same("the call", &their.name, &our.name)?;
        same("the command's name", &"calls".to_string(), &our.comm)?;
        same("the process", &pid, &our.pid)?;
        let names: &[&str] = match our.name.as_str() {
            "mount" => &["source", "target", "fstype", "flags", "data"],
            _ => &["target", "flags"],
        };
        same("arguments of strace", &names.len(), &their.args.len())?;
        same("arguments of mountsnoop", &names.len(), &our.args.len())?;
        let ignored = ignored_by_strace(their);
        for (number, (their, name)) in their.args.iter().zip(names).enumerate() {
            self.argument(their, our.arg(name), ignored.contains(&number))
                .map_err(|what| format!("{name}: {what}"))?;
        }
        self.result(their, our)
    }

    fn argument(&mut self, their: &strace::Arg, our: &Arg, ignored: bool) -> Result<(), String> {
        use strace::Arg as Theirs;
        match (their, our) {
            (Theirs::Null, Arg::Null) => self.null += 1,
            // The kernel does not look at it, so strace shows no more than where it is.
            (Theirs::Address(at), Arg::Fault(address)) if ignored => same("the address", at, address)?,
            (Theirs::Address(_), Arg::Whole { .. } | Arg::Cut(_)) if ignored => self.ignored += 1,
            (Theirs::Address(at), Arg::Fault(address)) => {
                same("the address", at, address)?;
                self.fault += 1;
            }
            (Theirs::Text { bytes, more: false }, Arg::Whole { bytes: ours, .. }) => {
                same_bytes(bytes, ours)?;
                self.whole += 1;
            }
            (Theirs::Text { bytes, more: false }, Arg::Cut(ours)) if bytes.len() > STRING_MAX => {
                same_bytes(&bytes[..STRING_MAX], ours)?;
                self.cut += 1;
            }
            // strace reads a path only as far as a path can be valid.
            (Theirs::Text { bytes, more: true }, Arg::Whole { bytes: ours, .. } | Arg::Cut(ours)) => {
                same("how much strace reads of a path", &STRACE_PATH_MAX, &bytes.len())?;
                same("bytes", &STRING_MAX, &ours.len())?;
                same_bytes(bytes, &ours[..STRACE_PATH_MAX])?;
                self.cut += usize::from(matches!(our, Arg::Cut(_)));
            }
            (Theirs::Flags(theirs), Arg::Flags { value, names, unknown }) => {
                flags(theirs, *value, names, *unknown)?;
                self.flags.extend(names.iter().cloned());
            }
            _ => return Err(format!("strace has {their:?}, mountsnoop {our:?}")),
        }
        Ok(())
    }

    fn result(&mut self, their: &strace::Call, our: &Call) -> Result<(), String> {
        same("whether it returned", &true, &our.finished)?;
        match (&their.error, our.ret) {
            (None, ret) => {
                same("the result", &Some(their.ret), &ret)?;
                same("the error", &None, &our.error)
            }
            (Some((name, message)), Some(errno @ ..0)) => {
                self.errors.insert(name.clone());
                same("the error", &Some(name.clone()), &our.error)?;
                // The number: both have the C library's words for it.
                let words = std::io::Error::from_raw_os_error(-errno as i32).to_string();
                same("the number of the error", &format!("{message} (os error {})", -errno), &words)
            }
            (Some(_), ret) => Err(format!("strace says it failed, mountsnoop that it returned {ret:?}")),
        }
    }
}

/// Positions of pointers that strace shows as addresses whatever they point at (SYS_FUNC(mount) in its src/mount.c).
fn ignored_by_strace(call: &strace::Call) -> &'static [usize] {
    const REMOUNT: u64 = 32;
    const BIND_MOVE_PROPAGATION: u64 = 4096 | 8192 | 15 << 17;
    let flags = match call.args.get(3) {
        Some(strace::Arg::Flags(flags)) if flags.names.iter().any(|name| name == "MS_MGC_VAL") => {
            flags.value & 0xffff
        }
        Some(strace::Arg::Flags(flags)) => flags.value,
        _ => return &[],
    };
    match flags {
        _ if flags & REMOUNT != 0 => &[2],
        _ if flags & BIND_MOVE_PROPAGATION != 0 => &[2, 4],
        _ => &[],
    }
}

fn flags(theirs: &strace::Flags, value: u64, names: &[String], unknown: u64) -> Result<(), String> {
    // strace strips the upper half of the register together with the magic number, as the kernel does.
    let seen = if names.iter().any(|name| name == "MS_MGC_VAL") { u64::from(u32::MAX) } else { u64::MAX };
    same("flags", &format!("{:#x}", theirs.value), &format!("{:#x}", value & seen))?;
    same("names of flags", &theirs.names, &names.to_vec())?;
    same("unknown flags", &format!("{:#x}", theirs.unknown), &format!("{:#x}", unknown & seen))?;
    same("the upper half", &(value & !seen), &(unknown & !seen))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, theirs: &T, ours: &T) -> Result<(), String> {
    if theirs == ours { Ok(()) } else { Err(format!("{what}: expected {theirs:?}, got {ours:?}")) }
}

fn same_bytes(theirs: &[u8], ours: &[u8]) -> Result<(), String> {
    if theirs == ours {
        return Ok(());
    }
    let at = theirs.iter().zip(ours).position(|(a, b)| a != b).unwrap_or(theirs.len().min(ours.len()));
    let around = |bytes: &[u8]| {
        bytes[at.min(bytes.len())..].iter().take(16).copied().collect::<Vec<_>>().escape_ascii().to_string()
    };
    let (their_len, our_len) = (theirs.len(), ours.len());
    Err(format!(
        "{their_len} bytes and {our_len} that differ from byte {at} on: \"{}\" and \"{}\"",
        around(theirs),
        around(ours)
    ))
}
