//! A trace that grows, one that was closed, and one whose recorder died are told apart, at every byte.

use std::fs::File;
use std::io::Write;

use super::sample::*;
use crate::format::*;

/// A file with these bytes, and two openings of it: of its recorder, who holds the lock, and of a reader.
fn recorded(bytes: &[u8]) -> (tempfile::NamedTempFile, File) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let recorder = File::options().append(true).open(file.path()).unwrap();
    assert!(lock::hold(&recorder).unwrap());
    (file, recorder)
}

/// Reads on until there is no more for now; what is new, and where that leaves us.
fn more(reader: &mut Reader) -> (Seen, State) {
    let mut seen = Seen::default();
    seen.take(reader);
    (seen, reader.state())
}

#[test]
fn a_trace_that_is_cut_at_any_byte_while_it_is_recorded_is_not_damaged() {
    let bytes = trace(0xA0);
    let at = frames(&bytes);
    let end = bytes.len() - wire::END_FRAME;
    for len in 0..bytes.len() {
        let (file, mut recorder) = recorded(&bytes[..len]);
        let mut reader = Reader::from_file(file.reopen().unwrap()).unwrap();
        let (first, state) = more(&mut reader);
        // Blocks 2 to 4 of the frames hold two events each.
        let whole = at[2..5].iter().zip(&at[3..6]).filter(|(_, end)| **end <= len).count() as u64;
        assert_eq!(first.numbers(), (0..2 * whole).collect::<Vec<_>>(), "{len} of {end} bytes: {first:#?}");
        assert_eq!((first.damages.len(), first.error.as_ref(), state), (0, None, State::Live), "{len} bytes");
        let (nothing, state) = more(&mut reader);
        assert_eq!((nothing, state), (Seen::default(), State::Live), "{len} bytes, looked at again");
        recorder.write_all(&bytes[len..]).unwrap();
        drop(recorder);
        let (rest, state) = more(&mut reader);
        let both = [first.numbers(), rest.numbers()].concat();
        assert_eq!(
            (both, rest.damages.len(), state),
            (vec![0, 1, 2, 3, 4, 5], 0, State::Closed),
            "{len} bytes"
        );
    }
}

#[test]
fn what_a_dead_recorder_left_in_the_middle_of_a_block_is_a_torn_tail() {
    let bytes = trace(0xA0);
    let at = frames(&bytes);
    for (len, reasons) in [
        (at[4], vec![]),
        (at[4] + 50, vec![DamageReason::TornTail]),
        (at[4] + 120, vec![DamageReason::TornTail]),
    ] {
        let (file, recorder) = recorded(&bytes[..len]);
        let mut reader = Reader::from_file(file.reopen().unwrap()).unwrap();
        let (first, state) = more(&mut reader);
        assert_eq!((first.numbers(), state), (vec![0, 1, 2, 3], State::Live));
        drop(recorder);
        let (rest, state) = more(&mut reader);
        let found: Vec<_> = rest.reasons().into_iter().cloned().collect();
        assert_eq!((rest.numbers(), found, state), (vec![], reasons, State::Crashed), "{len} bytes");
    }
}

#[test]
fn a_recorder_that_closes_while_we_look_is_not_taken_for_dead() {
    let bytes = trace(0xA0);
    for round in 0..200 {
        let (file, mut recorder) = recorded(&[]);
        let writing = std::thread::spawn({
            let bytes = bytes.clone();
            move || bytes.chunks(97 + round).for_each(|chunk| recorder.write_all(chunk).unwrap())
        });
        let mut reader = Reader::from_file(file.reopen().unwrap()).unwrap();
        let mut seen = Seen::default();
        while matches!(reader.state(), State::Reading | State::Live) {
            seen.take(&mut reader);
        }
        writing.join().unwrap();
        assert_eq!(
            (reader.state(), seen.numbers().len(), seen.damages.len()),
            (State::Closed, 6, 0),
            "{seen:#?}"
        );
    }
}

#[test]
fn of_a_pipe_nobody_can_know() {
    let bytes = trace(0xA0);
    let cut = bytes[..frames(&bytes)[4]].to_vec();
    let mut reader = Reader::from_reader(Box::new(std::io::Cursor::new(cut))).unwrap();
    assert_eq!(more(&mut reader).1, State::Cut);
}
