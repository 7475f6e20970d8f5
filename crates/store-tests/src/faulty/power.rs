//! The fate of a faulty store: what was called, what is on disk, and whether the process still lives.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use run::RunId;
use store::{Lease, StoreError};

use super::plan::{Death, Fault, Plan, Random};

/// How many calls there were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Calls that change something.
    pub writes: u64,
    /// Calls of `sync`.
    pub syncs: u64,
    /// Calls that only read.
    pub reads: u64,
    /// Calls of all kinds that failed on purpose.
    pub failed: u64,
}

/// What becomes of a call.
pub(super) enum Verdict {
    /// Do it.
    Go,
    /// Do it, and wait this long.
    Delay(Duration),
    /// Do this share of it (in 1/65536), then give the error.
    Fail { share: u64, error: StoreError },
}

/// Does it all.
pub(super) const WHOLE: u64 = 1 << 16;

/// Frees the inner lease when the process dies, whoever still holds the outer one.
pub(super) struct Handle {
    pub(super) lease: Mutex<Option<Lease>>,
    pub(super) power: Weak<Power>,
}

/// A journal since this process opened it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Journal {
    pub(super) len: u64,
    /// How much of it is on disk; `None` if not even its name is.
    pub(super) synced: Option<u64>,
}

/// What a power cut takes away.
#[derive(Default)]
pub(super) struct Volatile {
    pub(super) journals: HashMap<RunId, Journal>,
    /// What was durable under keys that were saved without `durable` since.
    pub(super) keys: HashMap<String, Option<Bytes>>,
}

struct State {
    plan: Plan,
    random: Random,
    counts: Counts,
    full: bool,
    dead: Option<Death>,
    handles: Vec<Weak<Handle>>,
    volatile: Volatile,
}

pub(super) struct Power(Mutex<State>);

impl Power {
    pub(super) fn new(plan: Plan) -> Self {
        let random = Random(plan.seed);
        let (counts, volatile) = (Counts::default(), Volatile::default());
        Self(Mutex::new(State { plan, random, counts, full: false, dead: None, handles: Vec::new(), volatile }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(super) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state().dead.is_some()
    }

    pub(super) fn die(&self, death: Death) {
        let mut state = self.state();
        state.dead.get_or_insert(death);
        let handles: Vec<_> = state.handles.drain(..).filter_map(|handle| handle.upgrade()).collect();
        drop(state);
        for handle in handles {
            handle.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// What the end of the process took away.
    pub(super) fn take_lost(&self) -> Volatile {
        let mut state = self.state();
        let volatile = std::mem::take(&mut state.volatile);
        if state.dead == Some(Death::PowerCut) { volatile } else { Volatile::default() }
    }

    /// Fails if the process has died.
    pub(super) fn alive(&self) -> Result<(), StoreError> {
        self.state().alive()
    }

    /// Before a call that only reads.
    pub(super) fn read(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        state.counts.reads += 1;
        state.alive()
    }

    /// Before a call that changes something; `grows` if it needs room. After death the caller still does its share of
    /// this one call, and then frees the leases with [`bury`](Self::bury).
    pub(super) fn write(&self, grows: bool) -> Result<Verdict, StoreError> {
        let mut state = self.state();
        state.alive()?;
        state.counts.writes += 1;
        let number = state.counts.writes;
        let fault = state.plan.writes.get(&number).copied();
        if fault == Some(Fault::Full) {
            state.full = true;
        }
        if grows && state.full {
            state.counts.failed += 1;
            return Ok(state.fail(0, io::ErrorKind::StorageFull.into(), &format!("write {number}")));
        }
        Ok(state.verdict(fault, &format!("write {number}")))
    }

    /// Before a sync.
    pub(super) fn sync(&self) -> Result<Verdict, StoreError> {
        let mut state = self.state();
        state.alive()?;
        state.counts.syncs += 1;
        let number = state.counts.syncs;
        let fault = match state.plan.syncs.get(&number).copied() {
            Some(Fault::Tear | Fault::Full) => Some(Fault::Refuse(io::ErrorKind::Other)),
            fault => fault,
        };
        Ok(state.verdict(fault, &format!("sync {number}")))
    }

    /// Frees the leases of a process that has died.
    pub(super) fn bury(&self) {
        if self.is_dead() {
            self.die(Death::Process);
        }
    }

    pub(super) fn hold(&self, handle: &Arc<Handle>) {
        let mut state = self.state();
        state.handles.retain(|handle| handle.strong_count() > 0);
        state.handles.push(Arc::downgrade(handle));
    }

    /// Notes the journal of a run that is opened.
    pub(super) fn opened(&self, run: &RunId, len: u64, synced: Option<u64>) {
        self.state().volatile.journals.entry(run.clone()).or_insert(Journal { len, synced });
    }

    pub(super) fn journal(&self, run: &RunId, f: impl FnOnce(&mut Journal)) {
        if let Some(journal) = self.state().volatile.journals.get_mut(run) {
            f(journal);
        }
    }

    pub(super) fn forget(&self, run: &RunId) {
        let mut state = self.state();
        state.volatile.journals.remove(run);
        state.volatile.keys.retain(|key, _| !key.starts_with(&format!("runs/{run}/")));
    }

    /// Notes that `key` no longer has its durable value, which was `before`.
    pub(super) fn unsaved(&self, key: &str, before: Option<Bytes>) {
        self.state().volatile.keys.entry(key.to_owned()).or_insert(before);
    }

    pub(super) fn saved(&self, key: &str) {
        self.state().volatile.keys.remove(key);
    }

    pub(super) fn is_unsaved(&self, key: &str) -> bool {
        self.state().volatile.keys.contains_key(key)
    }
}

impl State {
    fn alive(&mut self) -> Result<(), StoreError> {
        if self.dead.is_none() {
            return Ok(());
        }
        self.counts.failed += 1;
        Err(self.error("a call", io::Error::other("the process has died")))
    }

    fn error(&self, what: &str, source: io::Error) -> StoreError {
        StoreError::Io { what: format!("{what} failed on purpose (plan with seed {})", self.plan.seed), source }
    }

    fn fail(&self, share: u64, source: io::Error, what: &str) -> Verdict {
        Verdict::Fail { share, error: self.error(what, source) }
    }

    fn verdict(&mut self, fault: Option<Fault>, what: &str) -> Verdict {
        let share = self.random.below(WHOLE);
        match fault {
            None | Some(Fault::Full) => return Verdict::Go,
            Some(Fault::Delay(time)) => return Verdict::Delay(time),
            _ => self.counts.failed += 1,
        }
        match fault {
            Some(Fault::Refuse(kind)) => self.fail(0, kind.into(), what),
            Some(Fault::Tear) => self.fail(share.max(1), io::Error::other("the write was cut short"), what),
            Some(Fault::LoseReply) => self.fail(WHOLE, io::Error::other("the reply was lost"), what),
            Some(Fault::Die(death)) => {
                self.dead = Some(death);
                let share = match self.random.below(3) {
                    0 => 0,
                    1 => WHOLE,
                    _ => share,
                };
                self.fail(share, io::Error::other("the process died here"), what)
            }
            _ => Verdict::Go,
        }
    }
}
