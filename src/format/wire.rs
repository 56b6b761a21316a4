//! Every number of the file format in one place: magics, sizes, limits, and reads that cannot run past the end.
//! Must not know what the bytes mean.

/// First four bytes of a FILE HEADER: a zstd skippable frame, little-endian.
pub const FILE_MAGIC: u32 = 0x184D_2A5A;
/// First four bytes of a BLOCK HEADER.
pub const BLOCK_MAGIC: u32 = 0x184D_2A5B;
/// First four bytes of an END.
pub const END_MAGIC: u32 = 0x184D_2A5C;
/// First four bytes of a zstd frame.
pub const ZSTD_MAGIC: u32 = 0xFD2F_B528;

/// A skippable frame opens with its magic and the length of its payload.
pub const FRAME_PREFIX: usize = 8;
/// Payload of a FILE HEADER as written by this version; a later one may be longer.
pub const FILE_PAYLOAD: usize = 136;
/// Payload of a BLOCK HEADER, always.
pub const BLOCK_PAYLOAD: usize = 96;
/// Payload of an END, always.
pub const END_PAYLOAD: usize = 48;
/// A whole FILE HEADER frame.
pub const FILE_FRAME: usize = FRAME_PREFIX + FILE_PAYLOAD;
/// Where `file_uuid` begins in the payload of a FILE HEADER.
pub const FILE_UUID_AT: usize = 32;
/// A whole BLOCK HEADER frame.
pub const BLOCK_FRAME: usize = FRAME_PREFIX + BLOCK_PAYLOAD;
/// A whole END frame.
pub const END_FRAME: usize = FRAME_PREFIX + END_PAYLOAD;

/// Opens the payload of a FILE HEADER; the line ends catch a copy in text mode, as in PNG.
pub const MST: [u8; 8] = [0x89, b'M', b'S', b'T', 0x0D, 0x0A, 0x1A, 0x0A];
/// Opens the payload of a BLOCK HEADER.
pub const MBLK: [u8; 4] = *b"MBLK";
/// Opens the payload of an END.
pub const MEND: [u8; 4] = *b"MEND";
/// Closes the payload of an END.
pub const MSTE: [u8; 4] = *b"MSTE";

/// `format_major` of this version.
pub const FORMAT_MAJOR: u16 = 1;
/// `format_minor` of this version.
pub const FORMAT_MINOR: u16 = 0;
/// `hdr_version` of a block header.
pub const HEADER_VERSION: u8 = 1;
/// `incompat_flags`: the event bytes are big-endian.
pub const INCOMPAT_EV_BE: u64 = 1;
/// `incompat_flags`: blocks need the dictionary their header names.
pub const INCOMPAT_DICT: u64 = 2;
/// `incompat_flags`: blocks may hold differences.
pub const INCOMPAT_DELTA: u64 = 4;
/// The `incompat_flags` this version can read.
pub const INCOMPAT_KNOWN: u64 = INCOMPAT_DELTA;

/// `compat_flags`: events were left out on purpose.
pub const COMPAT_SPARSE: u64 = 1;
/// `compat_flags`: merged from several traces, each block says whose its records are.
pub const COMPAT_MERGED: u64 = 2;

/// A record is `kind u16, flags u16, len u32`, then `len` bytes.
pub const RECORD_PREFIX: usize = 8;
/// Record flag: a reader that does not know the kind must not go on.
pub const RECORD_CRITICAL: u16 = 1;

/// Longest payload of a FILE HEADER.
pub const MAX_FILE_PAYLOAD: usize = 4096;
/// Largest block before compression.
pub const MAX_RAW: usize = 8 << 20;
/// Largest block after compression.
pub const MAX_STORED: usize = compress_bound(MAX_RAW);
/// Longest body of a record.
pub const MAX_RECORD: usize = 1 << 20;

/// Most rows of an INDEX.
pub const INDEX_ROWS: usize = 1024;
/// No row of an INDEX is longer: nine varints of 64 bits and one of 32.
pub const MAX_INDEX_ROW: usize = 9 * 9 + 5;
/// Levels of INDEX blocks: so many list all the blocks that there can be.
pub const INDEX_LEVELS: u8 = 7;

/// Sources that one file may have: their numbers are below.
pub const MAX_SOURCES: u32 = 1024;
/// No SOURCE record is longer, its prefix included.
pub const MAX_SOURCE: usize = 128;

/// The most that zstd makes of `len` bytes (`ZSTD_COMPRESSBOUND`).
pub const fn compress_bound(len: usize) -> usize {
    const SMALL: usize = 128 << 10;
    let margin = if len < SMALL { (SMALL - len) >> 11 } else { 0 };
    len + (len >> 8) + margin
}

/// The `N` bytes at `at`, or `None` where `bytes` end before they do.
#[inline]
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The little-endian u16 at `at`.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

/// The little-endian u32 at `at`.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// The little-endian u64 at `at`.
#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Fills `N` bytes front to back; what is not put stays zero.
pub(crate) struct Fields<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Fields<N> {
    /// A skippable frame: its magic and the length of the rest come first.
    pub fn frame(magic: u32) -> Self {
        let rest = N.saturating_sub(FRAME_PREFIX) as u32;
        Fields { bytes: [0; N], at: 0 }.put(&magic.to_le_bytes()).put(&rest.to_le_bytes())
    }

    /// Appends `field`.
    pub fn put(mut self, field: &[u8]) -> Self {
        if let Some(room) = self.bytes.get_mut(self.at..self.at + field.len()) {
            room.copy_from_slice(field);
        }
        self.at += field.len();
        self
    }

    /// Appends the checksum of everything after the frame prefix.
    pub fn put_crc(self) -> Self {
        let sum = crc32c::crc32c(self.bytes.get(FRAME_PREFIX..self.at).unwrap_or_default());
        self.put(&sum.to_le_bytes())
    }

    /// The bytes; a layout whose fields do not add up to `N` is a mistake in this crate.
    pub fn done(self) -> [u8; N] {
        debug_assert_eq!(self.at, N, "fields add up to the frame");
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_end() {
        let bytes = [1, 2, 3, 4];
        assert_eq!(u32_at(&bytes, 0), Some(0x0403_0201));
        assert_eq!(u32_at(&bytes, 1), None);
        assert_eq!(u16_at(&bytes, usize::MAX), None);
        assert_eq!(u64_at(&bytes, 0), None);
    }

    #[test]
    fn the_bound_is_the_one_of_zstd() {
        for len in [0, 1, 1000, 128 << 10, 256 << 10, MAX_RAW] {
            assert_eq!(compress_bound(len), zstd::zstd_safe::compress_bound(len), "length {len}");
        }
    }
}
