//! Attempts that are still to come (`@retryable`): one file for each call that has failed and is tried again.
//!
//! Who tries again has the lock of the run's name for as long as that goes on. A file whose lock nobody has was left by a
//! process that ended in the pause, or during an attempt: whoever finds it goes on with it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bundler::tools::Tags;
use host::FileLock;
use run::{RunId, time::Millis};
use serde::{Deserialize, Serialize};

use super::ledger::private_folder;

/// A call that has attempts left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Its run.
    pub run: RunId,
    /// The photon.
    pub photon: String,
    /// `photon/instance/method`.
    pub name: String,
    /// What the method asked for when it was called.
    pub tags: Tags,
    /// Under what its result is kept, if it is.
    pub cache: Option<String>,
    /// When it was called.
    pub began: Millis,
    /// Which attempt comes next, or is under way; the first after a failure is 1.
    pub attempt: u64,
    /// When it begins.
    pub due: Millis,
}

/// The files.
#[derive(Clone, Debug)]
pub struct Retries {
    folder: PathBuf,
    locks: PathBuf,
}

/// The right to try a run again.
pub struct Claim {
    path: PathBuf,
    _lock: FileLock,
}

impl Retries {
    /// Files in `{home}/calls/retries`.
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("calls/retries"), locks: home.join("locks") }
    }

    /// Claims a run; `None` if another process tries it again.
    pub fn claim(&self, run: &RunId) -> io::Result<Option<Claim>> {
        let us = format!("who tries run {run} again (process {})", std::process::id());
        let lock = FileLock::try_take(&self.locks, &format!("retry {run}"), &us)?;
        Ok(lock.map(|lock| Claim { path: self.folder.join(format!("{run}.json")), _lock: lock }))
    }

    /// The calls that nobody goes on with, claimed. A file that cannot be read is said to be so, and removed.
    pub fn left(&self) -> Vec<(Pending, Claim)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok());
        let claimed = |run: RunId| {
            let claim = self.claim(&run).ok().flatten()?;
            let text = fs::read(&claim.path).ok()?;
            match serde_json::from_slice(&text) {
                Ok(pending) => Some((pending, claim)),
                Err(error) => {
                    tracing::warn!(%run, "what was written down of its next attempt is damaged: {error}");
                    claim.over();
                    None
                }
            }
        };
        names.filter_map(claimed).collect()
    }
}

impl Claim {
    /// Puts on disk what is to come: whole or not at all.
    pub fn note(&self, pending: &Pending) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_folder(folder)?;
        let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        aside.write_all(&serde_json::to_vec(pending)?)?;
        aside.as_file().sync_all()?;
        aside.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }

    /// Nothing more is to come.
    pub fn over(self) {
        // What is found later is a run that needs nobody.
        let _ = fs::remove_file(&self.path);
    }
}
