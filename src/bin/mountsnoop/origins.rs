//! What `info` says of the traces that a trace was merged from, and whether their recorders' books prove them complete. A
//! trace that was not merged is its own only source. Little is kept of each, for there may be many.

use mountsnoop::format::{FileIdentity, Metadata, Proof, RecorderStats, Source};
use mountsnoop::views::rfc3339;
use serde_json::{Value, json};

/// No host name is longer (HOST_NAME_MAX of Linux).
const HOST_MAX: usize = 64;

/// One source.
struct Origin {
    source: Option<Source>,
    host: String,
    proof: Option<Proof>,
}

/// All of them.
pub struct Origins {
    list: Vec<Origin>,
    now: usize,
}

impl Default for Origins {
    fn default() -> Origins {
        Origins { list: vec![Origin { source: None, host: String::new(), proof: None }], now: 0 }
    }
}

impl Origins {
    /// What follows is from this source.
    pub fn turn(&mut self, source: &Source) {
        // The first has only been waiting for its name.
        self.list.retain(|origin| origin.source.is_some());
        let number = |origin: &Origin| origin.source.map(|source| source.number);
        let known = self.list.iter().position(|origin| number(origin) == Some(source.number));
        self.now = known.unwrap_or_else(|| {
            self.list.push(Origin { source: Some(*source), host: String::new(), proof: None });
            self.list.len() - 1
        });
    }

    pub fn metadata(&mut self, metadata: &Metadata) {
        if let Some(origin) = self.list.get_mut(self.now) {
            origin.host = metadata.hostname.chars().take(HOST_MAX).collect();
        }
    }

    pub fn stats(&mut self, stats: &RecorderStats) {
        if let Some(origin) = self.list.get_mut(self.now) {
            origin.proof = Some(stats.proof());
        }
    }

    /// What the books say, as far as they are there.
    pub fn proofs(&self) -> impl Iterator<Item = &Proof> {
        self.list.iter().filter_map(|origin| origin.proof.as_ref())
    }

    /// The events that happened, if all books are there, add up, and say that none was lost.
    pub fn seen(&self) -> Option<u64> {
        let seen = |origin: &Origin| origin.proof.filter(Proof::is_lossless).map(|proof| proof.seen);
        self.list.iter().try_fold(0_u64, |sum, origin| Some(sum.saturating_add(seen(origin)?)))
    }

    fn named(&self) -> impl Iterator<Item = (&Origin, u32, Option<FileIdentity>)> {
        self.list
            .iter()
            .filter_map(|origin| origin.source.map(|source| (origin, source.number, source.identity)))
    }

    /// A line for each source of a merged trace.
    pub fn lines(&self) -> Vec<String> {
        let line = |(origin, number, identity): (&Origin, u32, Option<FileIdentity>)| {
            let created = identity.map_or("?".to_string(), |identity| rfc3339(identity.created_realtime_ns));
            format!("{number}: {}, recorded {created}", origin.host)
        };
        self.named().map(line).collect()
    }

    /// The same for programs.
    pub fn json(&self) -> Vec<Value> {
        let hex = |id: [u8; 16]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let object = |(origin, number, identity): (&Origin, u32, Option<FileIdentity>)| {
            let id = |of: fn(FileIdentity) -> [u8; 16]| identity.map(|identity| hex(of(identity)));
            json!({
                "number": number, "hostname": origin.host, "file_uuid": id(|one| one.file_uuid),
                "session_uuid": id(|one| one.session_uuid), "boot_id": id(|one| one.boot_id),
                "host_id": id(|one| one.host_id), "written": origin.proof.map(|proof| proof.written),
                "lost": origin.proof.map(|proof| proof.lost),
            })
        };
        self.named().map(object).collect()
    }
}
