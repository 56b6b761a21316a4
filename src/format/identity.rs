//! Who and when a trace file is.
//! Must not know how a file is written; the caller knows the clocks and the host.

use serde::{Deserialize, Serialize};

use super::error::{Error, ErrorKind};
use super::header::FileHeader;
use super::wire;

/// Who and when a file is: what of its header is not the writer's to know. A SOURCE record holds it too, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Random for each file.
    pub file_uuid: [u8; 16],
    /// Random for each recording.
    pub session_uuid: [u8; 16],
    /// Number of this segment in its recording, from 0.
    pub segment_index: u32,
    /// CLOCK_REALTIME, ns.
    pub created_realtime_ns: i64,
    /// CLOCK_BOOTTIME, ns.
    pub created_boottime_ns: u64,
    /// The kernel's boot id; all zero where unknown.
    pub boot_id: [u8; 16],
    /// Keyed hash of the machine id; all zero where unknown.
    pub host_id: [u8; 16],
    /// [`wire::COMPAT_SPARSE`], [`wire::COMPAT_MERGED`].
    pub compat: u64,
}

impl FileIdentity {
    /// The first file of a new recording, everything but its random ids unknown.
    pub fn random() -> Result<Self, Error> {
        Ok(FileIdentity { file_uuid: random()?, session_uuid: random()?, ..FileIdentity::default() })
    }

    /// Events were left out on purpose: a gap in their numbers proves no loss.
    pub fn is_sparse(&self) -> bool {
        self.compat & wire::COMPAT_SPARSE != 0
    }

    /// The file is merged from several: SOURCE records say whose its events are, and their clocks may differ.
    pub fn is_merged(&self) -> bool {
        self.compat & wire::COMPAT_MERGED != 0
    }

    /// Another file about the same: only its own id is new.
    pub fn renewed(self) -> Result<Self, Error> {
        Ok(FileIdentity { file_uuid: random()?, ..self })
    }

    /// The header of a file whose blocks are not larger than `max_block_raw`.
    pub(crate) fn header(&self, max_block_raw: usize) -> FileHeader {
        FileHeader {
            format_major: wire::FORMAT_MAJOR,
            format_minor: wire::FORMAT_MINOR,
            incompat: wire::INCOMPAT_DELTA,
            compat: self.compat,
            file_uuid: self.file_uuid,
            session_uuid: self.session_uuid,
            segment_index: self.segment_index,
            max_block_raw: max_block_raw as u32,
            created_realtime_ns: self.created_realtime_ns,
            created_boottime_ns: self.created_boottime_ns,
            boot_id: self.boot_id,
            host_id: self.host_id,
        }
    }
}

fn random() -> Result<[u8; 16], Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| Error::new(ErrorKind::Random(e.to_string()), 0))?;
    Ok(id)
}
