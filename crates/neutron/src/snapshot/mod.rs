//! Machines as bytes: the whole program with its call stack, variables, heap, tasks and modules' state. The format is
//! described byte by byte in docs/neutron-snapshot.md.
//!
//! Equal machines give equal bytes: objects are numbered in the order in which they are reached, so that a replay
//! writes what the journal holds.

mod bytes;
mod describe;
mod objects;
mod program;
mod restore;
pub(crate) mod save;
mod verify;

use xxhash_rust::xxh3::Xxh3;

use crate::vm::Vm;
use bytes::Reader;
pub use describe::describe;
pub(crate) use describe::inspect;

/// The format that is written.
pub const FORMAT: u32 = 1;

/// The oldest format that is read.
pub const OLDEST_FORMAT: u32 = 1;

/// What every snapshot begins with.
pub const MAGIC: &[u8; 8] = b"NTRNSNAP";

/// Magic, format, reserved, length, checksum.
pub(crate) const HEADER: usize = 8 + 4 + 4 + 8 + 16;

/// Why bytes are not a usable snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadSnapshot {
    /// Some other file.
    Foreign,
    /// Written by a newer release.
    Newer(u32),
    /// Written by a release whose format is no longer read.
    Older(u32),
    /// Cut off.
    Truncated {
        /// The bytes that are there.
        have: u64,
        /// The bytes that should be there.
        want: u64,
    },
    /// There is more than there should be.
    TooLong,
    /// Changed.
    Checksum,
    /// Whole, but not what a machine writes; says what is wrong.
    Damaged(String),
    /// The program needs more memory than it may have, in bytes.
    TooLarge {
        /// What it needs.
        need: u64,
        /// What it may have.
        limit: u64,
    },
}

impl std::error::Error for BadSnapshot {}

impl std::fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => write!(f, "it is not a Neutron snapshot (wrong first bytes)"),
            Self::Newer(n) => {
                write!(f, "its format {n} is newer than this release reads ({FORMAT}); use a newer release")
            }
            Self::Older(n) => {
                write!(f, "its format {n} is older than this release reads ({OLDEST_FORMAT}); use an older release")
            }
            Self::Truncated { have, want } => write!(f, "it is cut off: {have} of {want} bytes"),
            Self::TooLong => write!(f, "there are bytes behind its end"),
            Self::Checksum => write!(f, "its checksum does not match: the file was changed or damaged"),
            Self::Damaged(what) => write!(f, "its content is damaged: {what}"),
            Self::TooLarge { need, limit } => {
                let (need, limit) = (need >> 20, limit >> 20);
                write!(f, "its program needs {need} MiB of memory, and the limit is {limit} MiB; raise the limit")
            }
        }
    }
}

type Read<T> = Result<T, BadSnapshot>;

fn damaged<T>(what: impl Into<String>) -> Read<T> {
    Err(BadSnapshot::Damaged(what.into()))
}

/// The bytes of a machine between two turns.
pub(crate) fn encode(vm: &mut Vm) -> Result<Vec<u8>, BadSnapshot> {
    save::save(vm)
}

fn checksum(header: &[u8], body: &[u8]) -> [u8; 16] {
    let mut sum = Xxh3::new();
    sum.update(header);
    sum.update(body);
    sum.digest128().to_le_bytes()
}

/// Checks the frame and gives the body.
fn body(bytes: &[u8]) -> Read<&[u8]> {
    let truncated = |want: u64| BadSnapshot::Truncated { have: bytes.len() as u64, want };
    if !bytes.starts_with(MAGIC) {
        let cut_off = MAGIC.starts_with(bytes) && !bytes.is_empty();
        return Err(if cut_off { truncated(HEADER as u64) } else { BadSnapshot::Foreign });
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER) else { return Err(truncated(HEADER as u64)) };
    let mut fields = Reader::new(&header[8..]);
    let format = fields.u32()?;
    if format > FORMAT {
        return Err(BadSnapshot::Newer(format));
    }
    if format < OLDEST_FORMAT {
        return Err(BadSnapshot::Older(format));
    }
    let reserved = fields.u32()?;
    let length = fields.u64()?;
    if (body.len() as u64) < length {
        return Err(truncated(length.saturating_add(HEADER as u64)));
    }
    if body.len() as u64 > length {
        return Err(BadSnapshot::TooLong);
    }
    if checksum(&header[..24], body) != header[24..] || reserved != 0 {
        return Err(BadSnapshot::Checksum);
    }
    Ok(body)
}

/// A machine from bytes. `memory`: what the program may use.
pub(crate) fn decode(bytes: &[u8], memory: usize) -> Read<Vm> {
    restore::restore(body(bytes)?, memory)
}

/// Checks that a file is a snapshot and whole, not what it holds.
pub(crate) fn check_frame(bytes: &[u8]) -> Read<()> {
    body(bytes).map(|_| ())
}

/// Checks a snapshot file thoroughly, as a resume does.
pub fn verify(bytes: &[u8]) -> Result<(), BadSnapshot> {
    decode(bytes, usize::MAX).map(|_| ())
}
