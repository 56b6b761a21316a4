//! The calls: one row of facts each, from which the typed structs, the decoder and every view's arguments come.
//! It must not know how an argument is printed. Numbers are those of bpf/event.h; a test compares them.

use super::bytes::{Payload, UserStr};
use super::event::Sections;
use super::names::{EnumTable, FlagTable};
use super::slots::{FromSlot, Slots, unknown_args};
use super::structs::{self, StructTable};
use super::uapi;

/// What is known of a call without looking at any event.
#[derive(Debug)]
pub struct CallSpec {
    /// As in section 2 of the manual.
    pub name: &'static str,
    /// `MS_CALL_*`.
    pub number: u16,
    /// The kernel that brought it, as syscalls(2) has it.
    pub since: &'static str,
    /// What the first mountsnoop called it.
    pub classic: Option<&'static str>,
    /// The arguments, in order.
    pub args: &'static [ArgSpec],
}

/// One argument of a call.
#[derive(Debug)]
pub struct ArgSpec {
    /// As in the manual page.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// What an argument is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A path, absolute or relative to the caller's working directory.
    Path,
    /// A string that is not a path.
    Text,
    /// Flags.
    Flags(&'static FlagTable),
    /// One number of a list.
    Enum(&'static EnumTable),
    /// A file descriptor.
    Fd,
    /// A file descriptor of a directory that a path starts from, or `AT_FDCWD`.
    DirFd,
    /// A length, a count, an int.
    Decimal,
    /// A structure.
    Struct(&'static StructTable),
    /// Something that another argument decides about.
    Payload,
    /// An address where nothing was read.
    Pointer,
}

/// One argument of one call, for whoever treats all calls alike.
#[derive(Debug, Clone, Copy)]
pub struct Argument<'a> {
    /// As in the manual page; `arg0` … for a call this version does not know.
    pub name: &'static str,
    /// What was captured.
    pub value: Value<'a>,
    /// The kernel does not look at it in this case (mount(2) has many): it says nothing about what happened.
    pub ignored: bool,
}

/// The value of an argument. `None`: the trace does not have it, which is not zero.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A string.
    Str(UserStr<'a>),
    /// Flags, and where their names are.
    Flags(Option<u64>, &'static FlagTable),
    /// A number that nothing is known of.
    Number(Option<u64>),
    /// One number of a list, and the list.
    Enum(Option<u64>, &'static EnumTable),
    /// A number best read in decimal, a file descriptor among them.
    Decimal(Option<i64>),
    /// A file descriptor of a directory, or [`AT_FDCWD`].
    DirFd(Option<i32>),
    /// Bytes that are no text.
    Bytes(UserStr<'a>),
    /// A structure.
    Struct(UserStr<'a>, &'static StructTable),
    /// An address where nothing was read.
    Pointer(Option<u64>),
}

/// The number that stands for the working directory where a path is relative.
pub const AT_FDCWD: i32 = -100;

/// Most calls ignore none of their arguments.
fn none<T>(_: &T) -> u8 {
    0
}

/// For most calls an argument is what its row says.
fn plain<T>(_: &T, _: &mut Argument<'_>) {}

/// A row: `number Name<'a> "name" since "release" classic (name), ignoring (function), refine (function) { argument: type = kind, … }`.
/// The first function has a bit for each argument that the kernel does not look at, the second may change what is shown of an
/// argument by what the others are.
macro_rules! calls {
    ($($(#[$doc:meta])* $number:literal $Name:ident $(<$life:lifetime>)? $name:literal since $since:literal
       classic $classic:expr, ignoring $ignored:path, refine $refine:path,
       { $($(#[$about:meta])* $arg:ident: $ty:ty = $kind:expr,)* })*) => {
        /// Every call this version knows.
        pub static CALLS: &[CallSpec] = &[$(CallSpec {
            name: $name, number: $number, since: $since, classic: $classic,
            args: &[$(ArgSpec { name: stringify!($arg), kind: $kind }),*],
        }),*];

        $($(#[$doc])* #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $Name $(<$life>)? { $($(#[$about])* pub $arg: $ty),* })*

        /// A call and its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Call<'a> {
            $($(#[$doc])* $Name($Name $(<$life>)?),)*
            /// A call this version does not know.
            Unknown {
                /// Its `MS_CALL_*`.
                call: u16,
                /// Its arguments as they were written when it began.
                sections: Sections<'a>,
            },
        }

        impl<'a> Call<'a> {
            /// The call, from what was captured when it began and when it returned, either of which may be lost.
            /// A string that could only be read as the call returned is taken from there.
            #[inline(never)]
            pub fn decode(call: u16, enter: Option<Sections<'a>>, exit: Option<Sections<'a>>) -> Call<'a> {
                let (enter, exit) = (enter.unwrap_or_default(), exit.unwrap_or_default());
                match call {
                    $($number => {
                        // Apart, so that the fields of all calls are not at hand at once.
                        #[inline(never)]
                        fn decode<'a>(enter: Sections<'a>, exit: Sections<'a>) -> Call<'a> {
                            let mut slots = Slots::new(enter, exit);
                            Call::$Name($Name { $($arg: FromSlot::from_slot(slots.take(), $kind)),* })
                        }
                        decode(enter, exit)
                    })*
                    _ => Call::Unknown { call, sections: enter },
                }
            }

            /// Calls `each` with every argument, in order. Inlined, so that what does not depend on the trace is not asked for.
            #[inline(always)]
            pub fn args(&self, mut each: impl FnMut(Argument<'a>)) {
                match self {
                    $(Call::$Name(call) => {
                        let ignored: u8 = $ignored(call);
                        let mut bit = 1;
                        $({
                            let (name, value) = (stringify!($arg), call.$arg.value($kind));
                            let mut arg = Argument { name, value, ignored: ignored & bit != 0 };
                            bit <<= 1;
                            $refine(call, &mut arg);
                            each(arg);
                        })*
                        let _ = bit;
                    })*
                    Call::Unknown { sections, .. } => unknown_args(*sections, each),
                }
            }
        }
    };
}

calls! {
    /// mount(2).
    1 Mount<'a> "mount" since "1.0" classic Some("mount"), ignoring Mount::ignored, refine Mount::refine, {
        /// What to mount, or the mount to bind or move.
        source: UserStr<'a> = Kind::Path,
        /// Where.
        target: UserStr<'a> = Kind::Path,
        /// The filesystem type.
        fstype: UserStr<'a> = Kind::Text,
        /// `MS_*`.
        flags: Option<u64> = Kind::Flags(&uapi::MOUNT_FLAGS),
        /// The filesystem's own options.
        data: UserStr<'a> = Kind::Text,
    }
    /// umount2(2), under which the kernel also runs umount(2) of 64-bit programs.
    2 Umount2<'a> "umount2" since "2.2" classic Some("umount"), ignoring none, refine plain, {
        /// What to unmount.
        target: UserStr<'a> = Kind::Path,
        /// `MNT_*`, `UMOUNT_NOFOLLOW`.
        flags: Option<u64> = Kind::Flags(&uapi::UMOUNT_FLAGS),
    }
    /// umount(2) of 32-bit programs.
    3 Umount<'a> "umount" since "1.0" classic None, ignoring none, refine plain, {
        /// What to unmount.
        target: UserStr<'a> = Kind::Path,
    }
    /// fsopen(2).
    4 Fsopen<'a> "fsopen" since "5.2" classic None, ignoring none, refine plain, {
        /// The filesystem type.
        fsname: UserStr<'a> = Kind::Text,
        /// `FSOPEN_*`.
        flags: Option<u64> = Kind::Flags(&uapi::FSOPEN_FLAGS),
    }
    /// fsconfig(2).
    5 Fsconfig<'a> "fsconfig" since "5.2" classic None, ignoring none, refine Fsconfig::refine, {
        /// What fsopen(2) or fspick(2) returned.
        fd: Option<i32> = Kind::Fd,
        /// `FSCONFIG_*`.
        cmd: Option<u64> = Kind::Enum(&uapi::FSCONFIG_COMMANDS),
        /// Name of an option.
        key: UserStr<'a> = Kind::Text,
        /// What `cmd` says.
        value: Option<Payload<'a>> = Kind::Payload,
        /// What `cmd` says: a length, a directory or a file descriptor.
        aux: Option<i32> = Kind::Decimal,
    }
    /// fsmount(2).
    6 Fsmount "fsmount" since "5.2" classic None, ignoring none, refine plain, {
        /// What fsopen(2) returned.
        fsfd: Option<i32> = Kind::Fd,
        /// `FSMOUNT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::FSMOUNT_FLAGS),
        /// `MOUNT_ATTR_*`.
        attr_flags: Option<u64> = Kind::Flags(&uapi::FSMOUNT_ATTR_FLAGS),
    }
    /// fspick(2).
    7 Fspick<'a> "fspick" since "5.2" classic None, ignoring none, refine plain, {
        /// Where a relative path starts.
        dirfd: Option<i32> = Kind::DirFd,
        /// A mount.
        path: UserStr<'a> = Kind::Path,
        /// `FSPICK_*`.
        flags: Option<u64> = Kind::Flags(&uapi::FSPICK_FLAGS),
    }
    /// move_mount(2).
    8 MoveMount<'a> "move_mount" since "5.2" classic None, ignoring none, refine plain, {
        /// A mount, or where a relative path to it starts.
        from_dirfd: Option<i32> = Kind::DirFd,
        /// The mount.
        from_path: UserStr<'a> = Kind::Path,
        /// Where a relative path to its new place starts.
        to_dirfd: Option<i32> = Kind::DirFd,
        /// Its new place.
        to_path: UserStr<'a> = Kind::Path,
        /// `MOVE_MOUNT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::MOVE_MOUNT_FLAGS),
    }
    /// open_tree(2).
    9 OpenTree<'a> "open_tree" since "5.2" classic None, ignoring none, refine plain, {
        /// Where a relative path starts.
        dirfd: Option<i32> = Kind::DirFd,
        /// A tree of mounts.
        path: UserStr<'a> = Kind::Path,
        /// `OPEN_TREE_*`, `AT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::OPEN_TREE_FLAGS),
    }
    /// open_tree_attr(2).
    10 OpenTreeAttr<'a> "open_tree_attr" since "6.15" classic None, ignoring none, refine plain, {
        /// Where a relative path starts.
        dirfd: Option<i32> = Kind::DirFd,
        /// A tree of mounts.
        path: UserStr<'a> = Kind::Path,
        /// `OPEN_TREE_*`, `AT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::OPEN_TREE_FLAGS),
        /// struct mount_attr.
        attr: UserStr<'a> = Kind::Struct(&structs::MOUNT_ATTR),
        /// Its bytes.
        size: Option<u64> = Kind::Decimal,
    }
    /// mount_setattr(2).
    11 MountSetattr<'a> "mount_setattr" since "5.12" classic None, ignoring none, refine plain, {
        /// Where a relative path starts.
        dirfd: Option<i32> = Kind::DirFd,
        /// A mount.
        path: UserStr<'a> = Kind::Path,
        /// `AT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::MOUNT_SETATTR_FLAGS),
        /// struct mount_attr.
        attr: UserStr<'a> = Kind::Struct(&structs::MOUNT_ATTR),
        /// Its bytes.
        size: Option<u64> = Kind::Decimal,
    }
    /// pivot_root(2).
    12 PivotRoot<'a> "pivot_root" since "2.4" classic None, ignoring none, refine plain, {
        /// What becomes `/`.
        new_root: UserStr<'a> = Kind::Path,
        /// Where the old one goes.
        put_old: UserStr<'a> = Kind::Path,
    }
    /// chroot(2).
    13 Chroot<'a> "chroot" since "1.0" classic None, ignoring none, refine plain, {
        /// What becomes `/` for the process.
        path: UserStr<'a> = Kind::Path,
    }
    /// unshare(2).
    14 Unshare "unshare" since "2.6.16" classic None, ignoring none, refine plain, {
        /// `CLONE_*`, `UNSHARE_*`.
        flags: Option<u64> = Kind::Flags(&uapi::UNSHARE_FLAGS),
    }
    /// setns(2).
    15 Setns "setns" since "3.0" classic None, ignoring none, refine plain, {
        /// A namespace or a process.
        fd: Option<i32> = Kind::Fd,
        /// `CLONE_NEW*`.
        nstype: Option<u64> = Kind::Flags(&uapi::NAMESPACE_TYPES),
    }
    /// clone(2), of which only the flags are captured: the order of the others differs between architectures.
    16 Clone "clone" since "1.0" classic None, ignoring none, refine plain, {
        /// `CLONE_*` and a signal.
        flags: Option<u64> = Kind::Flags(&uapi::CLONE_FLAGS),
    }
    /// clone3(2).
    17 Clone3<'a> "clone3" since "5.3" classic None, ignoring none, refine plain, {
        /// struct clone_args.
        cl_args: UserStr<'a> = Kind::Struct(&structs::CLONE_ARGS),
        /// Its bytes.
        size: Option<u64> = Kind::Decimal,
    }
    /// statmount(2).
    18 Statmount<'a> "statmount" since "6.8" classic None, ignoring none, refine plain, {
        /// struct mnt_id_req.
        req: UserStr<'a> = Kind::Struct(&structs::STATMOUNT_REQ),
        /// For the answer.
        smbuf: Option<u64> = Kind::Pointer,
        /// Its bytes.
        bufsize: Option<u64> = Kind::Decimal,
        /// `STATMOUNT_BY_FD`.
        flags: Option<u64> = Kind::Flags(&uapi::STATMOUNT_FLAGS),
    }
    /// listmount(2).
    19 Listmount<'a> "listmount" since "6.8" classic None, ignoring none, refine plain, {
        /// struct mnt_id_req.
        req: UserStr<'a> = Kind::Struct(&structs::LISTMOUNT_REQ),
        /// For the answer.
        mnt_ids: Option<u64> = Kind::Pointer,
        /// How many it may have.
        nr_mnt_ids: Option<u64> = Kind::Decimal,
        /// `LISTMOUNT_*`.
        flags: Option<u64> = Kind::Flags(&uapi::LISTMOUNT_FLAGS),
    }
    /// listns(2).
    20 Listns<'a> "listns" since "6.19" classic None, ignoring none, refine plain, {
        /// struct ns_id_req.
        req: UserStr<'a> = Kind::Struct(&structs::NS_ID_REQ),
        /// For the answer.
        ns_ids: Option<u64> = Kind::Pointer,
        /// How many it may have.
        nr_ns_ids: Option<u64> = Kind::Decimal,
        /// None are known.
        flags: Option<u64> = Kind::Flags(&uapi::LISTNS_FLAGS),
    }
}

