//! What a program asks of the world, and what comes back.

use serde::{Deserialize, Serialize};

use crate::{Json, Payload, time::Millis};

/// A request of a program. Effects of one run carry consecutive numbers, from 0, in the order in which they were asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Something to show: recorded, shown once, no result.
    Emit {
        /// `status`, `progress`, `stream`, `log`, …
        kind: String,
        /// The line to show, where the kind has one.
        message: Option<String>,
        /// The whole value as the program gave it.
        data: Option<Json>,
    },
    /// A named place, on disk before the program goes on. Its result is empty.
    Checkpoint {
        /// The program's own name for it; `cp_N` by position otherwise.
        id: Option<String>,
        /// What the program wants to be seen there.
        state: Json,
        /// It need only be in the journal before the program goes on, and on disk before the world sees anything that
        /// follows: for places that no person asked for, of work that would be done again just so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        relaxed: bool,
    },
    /// A question to a person. Its result is the checked answer.
    Ask(Ask),
    /// Wake me at this time. Its result is empty.
    Timer {
        /// When, in milliseconds since the epoch.
        due: Millis,
    },
    /// Wait for a message from outside by this name. Its result is the message's value.
    Signal {
        /// The message's name.
        name: String,
    },
    /// An operation that the host performs.
    Call {
        /// `fetch`, `fs.readFile`, `step`, …
        op: String,
        /// What to do it with.
        args: Payload,
    },
    /// Withdraw an earlier effect: no result of it is wanted any more.
    Abort {
        /// The number of the effect.
        n: u64,
    },
}

/// A question to a person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The program's own name for it; `ask_N` by position otherwise.
    pub id: Option<String>,
    /// `text`, `password`, `confirm`, `select`, `number`, `file`, `date`, `form`, `url`.
    pub kind: String,
    /// The question.
    pub message: String,
    /// The whole request as the program gave it: options, bounds, defaults.
    pub spec: Json,
}

/// What performing an operation does to the world; it decides what must be on disk before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EffectClass {
    /// Nothing that the world can see: may be repeated freely.
    Read,
    /// The world can see it: its intent is on disk before; repeated with the same idempotency key if its result was lost.
    Write,
    /// The world can see it and it must not be repeated: if its result was lost, a person decides.
    AtMostOnce,
}

/// What came back.
pub type Outcome = Result<Payload, Failure>;

/// Why an operation failed, as the program sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Failure {
    /// The error's class: `Error`, `TypeError`, `PermissionDenied`, …
    pub name: String,
    /// What went wrong, with the thing, the cause and the next step.
    pub message: String,
    /// A code that programs match on: `ENOENT`, `ETIMEDOUT`, …
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

impl Failure {
    /// A failure without a code.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), code: None }
    }

    /// A failure with a code.
    pub fn with_code(name: &str, code: &str, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..Self::new(name, message) }
    }
}

impl Effect {
    /// The word for it in messages.
    pub fn kind(&self) -> &str {
        match self {
            Self::Emit { .. } => "emit",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Ask(_) => "ask",
            Self::Timer { .. } => "timer",
            Self::Signal { .. } => "signal",
            Self::Call { op, .. } => op,
            Self::Abort { .. } => "abort",
        }
    }
}
