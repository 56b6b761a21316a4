//! Every call as text: zero, one flag, an unknown one, a mix; NULL, empty, unreadable, cut and late; structures of every size.
//! Where strace prints the same call the form is strace's, but for 0, which is `0x0` here.

use crate::decode::synth::{self, Builder};
use crate::views::testing::calls;

const CWD: u64 = -100_i64 as u64;
/// A register whose upper half the kernel does not look at.
const MINUS_ONE: u64 = 0xffff_ffff;

/// The text of a call that returned 0, without that.
fn text(enter: Builder) -> String {
    let call = u16::from_le_bytes(enter.clone().build()[2..4].try_into().unwrap());
    let row = calls([enter, synth::exit(call)]).remove(0);
    row.strip_suffix(" = 0").unwrap_or_else(|| panic!("{row}")).to_owned()
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[track_caller]
fn are(cases: impl IntoIterator<Item = (Builder, &'static str)>) {
    for (enter, want) in cases {
        assert_eq!(text(enter), want);
    }
}

#[test]
fn calls_of_a_path_or_two() {
    are([
        (synth::enter(3).string(0, b"/mnt"), r#"umount("/mnt")"#),
        (synth::enter(3).null(0).abi(1), "umount[32](NULL)"),
        (synth::enter(12).string(0, b".").string(1, b""), r#"pivot_root(".", "")"#),
        (synth::enter(12).fault(0, 0x10).cut(1, b"/x"), r#"pivot_root(0x10, "/x"...)"#),
        (synth::enter(13).string(0, b"/new"), r#"chroot("/new")"#),
        (synth::enter(13).fault(0, 1), "chroot(0x1)"),
    ]);
}

#[test]
fn calls_of_flags() {
    are([
        (synth::enter(14).number(0, 0), "unshare(0x0)"),
        (synth::enter(14).number(0, 0x2_0000), "unshare(CLONE_NEWNS)"),
        (synth::enter(14).number(0, 0x12_0000), "unshare(CLONE_NEWNS|UNSHARE_EMPTY_MNTNS)"),
        (synth::enter(14).number(0, 1), "unshare(0x1)"),
        (synth::enter(14).number(0, 1 << 40 | 0x80), "unshare(CLONE_NEWTIME|0x10000000000)"),
        (synth::enter(15).number(0, 3).number(1, 0), "setns(3, 0x0)"),
        (synth::enter(15).number(0, MINUS_ONE).number(1, 0x4000_0001), "setns(-1, CLONE_NEWNET|0x1)"),
        (synth::enter(16).number(0, 0), "clone(0x0)"),
        (synth::enter(16).number(0, 17), "clone(SIGCHLD)"),
        (synth::enter(16).number(0, 0x2_0000 | 17), "clone(CLONE_NEWNS|SIGCHLD)"),
        (synth::enter(16).number(0, 0x10_0000 | 0x80), "clone(CLONE_PARENT_SETTID|0x80)"),
        (synth::enter(4).string(0, b"ext4").number(1, 0), r#"fsopen("ext4", 0x0)"#),
        (synth::enter(4).null(0).number(1, 3), "fsopen(NULL, FSOPEN_CLOEXEC|0x2)"),
        (synth::enter(4).string(0, b"").number(1, 2), r#"fsopen("", 0x2)"#),
    ]);
}

#[test]
fn fsmount_attributes_are_flags_around_one_number() {
    let fsmount = |flags, attrs| synth::enter(6).number(0, 3).number(1, flags).number(2, attrs);
    are([
        (fsmount(0, 0), "fsmount(3, 0x0, MOUNT_ATTR_RELATIME)"),
        (fsmount(1, 0x10), "fsmount(3, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOATIME)"),
        (
            fsmount(3, 0x21),
            "fsmount(3, FSMOUNT_CLOEXEC|FSMOUNT_NAMESPACE, MOUNT_ATTR_RDONLY|MOUNT_ATTR_STRICTATIME)",
        ),
        (fsmount(4, 0x30), "fsmount(3, 0x4, 0x30)"),
        (fsmount(0, 0x48), "fsmount(3, 0x0, MOUNT_ATTR_NOEXEC|0x40)"),
        (fsmount(0, 0x70), "fsmount(3, 0x0, MOUNT_ATTR__ATIME)"),
        (synth::enter(6), "fsmount(?, ?, ?)"),
    ]);
}

#[test]
fn fsconfig_shows_what_its_command_says() {
    let config = |cmd| synth::enter(5).number(0, 3).number(1, cmd);
    let none = |cmd| config(cmd).null(2).null(3).number(4, 0);
    are([
        (config(0).string(2, b"ro").null(3).number(4, 0), r#"fsconfig(3, FSCONFIG_SET_FLAG, "ro", NULL, 0)"#),
        (
            config(0).string(2, b"ro").number(3, 16).number(4, 0),
            r#"fsconfig(3, FSCONFIG_SET_FLAG, "ro", 0x10, 0)"#,
        ),
        (
            config(1).string(2, b"source").string(3, b"/dev/sda1").number(4, 0),
            r#"fsconfig(3, FSCONFIG_SET_STRING, "source", "/dev/sda1", 0)"#,
        ),
        (
            config(1).string(2, b"k").fault(3, 8).number(4, 0),
            r#"fsconfig(3, FSCONFIG_SET_STRING, "k", 0x8, 0)"#,
        ),
        (
            config(2).string(2, b"k").bytes(3, b"\x01\0ab").number(4, 4),
            r#"fsconfig(3, FSCONFIG_SET_BINARY, "k", "\x01\x00\x61\x62" /* 4 bytes */, 4)"#,
        ),
        (
            config(2).string(2, b"k").section(3, 3, 0x81, &[7; 33]).number(4, 9000),
            concat!(
                r#"fsconfig(3, FSCONFIG_SET_BINARY, "k", "\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"#,
                r#"\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"... /* first 33 bytes */ /* late */, 9000)"#
            ),
        ),
        (
            config(2).string(2, b"k").section(3, 3, 3, b"").number(4, 1),
            r#"fsconfig(3, FSCONFIG_SET_BINARY, "k", NULL, 1)"#,
        ),
        (
            config(3).string(2, b"journal").string(3, b"x").number(4, CWD),
            r#"fsconfig(3, FSCONFIG_SET_PATH, "journal", "x", AT_FDCWD)"#,
        ),
        (
            config(4).string(2, b"k").string(3, b"").number(4, 7),
            r#"fsconfig(3, FSCONFIG_SET_PATH_EMPTY, "k", "", 7)"#,
        ),
        (config(5).string(2, b"fd").null(3).number(4, 5), r#"fsconfig(3, FSCONFIG_SET_FD, "fd", NULL, 5)"#),
        (
            config(5).string(2, b"fd").null(3).number(4, CWD),
            r#"fsconfig(3, FSCONFIG_SET_FD, "fd", NULL, -100)"#,
        ),
        (none(6), "fsconfig(3, FSCONFIG_CMD_CREATE, NULL, NULL, 0)"),
        (none(7), "fsconfig(3, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0)"),
        (none(8), "fsconfig(3, FSCONFIG_CMD_CREATE_EXCL, NULL, NULL, 0)"),
        (config(9).null(2).number(3, 16).number(4, 1), "fsconfig(3, 0x9, NULL, 0x10, 1)"),
        (config(MINUS_ONE).null(2).null(3).number(4, 0), "fsconfig(3, 0xffffffff, NULL, NULL, 0)"),
        (synth::enter(5), "fsconfig(?, ?, ?, ?, ?)"),
    ]);
}

#[test]
fn paths_start_at_a_descriptor() {
    let pick = |fd, flags| synth::enter(7).number(0, fd).string(1, b"x").number(2, flags);
    let tree = |fd, flags| synth::enter(9).number(0, fd).string(1, b"").number(2, flags);
    let moved =
        |flags| synth::enter(8).number(0, 4).string(1, b"").number(2, CWD).string(3, b"/m").number(4, flags);
    are([
        (pick(CWD, 0), r#"fspick(AT_FDCWD, "x", 0x0)"#),
        (pick(0xffff_ff9c, 0x11), r#"fspick(AT_FDCWD, "x", FSPICK_CLOEXEC|0x10)"#),
        (
            pick(MINUS_ONE, 0xe),
            r#"fspick(-1, "x", FSPICK_SYMLINK_NOFOLLOW|FSPICK_NO_AUTOMOUNT|FSPICK_EMPTY_PATH)"#,
        ),
        (tree(0, 0), r#"open_tree(0, "", 0x0)"#),
        (
            tree(5, 0x89001),
            r#"open_tree(5, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE)"#,
        ),
        (tree(5, 0x902), r#"open_tree(5, "", OPEN_TREE_NAMESPACE|AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT)"#),
        (tree(5, 4), r#"open_tree(5, "", 0x4)"#),
        (moved(0), r#"move_mount(4, "", AT_FDCWD, "/m", 0x0)"#),
        (moved(4), r#"move_mount(4, "", AT_FDCWD, "/m", MOVE_MOUNT_F_EMPTY_PATH)"#),
        (
            moved(0x77),
            concat!(
                r#"move_mount(4, "", AT_FDCWD, "/m", MOVE_MOUNT_F_SYMLINKS|MOVE_MOUNT_F_AUTOMOUNTS|MOVE_MOUNT_F_EMPTY_PATH|"#,
                "MOVE_MOUNT_T_SYMLINKS|MOVE_MOUNT_T_AUTOMOUNTS|MOVE_MOUNT_T_EMPTY_PATH)"
            ),
        ),
        (moved(0x708), r#"move_mount(4, "", AT_FDCWD, "/m", MOVE_MOUNT_SET_GROUP|MOVE_MOUNT_BENEATH|0x408)"#),
    ]);
}

#[test]
fn a_mount_attr_of_any_size_is_shown_with_what_stands_behind_it() {
    let set = |attr: &[u8]| {
        synth::enter(11)
            .number(0, CWD)
            .string(1, b"/m")
            .number(2, 0)
            .bytes(3, attr)
            .number(4, attr.len() as u64)
    };
    let attr = words(&[0x11, 0x70, 1 << 18, 3]);
    are([
        (
            set(&attr),
            concat!(
                r#"mount_setattr(AT_FDCWD, "/m", 0x0, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME, "#,
                "attr_clr=MOUNT_ATTR__ATIME, propagation=MS_PRIVATE, userns_fd=3}, 32)"
            ),
        ),
        (
            set(&words(&[0, 0, 0, u64::MAX, 0, 0])),
            r#"mount_setattr(AT_FDCWD, "/m", 0x0, {attr_set=0x0, attr_clr=0x0, propagation=0x0, userns_fd=-1}, 48)"#,
        ),
        (
            set(&words(&[0x10_0000, 1 << 50, 1, MINUS_ONE, 0x0102])),
            concat!(
                r#"mount_setattr(AT_FDCWD, "/m", 0x0, {attr_set=MOUNT_ATTR_IDMAP, attr_clr=0x4000000000000, propagation=0x1, "#,
                r#"userns_fd=-1, /* bytes 32..39 */ "\x02\x01\x00\x00\x00\x00\x00\x00"}, 40)"#
            ),
        ),
        (
            set(&[1, 0, 0, 0, 0, 0, 0, 0, 9]),
            r#"mount_setattr(AT_FDCWD, "/m", 0x0, {attr_set=MOUNT_ATTR_RDONLY, /* bytes 8..8 */ "\x09"}, 9)"#,
        ),
        (set(b""), r#"mount_setattr(AT_FDCWD, "/m", 0x0, {}, 0)"#),
    ]);
    let base = || synth::enter(11).number(0, 3).null(1).number(2, 0x18000);
    are([
        (base().section(3, 3, 3, b"").number(4, 0), "mount_setattr(3, NULL, AT_RECURSIVE|0x10000, NULL, 0)"),
        (base().null(3).number(4, 0), "mount_setattr(3, NULL, AT_RECURSIVE|0x10000, NULL, 0)"),
        (
            base().section(3, 3, 2, &[8, 0, 0, 0, 0, 0, 0, 0]).number(4, 32),
            "mount_setattr(3, NULL, AT_RECURSIVE|0x10000, 0x8, 32)",
        ),
        (
            base().section(3, 3, 1, &attr[..8]).number(4, u64::MAX),
            "mount_setattr(3, NULL, AT_RECURSIVE|0x10000, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME, ...}, 0xffffffffffffffff)",
        ),
        (
            synth::enter(10)
                .number(0, 3)
                .string(1, b"")
                .number(2, 0x1001)
                .bytes(3, &words(&[1, 0, 0, 0]))
                .number(4, 32),
            concat!(
                r#"open_tree_attr(3, "", OPEN_TREE_CLONE|AT_EMPTY_PATH, "#,
                "{attr_set=MOUNT_ATTR_RDONLY, attr_clr=0x0, propagation=0x0, userns_fd=0}, 32)"
            ),
        ),
    ]);
}

#[test]
fn a_structure_unreadable_at_first_is_taken_from_the_return() {
    let enter =
        synth::enter(11).number(0, 3).string(1, b"").number(2, 0).section(3, 3, 2, &[8; 8]).number(4, 8);
    let exit = synth::exit(11).section(3, 3, 0x80, &words(&[1]));
    assert_eq!(
        calls([enter, exit]),
        [r#"mount_setattr(3, "", 0x0, {attr_set=MOUNT_ATTR_RDONLY} /* late */, 8) = 0"#]
    );
}

#[test]
fn clone3_and_queries_show_their_structures() {
    let clone = |args: &[u64]| synth::enter(17).bytes(0, &words(args)).number(1, 8 * args.len() as u64);
    let req = |call: u16, words_: &[u64]| {
        synth::enter(call).bytes(0, &words(words_)).number(1, 0x1000).number(2, 64).number(3, 1)
    };
    are([
        (
            clone(&[1 << 37 | 0x2_0000 | 0x80, 0, 0, 0, 17, 0, 0, 0]),
            "clone3({flags=CLONE_NEWNS|CLONE_NEWTIME|CLONE_EMPTY_MNTNS, exit_signal=SIGCHLD, stack=0x0, stack_size=0x0}, 64)",
        ),
        (
            clone(&[1 << 33 | 1 << 63, 16, 0, 0, 0, 32, 48, 0, 0, 0, 5]),
            "clone3({flags=CLONE_INTO_CGROUP|0x8000000000000000, pidfd=0x10, exit_signal=0x0, stack=0x20, stack_size=0x30, cgroup=0x5}, 88)",
        ),
        (synth::enter(17).section(0, 0, 0, b"").section(3, 0, 3, b"").number(1, 0), "clone3(NULL, 0)"),
        (
            req(18, &[32, 77, 0x8003, 0]),
            "statmount({size=32, mnt_id=0x4d, param=STATMOUNT_SB_BASIC|STATMOUNT_MNT_BASIC|0x8000}, 0x1000, 64, STATMOUNT_BY_FD)",
        ),
        (
            req(19, &[3 << 32 | 32, u64::MAX, 0, 9]),
            "listmount({size=32, mnt_ns_fd=0x3, mnt_id=0xffffffffffffffff, param=0x0, mnt_ns_id=0x9}, 0x1000, 64, LISTMOUNT_REVERSE)",
        ),
        (
            req(20, &[32, 0, 0x2_0000, u64::MAX]),
            "listns({size=32, ns_id=0x0, ns_type=CLONE_NEWNS, user_ns_id=0xffffffffffffffff}, 0x1000, 64, 0x1)",
        ),
        (synth::enter(18).null(0).number(1, 0).number(2, 0).number(3, 0), "statmount(NULL, NULL, 0, 0x0)"),
    ]);
}

#[test]
fn ignored_text_is_marked_unless_nobody_could_take_it_for_something() {
    let mount = |source: &[u8], fstype: Option<&[u8]>, flags, data: Option<&[u8]>| {
        synth::mount(Some(source), Some(b"/m"), fstype, flags, data)
    };
    are([
        (mount(b"/a", Some(b"none"), 4096, None), r#"mount("/a", "/m", "none", MS_BIND, NULL)"#),
        (mount(b"/a", Some(b""), 4096, Some(b"")), r#"mount("/a", "/m", "", MS_BIND, "")"#),
        (
            mount(b"/a", Some(b"ext4"), 4096, None),
            r#"mount("/a", "/m", "ext4" /* ignored */, MS_BIND, NULL)"#,
        ),
        (
            mount(b"/a", None, 4096 | 32, Some(b"size=1m")),
            r#"mount("/a" /* ignored */, "/m", NULL, MS_REMOUNT|MS_BIND, "size=1m" /* ignored */)"#,
        ),
    ]);
}

#[test]
fn conventions_of_the_future_have_a_number() {
    assert_eq!(text(synth::enter(13).string(0, b"/").abi(7)), r#"chroot[abi#7]("/")"#);
}
