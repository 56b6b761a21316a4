//! RFC 4180 with a header line, for spreadsheets and data frames.
//! It must not know which columns there are.

use super::View;
use super::call::write_arg;
use super::clock::{Clock, Seconds};
use super::columns::{COLUMNS, Cell};
use super::extra;
use super::json::write_args;
use super::memo::Memo;
use super::status;
use crate::assemble::Op;
use crate::decode::{Argument, Capture, Value, digits, escape};

/// Most rows fit; the writer asks for its buffer anew with every row.
const BUFFER: usize = 1024;

/// The CSV view.
pub struct Csv {
    raw: bool,
    host: String,
    clock: Clock,
    seconds: Seconds,
    writer: csv::WriterBuilder,
    /// Cells of a row, one after the other, and where each ends.
    cells: Vec<u8>,
    ends: Vec<usize>,
    memo: Memo,
}

impl Csv {
    /// Unless `raw`, text that a spreadsheet would take for a formula gets an apostrophe in front.
    pub fn new(host: &str, clock: Clock, raw: bool) -> Csv {
        let mut writer = csv::WriterBuilder::new();
        writer.buffer_capacity(BUFFER).terminator(csv::Terminator::CRLF);
        let (host, seconds) = (host.to_owned(), Seconds::rfc3339());
        Csv { raw, host, clock, seconds, writer, cells: Vec::new(), ends: Vec::new(), memo: Memo::default() }
    }

    fn cell(&mut self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        let start = out.len();
        match cell {
            Cell::Missing => {}
            Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Unsigned(value) => digits::decimal(out, value),
            // A negative number is one, and no formula.
            Cell::Signed(value) => return digits::signed(out, value),
            Cell::Name(name) => out.extend_from_slice(name.as_bytes()),
            Cell::Comm(name) => readable(out, name),
            Cell::Time(time) => drop_unless(out, |out| self.seconds.write_rfc3339(out, self.clock, time)),
            Cell::Host => out.extend_from_slice(self.host.as_bytes()),
            Cell::Call => op.call.write_name(out),
            Cell::Arg(arg) => argument(out, &arg),
            Cell::Args => write_args(out, &op.call),
            Cell::Text => super::write_call(out, op),
            Cell::Status => status::write(out, op),
            Cell::Path(names) => {
                let mut path = Vec::new();
                names.write(&mut path);
                readable(out, &path);
            }
            Cell::Part(part, cgroup) => {
                if let Some(text) = cgroup.and_then(|cgroup| part.of(&cgroup)) {
                    readable(out, &text);
                }
            }
            Cell::Ignored => drop_null(out, |out| extra::ignored(out, op)),
            Cell::Ids => drop_null(out, |out| extra::ids(out, op)),
            Cell::Parents => drop_null(out, |out| extra::parents(out, op)),
        }
        let formula = matches!(out.get(start), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        if formula && !self.raw {
            out.insert(start, b'\'');
        }
    }

    fn record(&self, out: &mut Vec<u8>) {
        let mut start = 0;
        let fields = self.ends.iter().map(|&end| {
            let field = &self.cells[start..end];
            start = end;
            field
        });
        write_record(&self.writer, out, fields);
    }
}

/// Appends one record. Nothing in it can fail: the sink is memory, and records may have any number of fields.
fn write_record<F: AsRef<[u8]>>(
    writer: &csv::WriterBuilder,
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = F>,
) {
    let mut writer = writer.from_writer(out);
    let written = writer.write_record(fields).and_then(|()| Ok(writer.flush()?));
    debug_assert!(written.is_ok());
}

fn drop_unless(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) {
    let start = out.len();
    if !write(out) {
        out.truncate(start);
    }
}

/// What is null in JSON is an empty cell here.
fn drop_null(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    drop_unless(out, |out| {
        write(out);
        &out[start..] != b"null"
    });
}

/// Text as it is; bytes that are none, or that a terminal would obey, escaped.
fn readable(out: &mut Vec<u8>, bytes: &[u8]) {
    if escape::is_clean(bytes) {
        return out.extend_from_slice(bytes);
    }
    let obeyed = |c: char| escape::is_obeyed(c) && !matches!(c, '\t' | '\r' | '\n');
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(obeyed) => out.extend_from_slice(bytes),
        _ => escape::escape(out, bytes),
    }
}

/// One argument as a plain cell. Whatever plain text cannot say is in the column `args`.
fn argument(out: &mut Vec<u8>, arg: &Argument<'_>) {
    match &arg.value {
        Value::Str(text) => {
            readable(out, text.bytes);
            if text.capture == Capture::Cut {
                out.extend_from_slice(b"...");
            }
        }
        Value::Flags(Some(value), table) => table.write(out, *value),
        Value::Number(Some(value)) => digits::decimal(out, *value),
        Value::Flags(None, _) | Value::Number(None) => {}
        _ => write_arg(out, arg),
    }
}

