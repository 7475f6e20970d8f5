//! The states of photons as a person sees them: the present one, those before it, and taking one of them back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::locks::FileLock;
use crate::state::{check_name, held_name, numbers, put_back};

/// An earlier state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Which: they count up.
    pub number: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was put aside; what came after it was saved then.
    pub until: SystemTime,
}

/// The state of one instance of a photon.
pub struct SavedState {
    folder: PathBuf,
    instance: String,
    locks: PathBuf,
    /// What it is held under.
    held: String,
}

/// Why an earlier state was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A run holds the state.
    #[error("a run holds the state now")]
    Busy,
    /// There is no such earlier state.
    #[error("there is no earlier state {0}")]
    Missing(u64),
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl SavedState {
    /// The state of `photon` below `home`; an error names what is wrong with the names.
    pub fn new(home: &Path, photon: &str, instance: &str) -> Result<Self, String> {
        check_name("state", "photon", photon).map_err(|failure| failure.message)?;
        check_name("state", "instance", instance).map_err(|failure| failure.message)?;
        let (folder, instance) = (home.join("state").join(photon), instance.to_owned());
        Ok(Self { folder, locks: home.join("locks"), held: held_name(photon, &instance), instance })
    }

    /// Where it lies.
    pub fn file(&self) -> PathBuf {
        self.folder.join(&self.instance)
    }

    /// The instances that have a state.
    pub fn instances(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !name.starts_with('.') && !name.starts_with("memory") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The present state, as it was written.
    pub fn now(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.file()) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The earlier ones, newest first.
    pub fn backups(&self) -> io::Result<Vec<Backup>> {
        let folder = self.folder.join("backups");
        let numbers = match numbers(&folder, &self.instance) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            numbers => numbers?,
        };
        let mut backups = Vec::new();
        for number in numbers.into_iter().rev() {
            let data = fs::metadata(self.backup(number))?;
            backups.push(Backup { number, bytes: data.len(), until: data.modified()? });
        }
        Ok(backups)
    }

    /// Puts an earlier state in the place of the present one, which becomes the newest earlier one.
    pub fn restore(&self, number: u64) -> Result<(), RestoreError> {
        let us = format!("somebody who takes an earlier state back (process {})", std::process::id());
        let _lock = FileLock::try_take(&self.locks, &self.held, &us)?.ok_or(RestoreError::Busy)?;
        match fs::read(self.backup(number)) {
            Ok(state) => Ok(put_back(&self.folder, &self.instance, &state)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(RestoreError::Missing(number)),
            Err(e) => Err(e.into()),
        }
    }

    fn backup(&self, number: u64) -> PathBuf {
        self.folder.join("backups").join(format!("{}.{number:06}.json", self.instance))
    }
}
