//! Journals and checkpoints on back-ends. Stores decide nothing: they keep bytes, in order, under a lease.

#[cfg(any(feature = "postgres", feature = "redis", feature = "s3"))]
mod backoff;
mod blocking;
mod error;
mod journal;
mod keep;
mod open;

pub mod check;
pub mod copy;
pub mod file;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sealed")]
pub mod sealed;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod url;

pub use blocking::here;
pub use error::StoreError;
pub use file::{Durability, FileStore};
pub use journal::{JournalStore, Lease, Message, Owner, RunFile};
pub use keep::{CheckpointStore, Clock, Expect, MAX_KEY, SaveOptions, Version};
pub use memory::MemoryStore;
pub use open::Stores;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use url::StoreUrl;
