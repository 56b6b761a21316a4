//! The mistakes that other mount tracers make or made, each with a call that would show it here. They were read from their
//! sources in 2026; a test that stands elsewhere is named with its file.
//!
//! | who | mistake | test |
//! |---|---|---|
//! | bcc libbpf-tools, inspektor-gadget | mount flags above bit 8 have the name of their neighbour | `mount_flags_above_bit_eight_are_not_one_too_low` |
//! | the same | MS_MGC_VAL is taken for flags | `the_old_magic_number_is_not_taken_for_flags` |
//! | bcc libbpf-tools | bit 40 is MS_NOUSER, by a shift of an int | `bits_above_the_last_flag_are_not_taken_for_the_sign` |
//! | the same | unknown bits vanish | `unknown_bits_are_not_dropped` |
//! | both, perf | flags of umount2 are read as those of mount, or not at all | `flags_of_umount_are_not_looked_up_as_mount_flags` |
//! | both of bcc | flags of fsopen are read as those of mount | `flags_of_fsopen_are_not_looked_up_as_mount_flags` |
//! | both of bcc | noatime and strictatime look alike, or like their mask; relatime like nothing | `the_mask_of_access_times_is_not_a_flag` |
//! | bcc libbpf-tools | flags of move_mount are not copied | `flags_of_move_mount_are_shown` |
//! | the same | bytes of an earlier event show up in a later one | `every_call_is_what_strace_says_it_is` (tests/oracle.rs): the longest and the shortest strings by turns |
//! | both | "squashfs" ends after 7 letters | `names_of_filesystems_are_not_cut_to_seven_letters` |
//! | both | data and paths end after 512 bytes, unmarked | `long_data_is_whole_and_cut_data_is_marked` |
//! | bcc libbpf-tools | AT_FDCWD is -100 | `the_working_directory_is_not_minus_one_hundred` |
//! | the same | what does not fit into the ring buffer is lost silently | `a_storm_of_two_threads_is_recorded_or_counted` (tests/live/capture.rs) |
//! | the same | namespace and name are those of the return | `namespace_and_name_are_those_of_the_beginning` |
//! | both of bcc | the value of fsconfig is a string whatever the command | `the_value_of_fsconfig_is_read_by_its_command` |
//! | bcc libbpf-tools | arguments stay in a map when the thread dies in the call | `a_thread_that_is_killed_in_a_call_has_returned_from_it` (tests/live/hung.rs) |
//! | bcc | a fixed number of bytes is read, which fails before the edge of a page | `every_call_is_what_strace_says_it_is` (tests/oracle.rs): strings that end where memory ends |
//! | the same | a call of which a piece is lost is dropped | `a_call_of_which_a_piece_is_lost_is_not_dropped` |
//! | the same | returns come through filters that their beginnings do not | `a_call_whose_beginning_was_not_wanted_is_not_taken_for_a_refused_one` (tests/live/unseen.rs) |
//! | the same | no kernel since 6.18; a namespace that is always 0 | `who_made_a_call_and_where_is_what_proc_says` (tests/live/capture.rs), and vm/ |
//! | bcc, falco | MS_NOSYMFOLLOW, CMD_CREATE_EXCL; strace: UNSHARE_EMPTY_MNTNS | `the_newest_flags_have_names` |
//! | all with tracepoints | calls of 32-bit programs are invisible | `every_call_of_a_32_bit_program_is_what_the_program_says` (tests/live/compat.rs) |
//! | inspektor-gadget | an error is a positive number, flags are in quotes | `errors_are_negative_names_and_flags_have_no_quotes` |
//! | falco | the data of mount is not captured | `long_data_is_whole_and_cut_data_is_marked` |
//! | falco, DataDog | a call that failed loses its value, or is no event at all | `a_call_that_failed_keeps_its_arguments` |
//! | falco | no mount namespace | `namespace_and_name_are_those_of_the_beginning` |
//! | tracee | data and structures are addresses | `structures_are_not_addresses` |
//! | tracee | a path from the root of its filesystem, not of the namespace | `places_are_those_of_proc` (tests/live/newcalls.rs) |
//! | tracee, and others | blind for the new mount API | `every_newer_call_is_what_strace_says_it_is` (tests/newcalls.rs) |
//! | strace | data counts in a remount of a bind, where the kernel ignores it | `data_is_ignored_by_a_remount_of_a_bind_too` |
//! | strace | binary data of nfs is printed as text | `binary_data_is_not_printed_as_text` |
//! | strace | no way to ask for mount calls alone | `only_the_calls_asked_for_are_recorded` (tests/live/newcalls.rs) |

