//! The sections of a call's two events, taken in the order of its arguments, and from there into the fields of its struct.
//! It must not know any call.

use super::bytes::{Capture, Payload, UserStr};
use super::calls::{Argument, Kind, Value};
use super::event::{Section, Sections};
use crate::layout;

/// Arguments of one system call: six registers.
const ARGS_MAX: usize = 6;

/// The sections of a call, from which its arguments are taken in order.
pub(super) struct Slots<'a> {
    enter: Sections<'a>,
    exit: Sections<'a>,
    /// Those of `enter` behind the argument that was found last.
    rest: Sections<'a>,
    next: u8,
}

impl<'a> Slots<'a> {
    #[inline]
    pub fn new(enter: Sections<'a>, exit: Sections<'a>) -> Slots<'a> {
        Slots { enter, exit, rest: enter, next: 0 }
    }

    /// What was captured of the next argument. The recorder writes them in this order, so most are found at once. Inlined, so that
    /// there is no counting.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Section<'a>> {
        let (arg, mut rest) = (self.next, self.rest);
        self.next += 1;
        match rest.find(is_argument) {
            Some(section) if section.arg == arg && !is_unread(section) => {
                self.rest = rest;
                Some(section)
            }
            _ => search(self.enter, self.exit, arg).next(),
        }
    }
}

/// The sections from the first of an argument that could be read, or else from the last that could not: a string that could not be
/// when the call began may be there as it returned.
#[cold]
fn search<'a>(enter: Sections<'a>, exit: Sections<'a>, arg: u8) -> Sections<'a> {
    let first = |mut sections: Sections<'a>| sections.next();
    let mut found = Sections::default();
    for mut rest in [enter, exit] {
        let mut here = rest;
        while let Some(section) = rest.next() {
            if section.arg == arg && is_argument(&section) && first(found).is_none_or(is_unread) {
                found = here;
            }
            here = rest;
        }
    }
    found
}

/// What a descriptor stands for and where the caller was are no arguments, though they name one.
#[inline]
fn is_argument(section: &Section<'_>) -> bool {
    matches!(section.kind, layout::SECTION_NUMBER..=layout::SECTION_BYTES)
}

#[inline]
fn is_unread(section: Section<'_>) -> bool {
    captured(section).is_some_and(|text| text.is_unread())
}

/// [`Section::captured`], in fewer steps of a string that is whole, as nearly all are.
#[inline]
fn captured(section: Section<'_>) -> Option<UserStr<'_>> {
    if (section.kind, section.state) == (layout::SECTION_STRING, layout::STATE_WHOLE) {
        return Some(UserStr { bytes: section.bytes, capture: Capture::Whole, late: false });
    }
    section.captured()
}

/// A type that an argument may have in a call's struct.
pub(super) trait FromSlot<'a>: Copy {
    fn from_slot(slot: Option<Section<'a>>, kind: Kind) -> Self;
    fn value(self, kind: Kind) -> Value<'a>;
}

impl<'a> FromSlot<'a> for UserStr<'a> {
    #[inline]
    fn from_slot(slot: Option<Section<'a>>, kind: Kind) -> Self {
        let Some((section, text)) = slot.and_then(|slot| Some((slot, captured(slot)?))) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of few sections, against the plain definition: the first that could be read stands, and of those
    /// that could not the last.
    #[test]
    fn sections_in_any_order_are_those_of_their_arguments() {
        let section = |kind, arg, state| [&[kind, arg, state, 0, 8, 0, 0, 0][..], &[state; 8]].concat();
        let mut all = vec![section(layout::SECTION_MOUNT, 0, 0)];
        for arg in 0..2 {
            all.push(section(layout::SECTION_NUMBER, arg, 0));
            for state in [layout::STATE_WHOLE, layout::STATE_FAULT, layout::STATE_NULL, 9] {
                all.push(section(layout::SECTION_STRING, arg, state));
            }
            all.push(section(layout::SECTION_BYTES, arg, layout::STATE_LATE | layout::STATE_FAULT));
        }
        let count = all.len();
        for order in 0..count.pow(3) {
            let bytes: Vec<u8> = (0..3).flat_map(|at| all[order / count.pow(at) % count].clone()).collect();
            for begun in 0..=3 {
                let (enter, exit) = bytes.split_at(begun * all[0].len());
                let (enter, exit) = (Sections::new(enter), Sections::new(exit));
                let mut slots = Slots::new(enter, exit);
                for arg in 0..3 {
                    let mut want: Option<Section<'_>> = None;
                    for section in enter.chain(exit) {
                        let is_argument = (1..=3).contains(&section.kind) && section.arg == arg;
                        let unread = |section: Section<'_>| {
                            section.kind != layout::SECTION_NUMBER && matches!(section.state & 0x7f, 2 | 9)
                        };
                        if is_argument && want.is_none_or(unread) {
                            want = Some(section);
                        }
                    }
                    assert_eq!(slots.take(), want, "argument {arg} of {bytes:?}");
                }
            }
        }
    }
}
