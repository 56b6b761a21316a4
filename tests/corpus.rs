//! Replays what fuzzing has kept (fuzz/corpus): where nobody fuzzes, its findings still count.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
pub mod targets;

/// The inputs of a target, kept and, where MOUNTSNOOP_CORPUS names a directory, those of that corpus too.
pub fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let more = std::env::var_os("MOUNTSNOOP_CORPUS").map(PathBuf::from);
    let mut inputs = Vec::new();
    for dir in [Some(kept), more].into_iter().flatten().map(|corpus| corpus.join(target)) {
        let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            inputs.push((path, bytes));
        }
    }
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_breaks_no_promise() {
    for (name, target) in targets::TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "nothing is kept of the target {name}");
        for (path, bytes) in inputs {
            let ran = std::panic::catch_unwind(|| target(&bytes));
            assert!(ran.is_ok(), "the target {name} fails on {}", path.display());
        }
    }
}

#[test]
fn the_targets_see_what_they_should() {
    // A trace of one event that holds a number of two bytes: the view must not be asked about it.
    let block = [&[0x10, 0, 0, 0, 2, 0, 0, 0, 9, 9][..], &[0x01, 0x7f, 0, 0, 0, 0, 0, 0]].concat();
    let mut input = vec![0, block.len() as u8, 0];
    input.extend_from_slice(&block);
    targets::blocks(&input);
    assert!(targets::trace(&input[1..], 0).starts_with(&0x184D_2A5A_u32.to_le_bytes()));
    assert!(std::panic::catch_unwind(|| targets::is_printable(b"\x1b[2J")).is_err());
    assert!(std::panic::catch_unwind(|| targets::is_json(b"{")).is_err());
}
