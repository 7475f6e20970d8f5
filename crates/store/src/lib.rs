//! Journals and checkpoints on back-ends. Stores decide nothing: they keep bytes, in order, under a lease.

mod blocking;
mod error;
mod journal;
mod keep;

pub mod file;
pub mod memory;

pub use error::StoreError;
pub use file::{Durability, FileStore};
pub use journal::{JournalStore, Lease, Message, Owner, RunFile};
pub use keep::{CheckpointStore, MAX_KEY};
pub use memory::MemoryStore;
