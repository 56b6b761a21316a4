//! The sections of a call's two events, sorted into its arguments, and from there into the fields of its struct.
//! It must not know any call.

use super::bytes::UserStr;
use super::calls::{Argument, Kind, Value};
use super::event::Sections;

/// Arguments of one system call: six registers.
pub(super) const ARGS_MAX: usize = 6;

/// What was captured of one argument.
#[derive(Clone, Copy)]
pub(super) enum Slot<'a> {
    Absent,
    Number(u64),
    Str(UserStr<'a>),
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
                Slot::Str(text) => text.is_unread(),
                Slot::Number(_) => false,
            };
            if !unread {
                continue;
            }
            if let Some(text) = section.string() {
                *slot = Slot::Str(text);
            } else if let Some(number) = section.number() {
                *slot = Slot::Number(number);
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
    fn from_slot(slot: Slot<'a>, _: Kind) -> Self {
        if let Slot::Str(text) = slot { text } else { UserStr::ABSENT }
    }

    #[inline]
    fn value(self, _: Kind) -> Value<'a> {
        Value::Str(self)
    }
}

impl<'a> FromSlot<'a> for Option<u64> {
    #[inline]
    fn from_slot(slot: Slot<'a>, kind: Kind) -> Self {
        match (slot, kind) {
            (Slot::Number(value), Kind::Flags(table)) => Some(table.truncate(value)),
            (Slot::Number(value), _) => Some(value),
            _ => None,
        }
    }

    #[inline]
    fn value(self, kind: Kind) -> Value<'a> {
        match kind {
            Kind::Flags(table) => Value::Flags(self, table),
            _ => Value::Number(self),
        }
    }
}

/// The arguments of a call that nothing is known of, each once.
pub(super) fn unknown_args<'a>(sections: Sections<'a>, mut each: impl FnMut(Argument<'a>)) {
    const NAMES: [&str; ARGS_MAX] = ["arg0", "arg1", "arg2", "arg3", "arg4", "arg5"];
    let mut seen = [false; ARGS_MAX];
    for section in sections {
        let at = usize::from(section.arg);
        let (Some(&name), Some(seen)) = (NAMES.get(at), seen.get_mut(at)) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        let value = match section.string() {
            Some(text) => Value::Str(text),
            None => Value::Number(section.number()),
        };
        each(Argument { name, value, ignored: false });
    }
}
