//! Bytes from a trace in a form that is safe on a terminal: the rules of the first mountsnoop, exactly.
//! It must not know where the bytes came from.

use super::digits::HEX;

/// Printable ASCII but `"` and `\`: what stands for itself in a C string and in JSON. These two are equally far from `?`, so that
/// one comparison tells both.
#[inline]
fn stands_for_itself(byte: u8) -> bool {
    const FAR: u8 = b'?' - b'"';
    const { assert!(b'\\' - b'?' == FAR) };
    matches!(byte, 0x20..=0x7e) & (byte.abs_diff(b'?') != FAR)
}

/// Has a bit set where one of eight bytes does not stand for itself, and none where all do.
#[inline]
fn dirty(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let bytes = u64::from_le_bytes(bytes);
    // The highest bit of a byte: of one beyond ASCII or 0x7f, below 0x20, `"`, `\`. What a byte borrows from the next, it
    // borrows because it is one of these itself.
    let (control, beyond) = (bytes.wrapping_sub(ONES * 0x20), bytes | bytes.wrapping_add(ONES));
    let quote = (bytes ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (bytes ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control | beyond | quote | backslash) & (ONES << 7)
}

/// Whether sixteen bytes all stand for themselves, in a form that becomes a few instructions for all of them.
#[inline]
fn all_stand(bytes: &[u8; 16]) -> bool {
    bytes.iter().fold(true, |all, &byte| all & stands_for_itself(byte))
}

/// Whether nothing in `bytes` needs escaping: many at a time, the last of them perhaps again.
#[inline]
pub fn is_clean(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        let (chunks, _) = bytes.as_chunks();
        return chunks.iter().all(all_stand) && all_stand(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return dirty(*first) | dirty(*last) == 0;
    }
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(&[a, b, c, d]), Some(&[e, f, g, h])) => dirty([a, b, c, d, e, f, g, h]) == 0,
        _ => bytes.iter().all(|&byte| stands_for_itself(byte)),
    }
}

/// Has the highest bit of each of eight bytes set that is `byte`, and no other.
#[inline]
fn equal(bytes: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    let difference = bytes ^ u64::from_le_bytes([byte; 8]);
    !(((difference & LOW) + LOW) | difference | LOW)
}

/// Up to eight bytes, and zeros behind them.
#[inline]
fn eight(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        whole
    }))
}

/// Whether one of these, which 0 must not be, stands in `bytes`.
#[inline]
pub fn has_any<const N: usize>(bytes: &[u8], of: [u8; N]) -> bool {
    let found = |bytes: u64| of.iter().fold(0, |any, byte| any | equal(bytes, *byte)) != 0;
    bytes.chunks(8).any(|chunk| found(eight(chunk)))
}

/// Appends `bytes` with each that is `twice`, which 0 must not be, written twice: eight at a time, without a branch for each.
pub fn double(out: &mut Vec<u8>, bytes: &[u8], twice: u8) {
    const STEP: usize = 8;
    const PIECE: usize = 8 * STEP;
    // Twice as many at most, and what is written behind them, which what follows is written over. Any u8 is a place in it.
    let mut to = [0; u8::MAX as usize + STEP];
    for piece in bytes.chunks(PIECE) {
        let mut at = 0_u8;
        for chunk in piece.chunks(STEP) {
            let mut rest = eight(chunk);
            let (mut found, mut left) = (equal(rest, twice), chunk.len() as u8);
            while found != 0 {
                put(&mut to, at, rest);
                // It is written, and comes first in what is left, where it is looked at no more.
                let before = found.trailing_zeros() / 8;
                (at, left) = (at + before as u8 + 1, left - before as u8);
                (rest, found) = (rest >> (8 * before), found >> (8 * before) & !0xff);
            }
            put(&mut to, at, rest);
            at += left;
        }
        out.extend_from_slice(&to[..usize::from(at)]);
    }
}

#[inline]
fn put(to: &mut [u8; u8::MAX as usize + 8], at: u8, bytes: u64) {
    let at = usize::from(at);
    to[at..at + 8].copy_from_slice(&bytes.to_le_bytes());
}

/// Where text is put, whose `"` and `\\` may have to be more there.
pub trait Within {
    /// A `"`.
    const QUOTE: &'static [u8];
    /// A `\\`.
    const BACKSLASH: &'static [u8];
}

/// Text of its own.
#[derive(Debug)]
pub enum Alone {}
/// A string of JSON.
#[derive(Debug)]
pub enum JsonString {}
/// A field of CSV that is in quotes.
#[derive(Debug)]
pub enum CsvField {}

impl Within for Alone {
    const QUOTE: &'static [u8] = b"\"";
    const BACKSLASH: &'static [u8] = b"\\";
}

impl Within for JsonString {
    const QUOTE: &'static [u8] = b"\\\"";
    const BACKSLASH: &'static [u8] = b"\\\\";
}

impl Within for CsvField {
    const QUOTE: &'static [u8] = b"\"\"";
    const BACKSLASH: &'static [u8] = b"\\";
}

/// Appends `bytes` escaped as in a C string, without the quotes.
#[inline(always)]
pub fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    escape_within::<Alone>(out, bytes);
}

#[inline(always)]
fn escape_within<W: Within>(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_clean(bytes) {
        return out.extend_from_slice(bytes);
    }
    escape_each::<W>(out, bytes);
}

