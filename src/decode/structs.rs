//! The structures that calls are given: name, place and kind of each field. Each may be shorter or longer than this version
//! knows, since that is how the kernel lets them grow. It must not know how they are printed.

use super::names::FlagTable;
use super::uapi;
use crate::layout;

/// A structure.
#[derive(Debug, PartialEq, Eq)]
pub struct StructTable {
    /// As in the kernel's headers.
    pub name: &'static str,
    /// Its fields, in order and without a gap.
    pub fields: &'static [StructField],
}

/// A field of a structure.
#[derive(Debug, PartialEq, Eq)]
pub struct StructField {
    /// As in the kernel's headers.
    pub name: &'static str,
    /// Its first byte.
    pub offset: usize,
    /// 4 or 8 bytes.
    pub size: usize,
    /// What it is.
    pub kind: FieldKind,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Flags.
    Flags(&'static FlagTable),
    /// A number best read in decimal.
    Decimal,
    /// An address or an id.
    Hex,
    /// A file descriptor, in a field of 4 or 8 bytes.
    Fd,
    /// Something that most callers leave 0: not worth a word then.
    Rare,
}

impl StructTable {
    /// Calls `each` with every field; `None` for one that does not lie in `bytes` as a whole.
    pub fn fields(&self, bytes: &[u8], mut each: impl FnMut(&'static StructField, Option<u64>)) {
        for field in self.fields {
            let value = match field.size {
                4 => layout::u32_at(bytes, field.offset).map(u64::from),
                _ => layout::u64_at(bytes, field.offset),
            };
            each(field, value);
        }
    }

    /// The bytes that are in no field, from the first: of a newer structure, or the piece of a field where it ends.
    pub fn rest<'a>(&self, bytes: &'a [u8]) -> (usize, &'a [u8]) {
        let ends = self.fields.iter().map(|field| field.offset + field.size);
        let known = ends.take_while(|&end| end <= bytes.len()).last().unwrap_or(0);
        (known, &bytes[known..])
    }
}

macro_rules! fields {
    ($($name:ident @ $offset:literal, $size:literal = $kind:expr;)*) => {
        &[$(StructField { name: stringify!($name), offset: $offset, size: $size, kind: $kind }),*]
    };
}

/// struct mount_attr of mount_setattr(2) and open_tree_attr(2); 5.12.
pub static MOUNT_ATTR: StructTable = StructTable {
    name: "mount_attr",
    fields: fields! {
        attr_set @ 0, 8 = FieldKind::Flags(&uapi::MOUNT_ATTR_FLAGS);
        attr_clr @ 8, 8 = FieldKind::Flags(&uapi::MOUNT_ATTR_FLAGS);
        propagation @ 16, 8 = FieldKind::Flags(&uapi::PROPAGATION_FLAGS);
        userns_fd @ 24, 8 = FieldKind::Fd;
    },
};

/// struct clone_args of clone3(2); 64 bytes in 5.3, 80 in 5.5, 88 in 5.7.
pub static CLONE_ARGS: StructTable = StructTable {
    name: "clone_args",
    fields: fields! {
        flags @ 0, 8 = FieldKind::Flags(&uapi::CLONE3_FLAGS);
        pidfd @ 8, 8 = FieldKind::Rare;
        child_tid @ 16, 8 = FieldKind::Rare;
        parent_tid @ 24, 8 = FieldKind::Rare;
        exit_signal @ 32, 8 = FieldKind::Flags(&uapi::SIGNALS);
        stack @ 40, 8 = FieldKind::Hex;
        stack_size @ 48, 8 = FieldKind::Hex;
        tls @ 56, 8 = FieldKind::Rare;
        set_tid @ 64, 8 = FieldKind::Rare;
        set_tid_size @ 72, 8 = FieldKind::Rare;
        cgroup @ 80, 8 = FieldKind::Rare;
    },
};

/// struct mnt_id_req of statmount(2): 24 bytes in 6.8, 32 in 6.11.
pub static STATMOUNT_REQ: StructTable = StructTable {
    name: "mnt_id_req",
    fields: fields! {
        size @ 0, 4 = FieldKind::Decimal;
        mnt_fd @ 4, 4 = FieldKind::Rare;
        mnt_id @ 8, 8 = FieldKind::Hex;
        param @ 16, 8 = FieldKind::Flags(&uapi::STATMOUNT_MASK);
        mnt_ns_id @ 24, 8 = FieldKind::Rare;
    },
};

/// struct mnt_id_req of listmount(2), where `param` is the last mount that the caller knows.
pub static LISTMOUNT_REQ: StructTable = StructTable {
    name: "mnt_id_req",
    fields: fields! {
        size @ 0, 4 = FieldKind::Decimal;
        mnt_ns_fd @ 4, 4 = FieldKind::Rare;
        mnt_id @ 8, 8 = FieldKind::Hex;
        param @ 16, 8 = FieldKind::Hex;
        mnt_ns_id @ 24, 8 = FieldKind::Rare;
    },
};

/// struct ns_id_req of listns(2); 6.19.
pub static NS_ID_REQ: StructTable = StructTable {
    name: "ns_id_req",
    fields: fields! {
        size @ 0, 4 = FieldKind::Decimal;
        spare @ 4, 4 = FieldKind::Rare;
        ns_id @ 8, 8 = FieldKind::Hex;
        ns_type @ 16, 4 = FieldKind::Flags(&uapi::NAMESPACE_TYPES);
        spare2 @ 20, 4 = FieldKind::Rare;
        user_ns_id @ 24, 8 = FieldKind::Hex;
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_leave_no_gap_and_sizes_are_those_of_the_kernel() {
        for (table, size) in [
            (&MOUNT_ATTR, 32),
            (&CLONE_ARGS, 88),
            (&STATMOUNT_REQ, 32),
            (&LISTMOUNT_REQ, 32),
            (&NS_ID_REQ, 32),
        ] {
            let mut end = 0;
            for field in table.fields {
                assert_eq!((field.offset, field.size % 4), (end, 0), "{}.{}", table.name, field.name);
                end += field.size;
            }
            assert_eq!(end, size, "{}", table.name);
        }
    }

    #[test]
    fn a_structure_of_any_size_has_the_fields_that_are_whole_and_a_rest() {
        let bytes: Vec<u8> = (0..40).collect();
        for len in 0..=40 {
            let mut whole = 0;
            MOUNT_ATTR.fields(&bytes[..len], |_, value| whole += usize::from(value.is_some()));
            assert_eq!(whole, (len / 8).min(4), "{len}");
            let (at, rest) = MOUNT_ATTR.rest(&bytes[..len]);
            assert_eq!((at, at + rest.len()), (8 * whole, len));
        }
    }
}
