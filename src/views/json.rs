//! One JSON object a call, or one array of them. Values stay what they are: numbers are numbers, bytes that are no text are
//! base64, what the trace does not have is null. It must not know which columns there are.

use super::call::write_call_within;
use super::clock::{Clock, Seconds};
use super::columns::{COLUMNS, Cell, Column};
use super::extra;
use super::memo::Memo;
use super::{Remark, View, status, structs};
use crate::assemble::Op;
use crate::decode::escape::{self, JsonString};
use crate::decode::{
    Argument, Call, CallSpec, Capture, FieldKind, FlagTable, StructTable, UserStr, Value, digits,
};

/// The largest integer that every reader of JSON keeps exact; larger ones are written as strings.
const EXACT: u64 = 1 << 53;

/// The JSON view.
pub struct Json {
    array: bool,
    rows: u64,
    /// Each with what stands before its cell.
    columns: Vec<(String, &'static Column)>,
    memo: Memo,
    cells: Cells,
}

/// What cells are written with.
struct Cells {
    host: String,
    clock: Clock,
    seconds: Seconds,
    scratch: Vec<u8>,
}

impl Json {
    /// One object a line.
    pub fn lines(host: &str, clock: Clock) -> Json {
        let columns = COLUMNS.iter().filter(|column| column.json);
        let columns: Vec<_> = columns.map(|column| (format!(",\"{}\":", column.key), column)).collect();
        let (host, seconds) = (host.to_owned(), Seconds::rfc3339());
        let cells = Cells { host, clock, seconds, scratch: Vec::new() };
        let memo = Memo::new(columns.iter().map(|(_, column)| column.of_caller));
        Json { array: false, rows: 0, columns, memo, cells }
    }

    /// One array of objects, an object a line.
    pub fn array(host: &str, clock: Clock) -> Json {
        Json { array: true, ..Json::lines(host, clock) }
    }

    /// What stands between two objects.
    fn separate(&mut self, out: &mut Vec<u8>) {
        if self.array {
            out.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
        }
        self.rows += 1;
    }
}

impl Cells {
    /// All of a run of columns.
    fn run(&mut self, out: &mut Vec<u8>, op: &Op<'_>, run: &[(String, &'static Column)]) {
        for (key, column) in run {
            out.extend_from_slice(key.as_bytes());
            self.cell(out, op, (column.get)(op));
        }
    }

    fn cell(&mut self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        match cell {
            Cell::Missing => null(out),
            Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Unsigned(value) => unsigned(out, value),
            Cell::Signed(value) => signed(out, value),
            Cell::Name(ours) => string(out, ours),
            Cell::Comm(comm) => name(out, comm),
            Cell::Path(names) => {
                self.scratch.clear();
                names.write(&mut self.scratch);
                text(out, &UserStr { bytes: &self.scratch, capture: names.capture, late: false });
            }
            Cell::Part(part, cgroup) => match cgroup.and_then(|cgroup| part.of(&cgroup)) {
                Some(text) => name(out, &text),
                None => null(out),
            },
            Cell::Ignored => extra::ignored(out, op),
            Cell::Ids => extra::ids(out, op),
            Cell::Parents => extra::parents(out, op),
            Cell::Time(time) => self.time(out, time),
            Cell::Host if self.host.is_empty() => null(out),
            Cell::Host => string(out, &self.host),
            Cell::Call => word(out, |out| CallSpec::write_name(out, op.common.call)),
            Cell::Arg(arg) => argument(out, &arg),
            Cell::Args => write_args(out, op.call()),
            Cell::Text => word(out, |out| write_call_within::<JsonString>(out, op)),
            Cell::Status => word(out, |out| status::write(out, op)),
        }
    }

    fn time(&mut self, out: &mut Vec<u8>, boottime_ns: u64) {
        let start = out.len();
        out.push(b'"');
        if self.seconds.write_rfc3339(out, self.clock, boottime_ns) {
            out.push(b'"');
        } else {
            out.truncate(start);
            null(out);
        }
    }
}

