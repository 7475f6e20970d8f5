//! Keys as files.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use run::{RunId, time::Millis};

use super::{
    FileStore, Home,
    disk::{self, Context},
};
use crate::{
    CheckpointStore, Expect, SaveOptions, StoreError, Version,
    keep::{check_key, is_part, run_of},
};

impl Home {
    fn blobs(&self, run: &RunId) -> PathBuf {
        self.folder(run).join("blobs")
    }

    /// Where a key's bytes lie. `check_key` has seen to it that no part of a key leads elsewhere.
    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        check_key(key)?;
        Ok(match run_of(key) {
            Some((run, rest)) => self.blobs(&run).join(rest),
            None => self.home.join(key),
        })
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let now = self.clock.now();
        // The folder that all of them are in.
        let (folder, _) = prefix.rsplit_once('/').unwrap_or_default();
        let listing = || format!("cannot list the keys in {}", self.home.display());
        if folder.is_empty() && !prefix.starts_with('/') {
            walk(&self.home, "", prefix, now, &mut keys).context(listing)?;
        } else if let Some((run, rest)) = run_of(prefix) {
            let rest = rest.rsplit_once('/').map_or("", |(folder, _)| folder);
            if rest.is_empty() || rest.split('/').all(is_part) {
                walk(&self.blobs(&run).join(rest), &format!("{folder}/"), prefix, now, &mut keys).context(listing)?;
            }
        } else if !prefix.starts_with("runs/") && folder.split('/').all(is_part) {
            walk(&self.home.join(folder), &format!("{folder}/"), prefix, now, &mut keys).context(listing)?;
        }
        if "runs/".starts_with(prefix) || (folder == "runs" && run_of(prefix).is_none()) {
            self.keys_of_runs(prefix, now, &mut keys).context(listing)?;
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn keys_of_runs(&self, prefix: &str, now: Millis, keys: &mut Vec<String>) -> std::io::Result<()> {
        let Some(entries) = disk::found(std::fs::read_dir(&self.runs))? else { return Ok(()) };
        for entry in entries {
            let name = entry?.file_name();
            let Some(Ok(run)) = name.to_str().and_then(|name| name.strip_suffix(".d")).map(str::parse) else {
                continue;
            };
            let folder = format!("runs/{run}/");
            if folder.starts_with(prefix) {
                walk(&self.blobs(&run), &folder, prefix, now, keys)?;
            }
        }
        Ok(())
    }
}

/// Collects the keys of the files below `folder`, whose own keys begin with `key`. Links are passed over, and
/// what has expired.
fn walk(folder: &Path, key: &str, prefix: &str, now: Millis, keys: &mut Vec<String>) -> std::io::Result<()> {
    let Some(entries) = disk::found(std::fs::read_dir(folder))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_part(name)) else { continue };
        let key = format!("{key}{name}");
        let kind = entry.file_type()?;
        if kind.is_file() && key.starts_with(prefix) {
            if expiry_at(&entry.path()).is_none_or(|expires| now < expires) {
                keys.push(key);
            }
        } else if kind.is_dir() && key != "runs" {
            let key = format!("{key}/");
            if key.starts_with(prefix) || prefix.starts_with(&key) {
                walk(&entry.path(), &key, prefix, now, keys)?;
            }
        }
    }
    Ok(())
}

/// How long to wait for another writer of a key in the same folder.
const PATIENCE: Duration = Duration::from_secs(30);

/// The attribute of a file that says when it is gone: milliseconds since 1970, in digits.
const EXPIRES: &str = "user.quicksave.expires";

fn mark_expiry(file: &File, expires: Millis) -> io::Result<()> {
    let text = expires.to_string();
    rustix::fs::fsetxattr(file, EXPIRES, text.as_bytes(), rustix::fs::XattrFlags::empty()).map_err(|error| {
        let cause = "the file system keeps no attributes, so nothing with a time to live can be stored in it";
        if error == rustix::io::Errno::OPNOTSUPP {
            io::Error::new(io::ErrorKind::Unsupported, cause)
        } else {
            error.into()
        }
    })
}

