//! Whose records follow, in a trace that was merged from several: a SOURCE record.
//! Must not know how it becomes bytes; field order is the file format (docs/FORMAT.md).

use serde::{Deserialize, Serialize};

use super::codec::Cold;
use super::identity::FileIdentity;
use super::record;

/// Says that what follows, until the next SOURCE or the end of the block, is from one trace of those merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Number of that trace in this file, below [`super::wire::MAX_SOURCES`].
    pub number: u32,
    /// Who and when that trace is; `None` where the same block has said so before.
    pub identity: Option<FileIdentity>,
}

impl Cold for Source {
    const KIND: u16 = record::SOURCE;
}
