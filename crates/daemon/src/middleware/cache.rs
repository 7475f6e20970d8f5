//! Results that are good for a while: one file for each call, below a folder that is private to the user.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use run::{Json, RunId};
use serde::{Deserialize, Serialize};

use super::ledger::private_folder;

/// Longer results are not kept (bytes of JSON).
const LARGEST: usize = 16 << 20;
/// Results of one photon that are kept; beyond it the oldest go.
const MOST: usize = 10_000;

/// A result that was kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The run that it is of.
    pub run: RunId,
    /// Until when it is good, in milliseconds since the epoch.
    pub until: u64,
    /// The result.
    pub value: Json,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Results below `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The result under `key` (a hash, in hex) of `photon`, if it is good at `now`. One that is damaged is none.
    pub fn get(&self, photon: &str, key: &str, now: u64) -> Option<Kept> {
        let text = fs::read(self.folder.join(photon).join(key)).ok()?;
        serde_json::from_slice(&text).ok().filter(|kept: &Kept| now < kept.until)
    }

    /// Keeps a result, whole or not at all.
    pub fn put(&self, photon: &str, key: &str, kept: &Kept) -> io::Result<()> {
        if kept.value.get().len() > LARGEST {
            return Ok(());
        }
        let folder = self.folder.join(photon);
        private_folder(&folder)?;
        let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder)?;
        aside.write_all(&serde_json::to_vec(kept)?)?;
        aside.persist(folder.join(key)).map_err(|error| error.error)?;
        thin(&folder)
    }
}

/// Removes the oldest where there are too many, and what was never finished.
fn thin(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(4 * MOST) {
        let entry = entry?;
        files.push(entry.path());
    }
    if files.len() <= MOST {
        return Ok(());
    }
    let written =
        |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    files.sort_by_cached_key(written);
    let young = SystemTime::now() - Duration::from_secs(60);
    for path in files.iter().take(files.len() - MOST / 2).filter(|path| written(path) < young) {
        // Another process may have removed it.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_for_a_while_and_never_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("cache"));
        let kept = Kept { run: "r1".parse().unwrap(), until: 100, value: Json::parse("[1]".into()).unwrap() };
        assert!(cache.get("p", "k", 0).is_none());
        cache.put("p", "k", &kept).unwrap();
        assert_eq!(cache.get("p", "k", 99).unwrap().value.get(), "[1]");
        assert!(cache.get("p", "k", 100).is_none());
        assert!(cache.get("q", "k", 0).is_none());
        fs::write(dir.path().join("cache/p/k"), "{\"run\":\"r1\",\"until\":1").unwrap();
        assert!(cache.get("p", "k", 0).is_none());
    }
}
