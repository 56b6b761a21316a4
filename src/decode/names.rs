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
    /// Bits that are one number and not flags.
    pub field: Option<Field>,
    /// The name of 0, where it is one that callers write.
    pub zero: Option<&'static str>,
}

/// Bits of an argument of flags that hold one number of a list: no bit of them means anything by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The bits.
    pub mask: u64,
    /// Each number, as it stands in those bits.
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
    /// What most tables do not have.
    pub(super) const PLAIN: FlagTable =
        FlagTable { bits: 32, magic: None, rows: &[], field: None, zero: None };

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
        if let (0, Some(name)) = (value, self.zero) {
            each(name);
        }
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
        if let Some(field) = &self.field {
            let number = rest & field.mask;
            if let (1.., Some(row)) = (number, field.rows.iter().find(|row| row.value == number)) {
                each(row.name);
                rest &= !field.mask;
            }
        }
        rest
    }

    /// Appends the names joined by `|`, the unexplained rest in hex; `0x0` where there is nothing at all.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, value: u64) {
        let start = out.len();
        let rest = self.names(value, |name| join(out, start, name));
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

/// The values of an argument that is one number of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumTable {
    /// The rows.
    pub rows: &'static [Flag],
}

impl EnumTable {
    /// The name of a number, if it has one.
    pub fn name(&self, value: u64) -> Option<&'static str> {
        self.rows.iter().find(|row| row.value == value).map(|row| row.name)
    }
}

#[inline]
fn join(out: &mut Vec<u8>, start: usize, name: &str) {
    if out.len() > start {
        out.push(b'|');
    }
    out.extend_from_slice(name.as_bytes());
}
