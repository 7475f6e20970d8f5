//! Where a daemon's files are, and that there is one daemon for a home.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

/// The longest path of a Unix socket, with room to spare: the systems differ (104 and 108).
const LONGEST: usize = 100;

/// The folder of a daemon, below the home that it works for.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

/// Why a daemon cannot have its place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is one already.
    #[error("a daemon is running for this home: process {pid}")]
    Running {
        /// Its process; 0 if it has not said yet.
        pid: u32,
    },
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// Held while a daemon runs; released by the system when its process ends in whatever way.
#[derive(Debug)]
pub struct DaemonLock {
    file: File,
}

impl DaemonLock {
    /// Whether the place still is what was locked: somebody may have removed the folder.
    pub(super) fn is_in_place(&self, place: &Place) -> bool {
        let (Ok(ours), Ok(now)) = (self.file.metadata(), std::fs::metadata(place.file("lock"))) else { return false };
        (ours.dev(), ours.ino()) == (now.dev(), now.ino())
    }
}

impl Place {
    /// The place of the daemon of `home`. Nothing is made.
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("daemon") }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes the folder, private to the user.
    pub fn make(&self) -> Result<(), PlaceError> {
        private_folder(&self.folder).map_err(|e| failed("cannot make the folder", &self.folder, e))
    }

    /// The socket's path. One that would be too long for the system lies in a private folder elsewhere.
    pub fn socket(&self) -> PathBuf {
        let near = self.folder.join("sock");
        if near.as_os_str().len() <= LONGEST {
            return near;
        }
        let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        let short: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let uid = rustix::process::geteuid().as_raw();
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|path| path.is_absolute() && path.as_os_str().len() < 60);
        base.unwrap_or_else(|| "/tmp".into()).join(format!("quicksave-{uid}-{short}")).join("sock")
    }

    /// Takes the place for this process.
    pub fn lock(&self) -> Result<DaemonLock, PlaceError> {
        self.make()?;
        let path = self.file("lock");
        let bad = |e: io::Error| failed("cannot lock", &path, e);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(bad)?;
        // Who merely looks whether there is a daemon holds the lock for an instant.
        for attempt in 0.. {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if attempt < 5 => std::thread::sleep(std::time::Duration::from_millis(10)),
                Err(Errno::WOULDBLOCK) => return Err(PlaceError::Running { pid: self.pid().unwrap_or(0) }),
                Err(error) => return Err(bad(error.into())),
            }
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(bad)?;
        Ok(DaemonLock { file })
    }

    /// The process that runs the daemon; `None` if none does.
    pub fn running(&self) -> Option<u32> {
        let file = File::open(self.file("lock")).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Some(self.pid().unwrap_or(0)),
            _ => None,
        }
    }

    fn pid(&self) -> Option<u32> {
        let mut text = String::new();
        File::open(self.file("lock")).ok()?.take(32).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Binds the socket; only who holds the lock may.
    pub(super) fn bind(&self, _: &DaemonLock) -> Result<std::os::unix::net::UnixListener, PlaceError> {
        let path = self.socket();
        let bad = |what: &str, e| failed(what, &path, e);
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(|e| failed("cannot make the folder", folder, e))?;
        }
        // One that a killed daemon left: nobody listens, since we hold the lock.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(bad("cannot remove", error)),
            _ => {}
        }
        let listener = std::os::unix::net::UnixListener::bind(&path).map_err(|e| bad("cannot listen on", e))?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(|e| bad("cannot protect", e))?;
        listener.set_nonblocking(true).map_err(|e| bad("cannot listen on", e))?;
        Ok(listener)
    }
}

/// Makes `folder` for this user alone; refuses one that belongs to somebody else.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let held = std::fs::symlink_metadata(folder)?;
    if !held.is_dir() || held.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a folder of this user"));
    }
    if held.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

fn failed(what: &str, path: &Path, source: io::Error) -> PlaceError {
    PlaceError::Io { what: format!("{what} {}", path.display()), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_daemon_for_a_home() {
        let home = tempfile::tempdir().expect("a folder");
        let place = Place::new(home.path());
        assert_eq!(place.running(), None);
        let lock = place.lock().expect("locked");
        assert_eq!(place.running(), Some(std::process::id()));
        let refused = place.lock().expect_err("refused").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(lock);
        assert_eq!(place.running(), None);
        place.lock().expect("free again");
    }

    #[test]
    fn a_long_home_has_its_socket_elsewhere() {
        let home = tempfile::tempdir().expect("a folder");
        let place = Place::new(&home.path().join("x".repeat(120)));
        let socket = place.socket();
        assert!(socket.as_os_str().len() <= LONGEST, "{}", socket.display());
        let lock = place.lock().expect("locked");
        let listener = place.bind(&lock).expect("bound");
        std::os::unix::net::UnixStream::connect(&socket).expect("connected");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&socket), mode(socket.parent().expect("a folder"))), (0o600, 0o700));
        drop(listener);
        // What a killed daemon left is no hindrance.
        place.bind(&lock).expect("bound again");
        std::fs::remove_dir_all(socket.parent().expect("a folder")).expect("removed");
    }
}
