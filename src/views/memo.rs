//! Cells that are the same in every call of a thread, as a view has written them: most threads make many calls, and to tell a
//! container by the path of its cgroup takes longer than all other cells together.
//! It must not know which columns these are, nor how a view writes them.

use super::callers::Callers;
use crate::assemble::Op;

/// Cells of a caller are not remembered if they are longer, bytes: views keep little.
const LONGEST: usize = 8 << 10;

/// The cells of some threads.
#[derive(Default)]
pub(super) struct Memo {
    callers: Callers<Runs>,
    now: Now,
}

/// Cells in runs, and where each run ends.
#[derive(Default, Clone)]
struct Runs {
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// What the row being written does about the cells.
#[derive(Default)]
enum Now {
    /// Writes them, and they are not kept.
    #[default]
    Write,
    /// Writes them, and keeps them for this caller.
    Keep(usize),
    /// Copies those of this caller: so many runs are copied, which end here.
    Copy { at: usize, copied: usize, end: usize },
}

impl Memo {
    /// Appends the row of a call: `write` appends the cells of a run of columns that are all `of_caller` or all not.
    pub fn row<C>(
        &mut self,
        out: &mut Vec<u8>,
        op: &Op<'_>,
        columns: &[C],
        of_caller: impl Fn(&C) -> bool,
        mut write: impl FnMut(&mut Vec<u8>, &[C]),
    ) {
        self.begin(op);
        for run in columns.chunk_by(|a, b| of_caller(a) == of_caller(b)) {
            if of_caller(&run[0]) {
                self.cells(out, |out| write(out, run));
            } else {
                write(out, run);
            }
        }
    }

    /// The row of this call begins.
    fn begin(&mut self, op: &Op<'_>) {
        self.now = match self.callers.find(op) {
            None => Now::Write,
            Some((at, true)) => Now::Copy { at, copied: 0, end: 0 },
            Some((at, false)) => {
                let Runs { cells, ends } = self.callers.known(at);
                cells.clear();
                ends.clear();
                Now::Keep(at)
            }
        };
    }

    /// Appends the next run of cells; each row asks for the same in the same order.
    #[inline]
    fn cells(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        match &mut self.now {
            Now::Write => write(out),
            Now::Keep(at) => {
                let (runs, start) = (self.callers.known(*at), out.len());
                write(out);
                runs.cells.extend_from_slice(&out[start..]);
                runs.ends.push(runs.cells.len());
                if runs.cells.len() > LONGEST {
                    self.callers.forget(*at);
                    self.now = Now::Write;
                }
            }
            Now::Copy { at, copied, end } => {
                let Runs { cells, ends } = self.callers.known(*at);
                let start = std::mem::replace(end, ends[*copied]);
                out.extend_from_slice(&cells[start..*end]);
                *copied += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::synth::{self, Builder};
    use crate::views::testing::printed;
    use crate::views::{Clock, Json};

    fn process(pid: u32, start: u64, exe: &[u8], cgroup: u64) -> Builder {
        synth::process().task(pid, pid).start(start).owner(1, 0, cgroup).exe(exe).cgroup(0, b"docker\0")
    }

    fn call(pid: u32, start: u64, cgroup: u64) -> [Builder; 2] {
        let enter = synth::umount2(b"/mnt", 0).task(pid, pid).start(start).owner(1, 0, cgroup);
        [enter, synth::exit(2).task(pid, pid)]
    }

    /// Each change that the cells depend on, between two calls that are the same otherwise; 5 and 21 share a slot.
    #[test]
    fn cells_are_those_of_the_process_as_it_is_told_at_the_time() {
        let events = [
            vec![process(5, 1, b"a\0", 7)],
            call(5, 1, 7).into(),
            call(5, 1, 7).into(),
            call(5, 1, 8).into(),
            call(5, 1, 7).into(),
            vec![process(5, 1, b"b\0", 7)],
            call(5, 1, 7).into(),
            call(5, 2, 7).into(),
            vec![process(21, 1, b"c\0", 7)],
            call(21, 1, 7).into(),
            call(5, 1, 7).into(),
        ];
        let text = printed(&mut Json::lines("", Clock::default()), events.into_iter().flatten());
        let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let cells = |row: serde_json::Value| format!("{} {} {}", row["pid"], row["exe"], row["cgroup"]);
        let want = [
            r#"5 "/a" "/docker""#,
            r#"5 "/a" "/docker""#,
            r#"5 "/a" null"#,
            r#"5 "/a" "/docker""#,
            r#"5 "/b" "/docker""#,
            "5 null null",
            r#"21 "/c" "/docker""#,
            r#"5 "/b" "/docker""#,
        ];
        assert_eq!(rows.map(cells).collect::<Vec<_>>(), want);
    }
}
