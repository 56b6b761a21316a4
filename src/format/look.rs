//! Recognises a frame, and finds the next one in bytes that cannot be read.
//! Must not know what happens to it.

use std::io;

use memchr::memmem::Finder;

use super::header::{BlockHeader, End, FileHeader};
use super::source::Window;
use super::track::{Head, Track};
use super::wire::{self, u32_at};

/// What stands at the start of a window.
pub(crate) enum Look {
    Head(Head),
    /// The input ends inside something that begins like a frame.
    Torn,
    /// Not a frame; whether it begins like one.
    Bad(bool),
    Eof,
}

/// Bytes that open every frame, before those that differ. `None` is any byte.
const ANY: Option<u8> = None;
const OPENINGS: [[Option<u8>; 12]; 3] = [
    opening(wire::FILE_MAGIC, None, [wire::MST[0], wire::MST[1], wire::MST[2], wire::MST[3]]),
    opening(wire::BLOCK_MAGIC, Some(wire::BLOCK_PAYLOAD as u8), wire::MBLK),
    opening(wire::END_MAGIC, Some(wire::END_PAYLOAD as u8), wire::MEND),
];

const fn opening(magic: u32, len: Option<u8>, name: [u8; 4]) -> [Option<u8>; 12] {
    let m = magic.to_le_bytes();
    let rest = if len.is_some() { Some(0) } else { ANY };
    let [n0, n1, n2, n3] = name;
    let len = [len, rest, rest, rest];
    [
        Some(m[0]),
        Some(m[1]),
        Some(m[2]),
        Some(m[3]),
        len[0],
        len[1],
        len[2],
        len[3],
        Some(n0),
        Some(n1),
        Some(n2),
        Some(n3),
    ]
}

/// Whether `bytes`, as far as they go, are how a frame begins.
fn begins(bytes: &[u8]) -> bool {
    OPENINGS
        .iter()
        .any(|opening| opening.iter().zip(bytes).all(|(want, have)| want.is_none_or(|w| w == *have)))
}

/// Looks at the start of the window.
pub(crate) fn look(window: &mut Window) -> io::Result<Look> {
    window.fill(12)?;
    let bytes = window.get();
    if bytes.is_empty() {
        return Ok(Look::Eof);
    }
    if !begins(bytes) {
        return Ok(Look::Bad(false));
    }
    let (Some(magic), Some(len)) = (u32_at(bytes, 0), u32_at(bytes, 4)) else {
        return Ok(Look::Torn);
    };
    let len = len as usize;
    // The length of the others is part of how they begin.
    if magic == wire::FILE_MAGIC && !(wire::FILE_PAYLOAD..=wire::MAX_FILE_PAYLOAD).contains(&len) {
        return Ok(Look::Bad(true));
    }
    let len = wire::FRAME_PREFIX + len;
    if !window.fill(len)? {
        return Ok(Look::Torn);
    }
    let frame = window.get().get(..len).unwrap_or_default();
    let head = match magic {
        wire::FILE_MAGIC => FileHeader::decode(frame).map(|header| Head::File(Box::new(header), len)),
        wire::BLOCK_MAGIC => BlockHeader::decode(frame).map(Head::Block),
        _ => End::decode(frame).map(Head::End),
    };
    Ok(head.map_or(Look::Bad(true), Look::Head))
}

/// The bytes that the three magics share, after their first.
const COMMON: [u8; 3] = [0x2A, 0x4D, 0x18];

/// A file whose first recognisable frame comes later than this is no trace: one block and a header fit in twice.
const FIRST_FRAME_WITHIN: u64 = 2 * wire::MAX_RAW as u64;

/// Moves the window forward, `from` bytes at least, to the next frame where reading can go on.
/// Without one it ends up at the end. Also says whether all that was passed was zero.
pub(crate) fn search(window: &mut Window, track: &Track, from: usize) -> io::Result<(Option<Head>, bool)> {
    let finder = Finder::new(&COMMON);
    let begin = window.offset();
    let mut zeroes = true;
    pass(window, from, &mut zeroes);
    while window.fill(COMMON.len() + 1)? {
        if track.nothing_yet() && window.offset() - begin > FIRST_FRAME_WITHIN {
            return Ok((None, zeroes));
        }
        let bytes = window.get();
        let after_first = bytes.get(1..).unwrap_or_default();
        // Three bytes stay: a magic may go on in what is read next.
        let Some(at) = finder.find(after_first) else {
            pass(window, bytes.len() - COMMON.len(), &mut zeroes);
            continue;
        };
        pass(window, at, &mut zeroes);
        if let Look::Head(head) = look(window)?
            && track.resumes(&head, true)
        {
            return Ok((Some(head), zeroes));
        }
        pass(window, 1, &mut zeroes);
    }
    pass(window, window.get().len(), &mut zeroes);
    Ok((None, zeroes))
}

fn pass(window: &mut Window, by: usize, zeroes: &mut bool) {
    *zeroes = *zeroes && window.get().iter().take(by).all(|b| *b == 0);
    window.advance(by);
}
