//! The commands that work on whole traces: verify, repair, compact, merge and cut. What needs many traces is done in this
//! process, through the library; what the user sees, through the program.

mod commands;
mod cut;
pub mod merge;
pub mod repair;

use std::io::Cursor;

use mountsnoop::decode::synth;
use mountsnoop::format::{
    ChildExit, ClockSync, CpuStats, EventInfo, FileIdentity, Item, LossReason, Lost, Metadata, Reader,
    RecorderStats, Writer, WriterOptions,
};
use mountsnoop::layout::Common;
use mountsnoop::tools::{Said, Verdict, verify};

pub const SECOND: u64 = 1_000_000_000;

/// A recorder of these tests: writes a trace of many small blocks, and keeps its books as a real one does.
pub struct Recorder {
    writer: Writer<Vec<u8>>,
    cpus: Vec<CpuStats>,
    written: u64,
    pub clock: ClockSync,
}

impl Recorder {
    pub fn new(identity: FileIdentity, host: &str) -> Recorder {
        let metadata = Metadata { hostname: host.into(), boot_id: identity.boot_id, ..Metadata::default() };
        let clock = ClockSync {
            boottime_ns: identity.created_boottime_ns,
            realtime_ns: identity.created_realtime_ns,
            bracket_ns: 100,
            maxerror_ns: Some(1_000_000),
            synced: Some(true),
            ..ClockSync::default()
        };
        let options = WriterOptions { block_bytes: 600, ..WriterOptions::default() };
        let writer = Writer::new(Vec::new(), options, identity, &metadata, &clock).expect("a writer");
        Recorder { writer, cpus: Vec::new(), written: 0, clock }
    }

    fn cpu(&mut self, cpu: u32) -> &mut CpuStats {
        if !self.cpus.iter().any(|stats| stats.cpu == cpu) {
            self.cpus.push(CpuStats { cpu, ..CpuStats::default() });
        }
        self.cpus.iter_mut().find(|stats| stats.cpu == cpu).expect("it is there")
    }

    /// An event gets the next number of its CPU.
    pub fn event(&mut self, event: synth::Builder, cpu: u32) {
        let count = self.cpu(cpu);
        let seq = count.seen;
        count.seen += 1;
        let bytes = event.cpu(cpu, seq).build();
        let head = Common::read(&bytes).expect("an event");
        let info = EventInfo {
            time_ns: head.time,
            op_bit: head.call as u8,
            failed: head.failed(&bytes),
            incomplete: head.incomplete(),
        };
        self.writer.event(&info, &bytes).expect("written");
        self.written += 1;
    }

    /// Events that the ring buffer had no room for.
    pub fn lose(&mut self, count: u64, cpu: u32, from_ns: u64, to_ns: u64) {
        let stats = self.cpu(cpu);
        stats.seen += count;
        stats.ring_full += count;
        let lost = Lost { from_ns, to_ns, cpu: Some(cpu), count, reason: LossReason::RING_FULL };
        self.writer.lost(&lost).expect("written");
    }

    pub fn writer(&mut self) -> &mut Writer<Vec<u8>> {
        &mut self.writer
    }

    pub fn finish(mut self) -> Vec<u8> {
        let sum = |of: fn(&CpuStats) -> u64| self.cpus.iter().map(of).sum::<u64>();
        let (seen, ring_full) = (sum(|cpu| cpu.seen), sum(|cpu| cpu.ring_full));
        let stats = RecorderStats {
            seen,
            sent: seen - ring_full,
            ring_full,
            written: self.written,
            cpus: std::mem::take(&mut self.cpus),
            stopped_by: "signal 2".into(),
            ..RecorderStats::default()
        };
        let clock = ClockSync { boottime_ns: self.clock.boottime_ns + 100 * SECOND, ..self.clock };
        let clock = ClockSync { realtime_ns: clock.realtime_ns + 100 * SECOND as i64, ..clock };
        self.writer.finish(&stats, &clock).expect("finished").0
    }
}

