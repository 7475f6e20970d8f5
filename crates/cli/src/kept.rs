//! Where runs and checkpoints are kept: from flags, environment and configuration to opened stores.

use std::{path::PathBuf, sync::Arc};

use serde::Deserialize;
use store::{
    CheckpointStore, Durability, FileStore, JournalStore, MemoryStore, StoreUrl, Stores,
    sealed::{KeyRing, Sealed, Sealing},
};

use crate::report::Error;

/// How checkpoints and snapshots are protected where they lie.
///
/// ```toml
/// [seal]
/// key-file = "/etc/quicksave.keys"   # the current key first; or key-env = "NAME"
/// compress = 3                       # zstd's level
/// accept-plain = true                # while older values are not sealed yet
/// ```
#[derive(Deserialize, Clone, PartialEq, Eq, Default, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Seal {
    key_file: Option<PathBuf>,
    key_env: Option<String>,
    compress: Option<i32>,
    accept_plain: bool,
}

impl Seal {
    /// Seals `store`, if that is wanted.
    pub fn over(&self, store: Arc<dyn CheckpointStore>) -> Result<Option<Sealed>, Error> {
        if *self == Self::default() {
            return Ok(None);
        }
        let keys = match (&self.key_file, &self.key_env) {
            (Some(_), Some(_)) => {
                return Err(Error::usage("[seal] names a key-file and a key-env", "keep one of the two"));
            }
            (Some(path), None) => Some(KeyRing::from_file(path)?),
            (None, Some(name)) => Some(KeyRing::from_env(name)?),
            (None, None) => None,
        };
        if let Some(level) = self.compress
            && !(1..=19).contains(&level)
        {
            return Err(Error::usage(
                format!("[seal] compress = {level} is no level"),
                "levels are 1 to 19; 3 is good",
            ));
        }
        let how =
            Sealing { keys, compress: self.compress, accept_plain: self.accept_plain, clock: store::Clock::default() };
        Ok(Some(Sealed::new(store, how)))
    }
}

/// The stores of one invocation.
pub struct Kept {
    /// The store of files, if runs are kept in one.
    pub files: Option<FileStore>,
    /// Whether nothing outlives this process.
    pub in_memory: bool,
    pub journals: Arc<dyn JournalStore>,
    pub keep: Arc<dyn CheckpointStore>,
    /// `keep` as the store that seals, if it does.
    pub sealed: Option<Sealed>,
}

/// Opens what `store` and `checkpoints` name. Without a `checkpoints` of their own they are kept with the runs.
pub async fn open(
    store: &StoreUrl,
    checkpoints: Option<&StoreUrl>,
    seal: &Seal,
    durability: Durability,
) -> Result<Kept, Error> {
    let mut files = None;
    let runs = match store {
        // A run has a thread of its own, so it may as well wait there for the disk.
        StoreUrl::File(folder) => {
            let opened = FileStore::open(folder, durability)?.syncing_here();
            files = Some(opened.clone());
            let both = Arc::new(opened);
            Stores { name: store.to_string(), journals: Some(both.clone()), checkpoints: both, is_folder: false }
        }
        StoreUrl::Memory => {
            let both = Arc::new(MemoryStore::default());
            Stores { name: store.to_string(), journals: Some(both.clone()), checkpoints: both, is_folder: false }
        }
        other => other.open(durability).await?,
    };
    let keep = match checkpoints {
        Some(url) if url != store => url.open(durability).await?.checkpoints,
        _ => runs.checkpoints.clone(),
    };
    let sealed = seal.over(keep.clone())?;
    let keep = match &sealed {
        Some(sealed) => Arc::new(sealed.clone()),
        None => keep,
    };
    let journals = runs.journals()?.clone();
    Ok(Kept { files, in_memory: *store == StoreUrl::Memory, journals, keep, sealed })
}
