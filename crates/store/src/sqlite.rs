//! SQLite back-end: journals and checkpoints in one file, for the processes of one machine.
//!
//! - One thread writes. It takes all calls that are waiting and commits them together, so that many runs share the cost
//!   of a commit.
//! - A commit puts its changes into the write-ahead log (`{file}-wal`): they survive the death of the process. `sync`
//!   syncs that file: then they survive a power cut. SQLite's own `synchronous` is NORMAL, which syncs whatever is moved
//!   from there into the main file.
//! - Reads have connections of their own, and neither wait for the writer nor see half of what it does.
//! - A process that drives runs holds a locked file in `{file}-drivers/`. The lock ends with the process, so that
//!   everybody can see whether the driver that a run names still lives.
//!
//! The file must be on a local file system, as the lock and SQLite's log need it.

mod blobs;
mod drivers;
mod runs;
mod schema;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use run::RunId;
use rusqlite::Connection;

use crate::{
    CheckpointStore, Clock, Durability, JournalStore, Lease, Message, Owner, RunFile, SaveOptions, StoreError, Version,
    blocking,
    keep::check_key,
    sql::{self, fenced},
};
use drivers::Drivers;
use writer::{Failure, Step, Writer};

/// More idle readers than this are closed.
const IDLE_READERS: usize = 8;

/// How long giving a lease back may take its holder's time.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Journals and checkpoints in one SQLite file. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    durability: Durability,
    clock: Clock,
    readers: Mutex<Vec<Connection>>,
    drivers: Arc<Drivers>,
    writer: Writer,
}

/// Our part of a lease.
struct Held {
    inner: Arc<Inner>,
    run: RunId,
    lease: runs::LeaseRow,
}

impl Drop for Held {
    fn drop(&mut self) {
        let lease = self.lease;
        let what = || "cannot give a lease back".into();
        let given = self.inner.writer.submit(false, what, move |db| runs::release(db, lease));
        // Whoever looks next finds the run free.
        given.wait_at_most(RELEASE_PATIENCE);
    }
}

impl SqliteStore {
    /// The store in the file at `path`, which is made, with the folders above it, if it is not there.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::open_with(path, durability, Clock::default())
    }

    /// Like `open`; the time for times to live comes from `clock`.
    pub fn open_with(path: &Path, durability: Durability, clock: Clock) -> Result<Self, StoreError> {
        // A relative path would mean another file once the process changes its folder.
        let path = std::path::absolute(path)
            .map_err(|source| StoreError::Io { what: format!("cannot open database {}", path.display()), source })?;
        let db = schema::open(&path, clock.now())?;
        let writer = Writer::start(db, &path, durability == Durability::Disk)?;
        let drivers = Arc::new(Drivers::new(&path));
        Ok(Self { inner: Arc::new(Inner { path, durability, clock, readers: Mutex::default(), drivers, writer }) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn what(&self, doing: impl std::fmt::Display) -> String {
        format!("cannot {doing} in database {}", self.inner.path.display())
    }

    fn lease(&self, run: &RunId, lease: runs::LeaseRow) -> Lease {
        let held = Held { inner: self.inner.clone(), run: run.clone(), lease };
        Lease { run: run.clone(), fence: lease.fence as u64, handle: Arc::new(held) }
    }

    /// Has the writer do `step`; the work is begun now, whether or not the result is waited for.
    fn write<T: Send + 'static>(
        &self,
        durable: bool,
        doing: impl Fn() -> String + Send + 'static,
        step: impl FnMut(&Connection) -> Step<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let path = self.inner.path.clone();
        let what = move || format!("cannot {} in database {}", doing(), path.display());
        let durable = durable && self.inner.durability == Durability::Disk;
        self.inner.writer.submit(durable, what, step).into_future().boxed()
    }

    /// The same for the holder of a lease.
    fn write_under<T: Send + 'static>(
        &self,
        lease: &Lease,
        durable: bool,
        doing: &'static str,
        mut step: impl FnMut(&Connection, &RunId, runs::LeaseRow) -> Step<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let run = lease.run.clone();
        let held = lease.handle.downcast_ref::<Held>();
        // Every handle of the same file may be used, but not another store's lease.
        let here = |held: &&Held| held.inner.path == self.inner.path && held.run == run;
        let Some(held) = held.filter(here) else {
            return ready(Err(fenced(&run, "the lease is another store's"))).boxed();
        };
        let (row, named) = (held.lease, run.clone());
        self.write(durable, move || format!("{doing} run {named}"), move |db| step(db, &run, row))
    }

    /// Reads now, on this thread.
    fn read_here<T>(
        &self,
        doing: impl Fn() -> String,
        f: impl FnOnce(&Connection) -> Step<T>,
    ) -> Result<T, StoreError> {
        let failed = |error: rusqlite::Error| schema::io_error(self.what(doing()), error);
        let idle = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => schema::open_reader(&self.inner.path).map_err(failed)?,
        };
        // One snapshot for all that `f` reads; it ends when the transaction is dropped.
        let done = {
            let transaction = db.unchecked_transaction().map_err(failed)?;
            f(&transaction)
        };
        let mut readers = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(db);
        }
        done.map_err(|error| match error {
            Failure::Refused(error) => error,
            Failure::Sql(error) => failed(error),
        })
    }

    /// Reads where blocking is allowed: for what may take long.
    async fn read_aside<T: Send + 'static>(
        &self,
        doing: impl Fn() -> String + Send + 'static,
        f: impl FnOnce(&Connection) -> Step<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        blocking::run(move || store.read_here(doing, f)).await
    }
}

