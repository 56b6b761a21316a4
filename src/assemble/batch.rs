//! Calls put aside, to be looked at later or on another thread: the bytes they were put together from, and what became of them.
//! It must not know what any call means.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::op::{Op, Outcome, Telling, Told};
use crate::decode::Sections;
use crate::layout::Common;

/// Processes whose calls share what was told of them, one for each remainder of a process id.
const RECENT: usize = 16;

/// Some calls, in the order they were added.
#[derive(Debug, Default)]
pub struct Batch {
    block: Option<Arc<Vec<u8>>>,
    own: Vec<u8>,
    calls: Vec<Kept>,
    /// Bytes of the block that the calls were put together from.
    shared: usize,
    recent: [Option<Teller>; RECENT],
}

/// One call.
#[derive(Debug)]
struct Kept {
    common: Common,
    outcome: Outcome,
    numbers: (Option<u64>, Option<u64>),
    told: Option<Teller>,
    /// The event that it began with.
    enter: Place,
    /// The sections of the one it returned with.
    exit: Place,
}

/// A [`Telling`], whose event stands there among the batch's own bytes.
#[derive(Debug, Clone, Copy)]
struct Teller {
    id: u64,
    number: u64,
    start: usize,
    end: usize,
}

/// Where some bytes are.
#[derive(Debug, Clone)]
enum Place {
    /// In the block.
    Shared(Range<usize>),
    Own(Range<usize>),
}

impl Batch {
    /// Leaves none. Of calls added from here on, what stands in this block is not copied; without one, all is.
    pub fn begin(&mut self, block: Option<&Arc<Vec<u8>>>) {
        self.block = block.cloned();
        self.shared = 0;
        self.own.clear();
        self.calls.clear();
        self.recent = [None; RECENT];
    }

    /// Adds a call.
    pub fn add(&mut self, op: &Op<'_>) {
        let told = op.telling().map(|told| self.tell(op, told));
        let (enter, exit) = (self.place(op.enter), self.place(op.exit.bytes()));
        let Op { common, outcome, numbers, .. } = *op;
        self.calls.push(Kept { common, outcome, numbers, told, enter, exit });
    }

    #[inline]
    fn place(&mut self, bytes: &[u8]) -> Place {
        if let Some(at) = self.block.as_ref().and_then(|block| place_in(block, bytes)) {
            self.shared += bytes.len();
            return Place::Shared(at);
        }
        copy(&mut self.own, bytes)
    }

    fn tell(&mut self, op: &Op<'_>, told: Telling<'_>) -> Teller {
        let recent = &mut self.recent[op.common.pid as usize % RECENT];
        if let Some(same) = recent.filter(|same| same.id == told.id) {
            return same;
        }
        let start = self.own.len();
        self.own.extend_from_slice(told.event);
        *recent.insert(Teller { id: told.id, number: told.number, start, end: self.own.len() })
    }

    /// Bytes of memory that the calls take, about, with those of the block that they are from.
    pub fn size(&self) -> usize {
        self.own.len() + self.shared + self.calls.len() * size_of::<Kept>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The calls, each as it was added.
    pub fn calls(&self) -> impl Iterator<Item = Op<'_>> {
        let block = self.block.as_ref().map_or(&[][..], |block| block);
        let bytes = |place: &Place| match place {
            Place::Shared(place) => &block[place.clone()],
            Place::Own(place) => &self.own[place.clone()],
        };
        self.calls.iter().map(move |kept| {
            let enter = bytes(&kept.enter);
            let told = kept.told.map(|Teller { id, number, start, end }| {
                let event = &self.own[start..end];
                Telling { id, number, event }
            });
            Op {
                common: kept.common,
                task: Op::task_of(enter),
                call: OnceCell::new(),
                outcome: kept.outcome,
                enter,
                exit: Sections::new(bytes(&kept.exit)),
                numbers: kept.numbers,
                told: Told::Known(told),
            }
        })
    }
}

/// Where these bytes stand in the block, if they do.
#[inline]
fn place_in(block: &[u8], bytes: &[u8]) -> Option<Range<usize>> {
    let at = bytes.as_ptr().addr().checked_sub(block.as_ptr().addr())?;
    let end = at.checked_add(bytes.len())?;
    (end <= block.len()).then_some(at..end)
}

