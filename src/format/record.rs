//! The stream of records inside a block: `kind, flags, length, body`, one after another.
//! Must not know how blocks are stored, nor what an event means.

use super::codec::{self, CodecError, Cold};
use super::cold::{ChildExit, ClockSync, Lost, Metadata};
use super::index::{Index, Packed};
use super::marker::Marker;
use super::origin::Source;
use super::stats::RecorderStats;
use super::wire;

/// [`Metadata`].
pub const METADATA: u16 = 0x0001;
/// [`ClockSync`].
pub const CLOCK_SYNC: u16 = 0x0002;
/// Reserved: a mount table begins.
pub const SNAPSHOT_BEGIN: u16 = 0x0003;
/// Reserved: rows of a mount table.
pub const SNAPSHOT_ROWS: u16 = 0x0004;
/// Reserved: a mount table ends.
pub const SNAPSHOT_END: u16 = 0x0005;
/// The bytes of an event, as the kernel side wrote them.
pub const EVENT: u16 = 0x0010;
/// Reserved: what user space knows of a process.
pub const PROC: u16 = 0x0011;
/// [`Source`].
pub const SOURCE: u16 = 0x0012;
/// [`Lost`].
pub const LOST: u16 = 0x0020;
/// [`RecorderStats`].
pub const RECORDER_STATS: u16 = 0x0021;
/// [`Marker`].
pub const MARKER: u16 = 0x0022;
/// [`ChildExit`].
pub const CHILD_EXIT: u16 = 0x0023;
/// [`Index`].
pub const INDEX: u16 = 0x0030;
/// Reserved: totals.
pub const SUMMARY: u16 = 0x0031;

/// One record, its body not yet looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Where it begins in the block.
    pub at: usize,
    /// [`EVENT`] and the like.
    pub kind: u16,
    /// [`wire::RECORD_CRITICAL`] and bits that mean nothing.
    pub flags: u16,
    /// Its bytes.
    pub body: &'a [u8],
}

/// One record, typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record<'a> {
    /// What the trace was taken with.
    Metadata(Box<Metadata>),
    /// The clocks at one moment.
    Clock(ClockSync),
    /// The bytes of an event.
    Event(&'a [u8]),
    /// Something that is not in the trace.
    Lost(Lost),
    /// The recorder's own books.
    Stats(Box<RecorderStats>),
    /// How the recorded program ended.
    ChildExit(ChildExit),
    /// What the headers of many blocks say.
    Index(Box<Index>),
    /// A remark.
    Marker(Marker),
    /// Whose the records after it are.
    Source(Box<Source>),
    /// A kind, or a version of a kind, that this program does not know.
    Unknown(RawRecord<'a>),
}

/// Why the rest of a block cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The block ends inside the record at this place.
    Torn {
        /// Where the record begins in the block.
        at: usize,
    },
    /// The record is longer than any may be.
    TooLong {
        /// Where the record begins in the block.
        at: usize,
        /// The length it claims.
        len: u32,
    },
    /// A record that must be understood is not.
    Critical {
        /// Where the record begins in the block.
        at: usize,
        /// Its kind.
        kind: u16,
    },
    /// The fields of a record are wrong; the records after it can be read unless it must be understood.
    Fields {
        /// Where the record begins in the block.
        at: usize,
        /// Its kind.
        kind: u16,
        /// What is wrong.
        why: CodecError,
        /// The record must be understood.
        critical: bool,
    },
}

/// The records of a block, one after another. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The records of a decompressed block.
    pub fn new(raw: &'a [u8]) -> Self {
        Records { raw, at: 0 }
    }

    /// The records of a decompressed block from the place `at`, where one begins.
    pub fn starting_at(raw: &'a [u8], at: usize) -> Self {
        Records { raw, at }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RawRecord<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = self.raw.get(at..).filter(|rest| !rest.is_empty())?;
        let record = split(rest, at);
        self.at = match &record {
            Ok(record) => at + wire::RECORD_PREFIX + record.body.len(),
            Err(_) => self.raw.len(),
        };
        Some(record)
    }
}