/// The same, a byte at a time: apart, so that it costs nothing where there is nothing to escape.
#[cold]
fn escape_each<W: Within>(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| !stands_for_itself(byte)) {
        out.extend_from_slice(&rest[..at]);
        escape_byte::<W>(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends `bytes` escaped and in quotes.
pub fn quote<W: Within>(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(W::QUOTE);
    escape_within::<W>(out, bytes);
    out.extend_from_slice(W::QUOTE);
}

/// Appends every byte in hex and the whole in quotes: bytes that are no text do not become any by chance.
pub fn quote_hex<W: Within>(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(W::QUOTE);
    for &byte in bytes {
        hex_byte::<W>(out, byte);
    }
    out.extend_from_slice(W::QUOTE);
}

fn hex_byte<W: Within>(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(W::BACKSLASH);
    out.extend([b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Appends a task's name as the first mountsnoop printed it: quotes and backslashes stay, what a terminal could obey does not.
pub fn escape_name(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_clean(bytes) {
        return out.extend_from_slice(bytes);
    }
    for &byte in bytes {
        match byte {
            0x20..=0x7e => out.push(byte),
            _ => escape_byte::<Alone>(out, byte),
        }
    }
}

/// Whether a terminal or an editor obeys a character rather than show it: controls (C1 too, which are valid UTF-8) and
/// those that reorder or break lines.
pub fn is_obeyed(character: char) -> bool {
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    character.is_control() || reorders
}

#[cold]
fn escape_byte<W: Within>(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        0x07 => b'a',
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0b => b'v',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => {
            out.extend_from_slice(W::BACKSLASH);
            return out.extend_from_slice(if byte == b'"' { W::QUOTE } else { W::BACKSLASH });
        }
        _ => return hex_byte::<W>(out, byte),
    };
    out.extend_from_slice(W::BACKSLASH);
    out.push(letter);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        quote::<Alone>(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_control_character_prints_as_the_seed_prints_it() {
        let want = concat!(
            r"\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f",
            r"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
        );
        assert_eq!(quoted(&(0..0x20).collect::<Vec<u8>>()), format!("\"{want}\""));
        assert_eq!(quoted(b"\x7f"), r#""\x7f""#);
    }

    #[test]
    fn quotes_and_backslashes_are_escaped_and_the_rest_of_ascii_is_not() {
        assert_eq!(quoted(br#"a"b\c"#), r#""a\"b\\c""#);
        let plain: Vec<u8> = (0x20..=0x7e).filter(|b| !br#""\"#.contains(b)).collect();
        assert_eq!(quoted(&plain), format!("\"{}\"", String::from_utf8(plain.clone()).unwrap()));
    }

    #[test]
    fn bytes_beyond_ascii_are_hex_even_where_they_are_utf8() {
        assert_eq!(quoted("é\u{202e}".as_bytes()), r#""\xc3\xa9\xe2\x80\xae""#);
        assert_eq!(quoted(&[0x80, 0xff]), r#""\x80\xff""#);
    }

    #[test]
    fn every_byte_at_every_place_of_a_text_of_any_length_is_looked_at() {
        for length in 1..70 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    let clean = matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
                    assert_eq!(is_clean(&text), clean, "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(is_clean(b""));
    }

    #[test]
    fn what_is_to_be_doubled_is_and_nothing_else() {
        let doubled = |text: &[u8]| {
            let (mut out, mut want) = (b"before".to_vec(), b"before".to_vec());
            double(&mut out, text, b'"');
            for byte in text {
                want.extend((*byte == b'"').then_some(b'"'));
                want.push(*byte);
            }
            assert_eq!(out, want, "{}", text.escape_ascii());
        };
        for length in 0..100 {
            doubled("a\"\\\"b".repeat(length).as_bytes());
            doubled(&vec![b'"'; length]);
        }
        for (at, byte) in (0..20).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut text = vec![b'"'; 20];
            text[at] = byte;
            doubled(&text);
        }
    }

    /// Each byte alone and among others, and in hex.
    #[test]
    fn within_json_and_csv_text_reads_back_as_it_is_alone() {
        fn both<W: Within>(bytes: &[u8]) -> Vec<u8> {
            let mut out = b"\"".to_vec();
            quote::<W>(&mut out, bytes);
            quote_hex::<W>(&mut out, bytes);
            out.push(b'"');
            out
        }
        for byte in 0..=255 {
            for bytes in [vec![byte], [b"/some/longer \"path\\".as_slice(), &[byte], b"end"].concat()] {
                let alone = both::<Alone>(&bytes);
                let alone = str::from_utf8(&alone[1..alone.len() - 1]).unwrap();
                let json = both::<JsonString>(&bytes);
                assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), alone);
                let csv = both::<CsvField>(&bytes);
                let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&csv[..]);
                let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
                assert_eq!(rows, [csv::StringRecord::from(vec![alone])]);
            }
        }
    }

    #[test]
    fn a_classic_name_keeps_its_quotes_and_loses_its_escape_sequences() {
        let mut out = Vec::new();
        escape_name(&mut out, b"a\"b\\c\x1b[2J");
        assert_eq!(out, br#"a"b\c\x1b[2J"#);
    }
}
