//! What ends reading or writing altogether. Damage, after which reading goes on, is in `damage.rs`.

use std::{fmt, io};

use super::codec::CodecError;
use super::sniff::Looks;
use super::wire;

/// An error and the place in the file where it was met. One word wide.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    offset: u64,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused to read.
    Read(io::Error),
    /// The operating system refused to write.
    Write(io::Error),
    /// Writing failed earlier; this says how.
    WriterFailed(String),
    /// The input holds no trace.
    NotATrace(Looks),
    /// The trace has a later format than this program.
    NeedsNewer {
        /// What the trace asks for.
        found: Format,
        /// What this program can read.
        known: Format,
    },
    /// A record that no reader would accept.
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its bytes.
        len: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A record whose fields cannot be written.
    Fields(CodecError),
    /// An option out of its range.
    Option {
        /// Which.
        what: &'static str,
        /// Its value.
        given: i64,
        /// The values it may have.
        allowed: &'static str,
    },
    /// The compressor refused.
    Compress(String),
    /// The kernel gave no random bytes for the ids of a file.
    Random(String),
}

/// What a reader must be able to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// `format_major`.
    pub major: u16,
    /// `incompat_flags`.
    pub incompat: u64,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, offset: u64) -> Self {
        Error(Box::new(Inner { kind, offset }))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What went wrong, taken out.
    pub fn into_kind(self) -> ErrorKind {
        self.0.kind
    }

    /// Where in the file, bytes from its start.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The operating system's error, where it was one: so that a caller can tell a broken pipe from a full disk.
    pub fn io(&self) -> Option<&io::Error> {
        match &self.0.kind {
            ErrorKind::Read(e) | ErrorKind::Write(e) => Some(e),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0.offset;
        match &self.0.kind {
            ErrorKind::Read(e) => write!(f, "cannot read the trace at offset {at}: {e}"),
            ErrorKind::Write(e) => write!(f, "cannot write the trace at offset {at}: {e}"),
            ErrorKind::WriterFailed(first) => {
                write!(
                    f,
                    "the trace ends at offset {at}, where writing failed ({first}): free the disk and record again"
                )
            }
            ErrorKind::NotATrace(looks) => {
                write!(f, "not a mountsnoop trace: it looks like {looks}, {}", looks.remedy())
            }
            ErrorKind::NeedsNewer { found, known } => needs_newer(f, at, *found, *known),
            ErrorKind::TooLong { what, len, limit } => {
                write!(
                    f,
                    "{what} of {len} bytes at offset {at}: at most {limit} can be stored, so make it shorter"
                )
            }
            ErrorKind::Fields(why) => {
                write!(f, "cannot store a record at offset {at}: {why}, so make it shorter")
            }
            ErrorKind::Option { what, given, allowed } => {
                write!(f, "{what} is {given}, where {allowed} is possible: choose one of these")
            }
            ErrorKind::Random(why) => write!(f, "cannot make an id for the trace: no random bytes ({why})"),
            ErrorKind::Compress(why) => write!(f, "cannot compress the block at offset {at}: {why}"),
        }
    }
}

fn needs_newer(f: &mut fmt::Formatter<'_>, at: u64, found: Format, known: Format) -> fmt::Result {
    write!(f, "the trace at offset {at} ")?;
    if found.major != known.major {
        write!(f, "has format version {}, and this program reads version {}", found.major, known.major)?;
    } else if found.incompat & wire::INCOMPAT_EV_BE != 0 {
        write!(f, "was recorded on a big-endian machine, which this program cannot read")?;
    } else {
        let unknown = found.incompat & !known.incompat;
        write!(f, "needs format features {unknown:#x}, which this program does not have")?;
    }
    write!(f, ": use a newer mountsnoop")
}

impl std::error::Error for Error {}
