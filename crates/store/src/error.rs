//! One error enum for every back-end.

use run::RunId;

use crate::{Owner, Version};

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such run.
    #[error("there is no run {0}")]
    NotFound(RunId),
    /// A run of this name exists.
    #[error("run {0} exists already")]
    Exists(RunId),
    /// Somebody else drives the run.
    #[error("run {run} is driven by {owner}")]
    Held {
        /// The run.
        run: RunId,
        /// Its driver.
        owner: Box<Owner>,
    },
    /// The lease is not the run's current one any more, or the journal grew behind its holder's back.
    #[error("run {run} was taken over by another driver: {cause}")]
    Fenced {
        /// The run.
        run: RunId,
        /// What showed it.
        cause: String,
    },
    /// A key that a store cannot hold.
    #[error("{0:?} is not a key: parts of letters, digits, '.', '_' and '-', joined by '/', are expected")]
    BadKey(String),
    /// Another writer was faster: load the key again, and decide anew.
    #[error("key {key} holds {}, not what was expected: another writer has changed it", found_text(.found))]
    Conflict {
        /// The key.
        key: String,
        /// The version of what it holds; nothing if it is not there.
        found: Option<Version>,
    },
    /// A store's address that cannot be used; its text holds no password.
    #[error("cannot use the store {store}: {cause}")]
    BadUrl {
        /// The address without secrets, or the part of it that is wrong.
        store: String,
        /// What is wrong, and what is expected.
        cause: String,
    },
    /// The back-end failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the file's or server's name.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether the same call can succeed later without anybody doing something: a server that is away or slow comes back.
    /// A write whose reply was lost may have been done; see [`append`](crate::JournalStore::append).
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Held { .. } => true,
            Self::Io { source, .. } => {
                use std::io::ErrorKind::*;
                matches!(
                    source.kind(),
                    Interrupted
                        | TimedOut
                        | WouldBlock
                        | ConnectionRefused
                        | ConnectionReset
                        | ConnectionAborted
                        | NotConnected
                        | BrokenPipe
                        | ResourceBusy
                )
            }
            _ => false,
        }
    }
}

fn found_text(found: &Option<Version>) -> String {
    found.as_ref().map_or_else(|| "nothing".into(), |version| format!("version {version}"))
}
