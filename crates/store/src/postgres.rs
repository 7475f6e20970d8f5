//! Postgres back-end: journals and checkpoints for many machines. Postgres 12 or newer.
//!
//! - **Leases** have a time to live, by the server's clock: a process that drives runs renews its row in `drivers`
//!   three times in that time. If it does not, others may take its runs; until one does, it may go on. Each lease has a
//!   random token in its run's row, and each change of a journal is one transaction that looks for it.
//! - **Durability**: transactions are committed without waiting for the server's disk (`synchronous_commit = off`); they
//!   survive the death of this process. `sync`, and whatever else has to survive a power cut, ends with a small
//!   transaction that waits until everything before it is on the server's disk. `sync` also looks whether the journal is
//!   still as long as its driver was told, since a server that crashes loses what it had not written.
//! - **A connection that breaks**: the call is done again for as long as the store is patient. What the first try may
//!   have done is recognised, by its position, token or version, and not done twice.
//! - The tables are in a schema of their own, which is made on first use. `search_path` and `synchronous_commit` are set
//!   for each connection when it is made, so a pooler in between has to give each its own server connection.
//!
//! All work is done on a thread of the store's own, so that leases are renewed whatever its callers do.

mod blobs;
mod client;
mod connect;
mod runs;
mod session;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use run::RunId;

use crate::{
    CheckpointStore, Durability, JournalStore, Lease, Message, Owner, RunFile, SaveOptions, StoreError, Version,
    keep::check_key,
    sql::{self, fenced},
};
use client::Client;
use session::Background;

/// How a [`PostgresStore`] behaves.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// What `sync` and durable saves wait for.
    pub durability: Durability,
    /// The schema of the tables: letters in lower case, digits and `_`.
    pub schema: String,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// The most connections at once.
    pub connections: usize,
    /// How long a process that does not renew its leases is taken to be alive.
    pub lease: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take; a second more for each megabyte of a long value.
    pub answer_timeout: Duration,
    /// How long a call tries again while the server is away.
    pub patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Disk,
            schema: "quicksave".into(),
            tls: Tls::default(),
            connections: 16,
            lease: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(15),
        }
    }
}

/// Whether and how the connection is encrypted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Tls {
    /// Over the network, but not to this machine itself.
    #[default]
    Remote,
    /// Never.
    Off,
    /// Always. The server's certificate has to be signed by an authority in this PEM file, or one that the machine
    /// trusts, and to name the host.
    On {
        /// The authorities.
        authorities: Option<PathBuf>,
    },
}

/// Journals and checkpoints on a Postgres server. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct PostgresStore {
    background: Arc<Background>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.background.client.server())
    }
}

/// Our part of a lease.
struct Held {
    background: Arc<Background>,
    run: RunId,
    row: runs::LeaseRow,
    /// How long the journal is, as far as this driver was told.
    end: Arc<AtomicU64>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let row = self.row;
        // Whoever looks next finds the run free.
        self.background.do_and_wait(move |client| async move { runs::release(&client, row).await }.boxed());
    }
}

impl PostgresStore {
    /// Connects to the server at `url` (`postgres://user:password@host:port/database`), and makes the schema if it is
    /// not there. `BadUrl` if the URL is none.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let client = Client::new(url, options)?;
        let background = Arc::new(Background::start(client)?);
        let store = Self { background };
        store.spawn(|client| async move { connect::migrate(&client).await }.boxed()).await?;
        Ok(store)
    }

    /// Begins `work` now, on the store's own thread.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce(Client) -> BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.background.spawn(work)
    }

    /// The same for the holder of a lease.
    fn spawn_under<T: Send + 'static>(
        &self,
        lease: &Lease,
        work: impl FnOnce(Client, RunId, runs::LeaseRow, Arc<AtomicU64>) -> BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let held = lease.handle.downcast_ref::<Held>().filter(|held| held.run == lease.run);
        // Every handle of the same database may be used, but not another store's lease.
        let here = |held: &&Held| held.background.client.is_same_store(&self.background.client);
        let Some(held) = held.filter(here) else {
            return ready(Err(fenced(&lease.run, "the lease is another store's"))).boxed();
        };
        let (run, row, end) = (lease.run.clone(), held.row, held.end.clone());
        self.spawn(|client| work(client, run, row, end))
    }

    fn lease(&self, run: &RunId, fence: i64, row: runs::LeaseRow) -> Lease {
        let held = Held { background: self.background.clone(), run: run.clone(), row, end: Arc::default() };
        Lease { run: run.clone(), fence: fence as u64, handle: Arc::new(held) }
    }
}