impl View for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        write_record(&self.writer, out, COLUMNS.iter().filter(|column| column.csv).map(|column| column.key));
    }

    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_interim() {
            return;
        }
        let (mut cells, mut memo) = (std::mem::take(&mut self.cells), std::mem::take(&mut self.memo));
        cells.clear();
        self.ends.clear();
        memo.row(op);
        for column in COLUMNS.iter().filter(|column| column.csv) {
            let mut cell = |out: &mut Vec<u8>| self.cell(out, op, (column.get)(op));
            if column.of_process {
                memo.cell(&mut cells, cell)
            } else {
                cell(&mut cells)
            }
            self.ends.push(cells.len());
        }
        (self.cells, self.memo) = (cells, memo);
        self.record(out);
    }

    fn clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn host(&mut self, name: &str) {
        name.clone_into(&mut self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth::{self, Builder};
    use crate::views::testing::printed;

    /// The cells of the given columns, as the csv crate reads them back.
    fn cells(raw: bool, columns: &str, events: impl IntoIterator<Item = Builder>) -> Vec<Vec<String>> {
        let clock = Clock { offset_ns: Some(1_700_000_000_000_000_000) };
        let text = printed(&mut Csv::new("box", clock, raw), events);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let keys: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| {
            let cell = |key: &str| row[keys.iter().position(|k| k == key).unwrap()].to_owned();
            columns.split(' ').map(cell).collect()
        })
        .collect()
    }

    #[test]
    fn a_row_reads_back_as_it_was() {
        let enter =
            synth::mount(Some(b"a,\"b\"\r\nc"), Some("/é".as_bytes()), Some(b"ext4"), 0x5000, Some(b" x "));
        let got = cells(
            false,
            "time source target fstype flags data ret error",
            [enter.time(5), synth::exit(1).ret(-16)],
        );
        let time = "2023-11-14T22:13:20.000000005Z";
        assert_eq!(got, [[time, "a,\"b\"\r\nc", "/é", "ext4", "MS_BIND|MS_REC", " x ", "-16", "EBUSY"]]);
    }

    #[test]
    fn what_is_missing_is_empty_and_args_tells_why() {
        let enter = synth::enter(1).null(0).string(1, b"").cut(2, b"abc").fault(4, 16);
        let got = cells(false, "source target fstype flags data args", [enter, synth::exit(1)]);
        let args = concat!(
            r#"{"source":null,"target":"","fstype":{"text":"abc","capture":"cut","length":3},"flags":null,"#,
            r#""data":{"capture":"fault","length":null,"address":"0x10"}}"#
        );
        assert_eq!(got, [["", "", "abc...", "", "", args]]);
        assert_eq!(cells(false, "comm uid source duration_ns", [synth::exit(2)]), [["", "", "", ""]]);
    }

    #[test]
    fn formulas_are_guarded_unless_asked_not_to_and_numbers_are_no_formulas() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx"] {
            let events =
                || [synth::umount2(text.as_bytes(), 0).comm(text.as_bytes()), synth::exit(2).ret(-5)];
            let guarded = format!("'{text}");
            assert_eq!(
                cells(false, "target comm ret", events()),
                [[guarded.as_str(), guarded.as_str(), "-5"]]
            );
            assert_eq!(cells(true, "target comm ret", events()), [[text, text, "-5"]]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_or_that_a_terminal_obeys_are_escaped() {
        assert_eq!(cells(false, "target", [synth::umount2(b"/\x1b[2J", 0), synth::exit(2)]), [[r"/\x1b[2J"]]);
        assert_eq!(cells(false, "target", [synth::umount2(b"/\xff", 0), synth::exit(2)]), [[r"/\xff"]]);
    }

    #[test]
    fn a_row_larger_than_any_buffer_is_whole() {
        let long = "x".repeat(4096);
        assert_eq!(
            cells(false, "target", [synth::umount2(long.as_bytes(), 0), synth::exit(2)]),
            [[long.as_str()]]
        );
    }

    #[test]
    fn columns_are_those_of_the_contract() {
        let header = printed(&mut Csv::new("", Clock::default(), false), []);
        let want = "schema,time,boottime_ns,duration_ns,host,cpu,seq,comm,pid,tid,ppid,uid,mnt_ns,cgroup_id,container,call,\
            source,target,fstype,flags,data,args,ret,error,reason,finished,text,\
            abi,mnt_ns_after,mnt_ns_id,pid_ns,ns_pid,ns_tid,start_ns,exe,parents,cwd,root,ids,ignored,cgroup,runtime,pod,unit,status\r\n";
        assert_eq!(header, want);
    }
}
