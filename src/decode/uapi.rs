//! The kernel's constants, each name and value once, on one line. A test compares them with the kernel's own headers.
//! It must not know how they are printed.

use super::names::{EnumTable, Field, Flag, FlagTable, Magic};

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
    ..FlagTable::PLAIN
};

/// `flags` of umount2(2): an int.
pub static UMOUNT_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        MNT_FORCE = 1;
        MNT_DETACH = 2;
        MNT_EXPIRE = 4;
        UMOUNT_NOFOLLOW = 8;
    },
    ..FlagTable::PLAIN
};

/// `flags` of fsopen(2).
pub static FSOPEN_FLAGS: FlagTable = FlagTable { rows: flags! { FSOPEN_CLOEXEC = 1; }, ..FlagTable::PLAIN };

/// `flags` of fsmount(2).
pub static FSMOUNT_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        FSMOUNT_CLOEXEC = 1;
        FSMOUNT_NAMESPACE = 2; // 7.1: what is returned is a mount namespace, not a mount.
    },
    ..FlagTable::PLAIN
};

/// `flags` of fspick(2).
pub static FSPICK_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        FSPICK_CLOEXEC = 1;
        FSPICK_SYMLINK_NOFOLLOW = 2;
        FSPICK_NO_AUTOMOUNT = 4;
        FSPICK_EMPTY_PATH = 8;
    },
    ..FlagTable::PLAIN
};

/// `cmd` of fsconfig(2).
pub static FSCONFIG_COMMANDS: EnumTable = EnumTable {
    rows: flags! {
        FSCONFIG_SET_FLAG = 0;
        FSCONFIG_SET_STRING = 1;
        FSCONFIG_SET_BINARY = 2;
        FSCONFIG_SET_PATH = 3;
        FSCONFIG_SET_PATH_EMPTY = 4;
        FSCONFIG_SET_FD = 5;
        FSCONFIG_CMD_CREATE = 6;
        FSCONFIG_CMD_RECONFIGURE = 7;
        FSCONFIG_CMD_CREATE_EXCL = 8; // 6.6
    },
};

/// `flags` of move_mount(2): the first three are of the mount, the next three of its new place.
pub static MOVE_MOUNT_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        MOVE_MOUNT_F_SYMLINKS = 1;
        MOVE_MOUNT_F_AUTOMOUNTS = 2;
        MOVE_MOUNT_F_EMPTY_PATH = 4;
        MOVE_MOUNT_T_SYMLINKS = 0x10;
        MOVE_MOUNT_T_AUTOMOUNTS = 0x20;
        MOVE_MOUNT_T_EMPTY_PATH = 0x40;
        MOVE_MOUNT_SET_GROUP = 0x100; // 5.15
        MOVE_MOUNT_BENEATH = 0x200; // 6.5
    },
    ..FlagTable::PLAIN
};

/// `flags` of open_tree(2) and open_tree_attr(2): its own, O_CLOEXEC under another name, and those of all *at() calls.
pub static OPEN_TREE_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        OPEN_TREE_CLONE = 1;
        OPEN_TREE_NAMESPACE = 2; // 7.0: what is returned is a mount namespace, not a mount.
        OPEN_TREE_CLOEXEC = 0x80000;
        AT_SYMLINK_NOFOLLOW = 0x100;
        AT_NO_AUTOMOUNT = 0x800;
        AT_EMPTY_PATH = 0x1000;
        AT_RECURSIVE = 0x8000;
    },
    ..FlagTable::PLAIN
};

/// `flags` of mount_setattr(2).
pub static MOUNT_SETATTR_FLAGS: FlagTable = FlagTable {
    rows: flags! {
        AT_SYMLINK_NOFOLLOW = 0x100;
        AT_NO_AUTOMOUNT = 0x800;
        AT_EMPTY_PATH = 0x1000;
        AT_RECURSIVE = 0x8000;
    },
    ..FlagTable::PLAIN
};

const MOUNT_ATTR_ROWS: &[Flag] = flags! {
    MOUNT_ATTR_RDONLY = 1;
    MOUNT_ATTR_NOSUID = 2;
    MOUNT_ATTR_NODEV = 4;
    MOUNT_ATTR_NOEXEC = 8;
    MOUNT_ATTR_NODIRATIME = 0x80;
    MOUNT_ATTR_IDMAP = 0x10_0000; // 5.12
    MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000; // 5.14
};

/// How access times are kept: one number in three bits, 0 (relatime) among them. All three bits together are the name of
/// the field, which is what mount_setattr(2) wants cleared.
const MOUNT_ATTR_ATIME: Field = Field {
    mask: 0x70,
    rows: flags! {
        MOUNT_ATTR_RELATIME = 0;
        MOUNT_ATTR_NOATIME = 0x10;
        MOUNT_ATTR_STRICTATIME = 0x20;
        MOUNT_ATTR__ATIME = 0x70;
    },
};

