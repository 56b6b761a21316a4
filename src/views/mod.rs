//! Calls to bytes for people and programs: text, JSON, CSV and statistics.
//!
//! Views append to a buffer that the caller writes out and clears, so a row costs no allocation. They must not know where calls
//! come from, nor print anything themselves.

mod call;
mod classic;
mod clock;
mod columns;
mod csv;
mod detail;
mod json;
mod stats;
mod stats_print;
#[cfg(test)]
mod testing;
mod text;

pub use call::write_call;
pub use classic::Classic;
pub use clock::{Clock, rfc3339};
pub use columns::{COLUMNS, Cell, Column, column};
pub use csv::Csv;
pub use detail::Detail;
pub use json::Json;
pub use stats::{Key, Stats, StatsOptions};
pub use text::{Stamp, Text, TextOptions};

use crate::assemble::Op;

/// Events that are known to be missing from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost<'a> {
    /// How many.
    pub events: u64,
    /// On which CPU, if it was one.
    pub cpu: Option<u32>,
    /// Between which times, ns of CLOCK_BOOTTIME, as far as known.
    pub between: Option<(u64, u64)>,
    /// For what reason.
    pub why: &'a str,
}

/// One way of showing calls. All methods append to `out`; none can fail.
pub trait View {
    /// Before the first row.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// A call. Interim rows ([`Op::is_interim`]) are given too; a view that wants one row a call ignores them.
    fn row(&mut self, out: &mut Vec<u8>, op: &Op<'_>);

    /// Events are missing here.
    fn lost(&mut self, _out: &mut Vec<u8>, _lost: &Lost<'_>) {}

    /// How the times of what follows are to be read.
    fn clock(&mut self, _clock: Clock) {}

    /// Which host what follows is from.
    fn host(&mut self, _name: &str) {}

    /// After the last row.
    fn end(&mut self, _out: &mut Vec<u8>) {}
}
