//! What can go wrong for a workflow and for whoever starts it.

use run::Failure;

/// Why a step, a workflow or a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step failed; recorded, so a replay fails the same way.
    #[error("{}", .0.message)]
    Step(Failure),
    /// A value does not fit the type that is wanted.
    #[error("{what}: {source}")]
    Value {
        /// Which value.
        what: String,
        /// serde's word.
        source: serde_json::Error,
    },
    /// The workflow failed, or exceeded a limit.
    #[error("the run failed: {0}")]
    Failed(String),
    /// Somebody cancelled it; why.
    #[error("the run was cancelled: {0}")]
    Cancelled(String),
    /// It waits and has left memory: what for. Answer or signal it, then resume it.
    #[error("the run waits: {0:?}")]
    Waiting(Vec<run::entry::Waiting>),
    /// It was left, and can be resumed.
    #[error("the run was left and can be resumed")]
    Left,
    /// No workflow of that name is registered.
    #[error("no workflow {0:?} is registered")]
    Unknown(String),
    /// The executor refused or failed.
    #[error(transparent)]
    Executor(#[from] executor::ExecError),
}

impl Error {
    /// A failure of a step or a workflow with a message of its own.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self::Step(Failure::new("Error", message.to_string()))
    }

    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Step(failure) => failure,
            other => Failure::new("Error", other.to_string()),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        Self::Executor(error.into())
    }
}
