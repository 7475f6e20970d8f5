//! Memory back-end: for tests, and for runs that need not survive.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use run::{RunId, time::Millis};

use crate::{
    CheckpointStore, Clock, JournalStore, Lease, Message, Owner, RunFile, SaveOptions, StoreError, Version,
    keep::{check_key, run_of},
};

/// Journals and checkpoints in memory. Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

#[derive(Default)]
struct State {
    runs: BTreeMap<RunId, Run>,
    blobs: BTreeMap<String, Blob>,
    /// The last version given to a journal or blob, and the last number given to a message.
    count: u64,
    /// Whether any blob has a time to live.
    mortal: bool,
}

struct Blob {
    bytes: Bytes,
    version: Version,
    expires: Option<Millis>,
}

struct Run {
    journal: Vec<u8>,
    version: u64,
    fence: u64,
    holder: Option<(Owner, Weak<Holder>)>,
    inbox: BTreeMap<String, Bytes>,
}

/// Our part of a lease. A run remembers it weakly, so that dropping it frees the run.
struct Holder {
    /// Its address tells two leases apart, so it must have one of its own.
    _size: u8,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that takes the time for times to live from `clock`.
    pub fn with_clock(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is there without what has expired.
    fn fresh(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.mortal {
            let now = self.clock.now();
            state.blobs.retain(|_, blob| blob.expires.is_none_or(|expires| now < expires));
            state.mortal = state.blobs.values().any(|blob| blob.expires.is_some());
        }
        state
    }

    /// Does `f` to the journal if the lease is the current one.
    fn change<T>(&self, lease: &Lease, f: impl FnOnce(&mut Run) -> Result<T, String>) -> Result<T, StoreError> {
        let fenced = |cause: String| StoreError::Fenced { run: lease.run.clone(), cause };
        let Some(ours) = lease.handle.downcast_ref::<Holder>() else {
            return Err(fenced("the lease is another store's".into()));
        };
        let mut state = self.state();
        state.count += 1;
        let version = state.count;
        // Not by fence: that begins anew if the run was deleted and made again.
        let holds = |run: &&mut Run| run.holder.as_ref().is_some_and(|(_, holder)| std::ptr::eq(holder.as_ptr(), ours));
        let run = state.runs.get_mut(&lease.run).filter(holds);
        let run = run.ok_or_else(|| fenced("its lease was replaced".into()))?;
        let len = run.journal.len();
        let done = f(run).map_err(fenced);
        if run.journal.len() != len {
            run.version = version;
        }
        done
    }
}

impl Run {
    fn owner(&self) -> Option<Owner> {
        self.holder.as_ref().filter(|(_, holder)| holder.strong_count() > 0).map(|(owner, _)| owner.clone())
    }

    fn lease(&mut self, id: &RunId, owner: &Owner) -> Lease {
        let handle = Arc::new(Holder { _size: 0 });
        self.fence += 1;
        self.holder = Some((owner.clone(), Arc::downgrade(&handle)));
        Lease { run: id.clone(), fence: self.fence, handle }
    }
}

impl State {
    fn run(&mut self, run: &RunId) -> Result<&mut Run, StoreError> {
        self.runs.get_mut(run).ok_or_else(|| StoreError::NotFound(run.clone()))
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

#[async_trait]
impl JournalStore for MemoryStore {
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError> {
        let mut state = self.state();
        if state.runs.contains_key(run) {
            return Err(StoreError::Exists(run.clone()));
        }
        let version = state.next();
        let mut new = Run { journal: Vec::new(), version, fence: 0, holder: None, inbox: BTreeMap::new() };
        let lease = new.lease(run, owner);
        state.runs.insert(run.clone(), new);
        Ok(lease)
    }

    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError> {
        let mut state = self.state();
        let found = state.run(run)?;
        match found.owner() {
            Some(holder) if !take_over => Err(StoreError::Held { run: run.clone(), owner: Box::new(holder) }),
            _ => Ok(found.lease(run, owner)),
        }
    }

    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        Ok(self.state().run(run)?.owner())
    }

    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let done = self.change(lease, |run| {
            let len = run.journal.len() as u64;
            if len != at {
                return Err(format!("the journal ends at byte {len}, not at {at}"));
            }
            run.journal.extend_from_slice(&lines);
            Ok(())
        });
        ready(done).boxed()
    }

    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(self.change(lease, |_| Ok(()))).boxed()
    }

    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError> {
        self.change(lease, |run| {
            let end = run.journal.len() as u64;
            if len > end {
                return Err(format!("the journal ends at byte {end}, before {len}"));
            }
            run.journal.truncate(len as usize);
            Ok(())
        })
    }

    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        let mut state = self.state();
        let journal = &state.run(run)?.journal;
        let end = (journal.len() as u64).min(from.saturating_add(max));
        let from = from.min(end);
        Ok(Bytes::copy_from_slice(&journal[from as usize..end as usize]))
    }

    async fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        Ok(self.state().run(run)?.journal.len() as u64)
    }

    async fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        let state = self.state();
        let file = |(id, run): (&RunId, &Run)| RunFile {
            run: id.clone(),
            len: run.journal.len() as u64,
            version: u128::from(run.version),
        };
        Ok(state.runs.iter().map(file).collect())
    }

    async fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(owner) = state.runs.get(run).and_then(Run::owner) {
            return Err(StoreError::Held { run: run.clone(), owner: Box::new(owner) });
        }
        state.blobs.retain(|key, _| run_of(key).is_none_or(|(owner, _)| owner != *run));
        state.runs.remove(run).map(drop).ok_or_else(|| StoreError::NotFound(run.clone()))
    }

    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError> {
        let mut state = self.state();
        let id = format!("{:020}", state.next());
        state.run(run)?.inbox.insert(id, body);
        Ok(())
    }

    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        let mut state = self.state();
        let Ok(run) = state.run(run) else { return Ok(Vec::new()) };
        Ok(run.inbox.iter().map(|(id, body)| Message { id: id.clone(), body: body.clone() }).collect())
    }

    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError> {
        self.change(lease, |run| {
            run.inbox.remove(id);
            Ok(())
        })
    }
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        self.save_with(key, bytes, SaveOptions { durable, ..SaveOptions::default() }).await.map(drop)
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.load_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        self.state().blobs.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let state = self.fresh();
        let from = state.blobs.range(prefix.to_owned()..);
        Ok(from.map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect())
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        check_key(key)?;
        Ok(self.fresh().blobs.get(key).map(|blob| (blob.bytes.clone(), blob.version.clone())))
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        check_key(key)?;
        let mut state = self.fresh();
        how.expect.check(key, state.blobs.get(key).map(|blob| &blob.version))?;
        let version = Version::new(state.next().to_string());
        let expires = how.ttl.map(|ttl| self.clock.after(ttl));
        state.mortal |= expires.is_some();
        state.blobs.insert(key.to_owned(), Blob { bytes, version: version.clone(), expires });
        Ok(version)
    }
}
