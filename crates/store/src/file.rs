//! Plain files, on a local file system. The layout is written down in `docs/format.md`.
//!
//! Drivers are kept apart by locks (`flock`, which end with the process that holds them) and by a mark:
//! - `{run}.jsonl` is locked for as long as a lease lives.
//! - the folder `{run}.d` is locked for the moment in which a lease is taken or a run is deleted.
//! - appends take no lock. A take-over marks the journal file, and then puts a copy in its place; the old driver looks
//!   for the mark before and after each write. So each of its writes is either in the copy or known to it as refused,
//!   even one that was under way while the process was stopped.

mod appends;
mod disk;
mod inbox;
mod keep;
mod lease;
mod list;
mod record;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use run::RunId;

use crate::{Clock, JournalStore, Lease, Message, Owner, RunFile, StoreError, blocking};
use appends::Driver;
use disk::Context;

/// What the files survive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// A power cut: `sync` waits until the disk has everything.
    #[default]
    Disk,
    /// The death of the process, not of the machine: `sync` does nothing. For tests, and for runs that can be lost.
    Process,
}

/// Journals and checkpoints as plain files in one folder. Cheap to clone; clones share everything.
///
/// The folder must be on a local file system: network file systems do not lock the way that is needed here.
#[derive(Clone, Debug)]
pub struct FileStore {
    home: Arc<Home>,
    sync_here: bool,
}

/// Where things lie.
#[derive(Debug)]
struct Home {
    home: PathBuf,
    runs: PathBuf,
    durability: Durability,
    clock: Clock,
}

impl Home {
    fn durable(&self) -> bool {
        self.durability == Durability::Disk
    }

    fn journal(&self, run: &RunId) -> PathBuf {
        self.runs.join(format!("{run}.jsonl"))
    }

    /// Everything of a run but its journal.
    fn folder(&self, run: &RunId) -> PathBuf {
        self.runs.join(format!("{run}.d"))
    }

    fn has_journal(&self, run: &RunId) -> Result<bool, StoreError> {
        let path = self.journal(run);
        Ok(disk::stat(&path).context(|| format!("cannot look at journal {}", path.display()))?.is_some())
    }
}

impl FileStore {
    /// The store in the folder `home`, which is made when the first thing is written.
    pub fn open(home: &Path, durability: Durability) -> Result<Self, StoreError> {
        // A relative path would mean another folder once the process changes its own.
        let home = std::path::absolute(home).context(|| format!("cannot use {} as home", home.display()))?;
        if let Ok(meta) = std::fs::metadata(&home)
            && !meta.is_dir()
        {
            let source = std::io::Error::from(std::io::ErrorKind::NotADirectory);
            return Err(StoreError::Io { what: format!("cannot use {} as home", home.display()), source });
        }
        Ok(Self {
            home: Arc::new(Home { runs: home.join("runs"), home, durability, clock: Clock::default() }),
            sync_here: false,
        })
    }

    /// Lets `sync` block its caller until the disk is done, in place of another thread. Quicker for a process that drives
    /// one run and has nothing else to do meanwhile; wrong for one that drives many.
    pub fn syncing_here(self) -> Self {
        Self { sync_here: true, ..self }
    }

    /// The same store, which takes the time for times to live from `clock`.
    pub fn with_clock(self, clock: Clock) -> Self {
        let Home { home, runs, durability, .. } = &*self.home;
        let home = Home { home: home.clone(), runs: runs.clone(), durability: *durability, clock };
        Self { home: Arc::new(home), ..self }
    }

    /// The folder.
    pub fn home(&self) -> &Path {
        &self.home.home
    }

    /// Runs `f` where blocking is allowed.
    async fn with<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Home) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let home = self.home.clone();
        blocking::run(move || f(&home)).await
    }
}

/// Our part of a lease.
fn driver(lease: &Lease) -> Result<Arc<Driver>, StoreError> {
    lease
        .handle
        .clone()
        .downcast()
        .map_err(|_| StoreError::Fenced { run: lease.run.clone(), cause: "the lease is another store's".into() })
}

fn lease(run: &RunId, (fence, driver): (u64, Driver)) -> Lease {
    Lease { run: run.clone(), fence, handle: Arc::new(driver) }
}

#[async_trait]
impl JournalStore for FileStore {
    // Not handed to a blocking thread: it waits for no disk, and the start of a run should be quick.
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError> {
        Ok(lease(run, self.home.create(run, owner)?))
    }

    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError> {
        let (id, owner) = (run.clone(), owner.clone());
        Ok(lease(run, self.with(move |home| home.acquire(&id, &owner, take_over)).await?))
    }

    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        let run = run.clone();
        self.with(move |home| home.owner(&run)).await
    }

    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        ready(driver(lease).and_then(|driver| driver.append(at, &lines))).boxed()
    }

    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>> {
        match driver(lease) {
            Ok(driver) if !driver.needs_sync() => ready(driver.current().map(drop)).boxed(),
            Ok(driver) if self.sync_here => ready(driver.sync()).boxed(),
            // Begun at once, not when it is first polled: syncs of many runs then share the disk's work.
            Ok(driver) => blocking::run(move || driver.sync()).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError> {
        driver(lease)?.truncate(len)
    }

    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        let run = run.clone();
        self.with(move |home| home.read(&run, from, max)).await
    }

    async fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        self.home.len(run)
    }

    async fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        self.with(Home::list).await
    }

    async fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let run = run.clone();
        self.with(move |home| home.delete(&run)).await
    }

    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError> {
        let run = run.clone();
        self.with(move |home| home.post(&run, &body)).await
    }

    // Asked often, and mostly of a run without an inbox.
    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        self.home.messages(run)
    }

    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError> {
        driver(lease)?.current()?;
        self.home.acknowledge(&lease.run, id)
    }
}
