//! Decoded events to calls: what began and what returned, put together again, and what is left over said honestly.
//!
//! Pure functions over a stream, in bounded memory. It must not know where events come from, nor how calls are shown.

mod batch;
pub(crate) mod keyed;
mod op;
mod orphans;
mod pair;
mod pending;
mod process;
mod threads;

pub use batch::Batch;
pub use op::{Op, Outcome, Unseen, Why};
pub use pair::{Assembler, INTERIM_NS};
