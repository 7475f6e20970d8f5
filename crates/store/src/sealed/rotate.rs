//! Everything under the current key.

use std::time::Duration;

use super::{Sealed, envelope};
use crate::{Expect, SaveOptions, StoreError};

/// How often a value that changes meanwhile is tried.
const TRIES: u32 = 5;

/// What a rotation did.
#[derive(Debug, Default)]
pub struct Rotated {
    /// Values that were sealed anew.
    pub sealed: u64,
    /// Values that were as they should be.
    pub kept: u64,
    /// Keys whose values could not be sealed anew, and why. They are as they were.
    pub failed: Vec<(String, StoreError)>,
}

impl Sealed {
    /// Seals every value whose key begins with `prefix` under the current key, unless it is so already. Calls `progress` after each with how many are done, and of how many. Values may be read and written
    /// meanwhile: one that somebody replaces is not overwritten. May be interrupted, and done again.
    ///
    /// Once nothing has failed for the prefix `""`, older keys are of no use any more. Fails if keys cannot be listed.
    pub async fn rotate(&self, prefix: &str, mut progress: impl FnMut(u64, u64)) -> Result<Rotated, StoreError> {
        let keys = self.store.list(prefix).await?;
        let (mut rotated, all) = (Rotated::default(), keys.len() as u64);
        for (i, key) in keys.into_iter().enumerate() {
            match self.rotate_one(&key).await {
                Ok(true) => rotated.sealed += 1,
                Ok(false) => rotated.kept += 1,
                Err(error) => rotated.failed.push((key, error)),
            }
            progress(i as u64 + 1, all);
        }
        Ok(rotated)
    }

    /// Whether the value had to be sealed anew.
    async fn rotate_one(&self, key: &str) -> Result<bool, StoreError> {
        let mut tries = 0;
        loop {
            let Some((sealed, version)) = self.store.load_versioned(key).await? else { return Ok(false) };
            // What is found plain here is what the rotation is for; what is forged cannot be told from it.
            let (bytes, header) = envelope::open(&self.how, key, &sealed)?;
            let wanted = self.how.keys.as_ref().map(|keys| keys.current().id());
            if header.as_ref().is_some_and(|header| header.is_encrypted().then_some(header.key) == wanted) {
                return Ok(false);
            }
            let expires = header.map_or(0, |header| header.expires);
            let ttl = match expires {
                0 => None,
                end => match end.checked_sub(self.how.clock.now()) {
                    None | Some(0) => return Ok(false),
                    Some(left) => Some(Duration::from_millis(left)),
                },
            };
            let new = self.seal(key, bytes, expires).await?;
            let how = SaveOptions { durable: true, expect: Expect::Version(version), ttl };
            match self.store.save_with(key, new, how).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
