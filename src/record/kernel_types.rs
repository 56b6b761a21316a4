//! The kernel's description of its own types (BTF, Documentation/bpf/btf.rst), read in one pass: which functions there are, and a
//! copy with those types alone that the programs look into. libbpf goes through all 130,000 once for each struct of the programs, which
//! is a millisecond each time.
//! Must not know what a type is looked up for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::CStr;
use std::fs;

use anyhow::{Context, Result};

use super::super::preflight::VMLINUX_BTF;
use crate::layout::{u16_at, u32_at};

const MAGIC: u16 = 0xEB9F;
const HEADER: usize = 24;
/// `btf_type`: name, kind and number of members, then a size or another type.
const TYPE: usize = 12;
/// The type that is none.
const VOID: u32 = 0;

mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// The kernel's types.
pub(super) struct KernelTypes {
    bytes: Vec<u8>,
    /// Where the strings begin.
    strings: usize,
    /// Where each type begins; the first is [`VOID`] and nowhere.
    at: Vec<usize>,
}

impl KernelTypes {
    /// Those of the running kernel.
    pub(super) fn here() -> Result<KernelTypes> {
        let bytes = fs::read(VMLINUX_BTF).with_context(|| format!("failed to read {VMLINUX_BTF}"))?;
        KernelTypes::read(bytes).with_context(|| {
            format!(
                "the kernel describes its types in a way that is not known here: {VMLINUX_BTF} must be BTF with kinds up to ENUM64; \
                 try a newer mountsnoop"
            )
        })
    }

    fn read(bytes: Vec<u8>) -> Option<KernelTypes> {
        let header = u32_at(&bytes, 4).filter(|_| u16_at(&bytes, 0) == Some(MAGIC))? as usize;
        let [types, types_len, strings] =
            [8, 12, 16].map(|at| u32_at(&bytes, at).map(|value| value as usize));
        let (mut next, strings) = (header.checked_add(types?)?, header.checked_add(strings?)?);
        let end = next.checked_add(types_len?).filter(|&end| end <= bytes.len())?;
        let mut at = vec![0];
        while next < end {
            at.push(next);
            next += TYPE + tail(u32_at(&bytes, next + 4)?)?;
        }
        (next == end).then_some(KernelTypes { bytes, strings, at })
    }

    /// Every function there is: its name, and the number of its prototype.
    pub(super) fn functions(&self) -> impl Iterator<Item = (&str, u32)> {
        let functions = self.at.iter().skip(1).filter(|&&at| self.kind(at) == Some(kind::FUNC));
        functions.filter_map(|&at| Some((self.name(at)?, u32_at(&self.bytes, at + 8)?)))
    }

    /// The number of a struct, by its name.
    pub(super) fn number_of_struct(&self, name: &str) -> Option<u32> {
        let is_it = |&at: &usize| self.kind(at) == Some(kind::STRUCT) && self.name(at) == Some(name);
        Some(self.at.iter().skip(1).position(is_it)? as u32 + 1)
    }

    /// The same description with these structs and enums alone, and whatever is needed to know where each of their members is and how large.
    /// What a pointer points to is not.
    pub(super) fn only(&self, names: &[&str]) -> Option<Vec<u8>> {
        let names: HashSet<&str> = names.iter().map(|name| essential(name)).collect();
        let mut copy = Copy {
            from: self,
            numbers: HashMap::new(),
            queue: VecDeque::new(),
            types: Vec::new(),
            strings: vec![0],
        };
        for (number, &at) in self.at.iter().enumerate().skip(1) {
            let compound = matches!(self.kind(at)?, kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64);
            if compound && names.contains(essential(self.name(at)?)) {
                copy.number(number as u32)?;
            }
        }
        copy.finish()
    }

    fn kind(&self, at: usize) -> Option<u32> {
        u32_at(&self.bytes, at + 4).map(kind_of)
    }

    fn name(&self, at: usize) -> Option<&str> {
        self.string(u32_at(&self.bytes, at)?)
    }

    fn string(&self, offset: u32) -> Option<&str> {
        let from = self.bytes.get(self.strings.checked_add(offset as usize)?..)?;
        CStr::from_bytes_until_nul(from).ok()?.to_str().ok()
    }
}

