//! Cold records to and from bytes. The only file that knows bincode, so that it can be replaced: docs/FORMAT.md writes
//! the bytes down and golden tests hold them. Must not know what a record means.

use std::fmt;

use bincode::config::{self, Config};
use serde::{Serialize, de::DeserializeOwned};

use super::wire;

/// A record that user space writes now and then: one Rust type for each version of each kind.
pub trait Cold: Serialize + DeserializeOwned {
    /// Its record kind.
    const KIND: u16;
    /// The byte before its fields. A change of the fields, even an addition, is a new version.
    const VERSION: u8 = 1;
}

/// Why the body of a record could not be read, or would not be readable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The body has another version than this program knows.
    Version {
        /// The version byte of the body.
        found: u8,
        /// The one that could be read.
        known: u8,
    },
    /// The fields end before the body does.
    TrailingBytes(usize),
    /// The bytes are not the fields they should be.
    Malformed(String),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Version { found, known } => {
                write!(f, "record version {found}, where {known} is known")
            }
            CodecError::TrailingBytes(n) => write!(f, "{n} bytes follow the last field"),
            CodecError::Malformed(why) => write!(f, "malformed fields: {why}"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Without the limit, a length in the bytes would be allocated unchecked.
fn config() -> impl Config {
    config::standard().with_little_endian().with_variable_int_encoding().with_limit::<{ wire::MAX_RECORD }>()
}

/// The body of a record: its version, then its fields. Fails where no reader would accept the outcome.
pub fn encode<T: Cold>(record: &T) -> Result<Vec<u8>, CodecError> {
    let mut body = vec![T::VERSION];
    bincode::serde::encode_into_std_write(record, &mut body, config()).map_err(|e| malformed(&e))?;
    // The encoder knows no limit, the decoder does: what is written must be readable.
    decode::<T>(&body)?;
    Ok(body)
}

/// Reads the body of a record.
pub fn decode<T: Cold>(body: &[u8]) -> Result<T, CodecError> {
    let (&found, fields) =
        body.split_first().ok_or_else(|| CodecError::Malformed("the record is empty".to_owned()))?;
    if found != T::VERSION {
        return Err(CodecError::Version { found, known: T::VERSION });
    }
    if body.len() > wire::MAX_RECORD {
        return Err(CodecError::Malformed(format!(
            "{} bytes, at most {} are allowed",
            body.len(),
            wire::MAX_RECORD
        )));
    }
    let (record, used) = bincode::serde::decode_from_slice(fields, config()).map_err(|e| malformed(&e))?;
    match fields.len() - used {
        0 => Ok(record),
        left => Err(CodecError::TrailingBytes(left)),
    }
}

fn malformed(error: &dyn fmt::Display) -> CodecError {
    CodecError::Malformed(error.to_string())
}
