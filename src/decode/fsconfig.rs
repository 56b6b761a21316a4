//! What the arguments of fsconfig(2) are, which its command decides.
//! It must not know how the arguments got here.

use super::bytes::Payload;
use super::calls::{Argument, Fsconfig, Value};
use super::uapi::{self, FSCONFIG_COMMANDS};

const fn command(name: &str) -> u64 {
    uapi::number(&FSCONFIG_COMMANDS, name)
}

const SET_STRING: u64 = command("FSCONFIG_SET_STRING");
const SET_PATH: u64 = command("FSCONFIG_SET_PATH");
const SET_PATH_EMPTY: u64 = command("FSCONFIG_SET_PATH_EMPTY");

impl<'a> Fsconfig<'a> {
    /// What the command says about an argument.
    #[inline]
    pub(super) fn refine(&self, arg: &mut Argument<'a>) {
        match (arg.name, arg.value, self.cmd) {
            ("aux", Value::Decimal(_), Some(SET_PATH | SET_PATH_EMPTY)) => arg.value = Value::DirFd(self.aux),
            // Whoever took it for a string: only these three commands have one.
            ("value", Value::Str(text), cmd)
                if text.text().is_some()
                    && !matches!(cmd, Some(SET_STRING | SET_PATH | SET_PATH_EMPTY) | None) =>
            {
                arg.value = Value::Bytes(text);
            }
            _ => {}
        }
    }

    /// Name and value of an option that is text; `None` for every other step.
    pub fn option(&self) -> Option<(&'a [u8], &'a [u8])> {
        let Some(Payload::Str(value)) = self.value else { return None };
        (self.cmd == Some(SET_STRING)).then_some((self.key.whole()?, value.whole()?))
    }
}
