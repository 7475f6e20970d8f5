//! The checkpoint store: bytes by key.

use async_trait::async_trait;
use bytes::Bytes;
use run::RunId;

use crate::StoreError;

/// Keeps bytes by key: snapshots, long values, pinned code, states of photons.
///
/// A key is one or more parts joined by `/`, at most [`MAX_KEY`] bytes in all; a part is `[A-Za-z0-9._-]{1,200}`, not
/// `.` or `..`. Keys whose first part is `runs` belong to a run: `runs/{runId}/…`; they go when the run is deleted.
/// Do not use one key as a folder of others (`a` beside `a/b`): whether both can exist depends on the back-end.
#[async_trait]
pub trait CheckpointStore: Send + Sync + 'static {
    /// Stores `bytes` under `key`, in place of what was there. When it returns they survive a power cut if `durable`,
    /// else the death of this process; a reader sees the old bytes or the new, never a mixture.
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError>;

    /// The bytes under `key`.
    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Removes `key`; nothing happens if it is not there.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Every key that begins with `prefix`, sorted. The prefix need not end at a `/`; one that no key can begin with
    /// finds nothing.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;
}

/// The longest key, in bytes.
pub const MAX_KEY: usize = 1024;

/// The longest part of a key, in bytes.
const MAX_PART: usize = 200;

/// Checks a key at the door.
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    let good = key.len() <= MAX_KEY
        && key.split('/').all(is_part)
        && (key != "runs" && !key.starts_with("runs/") || run_of(key).is_some());
    if good { Ok(()) } else { Err(StoreError::BadKey(key.chars().take(MAX_PART).collect())) }
}

/// Whether `part` can stand between two `/` of a key.
pub(crate) fn is_part(part: &str) -> bool {
    (1..=MAX_PART).contains(&part.len())
        && part != "."
        && part != ".."
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The run that a key belongs to, and the rest of the key.
pub(crate) fn run_of(key: &str) -> Option<(RunId, &str)> {
    let (run, rest) = key.strip_prefix("runs/")?.split_once('/')?;
    Some((run.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked() {
        let (part, key) = ("a".repeat(200), ["a"; 512].join("/"));
        for good in ["a", "code/ab12", "runs/r1/x", "runs/r1/x/y.z", "..a/...", part.as_str(), key.as_str()] {
            assert!(check_key(good).is_ok(), "{good:?}");
        }
        let (part, key) = ("a".repeat(201), ["a"; 513].join("/"));
        let bad =
            ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a\\b", "a b", "a~", "ä", "a\0", "runs", "runs/r1"];
        for bad in bad.into_iter().chain(["runs/r.1/x", "runs/r1.jsonl", "runs/r1/", part.as_str(), key.as_str()]) {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
    }
}
