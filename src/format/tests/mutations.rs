//! Several things go wrong at once: cuts, holes, repeats, zeroes, and headers that lie under a valid checksum.

use std::io::{Cursor, Seek, Write};

use super::sample::*;
use crate::format::*;

/// The same numbers in every run, so that a failure can be looked at (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let to = (at + dice.below(400)).min(bytes.len());
    match dice.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let (again, place) = (bytes[at..to].to_vec(), dice.below(bytes.len() + 1));
            drop(bytes.splice(place..place, again));
        }
        4 => drop(bytes.splice(at..at, vec![0; dice.below(500)])),
        _ => lie(bytes, dice),
    }
}

/// Changes a byte of a block header and makes its checksum right again.
fn lie(bytes: &mut [u8], dice: &mut Dice) {
    let is_header = |at: &usize| {
        BlockHeader::decode(bytes.get(*at..*at + wire::BLOCK_FRAME).unwrap_or_default()).is_some()
    };
    let headers: Vec<usize> = (0..bytes.len()).filter(is_header).collect();
    if let Some(at) = headers.get(dice.below(headers.len())) {
        let payload = &mut bytes[at + 8..at + wire::BLOCK_FRAME];
        payload[5 + dice.below(83)] = dice.below(256) as u8;
        let sum = crc32c::crc32c(&payload[..92]);
        payload[92..].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn whatever_goes_wrong_nothing_is_invented() {
    let intact = [trace(0xA0), trace(0xD0)].concat();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut file = tempfile::tempfile().unwrap();
    for round in 0..2000 {
        let mut bytes = intact.clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut bytes, &mut dice);
        }
        let seen = read(&bytes);
        assert!(!seen.numbers().contains(&u64::MAX), "round {round}: {seen:#?}");
        assert!(!seen.clean || seen.events.len() == 6 * seen.ends, "round {round}: {seen:#?}");
        assert!(seen.error.is_none() || seen.starts.is_empty(), "round {round}: {seen:#?}");
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let from_file = take(Reader::from_file(file.try_clone().unwrap()).unwrap());
        assert_eq!(from_file, seen, "round {round}: a file and a pipe differ");
        file.rewind().unwrap();
        let headers = Scanner::from_file(file.try_clone().unwrap(), Wanted::Nothing).unwrap();
        let piped = Scanner::from_reader(Box::new(Cursor::new(bytes)), Wanted::Nothing);
        assert_eq!(all_frames(headers), all_frames(piped), "round {round}: headers only");
    }
}
