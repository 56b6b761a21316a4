//! The sections of a call's two events, sorted into its arguments, and from there into the fields of its struct.
//! It must not know any call.

use super::bytes::{Payload, UserStr};
use super::calls::{Argument, Kind, Value};
use super::event::Sections;
use crate::layout;

/// Arguments of one system call: six registers.
pub(super) const ARGS_MAX: usize = 6;

/// What was captured of one argument.
#[derive(Clone, Copy)]
pub(super) enum Slot<'a> {
    Absent,
    Number(u64),
    Str(UserStr<'a>),
    Bytes(UserStr<'a>),
}

pub(super) struct Slots<'a>([Slot<'a>; ARGS_MAX]);

impl<'a> Slots<'a> {
    #[inline]
    pub fn fill(enter: Option<Sections<'a>>, exit: Option<Sections<'a>>) -> Slots<'a> {
        let mut slots = Slots([Slot::Absent; ARGS_MAX]);
        for section in enter.into_iter().flatten().chain(exit.into_iter().flatten()) {
            let Some(slot) = slots.0.get_mut(usize::from(section.arg)) else { continue };
            let unread = match slot {
                Slot::Absent => true,
                Slot::Str(text) | Slot::Bytes(text) => text.is_unread(),
                Slot::Number(_) => false,
            };
            if !unread {
                continue;
            }
            // What a descriptor stands for and where the caller was are no arguments, though they name one.
            match section.kind {
                layout::SECTION_STRING => *slot = section.captured().map_or(*slot, Slot::Str),
                layout::SECTION_NUMBER => *slot = section.number().map_or(*slot, Slot::Number),
                layout::SECTION_BYTES => *slot = section.captured().map_or(*slot, Slot::Bytes),
                _ => {}
            }
        }
        slots
    }

    #[inline]
    pub fn get(&self, at: Option<usize>) -> Slot<'a> {
        at.and_then(|at| self.0.get(at)).copied().unwrap_or(Slot::Absent)
    }
}

/// A type that an argument may have in a call's struct.
pub(super) trait FromSlot<'a>: Copy {
    fn from_slot(slot: Slot<'a>, kind: Kind) -> Self;
    fn value(self, kind: Kind) -> Value<'a>;
}

impl<'a> FromSlot<'a> for UserStr<'a> {
    #[inline]
    fn from_slot(slot: Slot<'a>, kind: Kind) -> Self {
        match (slot, kind) {
            (Slot::Bytes(bytes), Kind::Struct(_)) => bytes,
            // NULL and unreadable pointers are the same whatever they were meant to lead to.
            (Slot::Str(text), Kind::Struct(_)) if text.text().is_none() => text,
            (Slot::Str(text), Kind::Path | Kind::Text) => text,
            _ => UserStr::ABSENT,
        }
    }

    #[inline]
    fn value(self, kind: Kind) -> Value<'a> {
        match kind {
            Kind::Struct(table) => Value::Struct(self, table),
            _ => Value::Str(self),
        }
    }
}

impl<'a> FromSlot<'a> for Option<u64> {
    #[inline]
    fn from_slot(slot: Slot<'a>, kind: Kind) -> Self {
        match (slot, kind) {
            (Slot::Number(value), Kind::Flags(table)) => Some(table.truncate(value)),
            // An unsigned int.
            (Slot::Number(value), Kind::Enum(_)) => Some(u64::from(value as u32)),
            (Slot::Number(value), _) => Some(value),
            _ => None,
        }
    }

    #[inline]
    fn value(self, kind: Kind) -> Value<'a> {
        match kind {
            Kind::Flags(table) => Value::Flags(self, table),
            Kind::Enum(table) => Value::Enum(self, table),
            Kind::Pointer => Value::Pointer(self),
            Kind::Decimal => match self.map(i64::try_from) {
                Some(Ok(value)) => Value::Decimal(Some(value)),
                Some(Err(_)) => Value::Number(self),
                None => Value::Decimal(None),
            },
            _ => Value::Number(self),
        }
    }
}

/// An int: the lower half of its register.
impl<'a> FromSlot<'a> for Option<i32> {
    #[inline]
    fn from_slot(slot: Slot<'a>, _: Kind) -> Self {
        if let Slot::Number(value) = slot { Some(value as i32) } else { None }
    }

    #[inline]
    fn value(self, kind: Kind) -> Value<'a> {
        match kind {
            Kind::DirFd => Value::DirFd(self),
            _ => Value::Decimal(self.map(i64::from)),
        }
    }
}

impl<'a> FromSlot<'a> for Option<Payload<'a>> {
    #[inline]
    fn from_slot(slot: Slot<'a>, _: Kind) -> Self {
        match slot {
            Slot::Str(text) => Some(Payload::Str(text)),
            Slot::Bytes(bytes) => Some(Payload::Bytes(bytes)),
            Slot::Number(address) => Some(Payload::Address(address)),
            Slot::Absent => None,
        }
    }

    #[inline]
    fn value(self, _: Kind) -> Value<'a> {
        match self {
            Some(Payload::Str(text)) => Value::Str(text),
            Some(Payload::Bytes(bytes)) => Value::Bytes(bytes),
            Some(Payload::Address(address)) => Value::Pointer(Some(address)),
            None => Value::Str(UserStr::ABSENT),
        }
    }
}

/// The arguments of a call that nothing is known of, each once.
pub(super) fn unknown_args<'a>(sections: Sections<'a>, mut each: impl FnMut(Argument<'a>)) {
    const NAMES: [&str; ARGS_MAX] = ["arg0", "arg1", "arg2", "arg3", "arg4", "arg5"];
    let mut seen = [false; ARGS_MAX];
    for section in sections {
        if (layout::SECTION_MOUNT..=layout::SECTION_PARENT).contains(&section.kind) {
            continue;
        }
        let at = usize::from(section.arg);
        let (Some(&name), Some(seen)) = (NAMES.get(at), seen.get_mut(at)) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        let value = match (section.kind, section.captured()) {
            (layout::SECTION_BYTES, Some(bytes)) => Value::Bytes(bytes),
            (_, Some(text)) => Value::Str(text),
            (_, None) => Value::Number(section.number()),
        };
        each(Argument { name, value, ignored: false });
    }
}
