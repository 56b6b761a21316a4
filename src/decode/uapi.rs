//! The kernel's constants, each name and value once, on one line. A test compares them with the kernel's own headers.
//! It must not know how they are printed.

use super::names::{Flag, FlagTable, Magic};

macro_rules! flags {
    ($($name:ident = $value:expr $(, $mark:ident)?;)*) => {
        &[$(Flag { name: stringify!($name), value: $value, classic: flags!(@classic $($mark)?) }),*]
    };
    (@classic since) => { false };
    (@classic) => { true };
}

/// `flags` of mount(2): an unsigned long. Rows marked `since` are newer than, or were unknown to, the first mountsnoop.
pub static MOUNT_FLAGS: FlagTable = FlagTable {
    bits: 64,
    // Required before Linux 2.4; util-linux went on sending it until 2.39.
    magic: Some(Magic { name: "MS_MGC_VAL", value: 0xc0ed_0000, mask: 0xffff_0000 }),
    rows: flags! {
        MS_RDONLY = 1;
        MS_NOSUID = 2;
        MS_NODEV = 4;
        MS_NOEXEC = 8;
        MS_SYNCHRONOUS = 16;
        MS_REMOUNT = 32;
        MS_MANDLOCK = 64;
        MS_DIRSYNC = 128;
        MS_NOSYMFOLLOW = 256, since; // 5.10. There is no 512.
        MS_NOATIME = 1024;
        MS_NODIRATIME = 2048;
        MS_BIND = 4096;
        MS_MOVE = 8192;
        MS_REC = 16384;
        MS_SILENT = 32768;
        MS_POSIXACL = 1 << 16;
        MS_UNBINDABLE = 1 << 17;
        MS_PRIVATE = 1 << 18;
        MS_SLAVE = 1 << 19;
        MS_SHARED = 1 << 20;
        MS_RELATIME = 1 << 21;
        MS_KERNMOUNT = 1 << 22;
        MS_I_VERSION = 1 << 23;
        MS_STRICTATIME = 1 << 24;
        MS_LAZYTIME = 1 << 25;
        MS_SUBMOUNT = 1 << 26, since;
        MS_NOREMOTELOCK = 1 << 27, since;
        MS_NOSEC = 1 << 28, since;
        MS_BORN = 1 << 29, since;
        MS_ACTIVE = 1 << 30;
        MS_NOUSER = 1 << 31;
    },
};

/// `flags` of umount2(2): an int.
pub static UMOUNT_FLAGS: FlagTable = FlagTable {
    bits: 32,
    magic: None,
    rows: flags! {
        MNT_FORCE = 1;
        MNT_DETACH = 2;
        MNT_EXPIRE = 4;
        UMOUNT_NOFOLLOW = 8;
    },
};

/// Every table there is, for the checks below and for documentation.
pub static TABLES: &[&FlagTable] = &[&MOUNT_FLAGS, &UMOUNT_FLAGS];

/// The value behind one name of `table`; for code that must test a flag without writing its value a second time.
pub(super) const fn value(table: &FlagTable, name: &str) -> u64 {
    let mut at = 0;
    while at < table.rows.len() {
        if same(table.rows[at].name.as_bytes(), name.as_bytes()) {
            return table.rows[at].value;
        }
        at += 1;
    }
    panic!("no such flag in this table") // only ever evaluated by the compiler
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

#[cfg(test)]
mod tests {
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
                assert_eq!(
                    table.rows.iter().filter(|other| other.name == row.name).count(),
                    1,
                    "{}",
                    row.name
                );
                assert_eq!(row.value, table.truncate(row.value), "{} fits its argument", row.name);
                seen |= row.value;
            }
        }
    }

    /// `NAME value` for every constant in the text of a C header, be it `#define NAME value` or `NAME = value,`.
    fn constants(header: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for line in header.lines() {
            let line = line.split("/*").next().unwrap_or("").replace("#define", "").replace('=', " ");
            let Some((name, value)) = line.trim().split_once(char::is_whitespace) else { continue };
            let value = value.trim().trim_end_matches(',').trim_matches(['(', ')']);
            let number = |text: &str| match text.trim().strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => text.trim().parse().ok(),
            };
            let value = match value.split_once("<<") {
                Some((left, right)) => number(left).zip(number(right)).map(|(left, right)| left << right),
                None => number(&value.to_lowercase()),
            };
            found.extend(value.map(|value| (name.to_owned(), value)));
        }
        found
    }

    #[test]
    fn the_tables_agree_with_the_headers_of_this_machine() {
        let mut known = Vec::new();
        let libc = [
            "/usr/include/x86_64-linux-gnu/sys/mount.h",
            "/usr/include/aarch64-linux-gnu/sys/mount.h",
            "/usr/include/sys/mount.h",
        ];
        let libc =
            libc.iter().find(|path| std::path::Path::new(path).exists()).expect("sys/mount.h (libc6-dev)");
        for header in ["/usr/include/linux/mount.h", libc] {
            let text =
                std::fs::read_to_string(header).unwrap_or_else(|e| panic!("{header} (linux-libc-dev): {e}"));
            known.extend(constants(&text));
        }
        for row in TABLES.iter().flat_map(|table| table.rows) {
            let values: Vec<u64> =
                known.iter().filter(|(name, _)| name == row.name).map(|(_, value)| *value).collect();
            assert!(!values.is_empty(), "{} is in no header", row.name);
            assert!(values.iter().all(|&value| value == row.value), "{} is {values:?}", row.name);
        }
        let magic = MOUNT_FLAGS.magic.as_ref().unwrap();
        assert!(known.contains(&("MS_MGC_VAL".to_owned(), magic.value)));
        assert!(known.contains(&("MS_MGC_MSK".to_owned(), magic.mask)));
    }
}
