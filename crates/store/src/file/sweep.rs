//! What crashes leave behind: files that were being written, folders that were being removed.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use run::time::Millis;

use super::{
    FileStore,
    disk::{self, Context},
    keep,
};
use crate::StoreError;

impl FileStore {
    /// Removes what a crash left half written or half removed, if it is older than `age`, and keys whose time to live is
    /// over; tells how many files and folders that were. Nothing else depends on it: leftovers only take room.
    pub fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let home = self.home();
        sweep(home, before, self.home.clock.now()).context(|| format!("cannot clean up in {}", home.display()))
    }
}

fn sweep(folder: &Path, before: SystemTime, now: Millis) -> std::io::Result<u64> {
    let Some(entries) = disk::found(std::fs::read_dir(folder))? else { return Ok(0) };
    let mut count = 0;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if is_aside(&entry.file_name()) {
            let old =
                disk::found(entry.metadata())?.and_then(|meta| meta.modified().ok()).is_some_and(|at| at < before);
            if old {
                disk::found(if kind.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) })?;
                count += 1;
            }
        } else if kind.is_dir() && is_part_of_store(&entry.file_name()) {
            count += sweep(&path, before, now)?;
        } else if kind.is_file() && keep::expiry_at(&path).is_some_and(|expires| expires <= now) {
            disk::found(std::fs::remove_file(&path))?;
            count += 1;
        }
    }
    Ok(count)
}

/// `~{pid}-{count}-{random}`, and nothing that a person's editor leaves there.
fn is_aside(name: &std::ffi::OsStr) -> bool {
    let Some(parts) = name.to_str().and_then(|name| name.strip_prefix(disk::ASIDE)) else { return false };
    let parts: Vec<_> = parts.split('-').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The home may also be that of the photon ecosystem, with installed packages in it.
fn is_part_of_store(folder: &std::ffi::OsStr) -> bool {
    folder != "node_modules" && !folder.as_encoded_bytes().starts_with(b".")
}
