//! What recording needs of the machine, asked before anything is loaded: one sentence for each thing that is missing.
//! The answers are pure functions of a [`System`], so that a test can ask about machines that are not at hand.

use std::fs;

/// Facts about the machine and the process that decide whether recording can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Effective capabilities (`CapEff` in /proc/self/status), or `None` where /proc could not be read.
    pub capabilities: Option<u64>,
    /// `uname -r`.
    pub release: String,
    /// /sys/kernel/btf/vmlinux is there.
    pub btf: bool,
    /// The kernel knows the filesystem `tracefs`.
    pub tracefs: bool,
}

const CAP_SYS_ADMIN: u64 = 1 << 21;
/// Linux 5.8 brought the BPF ring buffer, and with it everything else that is used.
const OLDEST: (u32, u32) = (5, 8);

impl System {
    /// The machine this process runs on.
    pub fn here() -> System {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        System {
            capabilities: status
                .lines()
                .find_map(|line| line.strip_prefix("CapEff:"))
                .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()),
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            btf: fs::metadata("/sys/kernel/btf/vmlinux").is_ok(),
            tracefs: fs::read_to_string("/proc/filesystems")
                .is_ok_and(|list| list.lines().any(|line| line.ends_with("\ttracefs"))),
        }
    }

    /// What is missing, a sentence each with what to do; empty when recording can begin.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.capabilities.is_none_or(|caps| caps & CAP_SYS_ADMIN == 0) {
            missing.push("recording needs root (CAP_SYS_ADMIN): run it with sudo".to_string());
        }
        if version(&self.release).is_some_and(|found| found < OLDEST) {
            missing.push(format!(
                "recording needs Linux {}.{} or newer (BPF ring buffers), this is {}: record on another kernel; \
                 replay, stats and export work here",
                OLDEST.0, OLDEST.1, self.release
            ));
        }
        if !self.btf {
            missing.push(
                "recording needs the kernel's type information, and /sys/kernel/btf/vmlinux is not there: use a kernel \
                 built with CONFIG_DEBUG_INFO_BTF=y, as those of current distributions are, or mount sysfs on /sys"
                    .to_string(),
            );
        }
        if !self.tracefs {
            missing.push(
                "recording needs tracefs, and this kernel has none: use a kernel built with CONFIG_FTRACE_SYSCALLS=y"
                    .to_string(),
            );
        }
        missing
    }
}

/// The first two numbers of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> System {
        System { capabilities: Some(u64::MAX), release: "6.1.0-35-amd64".into(), btf: true, tracefs: true }
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
        one(System { capabilities: Some(0), ..fit() }, "sudo");
        one(System { capabilities: None, ..fit() }, "sudo");
        one(System { release: "5.4.0-150-generic".into(), ..fit() }, "this is 5.4.0-150-generic");
        one(System { btf: false, ..fit() }, "CONFIG_DEBUG_INFO_BTF");
        one(System { tracefs: false, ..fit() }, "CONFIG_FTRACE_SYSCALLS");
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("5.10.0-35-amd64"), Some((5, 10)));
        assert_eq!(version("6.18.44-x"), Some((6, 18)));
        assert_eq!(version("7.2-rc1"), Some((7, 2)));
        assert_eq!(System { release: "5.10.0".into(), ..fit() }.missing(), Vec::<String>::new());
    }
}
