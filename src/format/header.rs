//! The three frames a reader steers by: FILE HEADER, BLOCK HEADER and END, to and from bytes.
//! Must not know what a block holds.

use super::identity::FileIdentity;
use super::wire::{self, Fields, array_at, u16_at, u32_at, u64_at};

/// Opens a trace: what identifies it, and what a reader must know to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// Readers of another major version must refuse.
    pub format_major: u16,
    /// Informational.
    pub format_minor: u16,
    /// An unknown bit means: refuse.
    pub incompat: u64,
    /// [`wire::COMPAT_SPARSE`], [`wire::COMPAT_MERGED`]; an unknown bit means nothing.
    pub compat: u64,
    /// Random; its first 8 bytes mark every block of the file.
    pub file_uuid: [u8; 16],
    /// The same for all segments of one recording.
    pub session_uuid: [u8; 16],
    /// Number of this segment in its recording, from 0.
    pub segment_index: u32,
    /// No block is larger than this before compression.
    pub max_block_raw: u32,
    /// CLOCK_REALTIME when the file was begun, ns.
    pub created_realtime_ns: i64,
    /// CLOCK_BOOTTIME when the file was begun, ns.
    pub created_boottime_ns: u64,
    /// The kernel's boot id; all zero where unknown.
    pub boot_id: [u8; 16],
    /// Keyed hash of the machine id, which is itself confidential; all zero where unknown.
    pub host_id: [u8; 16],
}

impl FileHeader {
    /// Who and when the file is.
    pub fn identity(&self) -> FileIdentity {
        FileIdentity {
            file_uuid: self.file_uuid,
            session_uuid: self.session_uuid,
            segment_index: self.segment_index,
            created_realtime_ns: self.created_realtime_ns,
            created_boottime_ns: self.created_boottime_ns,
            boot_id: self.boot_id,
            host_id: self.host_id,
            compat: self.compat,
        }
    }

    /// What every block of this file carries.
    pub fn file_tag(&self) -> u64 {
        u64_at(&self.file_uuid, 0).unwrap_or_default()
    }

    /// The whole frame.
    pub fn encode(&self) -> [u8; wire::FILE_FRAME] {
        Fields::frame(wire::FILE_MAGIC)
            .put(&wire::MST)
            .put(&self.format_major.to_le_bytes())
            .put(&self.format_minor.to_le_bytes())
            .put(&(wire::FILE_PAYLOAD as u32).to_le_bytes())
            .put(&self.incompat.to_le_bytes())
            .put(&self.compat.to_le_bytes())
            .put(&self.file_uuid)
            .put(&self.session_uuid)
            .put(&self.segment_index.to_le_bytes())
            .put(&self.max_block_raw.to_le_bytes())
            .put(&self.created_realtime_ns.to_le_bytes())
            .put(&self.created_boottime_ns.to_le_bytes())
            .put(&self.boot_id)
            .put(&self.host_id)
            .put(&[0; 12])
            .put_crc()
            .done()
    }

    /// Reads a whole frame; `None` where a length, magic or checksum is wrong. A longer payload is fine.
    pub fn decode(frame: &[u8]) -> Option<FileHeader> {
        let payload = payload(frame, wire::FILE_MAGIC, 132)?;
        let announced = u32_at(payload, 12)? as usize;
        if array_at(payload, 0)? != wire::MST
            || announced != payload.len()
            || announced > wire::MAX_FILE_PAYLOAD
        {
            return None;
        }
        Some(FileHeader {
            format_major: u16_at(payload, 8)?,
            format_minor: u16_at(payload, 10)?,
            incompat: u64_at(payload, 16)?,
            compat: u64_at(payload, 24)?,
            file_uuid: array_at(payload, wire::FILE_UUID_AT)?,
            session_uuid: array_at(payload, 48)?,
            segment_index: u32_at(payload, 64)?,
            max_block_raw: u32_at(payload, 68)?,
            created_realtime_ns: array_at(payload, 72).map(i64::from_le_bytes)?,
            created_boottime_ns: u64_at(payload, 80)?,
            boot_id: array_at(payload, 88)?,
            host_id: array_at(payload, 104)?,
        })
    }
}