/// `attr_flags` of fsmount(2), where 0 asks for relatime.
pub static FSMOUNT_ATTR_FLAGS: FlagTable = FlagTable {
    rows: MOUNT_ATTR_ROWS,
    field: Some(MOUNT_ATTR_ATIME),
    zero: Some("MOUNT_ATTR_RELATIME"),
    ..FlagTable::PLAIN
};

/// `attr_set` and `attr_clr` of struct mount_attr, where 0 is nothing.
pub static MOUNT_ATTR_FLAGS: FlagTable =
    FlagTable { bits: 64, rows: MOUNT_ATTR_ROWS, field: Some(MOUNT_ATTR_ATIME), ..FlagTable::PLAIN };

/// `propagation` of struct mount_attr.
pub static PROPAGATION_FLAGS: FlagTable = FlagTable {
    bits: 64,
    rows: flags! {
        MS_UNBINDABLE = 1 << 17;
        MS_PRIVATE = 1 << 18;
        MS_SLAVE = 1 << 19;
        MS_SHARED = 1 << 20;
    },
    ..FlagTable::PLAIN
};

/// `nstype` of setns(2), and what listns(2) is asked for.
pub static NAMESPACE_TYPES: FlagTable = FlagTable {
    rows: flags! {
        CLONE_NEWTIME = 0x80;
        CLONE_NEWNS = 0x2_0000;
        CLONE_NEWCGROUP = 0x200_0000;
        CLONE_NEWUTS = 0x400_0000;
        CLONE_NEWIPC = 0x800_0000;
        CLONE_NEWUSER = 0x1000_0000;
        CLONE_NEWPID = 0x2000_0000;
        CLONE_NEWNET = 0x4000_0000;
    },
    ..FlagTable::PLAIN
};

/// `flags` of unshare(2), an unsigned long.
pub static UNSHARE_FLAGS: FlagTable = FlagTable {
    bits: 64,
    rows: flags! {
        CLONE_NEWTIME = 0x80;
        CLONE_VM = 0x100;
        CLONE_FS = 0x200;
        CLONE_FILES = 0x400;
        CLONE_SIGHAND = 0x800;
        CLONE_THREAD = 0x1_0000;
        CLONE_NEWNS = 0x2_0000;
        CLONE_SYSVSEM = 0x4_0000;
        UNSHARE_EMPTY_MNTNS = 0x10_0000; // 7.1: what clone(2) has there (CLONE_PARENT_SETTID) cannot be unshared.
        CLONE_NEWCGROUP = 0x200_0000;
        CLONE_NEWUTS = 0x400_0000;
        CLONE_NEWIPC = 0x800_0000;
        CLONE_NEWUSER = 0x1000_0000;
        CLONE_NEWPID = 0x2000_0000;
        CLONE_NEWNET = 0x4000_0000;
    },
    ..FlagTable::PLAIN
};

macro_rules! clone_flags {
    ($($more:tt)*) => {
        flags! {
            CLONE_VM = 0x100;
            CLONE_FS = 0x200;
            CLONE_FILES = 0x400;
            CLONE_SIGHAND = 0x800;
            CLONE_PIDFD = 0x1000;
            CLONE_PTRACE = 0x2000;
            CLONE_VFORK = 0x4000;
            CLONE_PARENT = 0x8000;
            CLONE_THREAD = 0x1_0000;
            CLONE_NEWNS = 0x2_0000;
            CLONE_SYSVSEM = 0x4_0000;
            CLONE_SETTLS = 0x8_0000;
            CLONE_PARENT_SETTID = 0x10_0000;
            CLONE_CHILD_CLEARTID = 0x20_0000;
            CLONE_DETACHED = 0x40_0000;
            CLONE_UNTRACED = 0x80_0000;
            CLONE_CHILD_SETTID = 0x100_0000;
            CLONE_NEWCGROUP = 0x200_0000;
            CLONE_NEWUTS = 0x400_0000;
            CLONE_NEWIPC = 0x800_0000;
            CLONE_NEWUSER = 0x1000_0000;
            CLONE_NEWPID = 0x2000_0000;
            CLONE_NEWNET = 0x4000_0000;
            CLONE_IO = 0x8000_0000;
            $($more)*
        }
    };
}

/// `flags` of clone(2): the kernel takes the lower half of the register, of which the lowest byte is a signal.
pub static CLONE_FLAGS: FlagTable =
    FlagTable { rows: clone_flags! {}, field: Some(SIGNAL), ..FlagTable::PLAIN };

/// `flags` of struct clone_args: 64 bits, all of them flags.
pub static CLONE3_FLAGS: FlagTable = FlagTable {
    bits: 64,
    rows: clone_flags! {
        CLONE_NEWTIME = 0x80;
        CLONE_CLEAR_SIGHAND = 1 << 32; // 5.5
        CLONE_INTO_CGROUP = 1 << 33; // 5.7
        CLONE_AUTOREAP = 1 << 34; // This one and the next three: 7.1.
        CLONE_NNP = 1 << 35;
        CLONE_PIDFD_AUTOKILL = 1 << 36;
        CLONE_EMPTY_MNTNS = 1 << 37;
    },
    ..FlagTable::PLAIN
};