impl CallSpec {
    /// Of the call with this `MS_CALL_*`; `None` where this version does not know it.
    #[inline]
    pub fn of(number: u16) -> Option<&'static CallSpec> {
        // The rows are in the order of their numbers, without a gap.
        CALLS.get(usize::from(number).wrapping_sub(1)).filter(|spec| spec.number == number)
    }

    /// Appends the name of the call with this `MS_CALL_*`, `call#77` where this version knows none.
    #[inline]
    pub fn write_name(out: &mut Vec<u8>, number: u16) {
        match CallSpec::of(number) {
            Some(spec) => out.extend_from_slice(spec.name.as_bytes()),
            None => {
                out.extend_from_slice(b"call#");
                super::digits::decimal(out, number.into());
            }
        }
    }
}

impl<'a> Call<'a> {
    /// The argument of that name, if the call has one. Inlined, so that a name known when this is compiled is not looked for.
    #[inline(always)]
    pub fn arg(&self, name: &str) -> Option<Argument<'a>> {
        let mut found = None;
        self.args(|arg| {
            if arg.name == name {
                found = Some(arg);
            }
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, synth};
    use super::*;
    use crate::decode::Capture;

    fn call(enter: &[u8]) -> Call<'_> {
        let event = Event::decode(enter).unwrap();
        Call::decode(event.common.call, Some(event.sections), None)
    }