/// `BlockHeader::block_type`: no events.
pub const BLOCK_META: u8 = 1;
/// `BlockHeader::block_type`: events, and whatever was recorded between them.
pub const BLOCK_EVENTS: u8 = 2;
/// `BlockHeader::block_type`: rows of a mount table.
pub const BLOCK_SNAPSHOT: u8 = 3;
/// `BlockHeader::block_type`: the index.
pub const BLOCK_INDEX: u8 = 4;

/// `BlockHeader::flags`: some call in the block failed.
pub const HAS_FAILED_OP: u16 = 1;
/// `BlockHeader::flags`: some event is not whole.
pub const HAS_TRUNC_STR: u16 = 1 << 1;
/// `BlockHeader::flags`: the block holds a LOST record.
pub const LOSS_BEFORE: u16 = 1 << 2;
/// `BlockHeader::flags`: event times are not ascending.
pub const UNSORTED: u16 = 1 << 3;
/// `BlockHeader::flags`: the block was cut by age or on request, not by size.
pub const FORCED_FLUSH: u16 = 1 << 4;
/// `BlockHeader::flags`: the block begins with the clocks, and every process is told of again: reading can begin here.
pub const FRESH: u16 = 1 << 5;
/// `BlockHeader::flags`: the block holds a MARKER record.
pub const REMARK: u16 = 1 << 6;
/// `BlockHeader::flags`: the frame holds the events as differences.
pub const DELTA: u16 = 1 << 7;

/// `End::flags`: another file of this recording follows.
pub const CONTINUED: u32 = 1;

/// Stands before each zstd frame: enough to skip the block, or to prove it is intact, without decompressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockHeader {
    /// [`BLOCK_META`], [`BLOCK_EVENTS`], ...: a hint; the records say what they are.
    pub block_type: u8,
    /// [`HAS_FAILED_OP`] and the like; unknown bits mean nothing.
    pub flags: u16,
    /// First 8 bytes of the file's uuid.
    pub file_tag: u64,
    /// 0, 1, 2, ... in each file.
    pub block_seq: u64,
    /// Bytes before compression.
    pub raw_len: u32,
    /// Bytes of the zstd frame.
    pub stored_len: u32,
    /// Records in the block.
    pub record_count: u32,
    /// Records of them that are events.
    pub event_count: u32,
    /// Earliest event, ns of CLOCK_BOOTTIME; 0 without events.
    pub ts_min: u64,
    /// Latest event; 0 without events.
    pub ts_max: u64,
    /// Events in the blocks before this one.
    pub event_index_base: u64,
    /// Events known to be lost, from the start of the file to the end of this block.
    pub lost_total: u64,
    /// One bit for each call that occurs in the block, bit 63 for all that have no bit of their own.
    pub op_mask: u64,
    /// CRC-32C of the zstd frame.
    pub stored_crc: u32,
}

impl BlockHeader {
    /// The whole frame.
    pub fn encode(&self) -> [u8; wire::BLOCK_FRAME] {
        Fields::frame(wire::BLOCK_MAGIC)
            .put(&wire::MBLK)
            .put(&[wire::HEADER_VERSION, self.block_type])
            .put(&self.flags.to_le_bytes())
            .put(&self.file_tag.to_le_bytes())
            .put(&self.block_seq.to_le_bytes())
            .put(&self.raw_len.to_le_bytes())
            .put(&self.stored_len.to_le_bytes())
            .put(&self.record_count.to_le_bytes())
            .put(&self.event_count.to_le_bytes())
            .put(&self.ts_min.to_le_bytes())
            .put(&self.ts_max.to_le_bytes())
            .put(&self.event_index_base.to_le_bytes())
            .put(&self.lost_total.to_le_bytes())
            .put(&self.op_mask.to_le_bytes())
            .put(&[0; 8])
            .put(&self.stored_crc.to_le_bytes())
            .put_crc()
            .done()
    }

