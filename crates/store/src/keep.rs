//! The checkpoint store: bytes by key.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use run::{RunId, time::Millis};

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

    /// The bytes under `key` and what names them in [`save_with`](Self::save_with).
    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError>;

    /// Stores `bytes` under `key` if what is there now is what the caller expects, in one step: of several writers who
    /// expect the same, one succeeds, and the others get `Conflict` and change nothing. The bytes' own version is given
    /// back.
    ///
    /// Write a key either in this way or by `save` and `delete`: those expect nothing, and with some back-ends a `save`
    /// at the very moment of a `save_with` is overwritten without having been expected.
    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError>;
}

/// How [`save_with`](CheckpointStore::save_with) stores. The default is that of `save` with `durable`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaveOptions {
    /// As for [`save`](CheckpointStore::save).
    pub durable: bool,
    /// What has to be there.
    pub expect: Expect,
    /// The key is gone once this time is over, as if it was deleted. A later save of any kind begins anew: without a
    /// time to live of its own it stays.
    pub ttl: Option<Duration>,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { durable: true, expect: Expect::Anything, ttl: None }
    }
}

/// What a conditional save has to find.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Expect {
    /// No condition.
    #[default]
    Anything,
    /// No such key.
    Absent,
    /// The bytes of this version.
    Version(Version),
}

impl Expect {
    /// Checks what was found.
    pub(crate) fn check(&self, key: &str, found: Option<&Version>) -> Result<(), StoreError> {
        let good = match self {
            Self::Anything => true,
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        };
        if good { Ok(()) } else { Err(StoreError::Conflict { key: key.into(), found: found.cloned() }) }
    }
}

/// Names the bytes under a key; the back-end's own text (a counter, a content hash, an ETag). Other bytes have another
/// version; the same bytes saved again may have the same one. Compare it only with versions of the same key and store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version(Arc<str>);

impl Version {
    /// The version with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells a store the time, so that tests can choose it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl Clock {
    /// A clock that says what `now` says.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> Millis {
        (self.0)()
    }

    /// When something ends that begins now and lasts so long.
    pub fn after(&self, time: Duration) -> Millis {
        self.now().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        use std::time::{SystemTime, UNIX_EPOCH};
        Self::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
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