#[async_trait]
impl JournalStore for SqliteStore {
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError> {
        let (id, owner, drivers) = (run.clone(), sql::owner_to_text(owner), self.inner.drivers.clone());
        let named = run.clone();
        let made = self.write(
            false,
            move || format!("make run {named}"),
            move |db| runs::create(db, &id, &owner, drivers.name()?),
        );
        Ok(self.lease(run, made.await?))
    }

    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError> {
        let (id, owner, drivers) = (run.clone(), sql::owner_to_text(owner), self.inner.drivers.clone());
        let named = run.clone();
        // Durable: a fence must not go back.
        let taken = self.write(
            true,
            move || format!("take the lease of run {named}"),
            move |db| runs::acquire(db, &id, &owner, &drivers, take_over),
        );
        Ok(self.lease(run, taken.await?))
    }

    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        let drivers = &self.inner.drivers;
        self.read_here(|| format!("look up who drives run {run}"), |db| runs::owner(db, run, drivers))
    }

    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.write_under(lease, false, "append to", move |db, run, lease| runs::append(db, run, lease, at, &lines))
    }

    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>> {
        self.write_under(lease, true, "sync", |db, run, lease| runs::current(db, run, lease).map(drop))
    }

    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError> {
        self.write_under(lease, false, "cut off", move |db, run, lease| runs::truncate(db, run, lease, len)).await
    }

    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        let (id, named) = (run.clone(), run.clone());
        self.read_aside(move || format!("read run {named}"), move |db| runs::read(db, &id, from, max)).await
    }

    // Small, and asked often: not worth another thread.
    async fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        self.read_here(|| format!("look at run {run}"), |db| runs::len(db, run))
    }

    async fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        self.read_aside(|| "list the runs".into(), runs::list).await
    }

    async fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let (id, named, drivers) = (run.clone(), run.clone(), self.inner.drivers.clone());
        let doing = move || format!("delete run {named}");
        self.write(true, doing, move |db| runs::delete(db, &id, &drivers)).await
    }

    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError> {
        let (id, named) = (run.clone(), run.clone());
        let doing = move || format!("leave a message for run {named}");
        self.write(true, doing, move |db| runs::post(db, &id, &body)).await
    }

    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        self.read_here(|| format!("read the messages of run {run}"), |db| runs::messages(db, run))
    }

    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError> {
        let number = sql::message_number(id);
        let doing = "remove a message of";
        self.write_under(lease, false, doing, move |db, run, lease| runs::acknowledge(db, run, lease, number)).await
    }
}

#[async_trait]
impl CheckpointStore for SqliteStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        self.save_with(key, bytes, SaveOptions { durable, ..SaveOptions::default() }).await.map(drop)
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.load_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        let (key, named) = (key.to_owned(), key.to_owned());
        self.write(false, move || format!("delete {named}"), move |db| Ok(blobs::delete(db, &key)?)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let Some(range) = sql::key_range(prefix) else { return Ok(Vec::new()) };
        let now = self.inner.clock.now();
        self.read_aside(|| "list keys".into(), move |db| Ok(blobs::list(db, &range, now)?)).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        check_key(key)?;
        let (key, named, now) = (key.to_owned(), key.to_owned(), self.inner.clock.now());
        self.read_aside(move || format!("load {named}"), move |db| Ok(blobs::load(db, &key, now)?)).await
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        check_key(key)?;
        let (key, named, clock) = (key.to_owned(), key.to_owned(), self.inner.clock.clone());
        let SaveOptions { durable, expect, ttl } = how;
        let doing = move || format!("save {named}");
        let save = move |db: &Connection| {
            let expires = ttl.map(|ttl| clock.after(ttl));
            blobs::save(db, &key, &bytes, &expect, expires, clock.now())
        };
        self.write(durable, doing, save).await
    }
}
