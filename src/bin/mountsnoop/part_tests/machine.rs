//! A made-up machine, and what is recorded of it: calls that hang, threads that were in a call before anybody recorded, and
//! clocks that are corrected. The same in every run.

use mountsnoop::decode::synth;
use mountsnoop::format::{
    ClockSync, EventInfo, FileIdentity, LossReason, Lost, Metadata, RecorderStats, Writer, WriterOptions,
};
use mountsnoop::layout::{self, Common};

pub const MS: u64 = 1_000_000;
const START: u64 = 7_000 * MS;

/// The same numbers in every run, so that a failure can be looked at (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A made-up machine: threads that call, hang, and have begun before anybody recorded.
struct Machine {
    dice: Dice,
    now: u64,
    /// Which call each thread is in, and until when; process `n` has the threads `2n` and `2n + 1`.
    busy: Vec<Option<(u16, u64)>>,
    /// Which processes have been told of since this was last emptied.
    told: Vec<bool>,
    offset: i64,
}

const THREADS: u32 = 40;

impl Machine {
    fn new() -> Machine {
        let dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut machine = Machine {
            dice,
            now: START,
            busy: Vec::new(),
            told: Vec::new(),
            offset: 1_700_000_000_000 * 1_000_000,
        };
        // Some are in a call already.
        machine.busy =
            (0..THREADS).map(|tid| (tid % 5 == 0).then(|| (2, START + u64::from(tid) * 900 * MS))).collect();
        machine.told = vec![false; THREADS as usize / 2];
        machine
    }

    fn clock(&mut self) -> ClockSync {
        // Wall time is corrected now and then.
        self.offset += self.dice.below(1000) as i64 * 1000;
        ClockSync {
            boottime_ns: self.now,
            realtime_ns: self.now as i64 + self.offset,
            ..ClockSync::default()
        }
    }

    /// What happens next, some milliseconds later: what a process is, and how a call begins or ends.
    fn step(&mut self) -> Vec<Vec<u8>> {
        self.now += 1 + self.dice.below(8 * MS);
        let tid = self.dice.below(THREADS.into()) as u32;
        let (pid, start) = (1000 + tid / 2, 1 + u64::from(tid / 2));
        // Events of two CPUs are not quite in order.
        let time = self.now - self.dice.below(2 * MS).min(self.now - START);
        let task = |builder: synth::Builder| builder.task(pid, 2000 + tid).time(time);
        match self.busy[tid as usize] {
            Some((_, until)) if self.now < until => Vec::new(),
            Some((call, _)) => {
                self.busy[tid as usize] = None;
                vec![task(synth::exit(call)).ret(if self.dice.below(3) == 0 { -16 } else { 0 }).build()]
            }
            None => {
                let last = match self.dice.below(400) {
                    0 => u64::MAX / 2,
                    1..10 => 3000 * MS,
                    10..60 => 300 * MS,
                    _ => 5 * MS,
                };
                self.busy[tid as usize] = Some((2, self.now + last));
                let mut events = Vec::new();
                if !std::mem::replace(&mut self.told[tid as usize / 2], true) {
                    let parent = self.dice.below(3) as u32 + 1;
                    let exe = format!("umount-{pid}\0sbin\0");
                    events.push(
                        task(synth::process())
                            .start(start)
                            .exe(exe.as_bytes())
                            .parent(1, parent, b"sh")
                            .build(),
                    );
                }
                let target = format!("/mnt/{}", self.dice.below(1_000_000));
                events.push(task(synth::umount2(target.as_bytes(), 0)).start(start).comm(b"umount").build());
                events
            }
        }
    }
}

fn put(writer: &mut Writer<Vec<u8>>, event: &[u8]) {
    let head = Common::read(event).unwrap();
    let failed = head.phase == layout::EXIT && layout::u64_at(event, layout::RET).unwrap() as i64 <= -1;
    let info = EventInfo { time_ns: head.time, op_bit: head.call as u8, failed, incomplete: false };
    writer.event(&info, event).unwrap();
}

/// What is recorded of that machine, in at least so many blocks, with an epoch now and then.
pub fn recorded(blocks: u64, lossy: bool) -> Vec<u8> {
    let mut machine = Machine::new();
    let identity = FileIdentity {
        file_uuid: [7; 16],
        session_uuid: [9; 16],
        created_boottime_ns: START,
        created_realtime_ns: START as i64 + machine.offset,
        ..FileIdentity::default()
    };
    let options = WriterOptions { level: 0, block_bytes: 1000 };
    let metadata = Metadata { hostname: "made up".to_owned(), ..Metadata::default() };
    let mut writer = Writer::new(Vec::new(), options, identity, &metadata, &machine.clock()).unwrap();
    let (mut epoch, mut gap, mut lost) = (0, None::<u64>, 0);
    while writer.totals().blocks < blocks {
        for event in machine.step() {
            let time = Common::read(&event).unwrap().time;
            // The ring buffer is full for a while, and not just as all processes are told of again.
            let full = lossy && machine.now / (700 * MS) % 9 == 4;
            if full {
                gap.get_or_insert(time);
                lost += 1;
                if Common::read(&event).unwrap().phase == layout::PROCESS {
                    machine.told[Common::read(&event).unwrap().pid as usize - 1000] = false;
                }
                continue;
            }
            if let Some(from_ns) = gap.take() {
                let count = std::mem::take(&mut lost);
                writer
                    .lost(&Lost { from_ns, to_ns: time, cpu: Some(1), count, reason: LossReason::RING_FULL })
                    .unwrap();
            }
            if writer.totals().blocks >= epoch + 40 && !(lossy && machine.now / (700 * MS) % 9 == 3) {
                epoch = writer.totals().blocks;
                writer.fresh(&machine.clock()).unwrap();
                machine.told.fill(false);
            }
            put(&mut writer, &event);
        }
        if machine.dice.below(100) == 0 {
            let clock = machine.clock();
            writer.clock(&clock).unwrap();
        }
        if machine.dice.below(300) == 0 {
            writer.flush().unwrap();
        }
    }
    if lossy {
        let (from_ns, to_ns) = (START, machine.now);
        writer.lost(&Lost { from_ns, to_ns, cpu: None, count: 3, reason: LossReason::MISSED }).unwrap();
    }
    let events = writer.unwritten_events() + writer.totals().events;
    let stats = RecorderStats { seen: events, sent: events, written: events, ..RecorderStats::default() };
    writer.finish(&stats, &machine.clock()).unwrap().0
}