fn kind_of(info: u32) -> u32 {
    info >> 24 & 0x1F
}

/// How much follows a `btf_type`, bytes.
fn tail(info: u32) -> Option<usize> {
    let each = (info & 0xFFFF) as usize;
    Some(match kind_of(info) {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * each,
        kind::ENUM | kind::FUNC_PROTO => 8 * each,
        kind::PTR | kind::FWD | kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT => 0,
        kind::FUNC | kind::FLOAT | kind::TYPE_TAG => 0,
        _ => return None,
    })
}

/// What CO-RE compares of a name: `mount___unique` means the kernel's `mount`.
fn essential(name: &str) -> &str {
    name.split_once("___").map_or(name, |(essential, _)| essential)
}

/// Types as they are copied, each with another number.
struct Copy<'a> {
    from: &'a KernelTypes,
    numbers: HashMap<u32, u32>,
    /// Those that have a number and are yet to be copied.
    queue: VecDeque<u32>,
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Copy<'_> {
    /// The number here of the type with that number there.
    fn number(&mut self, there: u32) -> Option<u32> {
        let kind =
            if there == VOID { None } else { Some(self.from.kind(*self.from.at.get(there as usize)?)?) };
        if matches!(kind, None | Some(kind::FUNC_PROTO)) {
            return Some(VOID);
        }
        let next = self.numbers.len() as u32 + 1;
        Some(*self.numbers.entry(there).or_insert_with(|| {
            self.queue.push_back(there);
            next
        }))
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        while let Some(there) = self.queue.pop_front() {
            self.copy(*self.from.at.get(there as usize)?)?;
        }
        let mut bytes = Vec::with_capacity(HEADER + self.types.len() + self.strings.len());
        bytes.extend(MAGIC.to_le_bytes());
        bytes.extend([1, 0]);
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        bytes.extend([HEADER as u32, 0, types, types, strings].map(u32::to_le_bytes).as_flattened());
        bytes.append(&mut self.types);
        bytes.append(&mut self.strings);
        Some(bytes)
    }

    fn copy(&mut self, at: usize) -> Option<()> {
        let bytes = &self.from.bytes;
        let (info, other) = (u32_at(bytes, at + 4)?, u32_at(bytes, at + 8)?);
        self.put_name(u32_at(bytes, at)?)?;
        self.put(info);
        match kind_of(info) {
            // A pointer is as large whatever it points to.
            kind::PTR => self.put(VOID),
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                self.put_type(other)?
            }
            _ => self.put(other),
        }
        let mut words = bytes
            .get(at + TYPE..)?
            .get(..tail(info)?)?
            .as_chunks()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word));
        while let Some(first) = words.next() {
            match kind_of(info) {
                // Elements, index, their number.
                kind::ARRAY => {
                    self.put_type(first)?;
                    self.put_type(words.next()?)?;
                    self.put(words.next()?);
                }
                // Name, type, where it is.
                kind::STRUCT | kind::UNION => {
                    self.put_name(first)?;
                    self.put_type(words.next()?)?;
                    self.put(words.next()?);
                }
                // Name, value.
                kind::ENUM => {
                    self.put_name(first)?;
                    self.put(words.next()?);
                }
                kind::ENUM64 => {
                    self.put_name(first)?;
                    self.put(words.next()?);
                    self.put(words.next()?);
                }
                _ => self.put(first),
            }
        }
        Some(())
    }

    fn put(&mut self, word: u32) {
        self.types.extend(word.to_le_bytes());
    }

    fn put_type(&mut self, there: u32) -> Option<()> {
        let here = self.number(there)?;
        self.put(here);
        Some(())
    }

    fn put_name(&mut self, there: u32) -> Option<()> {
        let name = self.from.string(there)?;
        let here = if name.is_empty() { 0 } else { self.strings.len() as u32 };
        if !name.is_empty() {
            self.strings.extend(name.as_bytes());
            self.strings.push(0);
        }
        self.put(here);
        Some(())
    }
}

#[cfg(test)]
#[path = "kernel_types_tests.rs"]
mod tests;