fn expiry(text: &[u8]) -> Option<Millis> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn expiry_of(file: &File) -> Option<Millis> {
    let mut text = [0; 20];
    let len = rustix::fs::fgetxattr(file, EXPIRES, &mut text[..]).ok()?;
    expiry(text.get(..len)?)
}

/// When the file of that name expires, if it does.
pub(super) fn expiry_at(path: &Path) -> Option<Millis> {
    let mut text = [0; 20];
    let len = rustix::fs::lgetxattr(path, EXPIRES, &mut text[..]).ok()?;
    expiry(text.get(..len)?)
}

/// Names bytes by what they are: whatever a person does to the files is a change.
fn version(bytes: &[u8]) -> Version {
    Version::new(run::Hash::of(bytes).to_string())
}

impl Home {
    /// What is under a key and has not expired.
    fn load(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        let found = disk::load_open(path).context(|| format!("cannot load {}", path.display()))?;
        let found = found.filter(|(_, file)| expiry_of(file).is_none_or(|expires| self.clock.now() < expires));
        Ok(found.map(|(bytes, _)| bytes))
    }

    fn save(&self, path: &Path, key: &str, bytes: &[u8], how: &SaveOptions) -> Result<Version, StoreError> {
        let _lock = match how.expect {
            Expect::Anything => None,
            _ => Some(self.lock_folder_of(path, key)?),
        };
        if how.expect != Expect::Anything {
            let found = self.load(path)?.map(|bytes| version(&bytes));
            how.expect.check(key, found.as_ref())?;
        }
        let expires = how.ttl.map(|ttl| self.clock.after(ttl));
        let mark = |file: &File| expires.map_or(Ok(()), |expires| mark_expiry(file, expires));
        disk::replace_marked(path, bytes, how.durable && self.durable(), mark)
            .context(|| format!("cannot save {}", path.display()))?;
        Ok(version(bytes))
    }

    /// Keeps out others who save under a condition in the same folder. Nothing of ours locks these folders else.
    fn lock_folder_of(&self, path: &Path, key: &str) -> Result<File, StoreError> {
        let folder = path.parent().unwrap_or(&self.home);
        let locking = || format!("cannot lock {} to save {key}", folder.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            disk::make_folders(folder, self.durable()).context(locking)?;
            let file = match disk::found(File::open(folder)).context(locking)? {
                Some(file) => file,
                // Its run was deleted in between.
                None => continue,
            };
            if disk::lock(&file, false).context(locking)? {
                let ours = disk::fstat(&file).context(locking)?;
                match disk::stat(folder).context(locking)? {
                    Some(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => return Ok(file),
                    _ => continue,
                }
            }
            if Instant::now() > deadline {
                let cause = "another process has been saving there for some seconds; is it stopped?";
                return Err(io::Error::new(io::ErrorKind::TimedOut, cause)).context(locking);
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

#[async_trait]
impl CheckpointStore for FileStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        let path = self.home.path(key)?;
        self.with(move |home| {
            disk::replace(&path, &bytes, durable && home.durable())
                .context(|| format!("cannot save {}", path.display()))
        })
        .await
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.home.path(key)?;
        self.with(move |home| Ok(home.load(&path)?.map(Bytes::from))).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.home.path(key)?;
        self.with(move |_| {
            let removed = disk::found(std::fs::remove_file(&path));
            removed.map(drop).context(|| format!("cannot delete {}", path.display()))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix.to_owned();
        self.with(move |home| home.keys(&prefix)).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        let path = self.home.path(key)?;
        self.with(move |home| {
            Ok(home.load(&path)?.map(|bytes| {
                let version = version(&bytes);
                (bytes.into(), version)
            }))
        })
        .await
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        let (path, key) = (self.home.path(key)?, key.to_owned());
        self.with(move |home| home.save(&path, &key, &bytes, &how)).await
    }
}
