//! Compression and encryption at rest, over any checkpoint store.
//!
//! What is kept through it is compressed (zstd), encrypted (XChaCha20-Poly1305), or both. The name of the key belongs to
//! what is authenticated, so values cannot be swapped between keys. Somebody who can write to the store can still put an
//! older value of the same key in its place, delete keys, and see their names, times and lengths. Journals do not pass
//! through here. The bytes are described in `docs/format.md`.

mod envelope;
mod keys;
mod rotate;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{CheckpointStore, Clock, SaveOptions, StoreError, Version, blocking};
pub use keys::KeyRing;
pub use rotate::Rotated;

/// From this length on, in bytes, the work is done where it holds up no other task.
const LONG: usize = 128 << 10;

/// What is done to values.
#[derive(Clone, Debug, Default)]
pub struct Sealing {
    /// Encrypts new values with the current key; reads with all of them. Without keys nothing is encrypted.
    pub keys: Option<KeyRing>,
    /// Compresses values by zstd at this level, 1 to 19, where that makes them shorter.
    pub compress: Option<i32>,
    /// Also reads values that are not protected as `keys` demand: those stored before there were any. Leave it off once
    /// [`Sealed::rotate`] has sealed them all: while it is on, whoever can write to the store can forge values.
    pub accept_plain: bool,
    /// Tells the time, for times to live.
    pub clock: Clock,
}

/// A store whose values are sealed on their way to another. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sealed {
    store: Arc<dyn CheckpointStore>,
    how: Arc<Sealing>,
}

impl Sealed {
    /// Seals what goes into `store` and opens what comes out of it.
    pub fn new(store: Arc<dyn CheckpointStore>, how: Sealing) -> Self {
        Self { store, how: Arc::new(how) }
    }

    /// `expires` is when the value's time to live ends; a rotation keeps to it.
    async fn seal(&self, key: &str, bytes: Bytes, expires: u64) -> Result<Bytes, StoreError> {
        let (how, name) = (self.how.clone(), key.to_owned());
        let long = bytes.len() > LONG;
        let work = move || envelope::seal(&how, &name, &bytes, expires).map(Bytes::from);
        if long { blocking::run(work).await } else { work() }
    }

    async fn open(&self, key: &str, sealed: Bytes) -> Result<Bytes, StoreError> {
        let (how, name) = (self.how.clone(), key.to_owned());
        let long = sealed.len() > LONG;
        let work = move || envelope::open(&how, &name, &sealed).map(|(bytes, _)| bytes);
        if long { blocking::run(work).await } else { work() }
    }
}

#[async_trait]
impl CheckpointStore for Sealed {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        crate::keep::check_key(key)?;
        let sealed = self.seal(key, bytes, 0).await?;
        self.store.save(key, sealed, durable).await
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.store.load(key).await? {
            None => Ok(None),
            Some(sealed) => self.open(key, sealed).await.map(Some),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.store.list(prefix).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        match self.store.load_versioned(key).await? {
            None => Ok(None),
            Some((sealed, version)) => Ok(Some((self.open(key, sealed).await?, version))),
        }
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        crate::keep::check_key(key)?;
        let expires = how.ttl.map_or(0, |ttl| self.how.clock.after(ttl));
        let sealed = self.seal(key, bytes, expires).await?;
        self.store.save_with(key, sealed, how).await
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({:?})", self.how)
    }
}
