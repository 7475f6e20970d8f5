//! Where runs and checkpoints are kept: from flags, environment and configuration to opened stores.

use std::{path::PathBuf, sync::Arc};

use serde::Deserialize;
use store::{
    CheckpointStore, Durability, FileStore, JournalStore, StoreUrl,
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
    /// Whether checkpoints are kept in another store than runs.
    pub apart: bool,
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
    let (journals, beside): (Arc<dyn JournalStore>, Arc<dyn CheckpointStore>) = match store {
        // A run has a thread of its own, so it may as well wait there for the disk.
        StoreUrl::File(folder) => {
            let both = FileStore::open(folder, durability)?.syncing_here();
            files = Some(both.clone());
            (Arc::new(both.clone()), Arc::new(both))
        }
        other => {
            let both = other.open(durability).await?;
            (both.journals()?.clone(), both.checkpoints)
        }
    };
    let apart = checkpoints.filter(|url| *url != store);
    let keep = match apart {
        Some(url) => url.open(durability).await?.checkpoints,
        None => beside,
    };
    let sealed = seal.over(keep.clone())?;
    let keep = match &sealed {
        Some(sealed) => Arc::new(sealed.clone()),
        None => keep,
    };
    let (in_memory, apart) = (*store == StoreUrl::Memory, apart.is_some());
    Ok(Kept { files, in_memory, apart, journals, keep, sealed })
}
