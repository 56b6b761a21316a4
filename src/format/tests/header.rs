//! Each header against literal bytes: every field has its place, and no byte may be wrong.

use crate::format::*;

/// The frame with its fields counted up from `first`, and the checksum at `crc_at` of the payload.
fn counted(prefix: &[u8], len: usize, crc_at: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
    payload[..prefix.len() - 8].copy_from_slice(&prefix[8..]);
    seal(&mut payload, crc_at);
    [&prefix[..8], &payload].concat()
}

fn seal(payload: &mut [u8], crc_at: usize) {
    let sum = crc32c::crc32c(&payload[..crc_at]);
    payload[crc_at..crc_at + 4].copy_from_slice(&sum.to_le_bytes());
}

fn u64_from(first: u8) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|n| first + n as u8))
}

#[test]
fn every_field_of_a_file_header_has_its_place() {
    let prefix = b"\x5A\x2A\x4D\x18\x88\0\0\0\x89MST\r\n\x1A\n\x01\0\0\0\x88\0\0\0";
    let mut bytes = counted(prefix, 136, 132);
    bytes[8 + 120..8 + 132].fill(0);
    seal(&mut bytes[8..], 132);
    let header = FileHeader::decode(&bytes).unwrap();
    assert_eq!((header.format_major, header.format_minor), (1, 0));
    assert_eq!((header.incompat, header.compat), (u64_from(16), u64_from(24)));
    assert_eq!((header.file_uuid[0], header.session_uuid[15]), (32, 63));
    assert_eq!((header.segment_index, header.max_block_raw), (0x4342_4140, 0x4746_4544));
    assert_eq!((header.created_realtime_ns as u64, header.created_boottime_ns), (u64_from(72), u64_from(80)));
    assert_eq!((header.boot_id[0], header.host_id[0], header.file_tag()), (88, 104, u64_from(32)));
    assert_eq!(header.encode()[..], bytes);
}

#[test]
fn a_longer_file_header_is_read_and_one_that_lies_is_not() {
    let prefix = b"\x5A\x2A\x4D\x18\xA0\0\0\0\x89MST\r\n\x1A\n\x01\0\x05\0\xA0\0\0\0";
    let bytes = counted(prefix, 160, 132);
    assert_eq!(FileHeader::decode(&bytes).map(|h| h.format_minor), Some(5));
    assert_eq!(FileHeader::decode(&bytes[..bytes.len() - 1]), None);
    let mut lie = counted(prefix, 160, 132);
    lie[20] = 136;
    seal(&mut lie[8..], 132);
    assert_eq!(FileHeader::decode(&lie), None, "two lengths that differ");
}

#[test]
fn every_field_of_a_block_header_has_its_place() {
    let mut bytes = counted(b"\x5B\x2A\x4D\x18\x60\0\0\0MBLK\x01", 96, 92);
    bytes[8 + 24..8 + 32].copy_from_slice(&[0, 2, 0, 0, 0, 1, 0, 0]);
    bytes[8 + 80..8 + 88].fill(0);
    seal(&mut bytes[8..], 92);
    let header = BlockHeader::decode(&bytes).unwrap();
    assert_eq!((header.block_type, header.flags, header.raw_len, header.stored_len), (5, 0x0706, 512, 256));
    assert_eq!((header.file_tag, header.block_seq), (u64_from(8), u64_from(16)));
    assert_eq!((header.record_count, header.event_count), (0x2322_2120, 0x2726_2524));
    assert_eq!((header.ts_min, header.ts_max), (u64_from(40), u64_from(48)));
    assert_eq!((header.event_index_base, header.lost_total), (u64_from(56), u64_from(64)));
    assert_eq!((header.op_mask, header.stored_crc), (u64_from(72), 0x5B5A_5958));
    assert_eq!(header.encode()[..], bytes);
}

#[test]
fn every_field_of_an_end_has_its_place() {
    let mut bytes = counted(b"\x5C\x2A\x4D\x18\x30\0\0\0MEND", 48, 40);
    bytes[52..].copy_from_slice(b"MSTE");
    let end = End::decode(&bytes).unwrap();
    assert_eq!((end.flags, end.file_tag, end.index_offset), (0x0706_0504, u64_from(8), u64_from(16)));
    assert_eq!((end.index_len, end.total_events), (u64_from(24), u64_from(32)));
    assert_eq!(end.encode()[..], bytes);
}

#[test]
fn any_flipped_byte_unmakes_a_header() {
    let end = End { file_tag: 7, total_events: 9, ..End::default() }.encode();
    let block = BlockHeader { file_tag: 7, ..BlockHeader::default() }.encode();
    for at in 0..wire::END_FRAME {
        let mut bytes = end;
        bytes[at] ^= 0x10;
        assert_eq!(End::decode(&bytes), None, "byte {at}");
    }
    for at in 0..wire::BLOCK_FRAME {
        let mut bytes = block;
        bytes[at] ^= 0x10;
        assert_eq!(BlockHeader::decode(&bytes), None, "byte {at}");
    }
}
