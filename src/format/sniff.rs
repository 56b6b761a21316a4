//! Says what a file that holds no trace looks like, since "bad magic" helps nobody.

use std::fmt;

use super::wire;

/// What the first bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looks {
    /// There are no bytes.
    Empty,
    /// Only zero bytes, as after a power failure.
    Zeroes,
    /// Something with a well-known beginning.
    Known(&'static str),
    /// The records of a trace, decompressed.
    Records,
    /// Text.
    Text,
    /// Other bytes.
    Binary,
}

/// Beginnings worth naming: what users have at hand when they pick the wrong file.
const KNOWN: [(&[u8], &str); 16] = [
    (b"PERFILE2", "a perf.data file"),
    (b"\x17\x08\x44tracing", "a trace-cmd file"),
    (b"\x89MCAP0", "an MCAP file"),
    (b"\x89MST", "a trace whose first 8 bytes are missing"),
    (&[0x28, 0xB5, 0x2F, 0xFD], "zstd data without a trace header"),
    (&[0x1F, 0x8B], "gzip data"),
    (&[0xFD, b'7', b'z', b'X', b'Z'], "xz data"),
    (b"BZh", "bzip2 data"),
    (b"PK\x03\x04", "a zip archive"),
    (&[0x0A, 0x0D, 0x0D, 0x0A], "a pcapng or sysdig capture"),
    (&[0xD4, 0xC3, 0xB2, 0xA1], "a pcap capture"),
    (&[0xA1, 0xB2, 0xC3, 0xD4], "a pcap capture"),
    (&[0x4D, 0x3C, 0xB2, 0xA1], "a pcap capture"),
    (b"\x7FELF", "a program (ELF)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
];

/// Judges by the first bytes of a file that holds no trace.
pub(crate) fn looks_like(head: &[u8]) -> Looks {
    if head.is_empty() {
        return Looks::Empty;
    }
    if head.iter().all(|b| *b == 0) {
        return Looks::Zeroes;
    }
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Looks::Known(name);
    }
    let metadata = wire::u32_at(head, 0) == Some(u32::from(super::record::METADATA));
    if metadata && wire::u32_at(head, 4).is_some_and(|len| len as usize <= wire::MAX_RECORD) {
        return Looks::Records;
    }
    let printable = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..);
    if head.iter().all(printable) { Looks::Text } else { Looks::Binary }
}

impl Looks {
    /// What to do about it.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Looks::Empty => "so nothing was recorded into it, or it was not copied",
            Looks::Zeroes => "so it was never written to disk: take another copy",
            Looks::Known("gzip data" | "xz data" | "bzip2 data") => "decompress it first",
            Looks::Records => "give the .mst file itself, not its decompressed content",
            _ => "give the file that `mountsnoop record` wrote",
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Looks::Empty => "an empty file",
            Looks::Zeroes => "nothing but zero bytes",
            Looks::Known(name) => name,
            Looks::Records => "the decompressed records of a trace",
            Looks::Text => "text",
            Looks::Binary => "binary data of another kind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_files_are_named() {
        let cases: [(&[u8], Looks); 7] = [
            (b"", Looks::Empty),
            (&[0; 9], Looks::Zeroes),
            (b"PERFILE2\0\0", Looks::Known("a perf.data file")),
            (&[0x1F, 0x8B, 8, 0], Looks::Known("gzip data")),
            (&[1, 0, 0, 0, 40, 0, 0, 0, 1], Looks::Records),
            ("mount(\"é\")\n".as_bytes(), Looks::Text),
            (&[0x5A, 0, 3, 7], Looks::Binary),
        ];
        for (bytes, looks) in cases {
            assert_eq!(looks_like(bytes), looks, "for {bytes:02x?}");
        }
    }
}
