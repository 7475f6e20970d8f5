//! Calls on pooled connections, each with an end in time, done again while the server is away.

use std::{io, sync::Arc, time::Duration};

use deadpool_postgres::{Object, Pool, PoolError};
use futures::future::BoxFuture;
use tokio_postgres::{Row, types::ToSql};

use super::{PostgresOptions, connect};
use crate::{Durability, StoreError, backoff::Backoff};

/// Why a try failed.
pub(super) enum Failure {
    /// The store's own word; trying again would give the same.
    Refused(StoreError),
    /// The server's, or the connection's.
    Server(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// Waits until everything that was committed before is on the server's disk. The message is of interest to nobody; but a
/// transaction that writes nothing waits for nothing.
const FLUSH: &str = "SELECT set_config('synchronous_commit', 'on', true),
    pg_logical_emit_message(true, 'quicksave', '')::text";

/// Which try of a call this is: what an earlier one has done may be there.
#[derive(Clone, Copy)]
pub(super) struct Try {
    pub(super) is_first: bool,
}

/// A pool of connections, and how to use it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    options: PostgresOptions,
    /// `host:port/database`, for people.
    server: String,
}

/// A random number that names something once.
pub(super) fn token() -> i64 {
    getrandom::u64().map_or(0, |random| random as i64)
}

impl Client {
    pub(super) fn new(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let (pool, server) = connect::pool(url, &options)?;
        Ok(Self { inner: Arc::new(Inner { pool, options, server }) })
    }

    pub(super) fn options(&self) -> &PostgresOptions {
        &self.inner.options
    }

    pub(super) fn server(&self) -> &str {
        &self.inner.server
    }

    /// Whether both have the same tables.
    pub(super) fn is_same_store(&self, other: &Self) -> bool {
        self.inner.server == other.inner.server && self.inner.options.schema == other.inner.options.schema
    }

    fn what(&self, doing: &str) -> String {
        format!("cannot {doing} on {}", self.inner.server)
    }

    async fn connection(&self, doing: &str) -> Result<Object, StoreError> {
        self.inner.pool.get().await.map_err(|error| {
            let source = match error {
                PoolError::Backend(error) => connect::io_error(&error, true),
                PoolError::Timeout(_) => {
                    io::Error::new(io::ErrorKind::TimedOut, "no connection was free or made in time")
                }
                error => io::Error::other(error.to_string()),
            };
            StoreError::Io { what: self.what(doing), source }
        })
    }

    /// One try. If `durable`, it ends with waiting for the server's disk, on the same connection: that breaks if the
    /// server crashes in between and loses what was done.
    async fn attempt<T>(
        &self,
        doing: &str,
        time: Duration,
        durable: bool,
        call: impl AsyncFnOnce(&mut Object) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection(doing).await?;
        let flushed = async {
            let value = call(&mut connection).await?;
            if durable && self.inner.options.durability == Durability::Disk {
                let flush = connection.prepare_cached(FLUSH).await?;
                connection.query(&flush, &[]).await?;
            }
            Ok(value)
        };
        let source = match tokio::time::timeout(time, flushed).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Failure::Refused(error))) => return Err(error),
            Ok(Err(Failure::Server(error))) => connect::io_error(&error, false),
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time"),
        };
        if connect::is_broken(&source) {
            // Not for the next caller: whatever is still to come on it is not theirs.
            drop(Object::take(connection));
        }
        Err(StoreError::Io { what: self.what(doing), source })
    }

    /// Does `call` on a connection, and again while that may help and there is time. `len` bytes are moved.
    pub(super) async fn call<T>(
        &self,
        doing: String,
        len: usize,
        durable: bool,
        call: impl for<'a> Fn(&'a mut Object, Try) -> BoxFuture<'a, Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        let time = self.inner.options.answer_timeout + Duration::from_secs((len >> 20) as u64);
        let mut backoff = Backoff::new(self.inner.options.patience);
        let mut is_first = true;
        loop {
            let attempt =
                self.attempt(&doing, time, durable, async |connection| call(connection, Try { is_first }).await);
            match attempt.await {
                Err(error @ StoreError::Io { .. }) => backoff.again(error).await?,
                done => return done,
            }
            is_first = false;
        }
    }

    /// Rows of a statement that may be done twice.
    pub(super) async fn query(
        &self,
        doing: &str,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.query_to(doing, statement, params, false).await
    }

    /// The same; what it changes is on the server's disk then, if that was asked for.
    pub(super) async fn query_durably(
        &self,
        doing: &str,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.query_to(doing, statement, params, true).await
    }

    async fn query_to(
        &self,
        doing: &str,
        statement: &'static str,
        params: &[Param<'_>],
        durable: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let time = self.inner.options.answer_timeout;
        let mut backoff = Backoff::new(self.inner.options.patience);
        loop {
            let attempt = self.attempt(doing, time, durable, async |connection| {
                let statement = connection.prepare_cached(statement).await?;
                Ok(connection.query(&statement, params).await?)
            });
            match attempt.await {
                Err(error) => backoff.again(error).await?,
                done => return done,
            }
        }
    }

    /// The same for a statement without rows.
    pub(super) async fn execute(
        &self,
        doing: &str,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> Result<(), StoreError> {
        self.query(doing, statement, params).await.map(drop)
    }

    /// One try of a statement.
    pub(super) async fn execute_once(
        &self,
        doing: &str,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> Result<(), StoreError> {
        let connection = self.connection(doing).await?;
        let done = connection.execute(statement, params).await;
        done.map(drop)
            .map_err(|error| StoreError::Io { what: self.what(doing), source: connect::io_error(&error, false) })
    }
}
