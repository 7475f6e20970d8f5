//! One error enum for every back-end.

use run::RunId;

use crate::Owner;

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
    /// Whether the same call can succeed later without anybody doing something.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Held { .. } => true,
            Self::Io { source, .. } => {
                use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
                matches!(source.kind(), Interrupted | TimedOut | WouldBlock)
            }
            _ => false,
        }
    }
}
