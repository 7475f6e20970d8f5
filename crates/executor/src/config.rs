//! What an executor works with.

use std::{sync::Arc, time::Duration};

use run::{Guest, Seed, limits, limits::Limits, time::Millis};
use store::{CheckpointStore, JournalStore, Owner};

use crate::{Host, Swap};

/// When heaps are saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SnapshotPolicy {
    /// When replaying the tail would cost more than the bounds in `limits`, and when a run starts a long wait.
    #[default]
    WhenItPays,
    /// Also at every checkpoint.
    Always,
    /// Never: every resume replays.
    Never,
}

/// The outside facts that an executor needs, injected so that tests choose them.
pub trait World: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
    /// A fresh seed from the system's random source.
    fn seed(&self) -> Seed;
}

/// How runs are driven.
#[derive(Clone)]
pub struct Config {
    /// Whether results are on disk (`true`) or merely with the operating system (`false`) before the world sees more.
    pub durable: bool,
    /// When heaps are saved.
    pub snapshots: SnapshotPolicy,
    /// What each run may use.
    pub limits: Limits,
    /// A run that can only wait leaves memory when its next timer is further away than this.
    pub park_after: Duration,
    /// Named in leases and journals.
    pub owner: Owner,
    /// Noted with every run that is begun here, by a server that takes up such runs by itself.
    pub begun_by: Option<String>,
    /// The most snapshots' replay tail: results delivered since the last.
    pub snapshot_wakes: u64,
    /// Checkpoints are kept in another store than journals, which may hold those of runs that are not known here.
    pub checkpoints_apart: bool,
    /// Which programs keep their memory while they wait.
    pub swap: Swap,
}

impl Config {
    /// The defaults, for a driver called `what`.
    pub fn new(owner: Owner) -> Self {
        Self {
            durable: true,
            snapshots: SnapshotPolicy::default(),
            limits: Limits::default(),
            park_after: limits::EVICT_AFTER,
            owner,
            begun_by: None,
            snapshot_wakes: limits::SNAPSHOT_EVERY_WAKES,
            checkpoints_apart: false,
            swap: Swap::beyond(limits::IDLE_PROGRAMS),
        }
    }
}

/// Everything that driving a run needs; cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Where journals are.
    pub journals: Arc<dyn JournalStore>,
    /// Where snapshots, long values and code are.
    pub keep: Arc<dyn CheckpointStore>,
    /// The kinds of programs.
    pub guests: Vec<Arc<dyn Guest>>,
    /// What performs effects.
    pub host: Arc<dyn Host>,
    /// Time and randomness.
    pub world: Arc<dyn World>,
    /// Where effects are performed: the runtime must have threads of its own, since a program that stands still for
    /// an operation blocks the thread that drives it.
    pub io: tokio::runtime::Handle,
}
