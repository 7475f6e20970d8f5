//! What every guest is to the executor: a program that can be stopped between turns.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Effect, Failure, Hash, Json, Outcome, Payload, Seed, limits::Limits, time::Millis};

/// The pinned code of a run: everything that is needed to run it again, whatever the files say by then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Code {
    /// Which guest runs it: `typescript`, …
    pub guest: String,
    /// The module to begin with: a key of `modules`.
    pub entry: String,
    /// Module name → its source as the guest wants it, and what the guest needs beside it (source maps, links).
    pub modules: BTreeMap<String, Module>,
    /// What the guest must know of the program beside its modules: how arguments become parameters, which names are
    /// tools. Absent in code that needs nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<Json>,
}

/// One module of a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Module {
    /// The source as the guest runs it.
    pub source: String,
    /// The source as its author wrote it, where that differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub original: Option<String>,
    /// Import specifier → module name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub imports: BTreeMap<String, String>,
    /// A source map (JSON, revision 3) from `source` to `original`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map: Option<String>,
}

impl Code {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("code has a JSON form")
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The content hash of the stored form.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.to_bytes())
    }
}

/// What wakes a program.
#[derive(Clone, PartialEq, Debug)]
pub enum Wake {
    /// The run begins.
    Start {
        /// The method of the module, where it has several.
        method: Option<String>,
        /// The parameters, a JSON object.
        params: Json,
        /// The source of random numbers.
        seed: Seed,
        /// The run's id.
        run: String,
        /// The instance of the photon, if it is not the default one.
        instance: Option<String>,
        /// The time at which the turn's clock starts.
        now: Millis,
    },
    /// An effect has its result.
    Result {
        /// The effect's number.
        n: u64,
        /// The result.
        outcome: Outcome,
        /// The time at which the turn's clock starts.
        now: Millis,
    },
    /// The run is a fork: draw other random numbers from here on.
    Reseed {
        /// The new source.
        seed: Seed,
        /// The new run's id.
        run: String,
    },
}

/// How a turn ended.
#[derive(Clone, PartialEq, Debug)]
pub enum TurnEnd {
    /// The program waits for results.
    Idle,
    /// The program ended well; effects that still wait are withdrawn.
    Done(Payload),
    /// The program failed.
    Failed(ProgramError),
}

/// What a program threw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProgramError {
    /// `error`, `limit`, `deadlock`, `timed_out`, `diverged`.
    pub kind: String,
    /// The message; may be empty.
    pub message: String,
    /// Where, in positions of the author's files.
    pub stack: Option<String>,
}

impl ProgramError {
    /// A failure without a stack.
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), stack: None }
    }
}

/// The world as a program sees it during a turn.
pub trait Port: Send {
    /// Asks for `effect` and gives its number; its result comes in a later turn.
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop>;

    /// Performs an operation while the program stands still. For interfaces that are synchronous in the guest's
    /// language (`readFileSync`); everything else uses `effect`.
    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop>;

    /// Asked now and then by a guest that computes: must the turn end here?
    fn interrupted(&mut self) -> Option<Stop>;
}

/// The turn must end now; the executor knows why and discards the program.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("the turn was stopped: {0:?}")]
pub struct Stop(pub ProgramError);

/// A program in memory.
pub trait Program: Send {
    /// Runs until the program waits or ends. After an `Err` the program is not used any more.
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop>;

    /// The program's memory now, or `None` if this guest has no form for it. Called between turns only. The image may
    /// hold just what differs from the image that `snapshot` gave before (`Image::on_parent`).
    fn snapshot(&mut self) -> Result<Option<Image>, GuestError>;

    /// The last image could not be saved: the next must not build on it.
    fn forget_parent(&mut self) {}

    /// Evaluates an expression in the program's memory, for `inspect`. The program is discarded afterwards.
    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        let _ = expression;
        Err(GuestError::Unsupported("this kind of program cannot be inspected".into()))
    }

    /// Gives back what memory it can while the program waits, and whether that was worth it: the rest is enough to go
    /// on from in this process. Called between turns; nothing but [`Self::swap_in`] and [`Self::memory`] is called
    /// after it gave `true`. After an error the program is as it was.
    fn swap_out(&mut self) -> Result<bool, GuestError> {
        Ok(false)
    }

    /// Takes the memory again. After an error it is still out, and may be asked again: others may need less by then.
    fn swap_in(&mut self) -> Result<(), GuestError> {
        Ok(())
    }

    /// CPU-independent size of the program in memory, in bytes, for decisions about eviction and limits. It counts what
    /// is swapped out.
    fn memory(&self) -> usize {
        0
    }
}

/// A program's memory as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The guest's own format.
    pub bytes: Bytes,
    /// Whether it builds on the image given before by the same program.
    pub on_parent: bool,
}

/// A kind of program.
pub trait Guest: Send + Sync {
    /// `typescript`, `neutron`, `dag`, `rust`.
    fn name(&self) -> &str;

    /// Identifies engine and image format: images of another engine are refused, and the journal replayed instead.
    fn engine(&self) -> Hash;

    /// A fresh program, to be woken with `Wake::Start`.
    fn load(&self, code: &std::sync::Arc<Code>, limits: &Limits) -> Result<Box<dyn Program>, GuestError>;

    /// A program from images, oldest first: each but the first builds on the one before.
    fn restore(
        &self,
        code: &std::sync::Arc<Code>,
        limits: &Limits,
        images: &[Bytes],
    ) -> Result<Box<dyn Program>, GuestError>;
}

/// Why a guest cannot do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The image does not fit this engine or is damaged: use an older one, or replay.
    #[error("the snapshot was refused: {0}")]
    Refused(String),
    /// The code does not compile.
    #[error("{0}")]
    Code(String),
    /// This guest cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// A fault of the engine.
    #[error("the engine failed: {0}")]
    Engine(String),
}

impl From<Failure> for ProgramError {
    fn from(failure: Failure) -> Self {
        Self::new("error", failure.to_string())
    }
}
