//! Keys as files.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use run::RunId;

use super::{
    FileStore, Home,
    disk::{self, Context},
};
use crate::{
    CheckpointStore, StoreError,
    keep::{check_key, is_part, run_of},
};

impl Home {
    fn blobs(&self, run: &RunId) -> PathBuf {
        self.folder(run).join("blobs")
    }

    /// Where a key's bytes lie. `check_key` has seen to it that no part of a key leads elsewhere.
    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        check_key(key)?;
        Ok(match run_of(key) {
            Some((run, rest)) => self.blobs(&run).join(rest),
            None => self.home.join(key),
        })
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        // The folder that all of them are in.
        let (folder, _) = prefix.rsplit_once('/').unwrap_or_default();
        let listing = || format!("cannot list the keys in {}", self.home.display());
        if folder.is_empty() && !prefix.starts_with('/') {
            walk(&self.home, "", prefix, &mut keys).context(listing)?;
        } else if let Some((run, rest)) = run_of(prefix) {
            let rest = rest.rsplit_once('/').map_or("", |(folder, _)| folder);
            if rest.is_empty() || rest.split('/').all(is_part) {
                walk(&self.blobs(&run).join(rest), &format!("{folder}/"), prefix, &mut keys).context(listing)?;
            }
        } else if !prefix.starts_with("runs/") && folder.split('/').all(is_part) {
            walk(&self.home.join(folder), &format!("{folder}/"), prefix, &mut keys).context(listing)?;
        }
        if "runs/".starts_with(prefix) || (folder == "runs" && run_of(prefix).is_none()) {
            self.keys_of_runs(prefix, &mut keys).context(listing)?;
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn keys_of_runs(&self, prefix: &str, keys: &mut Vec<String>) -> std::io::Result<()> {
        let Some(entries) = disk::found(std::fs::read_dir(&self.runs))? else { return Ok(()) };
        for entry in entries {
            let name = entry?.file_name();
            let Some(Ok(run)) = name.to_str().and_then(|name| name.strip_suffix(".d")).map(str::parse) else {
                continue;
            };
            let folder = format!("runs/{run}/");
            if folder.starts_with(prefix) {
                walk(&self.blobs(&run), &folder, prefix, keys)?;
            }
        }
        Ok(())
    }
}

/// Collects the keys of the files below `folder`, whose own keys begin with `key`. Links are passed over.
fn walk(folder: &Path, key: &str, prefix: &str, keys: &mut Vec<String>) -> std::io::Result<()> {
    let Some(entries) = disk::found(std::fs::read_dir(folder))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_part(name)) else { continue };
        let key = format!("{key}{name}");
        let kind = entry.file_type()?;
        if kind.is_file() && key.starts_with(prefix) {
            keys.push(key);
        } else if kind.is_dir() && key != "runs" {
            let key = format!("{key}/");
            if key.starts_with(prefix) || prefix.starts_with(&key) {
                walk(&entry.path(), &key, prefix, keys)?;
            }
        }
    }
    Ok(())
}

#[async_trait]
impl CheckpointStore for FileStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        let path = self.home.path(key)?;
        self.with(move |home| {
            disk::replace(&path, &bytes, durable && home.durable())
                .context(|| format!("cannot save {}", path.display()))
        })
        .await
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.home.path(key)?;
        self.with(move |_| {
            let bytes = disk::load(&path).context(|| format!("cannot load {}", path.display()))?;
            Ok(bytes.map(Bytes::from))
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.home.path(key)?;
        self.with(move |_| {
            let removed = disk::found(std::fs::remove_file(&path));
            removed.map(drop).context(|| format!("cannot delete {}", path.display()))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix.to_owned();
        self.with(move |home| home.keys(&prefix)).await
    }
}
