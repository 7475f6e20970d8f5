//! Locks of files: how the processes of one home keep out of each other's way.
//!
//! The kernel has them: a lock is free as soon as its holder has dropped it or has died, in whatever way. The file is
//! there while somebody has the lock, and says who.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use run::Hash;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often a lock that somebody else has is tried again, at the end.
const AGAIN: Duration = Duration::from_millis(20);

/// What is read of a file that says who has a lock.
const LONGEST_HOLDER: usize = 300;

/// A lock, released when this is dropped or its process ends.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    _file: File,
}

impl FileLock {
    /// Takes the lock `name` below `folder`, which need not exist, for `holder`, who is told to others; `None` if
    /// somebody has it.
    pub fn try_take(folder: &Path, name: &str, holder: &str) -> io::Result<Option<Self>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = path(folder, name);
        loop {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // Whoever had it before removes the file while it is still locked: what is locked must be what is there.
            let (ours, there) = (file.metadata()?, fs::metadata(&path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }

    /// Takes the lock as soon as it is free. Between processes there is no order.
    pub async fn take(folder: &Path, name: &str, holder: &str) -> io::Result<Self> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(lock) = Self::try_take(folder, name, holder)? {
                return Ok(lock);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN);
        }
    }

    /// Who has the lock, as they say themselves; `None` if nobody seems to.
    pub fn holder(folder: &Path, name: &str) -> Option<String> {
        let text = fs::read(path(folder, name)).ok()?;
        let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST_HOLDER)]).into_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // If it stays, it is empty of meaning: the lock is what counts.
        let _ = fs::remove_file(&self.path);
    }
}

/// Names may be long and hold anything.
fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(&Hash::of(name.as_bytes()).to_string()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_who_is_named_and_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("locks");
        let lock = FileLock::try_take(&folder, "a/../b", "me").expect("works").expect("free");
        assert!(FileLock::try_take(&folder, "a/../b", "you").expect("works").is_none());
        assert_eq!(FileLock::holder(&folder, "a/../b").as_deref(), Some("me"));
        assert!(FileLock::try_take(&folder, "b", "you").expect("works").is_some());
        drop(lock);
        assert_eq!(FileLock::holder(&folder, "a/../b"), None);
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
    }

    /// A file that is removed between being opened and being locked must not count as the lock.
    #[test]
    fn never_two_however_fast_they_come_and_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let (inside, taken) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    use std::sync::atomic::Ordering::SeqCst;
                    while taken.load(SeqCst) < 2_000 {
                        let Some(lock) = FileLock::try_take(folder.path(), "a", "x").expect("works") else { continue };
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        taken.fetch_add(1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