/// A word that a function of ours writes.
fn word(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

impl View for Json {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.array {
            out.push(b'[');
        }
    }

    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_interim() {
            return;
        }
        self.separate(out);
        let Json { columns, memo, cells, .. } = self;
        let start = out.len();
        memo.row(out, op, columns, |out, run| cells.run(out, op, run));
        // Instead of the first comma.
        out[start] = b'{';
        out.push(b'}');
        if !self.array {
            out.push(b'\n');
        }
    }

    fn remark(&mut self, out: &mut Vec<u8>, remark: &Remark<'_>) {
        self.separate(out);
        out.extend_from_slice(b"{\"schema\":1,\"marker\":");
        string(out, remark.kind);
        out.extend_from_slice(b",\"time\":");
        self.cells.time(out, remark.time);
        out.extend_from_slice(b",\"boottime_ns\":");
        unsigned(out, remark.time);
        out.extend_from_slice(b",\"text\":");
        string(out, remark.text);
        out.push(b'}');
        if !self.array {
            out.push(b'\n');
        }
    }

    fn clock(&mut self, clock: Clock) {
        self.cells.clock = clock;
    }

    fn host(&mut self, name: &str) {
        name.clone_into(&mut self.cells.host);
    }

    fn another(&self) -> Option<Box<dyn View>> {
        // In an array the first has no comma before it.
        (!self.array).then(|| Box::new(Json::lines(&self.cells.host, self.cells.clock)) as _)
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.array {
            out.extend_from_slice(b"\n]\n");
        }
    }
}

/// Appends the arguments of a call as an object.
pub(super) fn write_args(out: &mut Vec<u8>, call: &Call<'_>) {
    out.push(b'{');
    let start = out.len();
    call.args(|arg| {
        if out.len() > start {
            out.push(b',');
        }
        key(out, arg.name);
        argument(out, &arg);
    });
    out.push(b'}');
}

fn argument(out: &mut Vec<u8>, arg: &Argument<'_>) {
    match &arg.value {
        Value::Str(value) => text(out, value),
        Value::Flags(Some(value), table) => flags(out, *value, table),
        Value::Number(Some(value)) => unsigned(out, *value),
        Value::Decimal(Some(value)) => signed(out, *value),
        Value::DirFd(Some(value)) => digits::signed(out, i64::from(*value)),
        Value::Enum(Some(value), table) => number(out, *value, table.name(*value)),
        Value::Bytes(bytes) => binary(out, bytes, None),
        Value::Struct(bytes, table) => binary(out, bytes, Some(table)),
        Value::Pointer(Some(address @ 1..)) => {
            out.extend_from_slice(b"{\"address\":");
            hex(out, *address);
            out.push(b'}');
        }
        Value::Flags(None, _)
        | Value::Number(None)
        | Value::Decimal(None)
        | Value::DirFd(None)
        | Value::Enum(None, _)
        | Value::Pointer(_) => null(out),
    }
}

/// One number of a list.
fn number(out: &mut Vec<u8>, value: u64, name: Option<&str>) {
    out.extend_from_slice(b"{\"value\":");
    unsigned(out, value);
    out.extend_from_slice(b",\"name\":");
    match name {
        Some(name) => string(out, name),
        None => null(out),
    }
    out.push(b'}');
}

/// Bytes that are no text, and the fields of the structure they are.
fn binary(out: &mut Vec<u8>, value: &UserStr<'_>, table: Option<&StructTable>) {
    let Some(bytes) = value.text() else { return text(out, value) };
    out.push(b'{');
    if let Some(table) = table {
        key(out, "fields");
        let mut separator = b'{';
        table.fields(bytes, |field, value| {
            out.push(std::mem::replace(&mut separator, b','));
            key(out, field.name);
            match (value, field.kind) {
                (None, _) => null(out),
                (Some(value), FieldKind::Flags(table)) => flags(out, value, table),
                (Some(value), FieldKind::Fd) => signed(out, structs::fd(value)),
                (Some(value), _) => unsigned(out, value),
            }
        });
        out.extend_from_slice(b"},");
    }
    key(out, "base64");
    base64(out, bytes);
    out.push(b',');
    capture(out, value);
    out.push(b'}');
}

fn hex(out: &mut Vec<u8>, value: u64) {
    out.push(b'"');
    digits::hex(out, value);
    out.push(b'"');
}

