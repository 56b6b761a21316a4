//! Cells that are the same in every call of a thread, as a view has written them: most threads make many calls, and to tell a
//! container by the path of its cgroup takes longer than all other cells together.
//! It must not know which columns these are, nor how a view writes them.

use std::ops::Range;

use super::callers::Callers;
use crate::assemble::Op;

/// Cells of a caller are not remembered if they are longer, bytes: views keep little.
const LONGEST: usize = 8 << 10;

/// The cells of some threads.
pub(super) struct Memo {
    runs: Vec<Run>,
    callers: Callers<Known>,
}

/// Columns next to each other that are all of the caller, or all not.
struct Run {
    columns: Range<usize>,
    of_caller: bool,
}

/// The cells of one caller, and where they end of each run.
#[derive(Default, Clone)]
struct Known {
    cells: Vec<u8>,
    ends: Vec<usize>,
}

impl Memo {
    /// Of columns that are of the caller or are not.
    pub fn new(columns: impl Iterator<Item = bool>) -> Memo {
        let mut runs: Vec<Run> = Vec::new();
        for (at, of_caller) in columns.enumerate() {
            match runs.last_mut().filter(|run| run.of_caller == of_caller) {
                Some(run) => run.columns.end = at + 1,
                None => runs.push(Run { columns: at..at + 1, of_caller }),
            }
        }
        Memo { runs, callers: Callers::default() }
    }

    /// Appends the row of a call: `write` appends the cells of some of these columns.
    #[inline]
    pub fn row<C>(
        &mut self,
        out: &mut Vec<u8>,
        op: &Op<'_>,
        columns: &[C],
        mut write: impl FnMut(&mut Vec<u8>, &[C]),
    ) {
        let Some((at, same)) = self.callers.find(op) else { return write(out, columns) };
        let Known { cells, ends } = self.callers.known(at);
        if same {
            let mut start = 0;
            for (run, &end) in self.runs.iter().zip(&*ends) {
                if run.of_caller {
                    out.extend_from_slice(&cells[start..end]);
                } else {
                    write(out, &columns[run.columns.clone()]);
                }
                start = end;
            }
            return;
        }
        cells.clear();
        ends.clear();
        for run in &self.runs {
            let start = out.len();
            write(out, &columns[run.columns.clone()]);
            if run.of_caller {
                cells.extend_from_slice(&out[start..]);
            }
            ends.push(cells.len());
        }
        if cells.len() > LONGEST {
            self.callers.forget(at);
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
