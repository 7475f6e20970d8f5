//! Checkpoints that fail.

use async_trait::async_trait;
use bytes::Bytes;
use store::{CheckpointStore, SaveOptions, StoreError, Version};

use super::Faulty;

#[async_trait]
impl<S: CheckpointStore> CheckpointStore for Faulty<S> {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        let step = async {
            // A power cut before the next durable save brings this value back.
            if !durable && !self.power.is_unsaved(key) {
                let before = self.inner.load(key).await?;
                self.power.unsaved(key, before);
            }
            self.inner.save(key, bytes, durable).await?;
            if durable {
                self.power.saved(key);
            }
            Ok(())
        };
        self.power.step(true, step).await
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.power.read()?;
        self.inner.load(key).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let step = async {
            self.inner.delete(key).await?;
            self.power.saved(key);
            Ok(())
        };
        self.power.step(false, step).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.power.read()?;
        self.inner.list(prefix).await
    }
    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.power.read()?;
        self.inner.load_versioned(key).await
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        let step = async {
            let durable = how.durable;
            // Not noted if the condition fails, since nothing is saved then.
            let before = if durable || self.power.is_unsaved(key) { None } else { Some(self.inner.load(key).await?) };
            let version = self.inner.save_with(key, bytes, how).await?;
            match before {
                Some(before) => self.power.unsaved(key, before),
                None if durable => self.power.saved(key),
                None => {}
            }
            Ok(version)
        };
        self.power.step(true, step).await
    }
}
