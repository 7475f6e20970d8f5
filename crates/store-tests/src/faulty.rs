//! A store that fails on purpose: the same faults again for the same plan.
//!
//! ```ignore
//! let faulty = Faulty::new(MemoryStore::new(), Plan::new(seed).at_write(7, Fault::Die(Death::PowerCut)));
//! drive(&faulty).await.unwrap_err();                   // the 7th write is the last thing that the process did
//! let again = faulty.reopen(Plan::new(seed)).await?;   // what the next process finds
//! drive(&again).await?;
//! ```

mod checkpoints;
mod journal;
mod plan;
mod power;

use std::sync::Arc;

use store::{CheckpointStore, JournalStore, StoreError};

pub use plan::{Death, Fault, Plan};
pub use power::Counts;
use power::Power;

/// Wraps a store and fails as its plan says. Cheap to clone; clones share plan, counts and fate.
///
/// **Writes** are calls that change something (`create`, `acquire`, `append`, `truncate`, `post`, `acknowledge`, `save`
/// and both `delete`s), **syncs** are calls of `sync`; each kind is counted from 1, in the order of the calls.
pub struct Faulty<S> {
    inner: Arc<S>,
    power: Arc<Power>,
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), power: self.power.clone() }
    }
}

impl<S> Faulty<S> {
    /// A store that fails as `plan` says. What is in `inner` already counts as durable.
    pub fn new(inner: S, plan: Plan) -> Self {
        Self { inner: Arc::new(inner), power: Arc::new(Power::new(plan)) }
    }

    /// The store inside, which does not fail.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How many calls there were so far.
    pub fn counts(&self) -> Counts {
        self.power.counts()
    }

    /// Fills the disk: from now on nothing can grow.
    pub fn fill(&self) {
        self.power.set_full(true);
    }

    /// Makes room again.
    pub fn free(&self) {
        self.power.set_full(false);
    }

    /// Ends the process now. All calls fail from here on, and the leases are free.
    pub fn kill(&self, death: Death) {
        self.power.die(death);
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.power.is_dead()
    }
}

impl<S: JournalStore + CheckpointStore> Faulty<S> {
    /// What the next process finds, under a new plan. This one dies now if it has not yet (like a process that is
    /// killed). After a power cut, what was not synced is gone: ends of journals, journals that never were synced,
    /// values saved without `durable`.
    pub async fn reopen(&self, plan: Plan) -> Result<Self, StoreError> {
        self.power.die(Death::Process);
        let lost = self.power.take_lost();
        for (run, journal) in lost.journals {
            match journal.synced {
                None => journal::gone(JournalStore::delete(&*self.inner, &run).await)?,
                Some(synced) if synced < journal.len => journal::cut(&*self.inner, &run, synced).await?,
                Some(_) => {}
            }
        }
        for (key, before) in lost.keys {
            match before {
                Some(bytes) => self.inner.save(&key, bytes, true).await?,
                None => CheckpointStore::delete(&*self.inner, &key).await?,
            }
        }
        Ok(Self { inner: self.inner.clone(), power: Arc::new(Power::new(plan)) })
    }
}
