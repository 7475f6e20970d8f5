//! Deliveries that were accepted, in files, until their runs are recorded.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::broker::private_folder;

/// Deliveries that wait at most.
const MOST: usize = 10_000;

/// A delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// Tells it from all others.
    pub id: String,
    pub photon: String,
    pub method: String,
    pub args: Map<String, Value>,
}

/// The files.
#[derive(Clone)]
pub(super) struct Queue {
    folder: PathBuf,
}

impl Queue {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("webhooks") }
    }

    /// Puts a delivery on disk.
    pub(super) fn put(&self, delivery: &Delivery) -> io::Result<()> {
        private_folder(&self.folder)?;
        if std::fs::read_dir(&self.folder)?.take(MOST).count() >= MOST {
            return Err(io::Error::other(format!("{MOST} deliveries wait already")));
        }
        let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
        aside.write_all(&serde_json::to_vec(delivery)?)?;
        aside.as_file().sync_all()?;
        aside.persist(self.path(&delivery.id)).map_err(|e| e.error)?;
        std::fs::File::open(&self.folder)?.sync_all()
    }

    /// What is there from before.
    pub(super) fn all(&self) -> Vec<Delivery> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).ok()?;
            let delivery = serde_json::from_slice(&bytes).ok();
            if delivery.is_none() {
                tracing::warn!("{} is no delivery of a webhook", path.display());
            }
            delivery
        };
        files.filter(|path| path.extension().is_some_and(|ext| ext == "json")).filter_map(read).collect()
    }

    /// It is recorded elsewhere.
    pub(super) fn remove(&self, id: &str) {
        let _ = std::fs::remove_file(self.path(id));
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}
