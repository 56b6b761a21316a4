//! Flags as names: whole masks are matched and subtracted, what no row explains is shown in hex, nothing is dropped or guessed.
//! It must not know any flag: the rows are in uapi.rs.

use super::digits;

/// One name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The kernel's name.
    pub name: &'static str,
    /// Every bit of it.
    pub value: u64,
    /// Whether the first mountsnoop (2016) knew it.
    pub classic: bool,
}

/// The flags of one argument.
#[derive(Debug, PartialEq, Eq)]
pub struct FlagTable {
    /// How wide the kernel's type is: what is above it never reaches the kernel.
    pub bits: u32,
    /// A number some callers put into the upper bits, stripped by the kernel before it looks at the flags.
    pub magic: Option<Magic>,
    /// The rows, in the order they are printed.
    pub rows: &'static [Flag],
}

/// A historical constant or-ed into flags.
#[derive(Debug, PartialEq, Eq)]
pub struct Magic {
    /// The kernel's name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// The bits that must hold exactly `value`.
    pub mask: u64,
}

impl FlagTable {
    /// The part of a register that the kernel looks at.
    #[inline]
    pub fn truncate(&self, register: u64) -> u64 {
        register & (u64::MAX >> (64 - self.bits))
    }

    /// The flags without the magic number, as the kernel sees them.
    pub fn effective(&self, value: u64) -> u64 {
        match &self.magic {
            Some(magic) if value & magic.mask == magic.value => value & !magic.mask,
            _ => value,
        }
    }

    /// Calls `each` with every name in `value`; returns the bits that have none.
    #[inline]
    pub fn names(&self, value: u64, mut each: impl FnMut(&'static str)) -> u64 {
        self.walk(value, false, &mut each)
    }

    #[inline]
    fn walk(&self, value: u64, classic: bool, each: &mut impl FnMut(&'static str)) -> u64 {
        let mut rest = self.effective(value);
        if let (Some(magic), true) = (&self.magic, rest != value) {
            each(magic.name);
        }
        for row in self.rows {
            if rest == 0 {
                break;
            }
            if rest & row.value == row.value && (row.classic || !classic) {
                each(row.name);
                rest &= !row.value;
            }
        }
        rest
    }

    /// Appends the names joined by `|`, the unexplained rest in hex; `0x0` where there is nothing at all.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, value: u64) {
        let start = out.len();
        let rest = self.walk(value, false, &mut |name| join(out, start, name));
        if rest != 0 || out.len() == start {
            join(out, start, "");
            digits::hex(out, rest);
        }
    }

    /// As the first mountsnoop printed them: with its table, and with a `0x0` behind a magic number that stands alone.
    pub fn write_classic(&self, out: &mut Vec<u8>, value: u64) {
        let (start, value) = (out.len(), self.sign_extend(value));
        let mut flags = 0;
        let rest = self.walk(value, true, &mut |name| {
            flags += usize::from(self.magic.as_ref().is_none_or(|magic| magic.name != name));
            join(out, start, name);
        });
        if rest != 0 || flags == 0 {
            join(out, start, "");
            digits::hex(out, rest);
        }
    }

    /// The seed read an `int` into an unsigned long.
    fn sign_extend(&self, value: u64) -> u64 {
        let shift = 64 - self.bits;
        (((value << shift) as i64) >> shift) as u64
    }
}

#[inline]
fn join(out: &mut Vec<u8>, start: usize, name: &str) {
    if out.len() > start {
        out.push(b'|');
    }
    out.extend_from_slice(name.as_bytes());
}
