//! Which processes live: each that drives runs holds a lock on a file of its own.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use crate::StoreError;

/// Unlocked files older than this belong to nobody. A younger one may be just being made.
const LEFTOVER: Duration = Duration::from_secs(60);

pub(super) struct Drivers {
    folder: PathBuf,
    ours: OnceLock<Ours>,
}

/// Our own file; there is none before the first lease.
struct Ours {
    name: String,
    path: PathBuf,
    file: File,
}

impl Drivers {
    pub(super) fn new(database: &Path) -> Self {
        let mut folder = database.as_os_str().to_owned();
        folder.push("-drivers");
        Self { folder: folder.into(), ours: OnceLock::new() }
    }

    /// The name under which this store's process drives runs.
    pub(super) fn name(&self) -> Result<&str, StoreError> {
        if let Some(ours) = self.ours.get() {
            return Ok(&ours.name);
        }
        let made = self.make().map_err(|source| StoreError::Io {
            what: format!("cannot make a lock file in {}", self.folder.display()),
            source,
        })?;
        // Only the thread that writes comes here.
        Ok(&self.ours.get_or_init(|| made).name)
    }

    fn make(&self) -> io::Result<Ours> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => self.sweep(),
            Ok(()) => {}
        }
        let random = || {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(0)
        };
        let name = format!("{}-{:016x}{:016x}", std::process::id(), random(), random());
        let path = self.folder.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        // Nobody knows the name yet who could hold the lock.
        file.lock()?;
        Ok(Ours { name, path, file })
    }

    /// Whether the process that drives under this name lives.
    pub(super) fn is_alive(&self, name: &str) -> io::Result<bool> {
        if self.ours.get().is_some_and(|ours| ours.name == name) {
            return Ok(true);
        }
        match File::open(self.folder.join(name)) {
            Ok(file) => is_locked(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the files of processes that were killed.
    fn sweep(&self) {
        let before = SystemTime::now().checked_sub(LEFTOVER).unwrap_or(SystemTime::UNIX_EPOCH);
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let old = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|at| at < before);
            if old && File::open(entry.path()).is_ok_and(|file| matches!(is_locked(&file), Ok(false))) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        // Closing frees the lock only once no child process that is just being started holds a copy of the file.
        let _ = self.file.unlock();
    }
}
