//! What is written down about a lease.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::disk;
use crate::Owner;

/// The lease file: one line of JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) fence: u64,
    #[serde(flatten)]
    pub(super) owner: Owner,
    /// Whether the file and its folder were synced.
    pub(super) disk: bool,
}

impl Record {
    /// What a lease file says; `None` if there is none, or if a power cut left it without its content. That happens
    /// only where syncs were not asked for, and before the second lease of a run was given.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let Some(file) = disk::open(path, false)? else { return Ok(None) };
        let mut line = Vec::new();
        file.take(64 << 10).read_to_end(&mut line)?;
        Ok(serde_json::from_slice(&line).ok())
    }

    pub(super) fn write(&self, mut file: &File) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

/// The attribute of a journal that names its first driver: making a file for that would cost as much as making the
/// journal, and most runs have one driver only.
const OWNER: &str = "user.quicksave.owner";

/// Names the first driver. `false` if the file system has no such attributes.
pub(super) fn note(journal: &File, owner: &Owner) -> bool {
    // Short, so that it fits into the file's inode.
    let text = serde_json::to_vec(&(&owner.host, owner.pid, &owner.what, owner.since));
    text.is_ok_and(|text| rustix::fs::fsetxattr(journal, OWNER, &text, rustix::fs::XattrFlags::empty()).is_ok())
}

/// The first driver.
pub(super) fn noted(journal: &File) -> Option<Owner> {
    let mut text = [0; 4096];
    let len = rustix::fs::fgetxattr(journal, OWNER, &mut text[..]).ok()?;
    let (host, pid, what, since) = serde_json::from_slice(text.get(..len)?).ok()?;
    Some(Owner { host, pid, what, since })
}