    /// Reads a whole frame; `None` where a length, magic, limit or checksum is wrong.
    pub fn decode(frame: &[u8]) -> Option<BlockHeader> {
        let payload = payload(frame, wire::BLOCK_MAGIC, 92)?;
        let [m0, m1, m2, m3, version, block_type] = array_at(payload, 0)?;
        if [m0, m1, m2, m3] != wire::MBLK
            || version != wire::HEADER_VERSION
            || payload.len() != wire::BLOCK_PAYLOAD
        {
            return None;
        }
        let header = BlockHeader {
            block_type,
            flags: u16_at(payload, 6)?,
            file_tag: u64_at(payload, 8)?,
            block_seq: u64_at(payload, 16)?,
            raw_len: u32_at(payload, 24)?,
            stored_len: u32_at(payload, 28)?,
            record_count: u32_at(payload, 32)?,
            event_count: u32_at(payload, 36)?,
            ts_min: u64_at(payload, 40)?,
            ts_max: u64_at(payload, 48)?,
            event_index_base: u64_at(payload, 56)?,
            lost_total: u64_at(payload, 64)?,
            op_mask: u64_at(payload, 72)?,
            stored_crc: u32_at(payload, 88)?,
        };
        let raw = header.raw_len as usize;
        let fits = raw <= wire::MAX_RAW && header.stored_len as usize <= wire::compress_bound(raw);
        fits.then_some(header)
    }
}

/// Closes a trace: its presence says that the recorder ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// [`CONTINUED`]; unknown bits mean nothing.
    pub flags: u32,
    /// First 8 bytes of the file's uuid.
    pub file_tag: u64,
    /// Where the index block begins, from the first byte of the FILE HEADER; 0: there is none.
    pub index_offset: u64,
    /// Bytes of the index block with its header.
    pub index_len: u64,
    /// Events in the file.
    pub total_events: u64,
}

impl End {
    /// The whole frame.
    pub fn encode(&self) -> [u8; wire::END_FRAME] {
        Fields::frame(wire::END_MAGIC)
            .put(&wire::MEND)
            .put(&self.flags.to_le_bytes())
            .put(&self.file_tag.to_le_bytes())
            .put(&self.index_offset.to_le_bytes())
            .put(&self.index_len.to_le_bytes())
            .put(&self.total_events.to_le_bytes())
            .put_crc()
            .put(&wire::MSTE)
            .done()
    }

    /// Reads a whole frame; `None` where a length, magic or checksum is wrong.
    pub fn decode(frame: &[u8]) -> Option<End> {
        let payload = payload(frame, wire::END_MAGIC, 40)?;
        let framed = array_at(payload, 0)? == wire::MEND && array_at(payload, 44)? == wire::MSTE;
        if !framed || payload.len() != wire::END_PAYLOAD {
            return None;
        }
        Some(End {
            flags: u32_at(payload, 4)?,
            file_tag: u64_at(payload, 8)?,
            index_offset: u64_at(payload, 16)?,
            index_len: u64_at(payload, 24)?,
            total_events: u64_at(payload, 32)?,
        })
    }
}

/// The payload of a skippable frame whose magic, length and checksum (at `crc_at`, over all before it) are right.
fn payload(frame: &[u8], magic: u32, crc_at: usize) -> Option<&[u8]> {
    let payload = frame.get(wire::FRAME_PREFIX..)?;
    let sum = u32_at(payload, crc_at)?;
    let right = u32_at(frame, 0)? == magic
        && u32_at(frame, 4)? as usize == payload.len()
        && crc32c::crc32c(payload.get(..crc_at)?) == sum;
    right.then_some(payload)
}
