//! The worked example of docs/FORMAT.md is what the writer writes.

use super::sample::{clock, identity, read};
use crate::format::*;

const SPEC: &str = include_str!("../../../docs/FORMAT.md");

/// `umount2("/mnt", MNT_DETACH)`, as `bpf/event.h` has it.
fn events() -> [Vec<u8>; 2] {
    let common = |header_len: u8, phase: u8, time: u8| {
        let mut bytes = vec![header_len, 0, 2, 0, phase, 0, 0, 0];
        for field in [u64::from(time), u64::from(phase) - 1] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for field in [0_u32, 77, 77, 0xF000_0000] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes
    };
    let mut enter = common(80, 1, 100);
    for field in [1_u32, 0, 0, 0] {
        enter.extend_from_slice(&field.to_le_bytes());
    }
    enter.extend_from_slice(&9_u64.to_le_bytes());
    enter.extend_from_slice(b"umount\0\0\0\0\0\0\0\0\0\0");
    enter.extend_from_slice(b"\x02\0\0\0\x04\0\0\0/mnt");
    enter.extend_from_slice(b"\x01\x01\0\0\x08\0\0\0\x02\0\0\0\0\0\0\0");
    let mut exit = common(48, 2, 150);
    exit.extend_from_slice(&[0; 8]);
    [enter, exit]
}

fn example() -> Vec<u8> {
    let metadata = Metadata { tool_version: "0.1.0".to_owned(), cpus: 2, level: 1, ..Metadata::default() };
    let mut writer =
        Writer::new(Vec::new(), WriterOptions::default(), identity(0xA0), &metadata, &clock(5)).unwrap();
    for (event, time_ns) in events().iter().zip([100, 150]) {
        writer.event(&EventInfo { time_ns, op_bit: 2, failed: false, incomplete: false }, event).unwrap();
    }
    let cpus = vec![CpuStats { cpu: 0, seen: 2, ring_full: 0 }];
    let stopped_by = "SIGINT".to_owned();
    let stats = RecorderStats { seen: 2, sent: 2, written: 2, cpus, stopped_by, ..RecorderStats::default() };
    writer.finish(&stats, &clock(6)).unwrap().0
}

fn dump(bytes: &[u8]) -> String {
    let line = |(n, row): (usize, &[u8])| {
        let hex: Vec<_> = row.iter().map(|b| format!("{b:02x}")).collect();
        let text: String = row.iter().map(|b| if b.is_ascii_graphic() { *b as char } else { '.' }).collect();
        format!("{:04x}  {:47}  {text}\n", n * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[test]
fn the_document_shows_what_the_writer_writes() {
    let bytes = example();
    let expected = dump(&bytes);
    let shown =
        SPEC.split_once("```hexdump\n").and_then(|(_, rest)| rest.split_once("```")).map(|(dump, _)| dump);
    let places: Vec<_> = super::sample::frames(&bytes).iter().map(|at| format!("{at:#x}")).collect();
    assert!(shown == Some(&expected), "docs/FORMAT.md should show, with frames at {places:?}:\n{expected}");
    for place in &places[..6] {
        assert!(SPEC.contains(&format!("`{place}`")), "docs/FORMAT.md does not name the frame at {place}");
    }
}

#[test]
fn the_example_is_a_clean_trace_of_two_events() {
    let seen = read(&example());
    assert_eq!((&seen.events[..], seen.clean), (&events()[..], true), "{seen:#?}");
}
