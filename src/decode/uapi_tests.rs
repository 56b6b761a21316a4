//! Every table against literal values, and against the headers of the machine that tests.

use super::super::calls::CALLS;
use super::*;

fn names(table: &FlagTable, value: u64) -> String {
    let mut out = Vec::new();
    table.write(&mut out, value);
    String::from_utf8(out).unwrap()
}

fn classic(table: &FlagTable, value: u64) -> String {
    let mut out = Vec::new();
    table.write_classic(&mut out, value);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_bit_of_mount_flags_has_its_own_name() {
    let want = "MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC \
        MS_NOSYMFOLLOW 0x200 MS_NOATIME MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL MS_UNBINDABLE \
        MS_PRIVATE MS_SLAVE MS_SHARED MS_RELATIME MS_KERNMOUNT MS_I_VERSION MS_STRICTATIME MS_LAZYTIME MS_SUBMOUNT \
        MS_NOREMOTELOCK MS_NOSEC MS_BORN MS_ACTIVE MS_NOUSER 0x100000000";
    let got: Vec<String> = (0..33).map(|bit| names(&MOUNT_FLAGS, 1 << bit)).collect();
    assert_eq!(got.join(" "), want);
}

#[test]
fn every_bit_of_umount_flags_has_its_own_name() {
    let got: Vec<String> = (0..5).map(|bit| names(&UMOUNT_FLAGS, 1 << bit)).collect();
    assert_eq!(got.join(" "), "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW 0x10");
}

/// Names of the bits from 0 on, each alone, up to and including the first that no later one has a name behind.
fn bits(table: &FlagTable, count: u32) -> String {
    (0..count).map(|bit| names(table, 1 << bit)).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_bit_of_the_new_calls_has_its_own_name() {
    assert_eq!(bits(&FSOPEN_FLAGS, 2), "FSOPEN_CLOEXEC 0x2");
    assert_eq!(bits(&FSMOUNT_FLAGS, 3), "FSMOUNT_CLOEXEC FSMOUNT_NAMESPACE 0x4");
    assert_eq!(
        bits(&FSPICK_FLAGS, 5),
        "FSPICK_CLOEXEC FSPICK_SYMLINK_NOFOLLOW FSPICK_NO_AUTOMOUNT FSPICK_EMPTY_PATH 0x10"
    );
    assert_eq!(
        bits(&MOVE_MOUNT_FLAGS, 11),
        "MOVE_MOUNT_F_SYMLINKS MOVE_MOUNT_F_AUTOMOUNTS MOVE_MOUNT_F_EMPTY_PATH 0x8 MOVE_MOUNT_T_SYMLINKS \
         MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH 0x80 MOVE_MOUNT_SET_GROUP MOVE_MOUNT_BENEATH 0x400"
    );
    assert_eq!(
        bits(&OPEN_TREE_FLAGS, 21),
        "OPEN_TREE_CLONE OPEN_TREE_NAMESPACE 0x4 0x8 0x10 0x20 0x40 0x80 AT_SYMLINK_NOFOLLOW 0x200 0x400 AT_NO_AUTOMOUNT \
         AT_EMPTY_PATH 0x2000 0x4000 AT_RECURSIVE 0x10000 0x20000 0x40000 OPEN_TREE_CLOEXEC 0x100000"
    );
    assert_eq!(
        bits(&MOUNT_SETATTR_FLAGS, 17),
        "0x1 0x2 0x4 0x8 0x10 0x20 0x40 0x80 AT_SYMLINK_NOFOLLOW 0x200 0x400 AT_NO_AUTOMOUNT AT_EMPTY_PATH 0x2000 0x4000 \
         AT_RECURSIVE 0x10000"
    );
    assert_eq!(bits(&STATMOUNT_FLAGS, 2), "STATMOUNT_BY_FD 0x2");
    assert_eq!(bits(&LISTMOUNT_FLAGS, 2), "LISTMOUNT_REVERSE 0x2");
    assert_eq!(bits(&LISTNS_FLAGS, 1), "0x1");
    assert_eq!(
        bits(&STATMOUNT_MASK, 16),
        "STATMOUNT_SB_BASIC STATMOUNT_MNT_BASIC STATMOUNT_PROPAGATE_FROM STATMOUNT_MNT_ROOT STATMOUNT_MNT_POINT \
         STATMOUNT_FS_TYPE STATMOUNT_MNT_NS_ID STATMOUNT_MNT_OPTS STATMOUNT_FS_SUBTYPE STATMOUNT_SB_SOURCE \
         STATMOUNT_OPT_ARRAY STATMOUNT_OPT_SEC_ARRAY STATMOUNT_SUPPORTED_MASK STATMOUNT_MNT_UIDMAP STATMOUNT_MNT_GIDMAP \
         0x8000"
    );
}

#[test]
fn every_bit_of_mount_attributes_has_its_own_name_but_those_of_the_field() {
    let low = "MOUNT_ATTR_RDONLY MOUNT_ATTR_NOSUID MOUNT_ATTR_NODEV MOUNT_ATTR_NOEXEC MOUNT_ATTR_NOATIME \
               MOUNT_ATTR_STRICTATIME 0x40 MOUNT_ATTR_NODIRATIME 0x100";
    let high = "MOUNT_ATTR_IDMAP MOUNT_ATTR_NOSYMFOLLOW 0x400000";
    for table in [&MOUNT_ATTR_FLAGS, &FSMOUNT_ATTR_FLAGS] {
        assert_eq!(bits(table, 9), low);
        let got: Vec<String> = (20..23).map(|bit| names(table, 1 << bit)).collect();
        assert_eq!(got.join(" "), high);
        for (value, want) in [
            (0x70, "MOUNT_ATTR__ATIME"),
            (0x30, "0x30"),
            (0x50, "0x50"),
            (0x60, "0x60"),
            (0x31, "MOUNT_ATTR_RDONLY|0x30"),
            (0x90, "MOUNT_ATTR_NODIRATIME|MOUNT_ATTR_NOATIME"),
        ] {
            assert_eq!(names(table, value), want);
        }
    }
    assert_eq!(
        (names(&MOUNT_ATTR_FLAGS, 0), names(&FSMOUNT_ATTR_FLAGS, 0)),
        ("0x0".into(), "MOUNT_ATTR_RELATIME".into())
    );
    let got: Vec<String> = (16..22).map(|bit| names(&PROPAGATION_FLAGS, 1 << bit)).collect();
    assert_eq!(got.join(" "), "0x10000 MS_UNBINDABLE MS_PRIVATE MS_SLAVE MS_SHARED 0x200000");
}

#[test]
fn every_bit_of_clone_has_its_own_name_in_each_call() {
    let high = |table: &FlagTable| (8..38).map(|bit| names(table, 1 << bit)).collect::<Vec<_>>().join(" ");
    let both = "CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD \
        CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED \
        CLONE_CHILD_SETTID CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO";
    let hex = "0x100000000 0x200000000 0x400000000 0x800000000 0x1000000000 0x2000000000";
    let new = "CLONE_CLEAR_SIGHAND CLONE_INTO_CGROUP CLONE_AUTOREAP CLONE_NNP CLONE_PIDFD_AUTOKILL CLONE_EMPTY_MNTNS";
    assert_eq!(high(&CLONE_FLAGS), format!("{both} {hex}"));
    assert_eq!(high(&CLONE3_FLAGS), format!("{both} {new}"));
    assert_eq!(bits(&CLONE3_FLAGS, 8), "0x1 0x2 0x4 0x8 0x10 0x20 0x40 CLONE_NEWTIME");
    assert_eq!(bits(&CLONE_FLAGS, 6), "SIGHUP SIGINT SIGILL SIGFPE SIGSTKFLT 0x20", "a number, not flags");
    let named = |table: &FlagTable| {
        let bits = (0..38).map(|bit| names(table, 1 << bit)).filter(|name| !name.starts_with("0x"));
        bits.collect::<Vec<_>>().join(" ")
    };
    let spaces = "CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET";
    assert_eq!(named(&NAMESPACE_TYPES), format!("CLONE_NEWTIME CLONE_NEWNS {spaces}"));
    assert_eq!(
        named(&UNSHARE_FLAGS),
        format!(
            "CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM \
             UNSHARE_EMPTY_MNTNS {spaces}"
        )
    );
}

#[test]
fn every_signal_has_its_name_and_other_numbers_have_none() {
    for number in 1..32 {
        assert!(names(&SIGNALS, number).starts_with("SIG"), "{number}");
    }
    for (value, want) in [(0, "0x0"), (17, "SIGCHLD"), (9, "SIGKILL"), (32, "0x20"), (0x111, "SIGCHLD|0x100")]
    {
        assert_eq!(names(&SIGNALS, value), want);
    }
}

#[test]
fn every_command_of_fsconfig_has_its_name() {
    let got: Vec<&str> = (0..10).map(|cmd| FSCONFIG_COMMANDS.name(cmd).unwrap_or("none")).collect();
    let want = "FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH FSCONFIG_SET_PATH_EMPTY \
        FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE FSCONFIG_CMD_CREATE_EXCL none";
    assert_eq!(got.join(" "), want);
}

#[test]
fn zero_and_all_bits_lose_nothing_in_any_table() {
    for table in TABLES {
        assert_eq!(names(table, 0), table.zero.unwrap_or("0x0"));
        let all = table.truncate(u64::MAX);
        let mut named = Vec::new();
        let rest = table.names(all, |name| named.push(name));
        let of_rows =
            table.rows.iter().filter(|row| named.contains(&row.name)).fold(0, |sum, row| sum | row.value);
        let of_field =
            table.field.iter().flat_map(|field| field.rows).filter(|row| named.contains(&row.name));
        assert_eq!(rest | of_rows | of_field.fold(0, |sum, row| sum | row.value), all, "{named:?}");
        assert_eq!(rest & of_rows, 0);
    }
}

#[test]
fn flags_are_joined_and_the_rest_is_hex() {
    for (value, want) in [
        (0, "0x0"),
        (0x200, "0x200"),
        (0x5000, "MS_BIND|MS_REC"),
        (0x1200, "MS_BIND|0x200"),
        (0xc0ed_1000, "MS_MGC_VAL|MS_BIND"),
        (0xc0ed_0000, "MS_MGC_VAL"),
        (0x1_c0ed_0001, "MS_MGC_VAL|MS_RDONLY|0x100000000"),
        // Not the magic number, so every one of its bits is a flag.
        (0xc0ec_0000, "MS_PRIVATE|MS_SLAVE|MS_RELATIME|MS_KERNMOUNT|MS_I_VERSION|MS_ACTIVE|MS_NOUSER"),
    ] {
        assert_eq!(names(&MOUNT_FLAGS, value), want, "{value:#x}");
    }
}

#[test]
fn classic_flags_are_the_seeds() {
    for (value, want) in [
        (0, "0x0"),
        (0xc0ed_1000, "MS_MGC_VAL|MS_BIND"),
        (0xc0ed_0000, "MS_MGC_VAL|0x0"),
        (0x4_4000, "MS_REC|MS_PRIVATE"),
        (0x101, "MS_RDONLY|0x100"),
        (0x3c00_0000, "0x3c000000"),
        (0x1_8000_0000, "MS_NOUSER|0x100000000"),
    ] {
        assert_eq!(classic(&MOUNT_FLAGS, value), want, "{value:#x}");
    }
    assert_eq!(classic(&UMOUNT_FLAGS, 2), "MNT_DETACH");
    // The seed kept an int in an unsigned long.
    assert_eq!(classic(&UMOUNT_FLAGS, 0x8000_0001), "MNT_FORCE|0xffffffff80000000");
}

#[test]
fn no_two_rows_share_a_bit_or_a_name() {
    for table in TABLES {
        let mut seen = 0;
        for row in table.rows {
            assert_eq!(seen & row.value, 0, "{}", row.name);
            assert_eq!(table.rows.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
            assert_eq!(row.value, table.truncate(row.value), "{} fits its argument", row.name);
            seen |= row.value;
        }
    }
}

/// A number as C writes it: decimal, octal or hexadecimal, with or without a suffix for its type.
fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(['u', 'l', 'U', 'L']);
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

/// `NAME value` for every constant in the text of a C header, be it `#define NAME value` or `NAME = value,`.
fn constants(header: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for line in header.lines() {
        let line = line.split("/*").next().unwrap_or("").replace("#define", "").replace('=', " ");
        let Some((name, value)) = line.trim().split_once(char::is_whitespace) else { continue };
        let value = value.trim().trim_end_matches(',').trim_matches(['(', ')']);
        let value = match value.split_once("<<") {
            Some((left, right)) => number(left).zip(number(right)).map(|(left, right)| left << right),
            None => number(value),
        };
        found.extend(value.map(|value| (name.to_owned(), value)));
    }
    found
}

/// Names newer than the headers of Debian 12 (Linux 6.1): where they are missing, only the literal values above are checked.
const NEWER: &[&str] = &[
    "FSCONFIG_CMD_CREATE_EXCL",
    "FSMOUNT_NAMESPACE",
    "MOVE_MOUNT_BENEATH",
    "OPEN_TREE_NAMESPACE",
    "UNSHARE_EMPTY_MNTNS",
    "CLONE_AUTOREAP",
    "CLONE_NNP",
    "CLONE_PIDFD_AUTOKILL",
    "CLONE_EMPTY_MNTNS",
    "STATMOUNT_BY_FD",
    "STATMOUNT_SB_BASIC",
    "STATMOUNT_MNT_BASIC",
    "STATMOUNT_PROPAGATE_FROM",
    "STATMOUNT_MNT_ROOT",
    "STATMOUNT_MNT_POINT",
    "STATMOUNT_FS_TYPE",
    "STATMOUNT_MNT_NS_ID",
    "STATMOUNT_MNT_OPTS",
    "STATMOUNT_FS_SUBTYPE",
    "STATMOUNT_SB_SOURCE",
    "STATMOUNT_OPT_ARRAY",
    "STATMOUNT_OPT_SEC_ARRAY",
    "STATMOUNT_SUPPORTED_MASK",
    "STATMOUNT_MNT_UIDMAP",
    "STATMOUNT_MNT_GIDMAP",
    "LISTMOUNT_REVERSE",
];

#[test]
fn the_tables_agree_with_the_headers_of_this_machine() {
    let libc = [
        "/usr/include/x86_64-linux-gnu/sys/mount.h",
        "/usr/include/aarch64-linux-gnu/sys/mount.h",
        "/usr/include/sys/mount.h",
    ];
    let libc = libc.iter().find(|path| std::path::Path::new(path).exists()).expect("sys/mount.h (libc6-dev)");
    let headers = [
        "/usr/include/linux/mount.h",
        "/usr/include/linux/sched.h",
        "/usr/include/linux/fcntl.h",
        "/usr/include/asm-generic/fcntl.h",
        "/usr/include/asm-generic/signal.h",
        libc,
    ];
    let read =
        |header| std::fs::read_to_string(header).unwrap_or_else(|e| panic!("{header} (linux-libc-dev): {e}"));
    let known: Vec<_> = headers.into_iter().flat_map(|header| constants(&read(header))).collect();
    let of = |wanted: &str| -> Vec<u64> {
        known.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    let fields = TABLES.iter().filter_map(|table| table.field.as_ref());
    let rows = TABLES.iter().flat_map(|table| table.rows).chain(fields.flat_map(|field| field.rows));
    for row in rows.chain(FSCONFIG_COMMANDS.rows) {
        // The kernel's header gives it no number of its own.
        let values = of(if row.name == "OPEN_TREE_CLOEXEC" { "O_CLOEXEC" } else { row.name });
        assert!(!values.is_empty() || NEWER.contains(&row.name), "{} is in no header", row.name);
        assert!(values.iter().all(|&value| value == row.value), "{} is {values:?}", row.name);
    }
    let magic = MOUNT_FLAGS.magic.as_ref().unwrap();
    for (name, value) in [("MS_MGC_VAL", magic.value), ("MS_MGC_MSK", magic.mask)] {
        let values = of(name);
        assert!(!values.is_empty() && values.iter().all(|&found| found == value), "{name} is {values:?}");
    }
    assert_eq!(of("CSIGNAL"), [SIGNALS.field.as_ref().unwrap().mask]);
}

/// The numbers of system calls in one function of bpf/numbers.h, behind this place in it, and those of `newer_call()`.
fn system_calls(behind: &str, function: &str) -> Vec<(String, u64)> {
    let source = include_str!("../../bpf/numbers.h");
    let body = |source: &'static str, function: &str| {
        let begins = source.split_once(&format!(" {function}(__u64 nr)\n{{\n")).expect(function).1;
        begins.split_once("\n}\n").expect(function).0
    };
    let own = body(source.split_once(behind).expect(behind).1, function);
    let cases = own.lines().chain(body(source, "newer_call").lines());
    let case = |line: &str| {
        let (nr, call) = line.trim().strip_prefix("case ")?.split_once(": return MS_CALL_")?;
        Some((call.trim_end_matches(';').to_lowercase(), nr.parse().ok()?))
    };
    cases.filter_map(case).collect()
}

#[test]
fn the_numbers_of_system_calls_are_complete_and_the_kernels() {
    for (behind, function, header) in [
        ("__TARGET_ARCH_x86)", "native_call", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("__TARGET_ARCH_x86)", "compat_call", "/usr/include/x86_64-linux-gnu/asm/unistd_32.h"),
        ("__TARGET_ARCH_arm64)", "native_call", "/usr/include/asm-generic/unistd.h"),
        ("__TARGET_ARCH_arm64)", "compat_call", "/usr/include/arm-linux-gnueabihf/asm/unistd-common.h"),
    ] {
        let here = system_calls(behind, function);
        // umount(2) without flags is a call of 32-bit x86 alone.
        let expected: Vec<&str> = CALLS
            .iter()
            .map(|call| call.name)
            .filter(|&name| name != "umount" || header.ends_with("unistd_32.h"))
            .collect();
        let mut names: Vec<&str> = here.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_by_key(|name| expected.iter().position(|expected| expected == name));
        assert_eq!(names, expected, "{function} {behind}");
        // A header of another processor is not there, and an older one does not know the newest calls.
        let Ok(known) = std::fs::read_to_string(header) else { continue };
        let known = constants(&known);
        for (name, nr) in here {
            let theirs = known.iter().find(|(known, _)| *known == format!("__NR_{name}"));
            assert!(
                theirs.is_none_or(|(_, theirs)| *theirs == nr),
                "{name} is {nr} in bpf/numbers.h, {theirs:?} in {header}"
            );
        }
    }
}