#[inline]
fn split(rest: &[u8], at: usize) -> Result<RawRecord<'_>, RecordError> {
    let torn = RecordError::Torn { at };
    let Some(prefix) = rest.first_chunk::<{ wire::RECORD_PREFIX }>() else { return Err(torn) };
    let [kind, kind_high, flags, flags_high, a, b, c, d] = *prefix;
    let (kind, flags) = (u16::from_le_bytes([kind, kind_high]), u16::from_le_bytes([flags, flags_high]));
    let len = u32::from_le_bytes([a, b, c, d]);
    if len as usize > wire::MAX_RECORD {
        return Err(RecordError::TooLong { at, len });
    }
    match rest.get(wire::RECORD_PREFIX..wire::RECORD_PREFIX + len as usize) {
        Some(body) => Ok(RawRecord { at, kind, flags, body }),
        None => Err(torn),
    }
}

impl<'a> RawRecord<'a> {
    /// Its typed form. Fails on wrong fields, and on a record that must be understood and is not.
    #[inline]
    pub fn typed(&self) -> Result<Record<'a>, RecordError> {
        match self.kind {
            EVENT => Ok(Record::Event(self.body)),
            METADATA => self.cold(|record| Record::Metadata(Box::new(record))),
            CLOCK_SYNC => self.cold(Record::Clock),
            LOST => self.cold(Record::Lost),
            RECORDER_STATS => self.cold(|record| Record::Stats(Box::new(record))),
            CHILD_EXIT => self.cold(Record::ChildExit),
            INDEX => self.cold(|packed: Packed| Record::Index(Box::new(packed.into()))),
            MARKER => self.cold(Record::Marker),
            SOURCE => match self.cold(|record| Record::Source(Box::new(record)))? {
                Record::Source(source) if source.number >= wire::MAX_SOURCES => {
                    Err(self.fields(CodecError::Malformed(format!("source {}", source.number))))
                }
                record => Ok(record),
            },
            _ => self.unknown(),
        }
    }

    fn cold<T: Cold>(&self, make: impl FnOnce(T) -> Record<'a>) -> Result<Record<'a>, RecordError> {
        match codec::decode(self.body) {
            Ok(record) => Ok(make(record)),
            Err(CodecError::Version { .. }) => self.unknown(),
            Err(why) => Err(self.fields(why)),
        }
    }

    fn fields(&self, why: CodecError) -> RecordError {
        let critical = self.flags & wire::RECORD_CRITICAL != 0;
        RecordError::Fields { at: self.at, kind: self.kind, why, critical }
    }

    fn unknown(&self) -> Result<Record<'a>, RecordError> {
        match self.flags & wire::RECORD_CRITICAL {
            0 => Ok(Record::Unknown(*self)),
            _ => Err(RecordError::Critical { at: self.at, kind: self.kind }),
        }
    }
}

/// Appends a record; the caller has checked that `body` is not longer than [`wire::MAX_RECORD`].
pub(crate) fn append(block: &mut Vec<u8>, kind: u16, flags: u16, body: &[u8]) {
    block.extend_from_slice(&kind.to_le_bytes());
    block.extend_from_slice(&flags.to_le_bytes());
    block.extend_from_slice(&(body.len() as u32).to_le_bytes());
    block.extend_from_slice(body);
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RecordError::Torn { at } => write!(f, "the block ends inside the record at {at}"),
            RecordError::TooLong { at, len } => {
                write!(f, "the record at {at} claims {len} bytes, where {} are allowed", wire::MAX_RECORD)
            }
            RecordError::Critical { at, kind } => {
                write!(f, "the record at {at} of kind {kind:#06x} must be understood")
            }
            RecordError::Fields { at, kind, why, .. } => {
                write!(f, "the record at {at} of kind {kind:#06x}: {why}")
            }
        }
    }
}

impl std::error::Error for RecordError {}
