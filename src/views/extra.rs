//! The columns that are lists, as JSON: what descriptors stand for, the ancestors of a process, the arguments that were
//! ignored. Null where nothing is known. It must not know any call.

use super::json::{key, name, null, string, unsigned};
use crate::assemble::Op;
use crate::decode::{CallSpec, Identity, Object, digits};

/// Appends `[{"arg":"fd","kind":"mount",...},...]`.
pub(super) fn ids(out: &mut Vec<u8>, op: &Op<'_>) {
    let mut separator = b'[';
    for identity in op.identities() {
        out.push(std::mem::replace(&mut separator, b','));
        out.extend_from_slice(b"{\"arg\":");
        string(out, arg_name(op, &identity));
        object(out, &identity.what);
        out.push(b'}');
    }
    end(out, separator);
}

fn arg_name(op: &Op<'_>, identity: &Identity) -> &'static str {
    match (identity.arg, CallSpec::of(op.common.call)) {
        (None, _) => "result",
        (Some(at), Some(spec)) => spec.args.get(usize::from(at)).map_or("unknown", |arg| arg.name),
        (Some(_), None) => "unknown",
    }
}

fn object(out: &mut Vec<u8>, object: &Object) {
    match *object {
        Object::Mount { unique_id, key, id, major, minor } => {
            out.extend_from_slice(b",\"kind\":\"mount\",\"unique_id\":");
            match unique_id {
                Some(id) => unsigned(out, id),
                None => null(out),
            }
            hashed(out, key);
            out.extend_from_slice(b",\"id\":");
            unsigned(out, id.into());
            out.extend_from_slice(b",\"dev\":\"");
            digits::decimal(out, major.into());
            out.push(b':');
            digits::decimal(out, minor.into());
            out.push(b'"');
        }
        Object::Fscontext { key, purpose } => {
            out.extend_from_slice(b",\"kind\":\"fscontext\"");
            hashed(out, key);
            out.extend_from_slice(b",\"purpose\":");
            match purpose {
                0 => string(out, "mount"),
                1 => string(out, "submount"),
                2 => string(out, "reconfigure"),
                other => unsigned(out, other.into()),
            }
        }
        Object::Namespace { inode } => {
            out.extend_from_slice(b",\"kind\":\"namespace\",\"inode\":");
            unsigned(out, inode.into());
        }
    }
}

/// A key is no number: nobody counts with it.
fn hashed(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(b",\"key\":\"");
    digits::hex(out, value);
    out.push(b'"');
}

/// Appends `[{"pid":1,"comm":"init"}]`.
pub(super) fn parents(out: &mut Vec<u8>, op: &Op<'_>) {
    let mut separator = b'[';
    for parent in op.process().into_iter().flat_map(|process| process.parents()) {
        out.push(std::mem::replace(&mut separator, b','));
        out.push(b'{');
        key(out, "pid");
        unsigned(out, parent.pid.into());
        out.push(b',');
        key(out, "comm");
        name(out, parent.comm);
        out.push(b'}');
    }
    end(out, separator);
}

/// Appends `["fstype","data"]`.
pub(super) fn ignored(out: &mut Vec<u8>, op: &Op<'_>) {
    let mut separator = b'[';
    op.call().args(|arg| {
        if arg.ignored {
            out.push(std::mem::replace(&mut separator, b','));
            string(out, arg.name);
        }
    });
    end(out, separator);
}

fn end(out: &mut Vec<u8>, separator: u8) {
    if separator == b'[' { null(out) } else { out.push(b']') }
}
