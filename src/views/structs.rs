//! A structure as strace writes it: `{field=value, ...}`, with the bytes behind the last known field in hex unless they are
//! zero. It must not know any structure.

use crate::decode::escape::{self, Within};
use crate::decode::{Capture, FieldKind, StructTable, UserStr, digits};

/// Bytes behind the known fields that are shown; the others are counted.
const REST_SHOWN: usize = 32;

/// Appends a structure that was read at least in part.
pub(super) fn write<W: Within>(out: &mut Vec<u8>, bytes: &UserStr<'_>, table: &StructTable) {
    let mut separator: &[u8] = b"{";
    table.fields(bytes.bytes, |field, value| {
        let Some(value) = value else { return };
        if value == 0 && field.kind == FieldKind::Rare {
            return;
        }
        out.extend_from_slice(separator);
        separator = b", ";
        out.extend_from_slice(field.name.as_bytes());
        out.push(b'=');
        match field.kind {
            FieldKind::Flags(flags) => flags.write(out, value),
            FieldKind::Decimal => digits::decimal(out, value),
            FieldKind::Fd => digits::signed(out, fd(value)),
            FieldKind::Hex | FieldKind::Rare => digits::hex(out, value),
        }
    });
    let (start, rest) = table.rest(bytes.bytes);
    if rest.iter().any(|&byte| byte != 0) {
        out.extend_from_slice(separator);
        separator = b", ";
        out.extend_from_slice(b"/* bytes ");
        digits::decimal(out, start as u64);
        out.extend_from_slice(b"..");
        digits::decimal(out, (start + rest.len() - 1) as u64);
        out.extend_from_slice(b" */ ");
        escape::quote_hex::<W>(out, &rest[..rest.len().min(REST_SHOWN)]);
        if rest.len() > REST_SHOWN {
            out.extend_from_slice(b"...");
        }
    }
    if separator == b"{" {
        out.push(b'{');
    }
    if bytes.capture == Capture::Cut {
        out.extend_from_slice(b", ...");
    }
    out.push(b'}');
}

/// A descriptor in a field as wide as two: -1 stays -1 whether or not the caller extended its sign, and what is no descriptor
/// stays the number it is.
pub(super) fn fd(value: u64) -> i64 {
    if value <= u64::from(u32::MAX) { i64::from(value as u32 as i32) } else { value as i64 }
}
