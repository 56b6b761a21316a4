//! What was told of processes, for the calls that they make later. Bounded: the one told of first goes first.
//! It must not know what is told.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use super::keyed::Keyed;
use super::op::Telling;
use crate::decode::Task;
use crate::layout::Common;

/// Processes kept, and bytes of what was told of them.
const PROCESSES_MAX: usize = 32_768;
const BYTES_MAX: usize = 8 << 20;

/// Outdated entries of the queue that are no reason yet to sweep it.
const SPARE: usize = 1024;

/// The next [`Telling::id`].
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Processes by their id; of two with one id the later.
#[derive(Debug, Default)]
pub(super) struct Processes {
    by_pid: HashMap<u32, Told, Keyed>,
    /// In the order they were told of, each by what, so that an entry whose process was told of again is known as such.
    order: VecDeque<(u32, u64)>,
    bytes: usize,
}

#[derive(Debug)]
struct Told {
    start: Option<u64>,
    id: u64,
    /// [`super::Assembler::number`] of the event.
    number: u64,
    event: Box<[u8]>,
}

impl Processes {
    /// Keeps what an event tells, but not more than one in `share` of what can be kept; a process that began another
    /// program is told of again.
    pub fn insert(&mut self, common: &Common, task: &Task<'_>, event: &[u8], number: u64, share: usize) {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let told = Told { start: task.start(), id, number, event: event.into() };
        self.bytes += event.len();
        self.order.push_back((common.pid, id));
        if let Some(before) = self.by_pid.insert(common.pid, told) {
            self.bytes -= before.event.len();
        }
        while self.by_pid.len() > PROCESSES_MAX / share || self.bytes > BYTES_MAX / share {
            let Some((pid, id)) = self.order.pop_front() else { break };
            if self.by_pid.get(&pid).is_some_and(|told| told.id == id) {
                self.bytes -= self.by_pid.remove(&pid).map_or(0, |told| told.event.len());
            }
        }
        if self.order.len() > 2 * self.by_pid.len() + SPARE {
            self.order.retain(|(pid, id)| self.by_pid.get(pid).is_some_and(|told| told.id == *id));
        }
    }

    /// What told of the process, unless its id has passed to another since.
    pub fn get(&self, pid: u32, start: Option<u64>) -> Option<Telling<'_>> {
        let told = self.by_pid.get(&pid).filter(|told| start.is_some() && told.start == start)?;
        Some(Telling { id: told.id, number: told.number, event: &told.event })
    }

    #[cfg(test)]
    pub fn remembered(&self) -> (usize, usize) {
        (self.by_pid.len(), self.order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::synth;
    use crate::decode::{Body, Event};

    fn tell(processes: &mut Processes, pid: u32, start: u64, exe: &[u8]) {
        let bytes = synth::process().task(pid, pid).start(start).exe(exe).build();
        let event = Event::decode(&bytes).unwrap();
        let Body::Process(task) = event.body else { panic!("not a process") };
        processes.insert(&event.common, &task, &bytes, 0, 1);
    }

    fn exe(processes: &Processes, pid: u32, start: Option<u64>) -> Option<String> {
        let mut out = Vec::new();
        Event::decode(processes.get(pid, start)?.event).ok()?.sections.exe()?.write(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_process_is_its_id_and_its_start_and_what_was_told_last_stands() {
        let mut processes = Processes::default();
        tell(&mut processes, 5, 100, b"a\0");
        assert_eq!(exe(&processes, 5, Some(100)).as_deref(), Some("/a"));
        assert_eq!(exe(&processes, 5, Some(101)), None, "another process with the same id");
        assert_eq!(exe(&processes, 5, None), None, "nobody knows whether it is the same process");
        tell(&mut processes, 5, 100, b"b\0");
        assert_eq!(exe(&processes, 5, Some(100)).as_deref(), Some("/b"));
    }

    #[test]
    fn the_document_names_the_limits() {
        let limits = include_str!("../../docs/limits.md");
        let (kept, bytes) = (PROCESSES_MAX, BYTES_MAX >> 20);
        let processes = format!("of processes | {},{:03}, or {bytes} MiB", kept / 1000, kept % 1000);
        assert!(limits.contains(&processes), "docs/limits.md should say: {processes}");
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_the_first_goes_first() {
        let mut processes = Processes::default();
        for pid in 0..PROCESSES_MAX as u32 + 2 {
            tell(&mut processes, pid, 1, b"");
        }
        assert_eq!(processes.remembered(), (PROCESSES_MAX, PROCESSES_MAX));
        assert!(exe(&processes, 1, Some(1)).is_none() && exe(&processes, 2, Some(1)).is_some());
        for _ in 0..200_000 {
            tell(&mut processes, 2, 1, b"");
        }
        assert!(processes.remembered().1 <= 2 * PROCESSES_MAX + SPARE, "{:?}", processes.remembered());
        let long = vec![b'x'; 4096];
        for pid in 0..10_000 {
            tell(&mut processes, pid, 1, &long);
        }
        assert!(processes.bytes <= BYTES_MAX);
    }
}