fn copy(own: &mut Vec<u8>, bytes: &[u8]) -> Place {
    let start = own.len();
    own.extend_from_slice(bytes);
    Place::Own(start..own.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::Assembler;
    use crate::decode::synth;

    /// All that can be asked of a call.
    fn all(op: &Op<'_>) -> String {
        let events: Vec<u64> = op.events().collect();
        // Which event told of the process has another number each time it is read.
        let told = op.telling().map(|told| (told.number, told.event));
        let (task, sections) = (op.task, (op.enter, op.exit));
        format!("{:?} {task:?} {:?} {:?} {sections:?} {told:?} {events:?}", op.common, op.call(), op.outcome)
    }

    #[test]
    fn calls_come_back_as_they_were_added() {
        let mount = synth::mount(Some(b"a"), None, Some(b"\xff"), 1, Some(b""));
        let told = |pid, exe: &[u8]| synth::process().task(pid, pid).start(7).exe(exe);
        let events = [
            told(1, b"sh\0"),
            told(17, b"other\0"),
            mount.start(7).cwd(b"tmp\0"),
            synth::exit(1).late(1, b"/mnt").ret(-16),
            synth::umount2(b"/", 0).task(17, 17).start(7),
            synth::exit(2).task(17, 17),
            synth::umount2(b"/nobody/told", 0).start(8),
            synth::exit(2),
            told(1, b"now another\0"),
            synth::enter(77).string(0, b"x").start(7),
            synth::exit(77),
            synth::exit(2).ret(5).late(0, b"/lost"),
            synth::umount2(b"/hung", 0).longer_header(24),
        ];
        let (mut assembler, mut batch, mut want) = (Assembler::new(), Batch::default(), Vec::new());
        for round in 0..2 {
            let mut sink = |op: &Op<'_>| {
                want.push(all(op));
                batch.add(op);
            };
            for (number, event) in events.iter().enumerate() {
                assembler.number(number as u64);
                assembler.event(&event.clone().build(), &mut sink).unwrap();
            }
            assembler.finish(&mut sink);
            let got: Vec<String> = batch.calls().map(|op| all(&op)).collect();
            assert_eq!(got, want, "round {round}");
            assert_eq!(got.len(), 6, "a call is missing from the test itself");
            assert!(batch.size() > 6 * 40);
            batch.begin(None);
            want.clear();
            assert_eq!((batch.size(), batch.calls().count()), (0, 0));
        }
    }

    /// Events as a machine makes them, and some bytes that are none: calls that hang, that another thread's return is taken for,
    /// that begin twice.
    fn noise(count: u32) -> Vec<Vec<u8>> {
        let (mut events, mut dice) = (Vec::new(), 9_u32);
        let mut next = |below: u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (dice >> 16) % below
        };
        for n in 0..count {
            let (tid, time) = (next(90), u64::from(n) * 10_000_000);
            let target = vec![b'x'; next(20) as usize];
            let event = match next(8) {
                0 => synth::process().start(7).exe(&target),
                1..4 => synth::umount2(&target, n.into()).start(7),
                4 => synth::mount(Some(&target), None, Some(b"ext4"), 0, Some(&target)).start(7),
                5 => synth::exit(1).late(1, &target),
                _ => synth::exit(2).ret(-(n as i64 % 40)),
            };
            let mut bytes = event.task(tid / 3, tid).time(time).build();
            if next(50) == 0 {
                bytes.truncate(60);
            }
            events.push(bytes);
        }
        events
    }

    #[test]
    fn calls_of_a_block_are_those_of_its_events_one_by_one_wherever_it_ends() {
        let events = noise(3000);
        let (mut assembler, mut want, mut malformed) = (Assembler::new(), Vec::new(), 0);
        for (number, event) in events.iter().enumerate() {
            assembler.number(number as u64);
            let mut sink = |op: &Op<'_>| want.push(all(op));
            malformed += u64::from(assembler.event(event, &mut sink).is_err());
        }
        assembler.finish(&mut |op| want.push(all(op)));
        assert!(want.len() > 1000 && malformed > 20, "{} rows, {malformed} malformed", want.len());

        for per_block in [1, 7, 100, 3000] {
            let (mut assembler, mut batch, mut got, mut bad) =
                (Assembler::new(), Batch::default(), Vec::new(), 0);
            let mut copied = 0;
            for (nth, events) in events.chunks(per_block).enumerate() {
                let (mut block, mut places) = (Vec::new(), Vec::new());
                for (n, event) in events.iter().enumerate() {
                    places.push(((nth * per_block + n) as u64, block.len()..block.len() + event.len()));
                    block.extend_from_slice(event);
                }
                let block = Arc::new(block);
                batch.begin(Some(&block));
                bad += assembler.events(&block, places.into_iter(), &mut |op| batch.add(op));
                copied += batch.own.len();
                got.extend(batch.calls().map(|op| all(&op)));
                batch.begin(None);
                assert_eq!(Arc::strong_count(&block), 1, "the block is still held");
            }
            assembler.finish(&mut |op| got.push(all(op)));
            assert_eq!(got.len(), want.len(), "{per_block} events a block");
            for (nth, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_eq!(got, want, "row {nth}, {per_block} events a block");
            }
            assert_eq!(bad, malformed);
            let all = events.iter().map(Vec::len).sum::<usize>();
            assert!(per_block < 3000 || copied < all / 2, "{copied} bytes of {all} were copied");
        }
    }
}
