//! The calls: one row of facts each, from which the typed structs, the decoder and every view's arguments come.
//! It must not know how an argument is printed. Numbers are those of bpf/event.h; a test compares them.

use super::bytes::UserStr;
use super::event::Sections;
use super::names::FlagTable;
use super::slots::{FromSlot, Slots, unknown_args};
use super::uapi::{MOUNT_FLAGS, UMOUNT_FLAGS};

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
    /// A number that nothing more is known of.
    Number,
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
    /// A number.
    Number(Option<u64>),
}

/// A row: `number Name "name" since "release" (classic "name") ignoring (function) { argument: type = kind, … }`.
macro_rules! calls {
    ($($(#[$doc:meta])* $number:literal $Name:ident $name:literal since $since:literal
       classic $classic:expr, ignoring $ignored:expr,
       { $($(#[$about:meta])* $arg:ident: $ty:ty = $kind:expr,)* })*) => {
        /// Every call this version knows.
        pub static CALLS: &[CallSpec] = &[$(CallSpec {
            name: $name, number: $number, since: $since, classic: $classic,
            args: &[$(ArgSpec { name: stringify!($arg), kind: $kind }),*],
        }),*];

        $($(#[$doc])* #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $Name<'a> { $($(#[$about])* pub $arg: $ty),* })*

        /// A call and its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Call<'a> {
            $($(#[$doc])* $Name($Name<'a>),)*
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
            #[inline]
            pub fn decode(call: u16, enter: Option<Sections<'a>>, exit: Option<Sections<'a>>) -> Call<'a> {
                match call {
                    $($number => {
                        let slots = Slots::fill(enter, exit);
                        let mut at = 0..;
                        Call::$Name($Name { $($arg: FromSlot::from_slot(slots.get(at.next()), $kind)),* })
                    })*
                    _ => Call::Unknown { call, sections: enter.unwrap_or_default() },
                }
            }

            /// What is known of such calls; `None` for one this version does not know.
            #[inline]
            pub fn spec(&self) -> Option<&'static CallSpec> {
                let number = self.number();
                CALLS.iter().find(|spec| spec.number == number)
            }

            /// Its `MS_CALL_*`.
            #[inline]
            pub fn number(&self) -> u16 {
                match self {
                    $(Call::$Name(_) => $number,)*
                    Call::Unknown { call, .. } => *call,
                }
            }

            /// Calls `each` with every argument, in order.
            #[inline]
            pub fn args(&self, mut each: impl FnMut(Argument<'a>)) {
                match self {
                    $(Call::$Name(call) => {
                        let ignored: fn(&$Name<'a>, &str) -> bool = $ignored;
                        $({
                            let name = stringify!($arg);
                            each(Argument { name, value: call.$arg.value($kind), ignored: ignored(call, name) });
                        })*
                    })*
                    Call::Unknown { sections, .. } => unknown_args(*sections, each),
                }
            }
        }
    };
}

calls! {
    /// mount(2).
    1 Mount "mount" since "1.0" classic Some("mount"), ignoring Mount::ignores, {
        /// What to mount, or the mount to bind or move.
        source: UserStr<'a> = Kind::Path,
        /// Where.
        target: UserStr<'a> = Kind::Path,
        /// The filesystem type.
        fstype: UserStr<'a> = Kind::Text,
        /// `MS_*`.
        flags: Option<u64> = Kind::Flags(&MOUNT_FLAGS),
        /// The filesystem's own options.
        data: UserStr<'a> = Kind::Text,
    }
    /// umount2(2), under which the kernel also runs umount(2) of 64-bit programs.
    2 Umount2 "umount2" since "2.2" classic Some("umount"), ignoring |_, _| false, {
        /// What to unmount.
        target: UserStr<'a> = Kind::Path,
        /// `MNT_*`, `UMOUNT_NOFOLLOW`.
        flags: Option<u64> = Kind::Flags(&UMOUNT_FLAGS),
    }
}

impl<'a> Call<'a> {
    /// Appends its name, `call#77` where this version knows none.
    #[inline]
    pub fn write_name(&self, out: &mut Vec<u8>) {
        match self.spec() {
            Some(spec) => out.extend_from_slice(spec.name.as_bytes()),
            None => {
                out.extend_from_slice(b"call#");
                super::digits::decimal(out, u64::from(self.number()));
            }
        }
    }

    /// The argument of that name, if the call has one.
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
        for spec in CALLS {
            let row = format!("#define MS_CALL_{} {}\n", spec.name.to_uppercase(), spec.number);
            assert!(header.contains(&row), "{row}");
        }
        assert_eq!(header.matches("#define MS_CALL_").count(), CALLS.len());
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
        call(&bytes).write_name(&mut name);
        call(&bytes).args(|arg| args.push(arg.name));
        assert_eq!((name, args), (b"call#77".to_vec(), vec!["arg0", "arg1", "arg2"]));
    }
}
