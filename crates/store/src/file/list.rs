//! Reading journals and listing them.

use std::os::unix::fs::FileExt;

use bytes::Bytes;
use run::RunId;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::{
    Home,
    disk::{self, Context},
};
use crate::{RunFile, StoreError};

/// Read at once; more is asked for only if it is there.
const CHUNK: u64 = 1 << 20;

impl Home {
    pub(super) fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        let path = self.journal(run);
        let reading = || format!("cannot read journal {}", path.display());
        let file = disk::open(&path, false).context(reading)?.ok_or_else(|| StoreError::NotFound(run.clone()))?;
        let len = rustix::fs::fstat(&file).context(reading)?.st_size as u64;
        let end = len.min(from.saturating_add(max));
        let mut bytes = Vec::new();
        let mut at = from;
        while at < end {
            let old = bytes.len();
            bytes.resize(old + (end - at).min(CHUNK) as usize, 0);
            match file.read_at(&mut bytes[old..], at) {
                // Cut off meanwhile.
                Ok(0) => {
                    bytes.truncate(old);
                    break;
                }
                Ok(n) => {
                    bytes.truncate(old + n);
                    at += n as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => bytes.truncate(old),
                Err(error) => return Err(error).context(reading),
            }
        }
        Ok(bytes.into())
    }

    pub(super) fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        let path = self.journal(run);
        match disk::stat(&path).context(|| format!("cannot look at journal {}", path.display()))? {
            Some(stat) if disk::is_regular(&stat) => Ok(stat.st_size as u64),
            _ => Err(StoreError::NotFound(run.clone())),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        let listing = || format!("cannot list the runs in {}", self.runs.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(&self.runs, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(Vec::new()),
            folder => folder.context(listing)?,
        };
        let mut runs = Vec::new();
        for entry in Dir::read_from(&folder).context(listing)? {
            let entry = entry.context(listing)?;
            let name = entry.file_name().to_str().ok().and_then(|name| name.strip_suffix(".jsonl"));
            let Some(Ok(run)) = name.map(str::parse::<RunId>) else { continue };
            if !matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown) {
                continue;
            }
            let stat = match rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                // Deleted meanwhile.
                Err(rustix::io::Errno::NOENT) => continue,
                stat => stat.context(listing)?,
            };
            if disk::is_regular(&stat) {
                // Two changes within one tick of the clock differ in length.
                let nanos = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
                let version = (u128::from(nanos.max(0) as u64) << 64) | stat.st_size as u128;
                runs.push(RunFile { run, len: stat.st_size as u64, version });
            }
        }
        Ok(runs)
    }
}
