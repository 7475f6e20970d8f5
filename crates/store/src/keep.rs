//! The checkpoint store: bytes by key.

use async_trait::async_trait;
use bytes::Bytes;

use crate::StoreError;

/// Keeps bytes by key: snapshots, long values, pinned code, states of photons.
///
/// A key is one or more parts joined by `/`; a part is `[A-Za-z0-9._-]{1,200}`, not `.` or `..`.
#[async_trait]
pub trait CheckpointStore: Send + Sync + 'static {
    /// Stores `bytes` under `key`, in place of what was there. When it returns they survive a power cut if `durable`,
    /// else the death of this process; a reader sees the old bytes or the new, never a mixture.
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError>;

    /// The bytes under `key`.
    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Removes `key`; nothing happens if it is not there.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Every key that begins with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// Checks a key at the door.
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    let good = |part: &str| {
        (1..=200).contains(&part.len())
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if key.split('/').all(good) { Ok(()) } else { Err(StoreError::BadKey(key.chars().take(200).collect())) }
}
