//! Blocks for threads that open them themselves, each in its own memory, and have them read in turn.
//! Must not know what is inside a block, nor how many threads there are.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::ahead::{LARGE, Opener};
use super::block::{self, Decompressor};
use super::damage::DamageReason;
use super::header::BlockHeader;

/// The blocks that come next in a trace: what a [`Reader`] has lent.
///
/// [`Reader`]: super::Reader
pub struct Lent {
    pub(crate) opener: Box<Opener>,
    pub(crate) tag: u64,
    /// Later ones are not lent, ns of CLOCK_BOOTTIME.
    pub(crate) until: Option<u64>,
}

impl Lent {
    /// The next block, as it is stored. False where something else comes next, or a block that needs much memory: that comes from the
    /// reader, once it has everything back.
    pub fn next(&mut self, block: &mut LentBlock) -> bool {
        self.opener.lend(self.tag, self.until, block)
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Memory for one block at a time, at most some 3 MiB.
pub struct LentBlock {
    header: BlockHeader,
    offset: u64,
    stored: Vec<u8>,
    decompressor: Decompressor,
    raw: Arc<Vec<u8>>,
    opened: Result<(), DamageReason>,
}

impl LentBlock {
    /// Room for any block that is lent. Fails where there is no memory for what opens one.
    pub fn new() -> io::Result<LentBlock> {
        // All at once: what grows is had twice for a while, and what a thread asks for the others do not get any more.
        Ok(LentBlock {
            header: BlockHeader::default(),
            offset: 0,
            stored: Vec::with_capacity(LARGE),
            decompressor: Decompressor::with_capacity(LARGE)?,
            raw: Arc::new(Vec::with_capacity(LARGE)),
            opened: Ok(()),
        })
    }

    pub(crate) fn put(&mut self, header: BlockHeader, offset: u64, stored: &[u8]) {
        self.stored.clear();
        self.stored.extend_from_slice(stored);
        (self.header, self.offset) = (header, offset);
    }

    /// Opens it: that takes time, and may be done while others are read. What is wrong with it the reader says
    /// ([`Reader::feed`]).
    ///
    /// [`Reader::feed`]: super::Reader::feed
    pub fn open(&mut self) {
        if Arc::get_mut(&mut self.raw).is_none() {
            self.raw = Arc::default();
        }
        if let Some(raw) = Arc::get_mut(&mut self.raw) {
            self.opened = block::decompress(&self.header, &self.stored, &mut self.decompressor, raw);
        }
    }

    /// Its records, once it has been opened.
    pub fn raw(&self) -> &Arc<Vec<u8>> {
        &self.raw
    }

    /// What was found, for the reader.
    pub(crate) fn found(&mut self) -> (BlockHeader, u64, Result<(), DamageReason>) {
        (self.header, self.offset, std::mem::replace(&mut self.opened, Ok(())))
    }
}

impl fmt::Debug for LentBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentBlock")
            .field("header", &self.header)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
