//! What recording needs of the machine, asked before anything is loaded: one sentence for each thing that is missing.
//! The answers are pure functions of a [`System`], so that a test can ask about machines that are not at hand.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// Where the kernel describes its own types.
pub(super) const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Facts about the machine and the process that decide whether recording can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Effective capabilities (`CapEff` in /proc/self/status), or `None` where /proc could not be read.
    pub capabilities: Option<u64>,
    /// They are those of the first user namespace: of any other BPF takes no notice.
    pub first_user_ns: bool,
    /// Bytes of memory that may be locked, and `None` where that can be raised to any number without a capability.
    pub memlock: Option<u64>,
    /// `uname -r`.
    pub release: String,
    /// The kernel describes its types in /sys/kernel/btf/vmlinux.
    pub btf: bool,
    /// The kernel knows the filesystem `tracefs`.
    pub tracefs: bool,
}

/// include/uapi/linux/capability.h; CAP_SYS_ADMIN stands for each of the two below it.
const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_SYS_RESOURCE: u64 = 1 << 24;
const NEEDED: [(&str, u64); 2] = [("CAP_BPF", 1 << 39), ("CAP_PERFMON", 1 << 38)];
/// Inode of the first user namespace (PROC_USER_INIT_INO in include/linux/proc_ns.h).
const FIRST_USER_NS: &str = "user:[4026531837]";
/// Linux 5.8 brought the BPF ring buffer, and with it everything else that is used.
const OLDEST: (u32, u32) = (5, 8);
/// Since 5.11 the memory of BPF counts for its cgroup; before, it was locked memory of the process.
const MEMLOCK_IS_FREE: (u32, u32) = (5, 11);
/// What the maps and programs take with a ring buffer of the usual size, and some more.
const MEMLOCK_ENOUGH: u64 = 64 << 20;

impl System {
    /// The machine this process runs on.
    pub fn here() -> System {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        System {
            capabilities: status
                .lines()
                .find_map(|line| line.strip_prefix("CapEff:"))
                .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()),
            first_user_ns: fs::read_link("/proc/self/ns/user")
                .map_or(true, |link| link.as_os_str() == FIRST_USER_NS),
            memlock: {
                let limit = getrlimit(Resource::Memlock);
                limit.maximum.map(|_| limit.current.unwrap_or(u64::MAX))
            },
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            btf: fs::metadata(VMLINUX_BTF).is_ok(),
            tracefs: fs::read_to_string("/proc/filesystems")
                .is_ok_and(|list| list.lines().any(|line| line.ends_with("\ttracefs"))),
        }
    }

    /// What is missing, a sentence each with what to do; empty when recording can begin.
    pub fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self.missing_right().into_iter().collect();
        if version(&self.release).is_some_and(|found| found < OLDEST) {
            missing.push(format!(
                "recording needs Linux {}.{} or newer (BPF ring buffers), this is {}: record on another kernel; \
                 replay, stats and export work here",
                OLDEST.0, OLDEST.1, self.release
            ));
        }
        if !self.btf {
            missing.push(format!(
                "recording needs the kernel's type information, and {VMLINUX_BTF} is not there: use a kernel built with \
                 CONFIG_DEBUG_INFO_BTF=y, as those of current distributions are, or mount sysfs on /sys"
            ));
        }
        if !self.tracefs {
            missing.push(
                "recording needs tracefs, and this kernel has none: use a kernel built with CONFIG_FTRACE_SYSCALLS=y"
                    .to_string(),
            );
        }
        missing
    }

    /// One sentence, for whoever runs it with sudo needs only one.
    fn missing_right(&self) -> Option<String> {
        let Some(capabilities) = self.capabilities else {
            return Some("recording needs /proc, and /proc/self/status cannot be read: mount it".to_string());
        };
        let has = |capability: u64| capabilities & capability != 0;
        let lacking: Vec<&str> =
            NEEDED.iter().filter(|(_, bit)| !has(bit | CAP_SYS_ADMIN)).map(|(name, _)| *name).collect();
        if !lacking.is_empty() {
            return Some(format!(
                "recording needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN for both, and this process has no {}: run it \
                 with sudo, or give it these capabilities as docs/permissions.md says",
                lacking.join(" and no ")
            ));
        }
        if !self.first_user_ns {
            return Some(
                "recording needs the capabilities of the host, and this process is root in a user namespace only: record \
                 from outside of the container"
                    .to_string(),
            );
        }
        let locks = version(&self.release).is_some_and(|found| found < MEMLOCK_IS_FREE);
        let limit =
            self.memlock.filter(|&bytes| locks && bytes < MEMLOCK_ENOUGH && !has(CAP_SYS_RESOURCE))?;
        Some(format!(
            "before Linux 5.11 recording locks memory, and this process may lock {limit} bytes: run it with sudo or \
             CAP_SYS_RESOURCE, or raise the limit (ulimit -l unlimited)"
        ))
    }
}

/// The first two numbers of a kernel release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> System {
        System {
            capabilities: Some(u64::MAX),
            first_user_ns: true,
            memlock: Some(8 << 20),
            release: "6.1.0-35-amd64".into(),
            btf: true,
            tracefs: true,
        }
    }

    #[track_caller]
    fn one(system: System, needle: &str) {
        let missing = system.missing();
        assert!(
            missing.len() == 1 && missing[0].contains(needle),
            "expected one about {needle:?}: {missing:#?}"
        );
    }

    #[test]
    fn a_fit_machine_lacks_nothing() {
        assert_eq!(fit().missing(), Vec::<String>::new());
    }

    #[test]
    fn each_missing_thing_has_a_sentence_of_its_own() {
        one(System { capabilities: Some(0), ..fit() }, "has no CAP_BPF and no CAP_PERFMON: run it with sudo");
        one(System { capabilities: Some(1 << 39), ..fit() }, "has no CAP_PERFMON: run it with sudo");
        one(System { capabilities: None, ..fit() }, "/proc/self/status");
        one(System { first_user_ns: false, ..fit() }, "user namespace");
        one(System { release: "5.4.0-150-generic".into(), ..fit() }, "this is 5.4.0-150-generic");
        one(System { btf: false, ..fit() }, "CONFIG_DEBUG_INFO_BTF");
        one(System { tracefs: false, ..fit() }, "CONFIG_FTRACE_SYSCALLS");
    }

    #[test]
    fn capabilities_count_and_not_who_has_them() {
        for capabilities in [1 << 21, 1 << 39 | 1 << 38] {
            assert_eq!(System { capabilities: Some(capabilities), ..fit() }.missing(), Vec::<String>::new());
        }
    }

    #[test]
    fn before_5_11_memory_must_be_lockable() {
        let old = |capabilities, memlock| System {
            release: "5.10.0".into(),
            capabilities: Some(capabilities),
            memlock,
            ..fit()
        };
        one(old(1 << 21, Some(64 << 10)), "ulimit -l unlimited");
        for fine in [old(1 << 21 | 1 << 24, Some(64 << 10)), old(1 << 21, Some(1 << 30)), old(1 << 21, None)]
        {
            assert_eq!(fine.missing(), Vec::<String>::new());
        }
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("5.10.0-35-amd64"), Some((5, 10)));
        assert_eq!(version("6.18.44-x"), Some((6, 18)));
        assert_eq!(version("7.2-rc1"), Some((7, 2)));
        assert_eq!(System { release: "5.10.0".into(), ..fit() }.missing(), Vec::<String>::new());
    }
}
