//! Every table against literal values, and against the headers of the machine that tests.

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
    assert_eq!((of("MS_MGC_VAL"), of("MS_MGC_MSK")), (vec![magic.value; 2], vec![magic.mask; 2]));
    assert_eq!(of("CSIGNAL"), [SIGNALS.field.as_ref().unwrap().mask]);
}
