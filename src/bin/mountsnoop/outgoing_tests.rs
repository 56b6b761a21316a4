//! On how many threads rows are made changes nothing about them.

use mountsnoop::assemble::Assembler;
use mountsnoop::decode::synth::{self, Builder};
use mountsnoop::views::{Classic, Csv, Detail, Json, Text, TextOptions};

use super::*;

const CALLS: u64 = 20_000;

/// The events of one call; every call has other rows, and a few have long ones.
fn call(n: u64) -> [Builder; 3] {
    let task = |event: Builder| {
        let pid = (n % 40) as u32 + 1;
        event.task(pid, pid + (n % 3) as u32).time(n * 1_000_000)
    };
    let target =
        format!("/mnt/{}", "\"long\"\n".repeat(if n.is_multiple_of(1000) { 500 } else { (n % 7) as usize }));
    let told = synth::process().start(7).exe(format!("program{}\0bin\0", n / 100).as_bytes());
    [
        task(told),
        task(synth::umount2(target.as_bytes(), n % 16).start(7)),
        task(synth::exit(2)).ret(-(n as i64 % 40)),
    ]
}

/// Calls with all that can come between them.
fn show<W: Write>(out: &mut Outgoing<W>, calls: u64) {
    let mut assembler = Assembler::new();
    for n in 0..calls {
        for event in call(n) {
            assembler.event(&event.build(), &mut |op| out.row(op)).unwrap();
        }
        match n % 3000 {
            1500 => out.clock(Clock { offset_ns: Some(n as i64 * 1_000_000_000) }),
            1600 => out.host(&format!("host{n}")),
            1700 => out.note(Note::Remark { time: n, kind: "note".into(), text: format!("call {n}") }),
            1800 | 1801 => {
                let why = "ring full".to_string();
                out.note(Note::Lost { events: Some(n), cpu: None, between: Some((0, n)), why });
            }
            _ => {}
        }
    }
}

type NewView = fn() -> Box<dyn View>;

const VIEWS: [(&str, NewView); 5] = [
    ("text", || {
        let stamps = vec![mountsnoop::views::Stamp::Clock];
        Box::new(Text::new(TextOptions { stamps, utc: true, ..TextOptions::default() }))
    }),
    ("classic", || Box::new(Classic)),
    ("detail", || Box::new(Detail::new(Clock::default(), true))),
    ("ndjson", || Box::new(Json::lines("", Clock::default()))),
    ("csv", || Box::new(Csv::new("", Clock::default(), false))),
];

#[test]
fn rows_are_the_same_on_any_number_of_cpus() {
    for (name, view) in VIEWS {
        let on = |cpus: usize| {
            let mut bytes = Vec::new();
            let mut out = Outgoing::new(view(), &mut bytes);
            out.cpus = cpus;
            show(&mut out, CALLS);
            assert_eq!(out.makers.is_some(), cpus > 1, "{name} on {cpus} CPUs: other threads");
            out.end().unwrap();
            drop(out);
            String::from_utf8(bytes).unwrap()
        };
        let want = on(1);
        for cpus in [2, 3] {
            let got = on(cpus);
            for (nth, (got, want)) in got.lines().zip(want.lines()).enumerate() {
                assert_eq!(got, want, "line {nth} of {name} on {cpus} CPUs");
            }
            assert_eq!(got.len(), want.len(), "bytes of {name} on {cpus} CPUs");
        }
    }
}

#[test]
fn a_view_whose_rows_depend_on_those_before_sees_all_calls_on_any_number_of_cpus() {
    let on = |cpus: usize| {
        let mut bytes = Vec::new();
        let mut out = Outgoing::new(Box::new(Json::array("", Clock::default())), &mut bytes);
        out.cpus = cpus;
        for _ in 0..2 {
            show(&mut out, CALLS);
            assert_eq!(out.makers.is_some(), cpus > 1, "{cpus} CPUs: another thread");
            out.flush().unwrap();
        }
        out.end().unwrap();
        drop(out);
        bytes
    };
    let want = on(1);
    let rows = serde_json::from_slice::<Vec<serde_json::Value>>(&want).unwrap();
    let marks = rows.iter().filter(|row| row.get("marker").is_some()).count();
    assert_eq!((rows.len() - marks) as u64, 2 * CALLS);
    assert!(on(2) == want, "the rows are others on two CPUs");
}

#[test]
fn whoever_asks_has_all_rows_at_once_and_those_that_follow_too() {
    let mut bytes = Vec::new();
    let mut out = Outgoing::new(Box::new(Classic), &mut bytes);
    out.cpus = 2;
    show(&mut out, CALLS);
    assert!(out.makers.is_some());
    let lines = |out: &Outgoing<&mut Vec<u8>>| out.to.iter().filter(|&&byte| byte == b'\n').count() as u64;
    for more in 0..3 {
        out.flush().unwrap();
        assert_eq!(lines(&out), 1 + CALLS + more, "the heading and a line a call");
        assert!(out.makers.is_none(), "a row that is waited for is made at once");
        show(&mut out, 1);
    }
}

/// Takes some bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_is_an_error_wherever_rows_are_made() {
    for room in [0, 100_000, 1_000_000] {
        for cpus in [1, 2] {
            let mut out = Outgoing::new(Box::new(Classic), Full(room));
            out.cpus = cpus;
            show(&mut out, CALLS);
            let error = out.end().expect_err("there is no room");
            let kind = error.downcast_ref().map(io::Error::kind);
            assert_eq!(kind, Some(io::ErrorKind::BrokenPipe), "{room} bytes, {cpus} CPUs");
        }
    }
}

/// Fails once, and takes everything from then on.
struct Hiccup(Vec<u8>, usize);

impl Write for Hiccup {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1 == 2 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_written_behind_what_could_not_be() {
    for cpus in [1, 2] {
        let mut out = Outgoing::new(Box::new(Classic), Hiccup(Vec::new(), 0));
        out.cpus = cpus;
        show(&mut out, CALLS);
        assert!(out.result().is_err(), "{cpus} CPUs");
        let lines = out.to.0.iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert!(out.to.1 == 2 && lines < CALLS, "{lines} lines in {} writes on {cpus} CPUs", out.to.1);
    }
}
