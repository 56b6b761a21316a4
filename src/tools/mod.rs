//! What is done to whole traces: prove one ([`verify()`]), make a clean one of what is left ([`repair()`]), copy one
//! ([`rewrite()`]) and bring several into one order ([`merge()`]).
//! Must not know how calls are put together or shown, nor where bytes come from and go to.
//!
//! All of them go through a trace once, in bounded memory, and hand its items to one `Copier`.

mod books;
mod copy;
mod doubt;
mod error;
mod input;
mod mend;
mod merge;
mod order;
mod repair;
mod rewrite;
mod toll;
mod verdict;
mod verify;

pub use copy::Counts;
pub use doubt::Doubt;
pub use error::{Error, Refusal};
pub use merge::{Merged, merge};
pub use order::Doubts;
pub use repair::{Repaired, repair};
pub use rewrite::{Edit, rewrite};
pub use verdict::{Damages, Finding, Verdict, What};
pub use verify::{Said, verify};
