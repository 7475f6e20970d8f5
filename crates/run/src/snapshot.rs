//! The container of a snapshot: a checked header around a guest's image. See `docs/format.md`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Hash, journal::Chain};

/// The first bytes of every snapshot.
pub const MAGIC: &[u8; 8] = b"QSNAP\r\n\x1a";
/// The container format that is written.
pub const FORMAT: u32 = 1;

/// A guest's image and where it belongs.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// Where it belongs.
    pub header: SnapshotHeader,
    /// The guest's image.
    pub image: Bytes,
}

/// Where an image belongs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SnapshotHeader {
    /// The run.
    pub run: crate::RunId,
    /// The guest's name.
    pub guest: String,
    /// The guest's engine.
    pub engine: Hash,
    /// The pinned code.
    pub code: Hash,
    /// The snapshot whose image this one builds on.
    pub parent: Option<Hash>,
    /// How many parents there are in all.
    pub depth: u32,
    /// The journal position (bytes) behind the last entry that the program has seen.
    pub position: u64,
    /// The journal's running checksum there.
    pub chain: u32,
    /// The executor's own state there, as JSON.
    pub executor: crate::Json,
}

impl SnapshotHeader {
    /// The journal's running checksum at the position.
    pub fn chain(&self) -> Chain {
        Chain(self.chain)
    }
}

/// Why bytes are not a usable snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// Some other file.
    #[error("it is not a snapshot (wrong first bytes)")]
    Foreign,
    /// Written by a newer release.
    #[error("its format {0} is newer than this release reads ({FORMAT})")]
    Newer(u32),
    /// Cut off.
    #[error("it is cut off: {have} of {want} bytes")]
    Truncated {
        /// The bytes that are there.
        have: u64,
        /// The bytes that should be there.
        want: u64,
    },
    /// Changed.
    #[error("its checksum does not match")]
    Checksum,
    /// Well-formed bytes, but not a header.
    #[error("its header cannot be read: {0}")]
    Header(String),
}

const FIXED: usize = 8 + 4 + 4 + 8 + 32;

impl Snapshot {
    /// The bytes: magic, format (u32), header length (u32), image length (u64), BLAKE3 of all that follows and of the
    /// numbers before (32 bytes), header (JSON), image. Integers are little endian.
    pub fn encode(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).expect("a header has a JSON form");
        let mut out = Vec::with_capacity(FIXED + header.len() + self.image.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&u32::try_from(header.len()).expect("headers are small").to_le_bytes());
        out.extend_from_slice(&(self.image.len() as u64).to_le_bytes());
        out.extend_from_slice(&checksum(&out[8..], &header, &self.image));
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.image);
        out
    }

    /// Checks and reads the bytes.
    pub fn decode(bytes: &Bytes) -> Result<Self, BadSnapshot> {
        let truncated = |want: u64| BadSnapshot::Truncated { have: bytes.len() as u64, want };
        if !bytes.starts_with(MAGIC) {
            return Err(if MAGIC.starts_with(bytes) { truncated(FIXED as u64) } else { BadSnapshot::Foreign });
        }
        if bytes.len() < FIXED {
            return Err(truncated(FIXED as u64));
        }
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let format = u32_at(8);
        if format > FORMAT {
            return Err(BadSnapshot::Newer(format));
        }
        let header_len = u64::from(u32_at(12));
        let image_len = u64::from_le_bytes(bytes[16..24].try_into().expect("eight bytes"));
        let want = (FIXED as u64).saturating_add(header_len).saturating_add(image_len);
        if (bytes.len() as u64) < want {
            return Err(truncated(want));
        }
        if bytes.len() as u64 > want {
            return Err(BadSnapshot::Checksum);
        }
        let (header, image) = bytes[FIXED..].split_at(header_len as usize);
        if checksum(&bytes[8..24], header, image) != bytes[24..FIXED] {
            return Err(BadSnapshot::Checksum);
        }
        let header = serde_json::from_slice(header).map_err(|e| BadSnapshot::Header(e.to_string()))?;
        Ok(Self { header, image: bytes.slice(FIXED + header_len as usize..) })
    }
}

fn checksum(numbers: &[u8], header: &[u8], image: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(numbers).update(header).update(image).finalize().as_bytes()
}
