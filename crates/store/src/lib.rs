//! Journals and checkpoints on back-ends. Stores decide nothing: they keep bytes, in order, under a lease.

#[cfg(any(feature = "redis", feature = "s3"))]
mod backoff;
mod blocking;
mod error;
mod journal;
mod keep;

pub mod file;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;

pub use error::StoreError;
pub use file::{Durability, FileStore};
pub use journal::{JournalStore, Lease, Message, Owner, RunFile};
pub use keep::{CheckpointStore, Clock, Expect, MAX_KEY, SaveOptions, Version};
pub use memory::MemoryStore;
