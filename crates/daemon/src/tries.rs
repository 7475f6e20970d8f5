//! Which runs the daemon was driving when it died, and how often that was.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use run::RunId;

/// Written before a run is taken up, so that the death of the daemon leaves it behind.
pub(crate) struct Tries {
    /// None: it is forgotten with the process.
    path: Option<PathBuf>,
    /// The daemon's deaths with each run that is driven, or was when the last daemon died.
    deaths: BTreeMap<RunId, u32>,
}

impl Tries {
    /// Reads what the last daemon left: each of these runs was there when it died.
    pub(crate) fn open(path: Option<PathBuf>) -> Self {
        let bytes = path.as_ref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let held: BTreeMap<RunId, u32> = serde_json::from_slice(&bytes).unwrap_or_default();
        let deaths = held.into_iter().map(|(run, deaths)| (run, deaths.saturating_add(1))).collect();
        Self { path, deaths }
    }

    /// A run is about to be taken up. `Err` with the number of deaths if these are too many.
    pub(crate) fn begin(&mut self, run: &RunId, most: u32) -> Result<(), u32> {
        let deaths = *self.deaths.entry(run.clone()).or_default();
        if deaths >= most {
            return Err(deaths);
        }
        self.save();
        Ok(())
    }

    /// A run has been driven for long: what kills the daemon from here on is something else.
    pub(crate) fn proven(&mut self, run: &RunId) {
        if let Some(deaths) = self.deaths.get_mut(run).filter(|deaths| **deaths > 0) {
            *deaths = 0;
            self.save();
        }
    }

    /// A run is driven no more.
    pub(crate) fn done(&mut self, run: &RunId) {
        if self.deaths.remove(run).is_some() {
            self.save();
        }
    }

    /// A person wants the run taken up, whatever was.
    pub(crate) fn forget(&mut self, run: &RunId) {
        self.deaths.remove(run);
    }

    /// The daemon ends as it should.
    pub(crate) fn clear(&mut self) {
        self.deaths.clear();
        self.save();
    }

    fn save(&self) {
        let Some(path) = &self.path else { return };
        let save = || {
            let folder = path.parent().unwrap_or(Path::new("."));
            let mut aside = tempfile::NamedTempFile::new_in(folder)?;
            aside.write_all(&serde_json::to_vec(&self.deaths)?)?;
            // Not synced: a power cut is no crash of the daemon.
            aside.persist(path).map(drop).map_err(|e| e.error)
        };
        if let Err(error) = save() {
            tracing::warn!(%error, "it cannot be written down which runs are driven");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_deaths_are_too_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("driving.json");
        let (bad, good): (RunId, RunId) = ("bad".parse().expect("an id"), "good".parse().expect("an id"));
        for _ in 0..3 {
            let mut tries = Tries::open(Some(path.clone()));
            tries.begin(&bad, 3).expect("not too often");
            tries.begin(&good, 3).expect("not too often");
            tries.proven(&good);
        }
        let mut tries = Tries::open(Some(path.clone()));
        assert_eq!((tries.begin(&bad, 3), tries.begin(&good, 3)), (Err(3), Ok(())));
        tries.forget(&bad);
        tries.begin(&bad, 3).expect("asked for");
        tries.clear();
        assert!(Tries::open(Some(path.clone())).deaths.is_empty());
    }
}
