//! Locks between processes: through the daemon, which gives them in the order of asking, or by files where none runs.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::broker::{ClientError, Connection, Place, private_folder};

/// A lock of a file, released when this is dropped or its process ends.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock `name` below `folder`; `None` if somebody has it.
    pub fn try_take(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        private_folder(folder)?;
        let digest = Sha256::digest(name.as_bytes());
        let path = folder.join(digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why a lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Others have it.
    #[error("the lock {0:?} was not free in time")]
    Timeout(String),
    /// The daemon said no.
    #[error("the lock {name:?} cannot be had: {cause}")]
    Refused {
        /// The lock.
        name: String,
        /// Why not.
        cause: String,
    },
    /// The system said no.
    #[error("the lock {name:?} cannot be had: {source}")]
    Io {
        /// The lock.
        name: String,
        /// Why not.
        source: io::Error,
    },
}

/// Gives locks to the programs of this process.
#[derive(Clone, Debug)]
pub struct Locks {
    place: Place,
    folder: PathBuf,
    who: String,
}

/// A lock that is held. It is released when this is dropped, and when this process ends in whatever way.
pub struct Guard {
    name: String,
    held: Held,
}

enum Held {
    File {
        _lock: FileLock,
    },
    /// The connection is the owner: when it ends, the lock is free.
    Daemon {
        connection: Box<Connection>,
        token: u64,
    },
}

const LOOK: Duration = Duration::from_millis(20);

impl Locks {
    /// Locks of the home that `place` belongs to, for a process called `who`.
    pub fn new(home: &Path, who: &str) -> Self {
        Self { place: Place::new(home), folder: home.join("locks"), who: who.into() }
    }

    /// Takes `name`, waiting for `patience` at most, or for as long as it takes.
    pub async fn take(&self, name: &str, patience: Option<Duration>) -> Result<Guard, LockError> {
        let began = Instant::now();
        loop {
            let left = patience.map(|patience| patience.saturating_sub(began.elapsed()));
            match self.through_daemon(name, left).await {
                Ok(guard) => return Ok(guard),
                Err(ClientError::Refused { code, .. }) if code == "timeout" => {
                    return Err(LockError::Timeout(name.into()));
                }
                Err(ClientError::Refused { code, message }) if code != "busy" => {
                    return Err(LockError::Refused { name: name.into(), cause: message });
                }
                // None is running, or it has just ended: the file is what counts.
                Err(_) => {}
            }
            let bad = |source| LockError::Io { name: name.into(), source };
            if let Some(lock) = FileLock::try_take(&self.folder, name).map_err(bad)? {
                return Ok(Guard { name: name.into(), held: Held::File { _lock: lock } });
            }
            if left == Some(Duration::ZERO) {
                return Err(LockError::Timeout(name.into()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn through_daemon(&self, name: &str, left: Option<Duration>) -> Result<Guard, ClientError> {
        let mut connection = Box::new(Connection::open(&self.place, &self.who).await?);
        let wait = left.map(|left| left.as_millis() as u64);
        let locked = connection.request(json!({ "t": "lock", "name": name, "waitMs": wait })).await?;
        let token = locked["token"].as_u64().unwrap_or_default();
        Ok(Guard { name: name.into(), held: Held::Daemon { connection, token } })
    }
}

impl Guard {
    /// The lock's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is still held: the daemon that gave it may have ended.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.held {
            Held::File { .. } => true,
            Held::Daemon { connection, token } => {
                let renewed = json!({ "t": "renew", "name": self.name, "token": *token });
                connection.request(renewed).await.is_ok()
            }
        }
    }

    /// Gives it back, and returns when others can have it.
    pub async fn release(self) {
        if let Held::Daemon { mut connection, token } = self.held {
            // If this fails, the end of the connection does the same.
            let _ = connection.request(json!({ "t": "unlock", "name": self.name, "token": token })).await;
        }
    }
}