use crate::assemble::Assembler;
use crate::decode::synth::{self, Builder};
use crate::views::testing::calls;

fn mount(flags: u64) -> String {
    calls([synth::mount(Some(b"a"), Some(b"/m"), None, flags, None), synth::exit(1)]).remove(0)
}

#[track_caller]
fn shows(events: impl IntoIterator<Item = Builder>, want: &str) {
    let got = calls(events).remove(0);
    assert!(got.contains(want), "{got}");
}

#[test]
fn mount_flags_above_bit_eight_are_not_one_too_low() {
    for (flag, name) in
        [(4096, "MS_BIND"), (0x5000, "MS_BIND|MS_REC"), (1024, "MS_NOATIME"), (8192, "MS_MOVE")]
    {
        assert_eq!(mount(flag), format!(r#"mount("a", "/m", NULL, {name}, NULL) = 0"#));
    }
}

#[test]
fn the_old_magic_number_is_not_taken_for_flags() {
    assert!(mount(0xc0ed_1000).contains("NULL, MS_MGC_VAL|MS_BIND, NULL"));
}

#[test]
fn bits_above_the_last_flag_are_not_taken_for_the_sign() {
    assert!(mount(1 << 40).contains(", 0x10000000000,"));
}

#[test]
fn unknown_bits_are_not_dropped() {
    assert!(mount(0x201).contains(", MS_RDONLY|0x200,"));
}

#[test]
fn flags_of_umount_are_not_looked_up_as_mount_flags() {
    for (flag, name) in [(1, "MNT_FORCE"), (2, "MNT_DETACH"), (4, "MNT_EXPIRE"), (8, "UMOUNT_NOFOLLOW")] {
        shows([synth::umount2(b"/", flag), synth::exit(2)], &format!("(\"/\", {name})"));
    }
}

#[test]
fn flags_of_fsopen_are_not_looked_up_as_mount_flags() {
    shows([synth::enter(4).string(0, b"ext4").number(1, 1), synth::exit(4)], "FSOPEN_CLOEXEC");
}

#[test]
fn the_mask_of_access_times_is_not_a_flag() {
    for (attr, name) in
        [(0, "MOUNT_ATTR_RELATIME"), (0x10, "MOUNT_ATTR_NOATIME"), (0x20, "MOUNT_ATTR_STRICTATIME")]
    {
        shows(
            [synth::enter(6).number(0, 3).number(1, 0).number(2, attr), synth::exit(6)],
            &format!("0x0, {name})"),
        );
    }
}

#[test]
fn flags_of_move_mount_are_shown() {
    let enter = synth::enter(8)
        .number(0, 6)
        .string(1, b"")
        .number(2, (-100_i64) as u64)
        .string(3, b"./tmp-dir/")
        .number(4, 4);
    shows(
        [enter, synth::exit(8)],
        r#"move_mount(6, "", AT_FDCWD, "./tmp-dir/", MOVE_MOUNT_F_EMPTY_PATH) = 0"#,
    );
}

#[test]
fn names_of_filesystems_are_not_cut_to_seven_letters() {
    for name in ["squashfs", "devtmpfs", "hugetlbfs", "securityfs", "binfmt_misc"] {
        let enter = synth::mount(None, Some(b"/m"), Some(name.as_bytes()), 0, None);
        shows([enter, synth::exit(1)], &format!("\"{name}\""));
    }
}

#[test]
fn long_data_is_whole_and_cut_data_is_marked() {
    let long = "x".repeat(4095);
    shows(
        [synth::mount(None, None, None, 0, Some(long.as_bytes())), synth::exit(1)],
        &format!("\"{long}\")"),
    );
    shows([synth::enter(1).cut(4, b"lowerdir=a"), synth::exit(1)], "\"lowerdir=a\"...)");
}

#[test]
fn the_working_directory_is_not_minus_one_hundred() {
    shows(
        [synth::enter(9).number(0, 0xffff_ff9c).string(1, b"x").number(2, 0), synth::exit(9)],
        "open_tree(AT_FDCWD,",
    );
}

#[test]
fn namespace_and_name_are_those_of_the_beginning() {
    let enter = synth::enter(14).number(0, 0x2_0000).mnt_ns(1).comm(b"before");
    let (mut assembler, mut rows) = (Assembler::new(), Vec::new());
    for event in [enter, synth::exit(14).mnt_ns(2)] {
        let mut sink = |op: &crate::assemble::Op<'_>| {
            rows.push((op.common.mnt_ns, op.mnt_ns_after(), op.task.unwrap().comm().to_vec()));
        };
        assembler.event(&event.build(), &mut sink).unwrap();
    }
    assert_eq!(rows, [(1, Some(2), b"before".to_vec())]);
}

#[test]
fn the_value_of_fsconfig_is_read_by_its_command() {
    let config = |cmd| synth::enter(5).number(0, 3).number(1, cmd).string(2, b"k");
    shows([config(2).bytes(3, b"ab").number(4, 2), synth::exit(5)], r#""\x61\x62" /* 2 bytes */, 2)"#);
    // Even where whoever recorded it made that mistake.
    shows([config(2).string(3, b"ab").number(4, 2), synth::exit(5)], r#""\x61\x62" /* 2 bytes */, 2)"#);
    shows([config(5).null(3).number(4, 7), synth::exit(5)], "NULL, 7)");
}

#[test]
fn a_call_of_which_a_piece_is_lost_is_not_dropped() {
    assert_eq!(calls([synth::exit(8).ret(-22)]), ["move_mount(?, ?, ?, ?, ?) = -EINVAL"]);
    assert_eq!(calls([synth::enter(8).number(0, 3)]), ["move_mount(3, ?, ?, ?, ? <unfinished ...>"]);
}

#[test]
fn the_newest_flags_have_names() {
    assert!(mount(256).contains("MS_NOSYMFOLLOW"));
    shows([synth::enter(5).number(1, 8), synth::exit(5)], "FSCONFIG_CMD_CREATE_EXCL");
    shows([synth::enter(14).number(0, 0x10_0000), synth::exit(14)], "unshare(UNSHARE_EMPTY_MNTNS)");
}

#[test]
fn calls_of_32_bit_programs_are_not_invisible() {
    let enter = synth::mount(Some(b"a"), Some(b"/m"), Some(b"ext4"), 0, None).abi(1);
    shows([enter, synth::exit(1).abi(1)], r#"mount[32]("a", "/m", "ext4", 0x0, NULL) = 0"#);
}

#[test]
fn errors_are_negative_names_and_flags_have_no_quotes() {
    shows([synth::umount2(b"x", 2), synth::exit(2).ret(-16)], r#"umount2("x", MNT_DETACH) = -EBUSY"#);
}

#[test]
fn a_call_that_failed_keeps_its_arguments() {
    let enter = synth::enter(5).number(0, 3).number(1, 1).string(2, b"bogus").string(3, b"x").number(4, 0);
    shows([enter, synth::exit(5).ret(-22)], r#"FSCONFIG_SET_STRING, "bogus", "x", 0) = -EINVAL"#);
}

#[test]
fn structures_are_not_addresses() {
    let enter = synth::enter(11)
        .number(0, 3)
        .string(1, b"")
        .number(2, 0)
        .bytes(3, &[1, 0, 0, 0, 0, 0, 0, 0])
        .number(4, 8);
    shows([enter, synth::exit(11)], "{attr_set=MOUNT_ATTR_RDONLY}");
}

#[test]
fn data_is_ignored_by_a_remount_of_a_bind_too() {
    let enter = synth::mount(Some(b"none"), Some(b"/m"), None, 32 | 4096, Some(b"size=1m"));
    shows([enter, synth::exit(1)], r#""size=1m" /* ignored */)"#);
}

#[test]
fn binary_data_is_not_printed_as_text() {
    let nfs =
        |fstype: &[u8], data: &[u8]| synth::mount(Some(b"h:/x"), Some(b"/m"), Some(fstype), 0, Some(data));
    shows([nfs(b"nfs", b"\x06"), synth::exit(1)], r#""\x06"... /* first 1 byte */) = 0"#);
    shows([nfs(b"nfs4", b"\x01abc"), synth::exit(1)], r#""\x01\x61\x62\x63"... /* first 4 bytes */) = 0"#);
    shows([nfs(b"nfs", b"vers=3,addr=::1"), synth::exit(1)], r#""vers=3,addr=::1") = 0"#);
}

/// A table that names a test which is not there promises what nobody keeps.
#[test]
fn the_table_above_names_tests_that_are_there() {
    let here = include_str!("peer_tests.rs");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rows = 0;
    for row in here.lines().filter(|line| line.starts_with("//! | ") && line.contains('`')) {
        let (test, place) = row.rsplit_once("| `").and_then(|(_, cell)| cell.split_once('`')).expect(row);
        let file = place.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(file, _)| file);
        let text = file.map_or(here.to_owned(), |file| {
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{row}: {error}"))
        });
        assert!(text.contains(&format!("fn {test}() {{")), "{row}");
        rows += 1;
    }
    assert!(rows > 30, "{rows}");
}