#[async_trait]
impl JournalStore for PostgresStore {
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError> {
        let (id, owner, session) = (run.clone(), sql::owner_to_text(owner), self.background.session.clone());
        let work = |client| {
            async move {
                session.begin(&client).await?;
                runs::create(&client, &id, &owner, session.id).await
            }
            .boxed()
        };
        Ok(self.lease(run, 1, self.spawn(work).await?))
    }

    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError> {
        let (id, owner, session) = (run.clone(), sql::owner_to_text(owner), self.background.session.clone());
        let work = |client: Client| {
            async move {
                session.begin(&client).await?;
                runs::acquire(&client, &id, &owner, session.id, take_over).await
            }
            .boxed()
        };
        let (fence, row) = self.spawn(work).await?;
        Ok(self.lease(run, fence, row))
    }

    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::owner(&client, &run).await }.boxed()).await
    }

    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.spawn_under(lease, move |client, run, row, end| {
            async move {
                let now = at.saturating_add(lines.len() as u64);
                runs::append(&client, &run, row, at, lines).await?;
                end.fetch_max(now, Ordering::AcqRel);
                Ok(())
            }
            .boxed()
        })
    }

    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>> {
        self.spawn_under(lease, |client, run, row, end| {
            async move { runs::sync(&client, &run, row, end.load(Ordering::Acquire)).await }.boxed()
        })
    }

    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError> {
        let work = move |client, run, row, end: Arc<AtomicU64>| {
            async move {
                runs::truncate(&client, &run, row, len).await?;
                end.store(len, Ordering::Release);
                Ok(())
            }
            .boxed()
        };
        self.spawn_under(lease, work).await
    }

    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::read(&client, &run, from, max).await }.boxed()).await
    }

    async fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::len(&client, &run).await }.boxed()).await
    }

    async fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        self.spawn(|client| async move { runs::list(&client).await }.boxed()).await
    }

    async fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::delete(&client, &run).await }.boxed()).await
    }

    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::post(&client, &run, &body).await }.boxed()).await
    }

    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        let run = run.clone();
        self.spawn(|client| async move { runs::messages(&client, &run).await }.boxed()).await
    }

    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError> {
        let number = sql::message_number(id);
        let work =
            move |client, run, row, _| async move { runs::acknowledge(&client, &run, row, number).await }.boxed();
        self.spawn_under(lease, work).await
    }
}

#[async_trait]
impl CheckpointStore for PostgresStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        self.save_with(key, bytes, SaveOptions { durable, ..SaveOptions::default() }).await.map(drop)
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.load_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_key(key)?;
        let key = key.to_owned();
        self.spawn(|client| async move { blobs::delete(&client, &key).await }.boxed()).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let Some(range) = sql::key_range(prefix) else { return Ok(Vec::new()) };
        self.spawn(|client| async move { blobs::list(&client, range).await }.boxed()).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        check_key(key)?;
        let key = key.to_owned();
        self.spawn(|client| async move { blobs::load(&client, &key).await }.boxed()).await
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        check_key(key)?;
        let key = key.to_owned();
        self.spawn(|client| async move { blobs::save(&client, &key, bytes, &how).await }.boxed()).await
    }
}