/// The signal that a parent gets, as a table of one field; the numbers of asm-generic, which x86 and arm64 share.
pub static SIGNALS: FlagTable = FlagTable { bits: 64, field: Some(SIGNAL), ..FlagTable::PLAIN };

#[rustfmt::skip]
const SIGNAL: Field = Field {
    mask: 0xff,
    rows: flags! {
        SIGHUP = 1; SIGINT = 2; SIGQUIT = 3; SIGILL = 4; SIGTRAP = 5; SIGABRT = 6; SIGBUS = 7; SIGFPE = 8; SIGKILL = 9;
        SIGUSR1 = 10; SIGSEGV = 11; SIGUSR2 = 12; SIGPIPE = 13; SIGALRM = 14; SIGTERM = 15; SIGSTKFLT = 16; SIGCHLD = 17;
        SIGCONT = 18; SIGSTOP = 19; SIGTSTP = 20; SIGTTIN = 21; SIGTTOU = 22; SIGURG = 23; SIGXCPU = 24; SIGXFSZ = 25;
        SIGVTALRM = 26; SIGPROF = 27; SIGWINCH = 28; SIGIO = 29; SIGPWR = 30; SIGSYS = 31;
    },
};

/// `flags` of statmount(2).
pub static STATMOUNT_FLAGS: FlagTable =
    FlagTable { rows: flags! { STATMOUNT_BY_FD = 1; }, ..FlagTable::PLAIN }; // 7.0

/// `param` of struct mnt_id_req for statmount(2): what the caller wants to know.
pub static STATMOUNT_MASK: FlagTable = FlagTable {
    bits: 64,
    rows: flags! {
        STATMOUNT_SB_BASIC = 1;
        STATMOUNT_MNT_BASIC = 2;
        STATMOUNT_PROPAGATE_FROM = 4;
        STATMOUNT_MNT_ROOT = 8;
        STATMOUNT_MNT_POINT = 0x10;
        STATMOUNT_FS_TYPE = 0x20;
        STATMOUNT_MNT_NS_ID = 0x40;
        STATMOUNT_MNT_OPTS = 0x80;
        STATMOUNT_FS_SUBTYPE = 0x100;
        STATMOUNT_SB_SOURCE = 0x200;
        STATMOUNT_OPT_ARRAY = 0x400;
        STATMOUNT_OPT_SEC_ARRAY = 0x800;
        STATMOUNT_SUPPORTED_MASK = 0x1000;
        STATMOUNT_MNT_UIDMAP = 0x2000;
        STATMOUNT_MNT_GIDMAP = 0x4000;
    },
    ..FlagTable::PLAIN
};

/// `flags` of listmount(2).
pub static LISTMOUNT_FLAGS: FlagTable =
    FlagTable { rows: flags! { LISTMOUNT_REVERSE = 1; }, ..FlagTable::PLAIN };

/// `flags` of listns(2), which has none yet.
pub static LISTNS_FLAGS: FlagTable = FlagTable::PLAIN;

/// Every table of flags, for the checks below and for documentation.
#[rustfmt::skip]
pub static TABLES: &[&FlagTable] = &[
    &MOUNT_FLAGS, &UMOUNT_FLAGS, &FSOPEN_FLAGS, &FSMOUNT_FLAGS, &FSPICK_FLAGS, &MOVE_MOUNT_FLAGS, &OPEN_TREE_FLAGS,
    &MOUNT_SETATTR_FLAGS, &FSMOUNT_ATTR_FLAGS, &MOUNT_ATTR_FLAGS, &PROPAGATION_FLAGS, &NAMESPACE_TYPES, &UNSHARE_FLAGS,
    &CLONE_FLAGS, &CLONE3_FLAGS, &SIGNALS, &STATMOUNT_FLAGS, &STATMOUNT_MASK, &LISTMOUNT_FLAGS, &LISTNS_FLAGS,
];

/// The value behind one name of `table`; for code that must test a flag without writing its value a second time.
pub(super) const fn value(table: &FlagTable, name: &str) -> u64 {
    find(table.rows, name)
}

/// The same of a list of numbers.
pub(super) const fn number(table: &EnumTable, name: &str) -> u64 {
    find(table.rows, name)
}

const fn find(rows: &[Flag], name: &str) -> u64 {
    let mut at = 0;
    while at < rows.len() {
        if same(rows[at].name.as_bytes(), name.as_bytes()) {
            return rows[at].value;
        }
        at += 1;
    }
    panic!("no such name in this table") // only ever evaluated by the compiler
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

#[cfg(test)]
#[path = "uapi_tests.rs"]
mod tests;