pub fn identity(id: u8) -> FileIdentity {
    FileIdentity {
        file_uuid: [id; 16],
        session_uuid: [id ^ 0x80; 16],
        created_realtime_ns: 1_700_000_000 * SECOND as i64,
        created_boottime_ns: 50 * SECOND,
        boot_id: [id; 16],
        host_id: [id ^ 0x40; 16],
        ..FileIdentity::default()
    }
}

/// A trace of some calls on two CPUs, with processes, a clock, a loss if wanted, a command's end, and a record that nobody
/// knows yet.
pub fn sample(id: u8, calls: u32, loss: bool) -> Vec<u8> {
    let mut recorder = Recorder::new(identity(id), &format!("host{id}"));
    let clock = recorder.clock;
    for n in 0..calls {
        let (pid, cpu) = (100 + n, n % 2);
        let at = clock.boottime_ns + SECOND + u64::from(n) * 1_000_000;
        let target = format!("/mnt/{id}/call{n}");
        let exe = format!("prog{n}\0bin\0");
        let (ret, start) = (if n % 5 == 4 { -16 } else { 0 }, 7 + u64::from(n));
        let process = synth::process().task(pid, pid).start(start).exe(exe.as_bytes()).time(at);
        recorder.event(process, cpu);
        let enter = synth::umount2(target.as_bytes(), 0).task(pid, pid).start(start).time(at + 1);
        recorder.event(enter.comm(format!("c{n}").as_bytes()), cpu);
        recorder.event(synth::exit(2).task(pid, pid).time(at + 500).ret(ret), cpu);
        if loss && n == calls / 2 {
            recorder.lose(3, cpu, at + 500, at + 900);
        }
        if n == calls / 3 {
            let clock = ClockSync {
                boottime_ns: at,
                realtime_ns: clock.realtime_ns + (at - clock.boottime_ns) as i64,
                ..clock
            };
            recorder.writer().clock(&clock).expect("written");
            recorder.writer().raw_record(0x7F01, 0, b"a later version's").expect("written");
        }
    }
    let exit =
        ChildExit { pid: 99, status: Some(0), signal: None, boottime_ns: clock.boottime_ns + 90 * SECOND };
    recorder.writer().child_exit(&exit).expect("written");
    recorder.finish()
}

pub fn reader(bytes: &[u8]) -> Reader {
    Reader::from_reader(Box::new(Cursor::new(bytes.to_vec()))).expect("a reader")
}

/// What a trace holds: of each event its bytes, of everything else its text. Where its parts stand and what is damaged is not
/// in it.
#[derive(Debug, Default, PartialEq)]
pub struct Content {
    pub events: Vec<Vec<u8>>,
    pub others: Vec<String>,
}

/// `None`: it is no trace.
pub fn content(bytes: &[u8]) -> Option<Content> {
    let (mut reader, mut content) = (reader(bytes), Content::default());
    while let Some(item) = reader.next().ok()? {
        match item {
            Item::Event(event) => content.events.push(event.bytes.to_vec()),
            Item::Start { .. } | Item::Damage(_) | Item::End { .. } | Item::Index(_) => {}
            Item::Unknown(raw) => content.others.push(format!("{:#x} {:?}", raw.kind, raw.body)),
            other => content.others.push(format!("{other:?}")),
        }
    }
    Some(content)
}

/// The verdicts of a trace, and its findings as text.
pub fn verdicts(bytes: &[u8]) -> (Vec<Verdict>, Vec<String>) {
    let (mut verdicts, mut findings) = (Vec::new(), Vec::new());
    verify(&mut reader(bytes), &mut |said| match said {
        Said::Verdict(verdict) => verdicts.push(verdict),
        Said::Finding(finding) => findings.push(format!("{}: {}", finding.what.name(), finding.what)),
        Said::Remark(_) => {}
    })
    .expect("a trace");
    (verdicts, findings)
}
