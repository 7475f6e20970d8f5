//! One error enum for driving runs.

use run::{GuestError, RunId, journal::Corrupt};
use store::StoreError;

/// Why a run could not be driven, or a request about it not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The store refused or failed. The run is as its journal says and can be resumed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal is damaged.
    #[error("the journal of run {run} is damaged: {cause}")]
    Corrupt {
        /// The run.
        run: RunId,
        /// Where and how.
        cause: Corrupt,
    },
    /// A replay asked for something else than the journal holds.
    #[error("run {run} diverged at effect {n}: {detail}")]
    Diverged {
        /// The run.
        run: RunId,
        /// The number of the effect.
        n: u64,
        /// What the journal holds and what the program asked.
        detail: String,
    },
    /// The guest refused the code or failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// No guest of that name is built in.
    #[error("run {run} is for the guest {guest:?}, which this program does not have")]
    NoGuest {
        /// The run.
        run: RunId,
        /// The guest's name.
        guest: String,
    },
    /// A file that belongs to the run is missing or damaged.
    #[error("run {run} needs {what}, which is missing or damaged: {key}")]
    Missing {
        /// The run.
        run: RunId,
        /// `its code`, `a value`.
        what: &'static str,
        /// The key in the checkpoint store.
        key: String,
    },
    /// The run is not in a state for this.
    #[error("run {run} {state}")]
    State {
        /// The run.
        run: RunId,
        /// What state it is in, and what can be done.
        state: String,
    },
    /// A log that another program wrote: it can be read, not driven.
    #[error("run {0} was not written by quicksave: its log can be read, but it cannot be driven on")]
    Foreign(RunId),
    /// No such checkpoint.
    #[error("run {run} has no checkpoint {id:?}; it has {have}")]
    NoCheckpoint {
        /// The run.
        run: RunId,
        /// What was asked for.
        id: String,
        /// What there is.
        have: String,
    },
}

impl ExecError {
    /// Whether the same call can succeed later without anybody doing something.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Store(store) if store.can_retry())
    }
}
