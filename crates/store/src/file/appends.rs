//! What a lease holder does: append, sync, cut off.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use run::RunId;

use super::disk::{self, Context};
use crate::StoreError;

/// A driven journal. The lock on the file is the right to drive it; it ends with this value.
pub(super) struct Driver {
    run: RunId,
    journal: File,
    path: PathBuf,
    durable: bool,
    tail: Mutex<Tail>,
    /// Counts changes of the journal. It begins at 1, since what was written before this lease may not be synced.
    changes: AtomicU64,
    /// The count up to which they are on disk.
    synced: AtomicU64,
    /// Held while syncing, so that callers who come meanwhile share the next sync. Whether the journal's name is
    /// on disk too.
    syncing: Mutex<bool>,
    /// A sync failed. The system drops what it could not write, and a second sync would not say so.
    lost: AtomicBool,
}

/// What a failed append left behind.
struct Tail {
    /// Where the journal has to be cut off before it can grow again.
    torn: Option<u64>,
}

impl Driver {
    pub(super) fn new(run: &RunId, journal: File, path: PathBuf, durable: bool) -> Self {
        Self {
            run: run.clone(),
            journal,
            path,
            durable,
            tail: Mutex::new(Tail { torn: None }),
            changes: AtomicU64::new(1),
            synced: AtomicU64::new(0),
            syncing: Mutex::new(false),
            lost: AtomicBool::new(false),
        }
    }

    fn fenced(&self, cause: impl Into<String>) -> StoreError {
        StoreError::Fenced { run: self.run.clone(), cause: cause.into() }
    }

    fn doing(&self, what: &str) -> String {
        format!("cannot {what} journal {}", self.path.display())
    }

    /// The journal's length, if this lease is still the run's.
    pub(super) fn current(&self) -> Result<u64, StoreError> {
        let stat = disk::fstat(&self.journal).context(|| self.doing("look at"))?;
        if disk::is_sealed(&stat) {
            return Err(self.fenced("another process has taken it over"));
        }
        if stat.st_nlink == 0 {
            return Err(self.fenced("its journal was replaced or removed"));
        }
        Ok(stat.st_size as u64)
    }

    /// The journal's length, if it may be changed.
    fn ready(&self, tail: &mut Tail) -> Result<u64, StoreError> {
        let len = self.current()?;
        self.not_lost()?;
        match tail.torn {
            Some(torn) if torn < len => {
                self.journal.set_len(torn).context(|| self.doing("cut a failed append off"))?;
                tail.torn = None;
                Ok(torn)
            }
            _ => Ok(len),
        }
    }

    pub(super) fn append(&self, at: u64, lines: &[u8]) -> Result<(), StoreError> {
        let mut tail = lock(&self.tail);
        let len = self.ready(&mut tail)?;
        if len != at {
            return Err(self.fenced(format!("the journal ends at byte {len}, not at {at}")));
        }
        let written = self.journal.write_all_at(lines, at);
        self.changes.fetch_add(1, Ordering::Release);
        if let Err(error) = written {
            // A part may be there. Leave no torn line behind if that is possible.
            if self.journal.set_len(at).is_err() {
                tail.torn = Some(at);
            }
            return Err(error).context(|| self.doing("append to"));
        }
        // A take-over in between may have copied the journal without these lines.
        self.current().map(drop)
    }

    pub(super) fn truncate(&self, len: u64) -> Result<(), StoreError> {
        let mut tail = lock(&self.tail);
        let end = self.ready(&mut tail)?;
        if len > end {
            return Err(self.fenced(format!("the journal ends at byte {end}, before {len}")));
        }
        if len < end {
            self.journal.set_len(len).context(|| self.doing("cut off"))?;
            self.changes.fetch_add(1, Ordering::Release);
        }
        self.current().map(drop)
    }

    /// Whether anything has changed since the last sync.
    pub(super) fn needs_sync(&self) -> bool {
        self.durable && self.synced.load(Ordering::Acquire) < self.changes.load(Ordering::Acquire)
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let mut named = lock(&self.syncing);
        // Another caller's sync may have done it.
        if !self.needs_sync() {
            return Ok(());
        }
        self.not_lost()?;
        let changes = self.changes.load(Ordering::Acquire);
        let mut done = self.journal.sync_data();
        if done.is_ok() && !*named {
            done = self.path.parent().map_or(Ok(()), disk::sync_folder);
            *named = done.is_ok();
        }
        if let Err(error) = done {
            self.lost.store(true, Ordering::Release);
            return Err(error).context(|| self.doing("sync"));
        }
        self.synced.store(changes, Ordering::Release);
        self.current().map(drop)
    }

    fn not_lost(&self) -> Result<(), StoreError> {
        if !self.lost.load(Ordering::Acquire) {
            return Ok(());
        }
        let source = io::Error::other("an earlier sync failed, so what was written before may be lost; check the disk");
        Err(source).context(|| self.doing("go on writing to"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Closing frees the lock only once no child process that is just being started holds a copy of the file.
        let _ = self.journal.unlock();
    }
}

/// A poisoned lock is no reason to panic here: the guarded values are set in single steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
