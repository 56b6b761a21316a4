//! The `.mst` trace file: writing it, reading it, and surviving what happens to files.
//! Must not know what an event means: an event is bytes, and the little that a block header says about it.
//!
//! A [`Writer`] appends records and never goes back, so a killed recorder leaves a readable trace. A [`Reader`] gives
//! one [`Item`] after another and says where something is missing; of a file it can read a part, by the index or from
//! header to header ([`Reader::narrow`]). Below it stand its layers, for callers that skip blocks or decompress them in
//! parallel: [`Scanner`] finds blocks, [`decompress`] opens one, [`Records`] splits it.
//!
//! What follows is the specification, `docs/FORMAT.md`.
#![doc = include_str!("../../docs/FORMAT.md")]

mod ahead;
mod block;
mod codec;
mod cold;
mod damage;
mod delta;
mod error;
mod find;
mod header;
mod identity;
mod index;
mod item;
mod lend;
pub mod lock;
mod look;
mod marker;
mod origin;
mod pack;
mod reader;
pub mod record;
mod scan;
mod seek;
mod sniff;
mod source;
mod stats;
#[cfg(test)]
mod tests;
mod track;
mod tree;
mod unindexed;
mod unpack;
pub mod wire;
mod writer;

pub use block::{Decompressor, decompress};
pub use codec::{CodecError, Cold};
pub use cold::{ChildExit, ClockSync, LossReason, Lost, Metadata};
pub use damage::{Damage, DamageReason};
pub use error::{Error, ErrorKind, Format};
pub use header::{
    BLOCK_EVENTS, BLOCK_INDEX, BLOCK_META, BLOCK_SNAPSHOT, BlockHeader, CONTINUED, DELTA, End, FORCED_FLUSH,
    FRESH, FileHeader, HAS_FAILED_OP, HAS_TRUNC_STR, LOSS_BEFORE, REMARK, UNSORTED,
};
pub use identity::FileIdentity;
pub use index::{Index, Place, Row};
pub use item::{Item, RawEvent, State};
pub use lend::{Lent, LentBlock};
pub use marker::{Marker, MarkerKind};
pub use origin::Source;
pub use reader::{Events, Reader};
pub use record::{RawRecord, Record, RecordError, Records};
pub use scan::{Frame, Scanner, Wanted};
pub use sniff::Looks;
pub use stats::{CpuStats, Proof, RecorderStats, Unbalanced};
pub use unindexed::room_to_close;
pub use writer::{Abandoned, EventInfo, Totals, Writer, WriterOptions};
