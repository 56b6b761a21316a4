//! From the stored bytes of a block to its records' bytes, trusting nothing.
//! Must not know where the bytes came from; needs no state but its buffers, so blocks can be decompressed in parallel.

use std::ops::Range;

use zstd::{bulk, zstd_safe};

use super::damage::DamageReason;
use super::delta;
use super::header::{self, BlockHeader};
use super::wire;

/// Window that any block of legal size fits in, as a power of two.
const WINDOW_LOG: u32 = wire::MAX_RAW.ilog2();

/// A decompression context, to be used again for each block.
pub struct Decompressor {
    zstd: bulk::Decompressor<'static>,
    /// What the frame of a block holds, where that is not its records.
    content: Vec<u8>,
}

impl Decompressor {
    /// Fails where there is no memory for it.
    pub fn new() -> std::io::Result<Self> {
        Decompressor::with_capacity(0)
    }

    /// With room for so many bytes of what a frame holds.
    pub(crate) fn with_capacity(content: usize) -> std::io::Result<Self> {
        let mut context = bulk::Decompressor::new()?;
        context.set_parameter(zstd_safe::DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Decompressor { zstd: context, content: Vec::with_capacity(content) })
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decompressor")
    }
}

/// Checks `stored` against the checksum of its header, as a scanner does before it hands out a block.
pub fn check(header: &BlockHeader, stored: &[u8]) -> Result<(), DamageReason> {
    let found = crc32c::crc32c(stored);
    if found != header.stored_crc {
        return Err(DamageReason::BadChecksum { expected: header.stored_crc, found });
    }
    Ok(())
}

/// Replaces `raw` by the records of a block.
///
/// The checksum comes first, so that damaged bytes never reach the decompressor; memory is asked for only after the
/// limits have been checked.
pub fn decompress(
    header: &BlockHeader,
    stored: &[u8],
    context: &mut Decompressor,
    raw: &mut Vec<u8>,
) -> Result<(), DamageReason> {
    let opened = check(header, stored)
        .and_then(|()| open(header, stored, context, raw).map_err(DamageReason::BadFrame));
    if opened.is_err() {
        raw.clear();
    }
    opened
}

fn open(
    header: &BlockHeader,
    stored: &[u8],
    context: &mut Decompressor,
    raw: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let Decompressor { zstd, content } = context;
    let len = u64::from(header.raw_len);
    if header.flags & header::DELTA == 0 {
        return unzstd(header, stored, len..len + 1, zstd, raw);
    }
    unzstd(header, stored, 0..len, zstd, content)?;
    delta::decode(content, header.raw_len as usize, raw).ok_or("its differences are not those of its records")
}

/// Replaces `to` by what a frame holds. `sizes`: how many bytes it may have.
fn unzstd(
    header: &BlockHeader,
    stored: &[u8],
    sizes: Range<u64>,
    context: &mut bulk::Decompressor<'static>,
    to: &mut Vec<u8>,
) -> Result<(), &'static str> {
    if wire::u32_at(stored, 0) != Some(wire::ZSTD_MAGIC) {
        return Err("it is not a zstd frame");
    }
    if stored.len() != header.stored_len as usize
        || zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len())
    {
        return Err("it is not exactly one zstd frame");
    }
    let announced = zstd_safe::get_frame_content_size(stored).ok().flatten();
    let Some(size) =
        announced.filter(|size| header.raw_len as usize <= wire::MAX_RAW && sizes.contains(size))
    else {
        return Err("its size is not the one in its header");
    };
    to.clear();
    to.reserve_exact(size as usize);
    match context.decompress_to_buffer(stored, to) {
        Ok(written) if written as u64 == size => Ok(()),
        _ => Err("zstd rejects it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(raw: &[u8]) -> (BlockHeader, Vec<u8>) {
        let stored = zstd::bulk::compress(raw, 1).unwrap();
        let header = BlockHeader {
            raw_len: raw.len() as u32,
            stored_len: stored.len() as u32,
            stored_crc: crc32c::crc32c(&stored),
            ..Default::default()
        };
        (header, stored)
    }

    fn outcome(header: &BlockHeader, stored: &[u8]) -> Result<Vec<u8>, DamageReason> {
        let header = BlockHeader { stored_crc: crc32c::crc32c(stored), ..*header };
        let mut raw = b"old".to_vec();
        decompress(&header, stored, &mut Decompressor::new().unwrap(), &mut raw).map(|()| raw)
    }

    #[test]
    fn a_block_comes_back_as_it_was() {
        let (header, stored) = block(b"some records");
        assert_eq!(outcome(&header, &stored), Ok(b"some records".to_vec()));
    }

    #[test]
    fn a_wrong_checksum_stops_before_the_decompressor() {
        let (mut header, stored) = block(b"some records");
        header.stored_crc ^= 1;
        let result = decompress(&header, &stored, &mut Decompressor::new().unwrap(), &mut Vec::new());
        let found = header.stored_crc ^ 1;
        assert_eq!(result, Err(DamageReason::BadChecksum { expected: header.stored_crc, found }));
    }

    #[test]
    fn anything_but_one_frame_of_the_right_size_is_refused() {
        let (header, stored) = block(b"some records");
        let wrong_size = BlockHeader { raw_len: header.raw_len - 1, ..header };
        assert_eq!(
            outcome(&wrong_size, &stored),
            Err(DamageReason::BadFrame("its size is not the one in its header"))
        );
        let (empty, skippable) =
            (BlockHeader { raw_len: 0, stored_len: 8, ..header }, b"\x50\x2A\x4D\x18\0\0\0\0");
        assert_eq!(outcome(&empty, skippable), Err(DamageReason::BadFrame("it is not a zstd frame")));
        let twice = [stored.clone(), stored].concat();
        let longer = BlockHeader { stored_len: twice.len() as u32, ..header };
        assert_eq!(outcome(&longer, &twice), Err(DamageReason::BadFrame("it is not exactly one zstd frame")));
    }

    #[test]
    fn a_frame_that_claims_terabytes_costs_no_memory() {
        // Single segment, 8-byte content size of 2^40, one empty raw block.
        let stored = b"\x28\xB5\x2F\xFD\xE0\0\0\0\0\0\x01\0\0\x01\0\0";
        let header = BlockHeader { raw_len: u32::MAX, stored_len: stored.len() as u32, ..Default::default() };
        assert!(outcome(&header, stored).is_err());
    }
}