    #[test]
    fn numbers_are_those_of_the_kernel_side() {
        let header = include_str!("../../bpf/event.h");
        let rows = header.lines().filter_map(|line| line.strip_prefix("#define MS_CALL_"));
        // A remark may stand behind the number.
        let got: Vec<String> =
            rows.map(|row| row.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
        let want: Vec<String> =
            CALLS.iter().map(|spec| format!("{} {}", spec.name.to_uppercase(), spec.number)).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_call_is_found_by_its_number() {
        for spec in CALLS {
            assert_eq!(CallSpec::of(spec.number).map(|found| found.name), Some(spec.name));
            let (mut args, want) = (Vec::new(), spec.args.iter().map(|arg| arg.name));
            Call::decode(spec.number, None, None).args(|arg| args.push(arg.name));
            assert_eq!(args, want.collect::<Vec<_>>(), "{}", spec.name);
        }
        assert!(CallSpec::of(0).is_none() && CallSpec::of(9999).is_none());
    }

    #[test]
    fn the_documented_calls_are_these() {
        let documented = include_str!("../../docs/FORMAT.md");
        for spec in CALLS {
            let args = spec.args.iter().map(|arg| match arg.kind {
                Kind::Path | Kind::Text => format!("string {}", arg.name),
                Kind::Struct(_) => format!("bytes {}", arg.name),
                Kind::Payload => format!("{} (below)", arg.name),
                _ => format!("number {}", arg.name),
            });
            let args: Vec<String> = args.collect();
            let row = format!("| {} | {} | {} |", spec.number, spec.name, args.join(", "));
            assert!(documented.lines().any(|line| line == row), "{row}");
        }
    }

    #[test]
    fn a_string_unreadable_at_first_is_taken_from_the_return() {
        let enter = synth::enter(2).fault(0, 0x1000).number(1, 2).build();
        let exit = synth::exit(2).late(0, b"/mnt").build();
        let (enter, exit) = (Event::decode(&enter).unwrap(), Event::decode(&exit).unwrap());
        let target = UserStr { bytes: b"/mnt", capture: Capture::Whole, late: true };
        let both = Call::decode(2, Some(enter.sections), Some(exit.sections));
        assert_eq!(both, Call::Umount2(Umount2 { target, flags: Some(2) }));
        let lost = Call::decode(2, None, Some(exit.sections));
        assert_eq!(lost, Call::Umount2(Umount2 { target, flags: None }));
    }

    #[test]
    fn what_was_read_at_first_stands_against_what_was_read_later() {
        let enter = synth::umount2(b"/first", 0).build();
        let exit = synth::exit(2).late(0, b"/later").build();
        let (enter, exit) = (Event::decode(&enter).unwrap(), Event::decode(&exit).unwrap());
        let Call::Umount2(got) = Call::decode(2, Some(enter.sections), Some(exit.sections)) else { panic!() };
        assert_eq!(got.target.bytes, b"/first");
    }

    #[test]
    fn the_upper_half_of_the_register_of_an_int_is_not_part_of_it() {
        let bytes = synth::umount2(b"/mnt", 0xdead_beef_0000_0002).build();
        let Call::Umount2(got) = call(&bytes) else { panic!() };
        assert_eq!(got.flags, Some(2));
    }

    #[test]
    fn missing_arguments_are_absent_and_not_zero() {
        let bytes = synth::enter(1).string(0, b"none").build();
        let Call::Mount(got) = call(&bytes) else { panic!() };
        assert_eq!((got.target, got.flags), (UserStr::ABSENT, None));
    }

    #[test]
    fn a_call_from_the_future_keeps_its_number_and_its_arguments() {
        let bytes = synth::enter(77)
            .string(0, b"x")
            .number(1, 5)
            .section(99, 2, 0, b"?")
            .number(1, 6)
            .number(200, 1)
            .build();
        let (mut name, mut args) = (Vec::new(), Vec::new());
        CallSpec::write_name(&mut name, 77);
        call(&bytes).args(|arg| args.push(arg.name));
        assert_eq!((name, args), (b"call#77".to_vec(), vec!["arg0", "arg1", "arg2"]));
    }
}