fn flags(out: &mut Vec<u8>, value: u64, table: &FlagTable) {
    out.extend_from_slice(b"{\"value\":");
    unsigned(out, value);
    out.extend_from_slice(b",\"names\":[");
    let start = out.len();
    let unknown = table.names(value, |name| {
        if out.len() > start {
            out.push(b',');
        }
        string(out, name);
    });
    out.extend_from_slice(b"],\"unknown\":");
    if unknown == 0 {
        null(out);
    } else {
        hex(out, unknown);
    }
    out.push(b'}');
}

/// A string as a string only where that says all; else an object that says what it is worth.
fn text(out: &mut Vec<u8>, value: &UserStr<'_>) {
    if value.capture == Capture::Whole && !value.late && escape::is_clean(value.bytes) {
        return word(out, |out| out.extend_from_slice(value.bytes));
    }
    let utf8 = std::str::from_utf8(value.bytes);
    match (value.capture, utf8) {
        (Capture::Null, _) => return null(out),
        (Capture::Whole, Ok(text)) if !value.late => return string(out, text),
        _ => {}
    }
    out.push(b'{');
    if value.text().is_some() {
        match utf8 {
            Ok(text) => {
                key(out, "text");
                string(out, text);
            }
            Err(_) => {
                key(out, "base64");
                base64(out, value.bytes);
            }
        }
        out.push(b',');
    }
    capture(out, value);
    out.push(b'}');
}

/// What some bytes are worth, as fields of the object they stand in.
fn capture(out: &mut Vec<u8>, value: &UserStr<'_>) {
    key(out, "capture");
    let word = match value.capture {
        Capture::Whole if value.late => "late",
        Capture::Whole => "whole",
        Capture::Cut => "cut",
        Capture::Fault { .. } => "fault",
        Capture::Null => "null",
        Capture::Absent => "absent",
    };
    string(out, word);
    out.extend_from_slice(b",\"length\":");
    match value.text() {
        Some(bytes) => digits::decimal(out, bytes.len() as u64),
        None => null(out),
    }
    if value.capture == Capture::Cut && value.late {
        out.extend_from_slice(b",\"late\":true");
    }
    if let Capture::Fault { address } = value.capture {
        out.extend_from_slice(b",\"address\":");
        hex(out, address);
    }
}

/// The name of a task, which need not be text.
pub(super) fn name(out: &mut Vec<u8>, bytes: &[u8]) {
    text(out, &UserStr { bytes, capture: Capture::Whole, late: false });
}

pub(super) fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// A key of ours, which needs no escaping.
pub(super) fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A string; what a terminal would obey is escaped even where JSON does not ask for it.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    if escape::is_clean(text.as_bytes()) {
        return word(out, |out| out.extend_from_slice(text.as_bytes()));
    }
    if text.bytes().fold(true, |plain, byte| plain & (byte < 0x7f)) {
        // Writing to a Vec cannot fail, and a str is always JSON.
        let _ = serde_json::to_writer(out, text);
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(escape::is_obeyed) {
        let start = out.len();
        let shown = part.trim_end_matches(escape::is_obeyed);
        let _ = serde_json::to_writer(&mut *out, shown);
        // Of the quotes around each part only the outermost are wanted.
        out.remove(start);
        out.pop();
        let mut units = [0; 2];
        for unit in part[shown.len()..].chars().flat_map(|c| c.encode_utf16(&mut units).to_vec()) {
            out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
    }
    out.push(b'"');
}

pub(super) fn unsigned(out: &mut Vec<u8>, value: u64) {
    if value <= EXACT {
        return digits::decimal(out, value);
    }
    out.push(b'"');
    digits::decimal(out, value);
    out.push(b'"');
}

fn signed(out: &mut Vec<u8>, value: i64) {
    if value.unsigned_abs() <= EXACT {
        return digits::signed(out, value);
    }
    out.push(b'"');
    digits::signed(out, value);
    out.push(b'"');
}

/// RFC 4648, with padding.
fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = ALPHABET[(group >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { letter } else { b'=' });
        }
    }
    out.push(b'"');
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
