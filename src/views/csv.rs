//! RFC 4180 with a header line, for spreadsheets and data frames.
//! It must not know which columns there are.

use super::View;
use super::call::{write_arg, write_call_within};
use super::clock::{Clock, Seconds};
use super::columns::{COLUMNS, Cell, Column};
use super::extra;
use super::json::write_args;
use super::memo::Memo;
use super::status;
use crate::assemble::Op;
use crate::decode::escape::{self, Alone, CsvField};
use crate::decode::{Argument, CallSpec, Capture, Value, digits};

/// The CSV view.
pub struct Csv {
    columns: Vec<&'static Column>,
    memo: Memo,
    cells: Cells,
}

/// What cells are written with.
struct Cells {
    raw: bool,
    host: String,
    clock: Clock,
    seconds: Seconds,
    scratch: Vec<u8>,
}

impl Csv {
    /// Unless `raw`, text that a spreadsheet would take for a formula gets an apostrophe in front.
    pub fn new(host: &str, clock: Clock, raw: bool) -> Csv {
        let (host, seconds) = (host.to_owned(), Seconds::rfc3339());
        let cells = Cells { raw, host, clock, seconds, scratch: Vec::new() };
        let columns: Vec<_> = COLUMNS.iter().filter(|column| column.csv).collect();
        let memo = Memo::new(columns.iter().map(|column| column.of_caller));
        Csv { columns, memo, cells }
    }
}

impl Cells {
    /// All of a run of columns, a comma behind each.
    fn run(&mut self, out: &mut Vec<u8>, op: &Op<'_>, run: &[&'static Column]) {
        for column in run {
            self.cell(out, op, (column.get)(op));
            out.push(b',');
        }
    }

    /// What cannot need quotes is written where it goes.
    fn cell(&mut self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        match cell {
            Cell::Missing => {}
            Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Unsigned(value) => digits::decimal(out, value),
            // A negative number is one, and no formula.
            Cell::Signed(value) => digits::signed(out, value),
            Cell::Name(name) => out.extend_from_slice(name.as_bytes()),
            Cell::Time(time) => drop_unless(out, |out| self.seconds.write_rfc3339(out, self.clock, time)),
            Cell::Call => CallSpec::write_name(out, op.common.call),
            Cell::Status => status::write(out, op),
            Cell::Text => call(out, op),
            cell => self.text(out, op, cell),
        }
    }

    fn text(&mut self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        let start = out.len();
        self.plain(out, op, cell);
        let formula = matches!(out.get(start), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        if formula && !self.raw {
            out.insert(start, b'\'');
        }
        field(out, start, &mut self.scratch);
    }

    /// Appends a cell as text, before quotes.
    fn plain(&self, out: &mut Vec<u8>, op: &Op<'_>, cell: Cell<'_>) {
        match cell {
            Cell::Comm(name) => readable(out, name),
            Cell::Host => out.extend_from_slice(self.host.as_bytes()),
            Cell::Arg(arg) => argument(out, &arg),
            Cell::Args => write_args(out, op.call()),
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
            // Written by `cell`.
            _ => {}
        }
    }
}

/// Makes what stands from `start` on a field of a record, as RFC 4180 has it: in quotes where it must be, and then with a quote before
/// each quote. The csv crate does the same, in three times the time, as it takes any byte for a quote; a test compares them.
fn field(out: &mut Vec<u8>, start: usize, scratch: &mut Vec<u8>) {
    if !needs_quotes(&out[start..]) {
        return;
    }
    scratch.clear();
    scratch.extend_from_slice(&out[start..]);
    out.truncate(start);
    out.push(b'"');
    escape::double(out, scratch, b'"');
    out.push(b'"');
}

/// The call as such a field.
fn call(out: &mut Vec<u8>, op: &Op<'_>) {
    let start = out.len();
    out.push(b'"');
    write_call_within::<CsvField>(out, op);
    if needs_quotes(&out[start + 1..]) {
        out.push(b'"');
    } else {
        out.remove(start);
    }
}

fn needs_quotes(text: &[u8]) -> bool {
    escape::has_any(text, *b",\"\r\n")
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
        _ => write_arg::<Alone>(out, arg),
    }
}

impl View for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let keys: Vec<&str> = self.columns.iter().map(|column| column.key).collect();
        out.extend_from_slice(keys.join(",").as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>) {
        if op.is_interim() {
            return;
        }
        let Csv { columns, memo, cells } = self;
        memo.row(out, op, columns, |out, run| cells.run(out, op, run));
        // Instead of the last comma.
        out.pop();
        out.extend_from_slice(b"\r\n");
    }

    fn clock(&mut self, clock: Clock) {
        self.cells.clock = clock;
    }

    fn another(&self) -> Option<Box<dyn View>> {
        Some(Box::new(Csv::new(&self.cells.host, self.cells.clock, self.cells.raw)))
    }

    fn host(&mut self, name: &str) {
        name.clone_into(&mut self.cells.host);
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

    /// All texts of up to five bytes that could make a difference, and each byte in a longer one.
    #[test]
    fn fields_are_what_the_csv_crate_makes_of_them() {
        const BYTES: &[u8] = b"a,\"\r\n '\xff";
        let short = (0..6).flat_map(|length| {
            (0..BYTES.len().pow(length)).map(move |number| {
                let digit = |at| number / BYTES.len().pow(at) % BYTES.len();
                (0..length).map(|at| BYTES[digit(at)]).collect::<Vec<u8>>()
            })
        });
        let long = (0..=255).map(|byte| [vec![b'x'; 70], vec![byte; 3], vec![b'"'; 40]].concat());
        for text in short.chain(long) {
            let mut ours = text.clone();
            field(&mut ours, 0, &mut Vec::new());
            let mut writer =
                csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            writer.write_record([&text[..], b"x"]).unwrap();
            let theirs = writer.into_inner().unwrap();
            assert_eq!([&ours[..], b",x\r\n"].concat(), theirs, "{}", text.escape_ascii());
        }
    }

    /// With quotes where they must be and nowhere else: calls that need them for a string, for a comma, and not at all.
    #[test]
    fn rows_are_what_the_csv_crate_makes_of_their_cells() {
        let events = [
            synth::umount2(b"/a \"b\"", 1),
            synth::exit(2),
            synth::enter(2).null(0).number(1, 0),
            synth::exit(2).ret(-14),
            synth::enter(14).number(0, 0x2_0000),
            synth::exit(14),
        ];
        let ours = printed(&mut Csv::new("box", Clock::default(), false), events);
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for row in csv::ReaderBuilder::new().has_headers(false).from_reader(ours.as_bytes()).records() {
            writer.write_record(&row.unwrap()).unwrap();
        }
        assert_eq!(ours, String::from_utf8(writer.into_inner().unwrap()).unwrap());
        for call in [
            r#""umount2(""/a \""b\"""", MNT_FORCE) = 0""#,
            r#""umount2(NULL, 0x0) = -EFAULT""#,
            "unshare(CLONE_NEWNS) = 0",
        ] {
            assert!(ours.contains(&format!(",{call},")), "{call} is not in {ours}");
        }
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
