//! The sections of a call's two events, sorted into its arguments, and from there into the fields of its struct.
//! It must not know any call.

use super::bytes::{Payload, UserStr};
use super::calls::{Argument, Kind, Value};
use super::event::{Section, Sections};
use crate::layout;

/// Arguments of one system call: six registers.
pub(super) const ARGS_MAX: usize = 6;

/// What was captured of the arguments, each as the section that has it. Most are looked at once, so they are read when a field is
/// made of them.
pub(super) struct Slots<'a>([Option<Section<'a>>; ARGS_MAX]);

impl<'a> Slots<'a> {
    #[inline]
    pub fn fill(enter: Option<Sections<'a>>, exit: Option<Sections<'a>>) -> Slots<'a> {
        let mut slots = Slots([None; ARGS_MAX]);
        for section in enter.unwrap_or_default() {
            slots.add(section);
        }
        for section in exit.unwrap_or_default() {
            slots.add(section);
        }
        slots
    }

    #[inline]
    fn add(&mut self, section: Section<'a>) {
        // What a descriptor stands for and where the caller was are no arguments, though they name one.
        if !matches!(section.kind, layout::SECTION_NUMBER..=layout::SECTION_BYTES) {
            return;
        }
        let Some(slot) = self.0.get_mut(usize::from(section.arg)) else { return };
        if slot.is_none_or(|slot| slot.captured().is_some_and(|text| text.is_unread())) {
            *slot = Some(section);
        }
    }

    #[inline]
    pub fn get(&self, at: Option<usize>) -> Option<Section<'a>> {
        at.and_then(|at| self.0.get(at)).copied().flatten()
    }
}

/// A type that an argument may have in a call's struct.
pub(super) trait FromSlot<'a>: Copy {
    fn from_slot(slot: Option<Section<'a>>, kind: Kind) -> Self;
    fn value(self, kind: Kind) -> Value<'a>;
}

impl<'a> FromSlot<'a> for UserStr<'a> {
    #[inline]
    fn from_slot(slot: Option<Section<'a>>, kind: Kind) -> Self {
        let Some((section, text)) = slot.and_then(|slot| Some((slot, slot.captured()?))) else {
            return UserStr::ABSENT;
        };
        match (section.kind, kind) {
            (layout::SECTION_BYTES, Kind::Struct(_)) => text,
            // NULL and unreadable pointers are the same whatever they were meant to lead to.
            (layout::SECTION_STRING, Kind::Struct(_)) if text.text().is_none() => text,
            (layout::SECTION_STRING, Kind::Path | Kind::Text) => text,
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
    fn from_slot(slot: Option<Section<'a>>, kind: Kind) -> Self {
        let value = slot?.number()?;
        Some(match kind {
            Kind::Flags(table) => table.truncate(value),
            // An unsigned int.
            Kind::Enum(_) => u64::from(value as u32),
            _ => value,
        })
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
    fn from_slot(slot: Option<Section<'a>>, _: Kind) -> Self {
        Some(slot?.number()? as i32)
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
    fn from_slot(slot: Option<Section<'a>>, _: Kind) -> Self {
        let section = slot?;
        match section.kind {
            layout::SECTION_STRING => section.captured().map(Payload::Str),
            layout::SECTION_BYTES => section.captured().map(Payload::Bytes),
            _ => section.number().map(Payload::Address),
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
