//! Why a call was not made.

use bundler::tools::FieldError;

/// Why a call was not made. All but broken arguments may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `@validate`
    #[error("{}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// What is wrong with which argument.
        errors: Vec<FieldError>,
    },
    /// `@circuitBreaker`
    #[error("it failed {failures} times in a row; try again in {}", seconds(*again_ms))]
    Open {
        /// The failures that are enough.
        failures: u64,
        /// When there is hope, in milliseconds from now.
        again_ms: u64,
    },
    /// `@throttled`
    #[error("more than {count} calls in {}; try again in {}", seconds(*window_ms), seconds(*again_ms))]
    TooMany {
        /// Calls at most …
        count: u64,
        /// … in this time (milliseconds).
        window_ms: u64,
        /// When there is room, in milliseconds from now.
        again_ms: u64,
    },
    /// `@debounced`
    #[error("a newer call took its place")]
    Superseded,
    /// `@queued`
    #[error("{most} calls wait already")]
    QueueFull {
        /// How many may wait.
        most: usize,
    },
    /// `@locked`
    #[error("the lock '{name}' was not free within {}: {holder}", seconds(*waited_ms))]
    Locked {
        /// The lock.
        name: String,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
        /// Who has it, in words.
        holder: String,
    },
    /// Locks do not work.
    #[error("a lock cannot be had: {cause}")]
    Locks {
        /// Why.
        cause: String,
    },
    /// What is remembered of calls cannot be read or written.
    #[error("what is remembered of its calls cannot be used: {cause}")]
    Ledger {
        /// Why.
        cause: String,
    },
}

impl Refusal {
    /// For programs: `ERR_THROTTLED` …
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "ERR_INVALID_ARG_VALUE",
            Self::Open { .. } => "ERR_CIRCUIT_OPEN",
            Self::TooMany { .. } => "ERR_THROTTLED",
            Self::Superseded => "ERR_DEBOUNCED",
            Self::QueueFull { .. } => "ERR_QUEUE_FULL",
            Self::Locked { .. } => "ERR_LOCKED",
            Self::Locks { .. } | Self::Ledger { .. } => "ERR_MIDDLEWARE",
        }
    }
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{}.{:03} s", ms / 1000, ms % 1000) }
}
