//! Redis (or Valkey) back-end, for checkpoints: one server, or a primary with replicas. Redis Cluster is not supported.
//!
//! Each key is a hash at `{prefix}{key}`: `v` its version, `n` the number of its chunks, `0`, `1` … the chunks. A value
//! of one chunk is stored by one script. A longer one is gathered in a hash of its own, `{prefix}~{random}`, which goes
//! by itself after an hour, and is then renamed by the script. A reader of several chunks compares the version with
//! each, and begins anew if it changed. So it sees the old bytes or the new.
//!
//! # What durable means
//!
//! With [`Durability::Disk`] a durable save returns when the server has the value on its disk, and is refused if the
//! server cannot say so:
//! - from Redis 7.2 on by `WAITAOF`, which needs `appendonly yes`. With `appendfsync everysec` it waits up to a second.
//! - before that the settings have to be `appendonly yes`, `appendfsync always`, `no-appendfsync-on-rewrite no`, and
//!   `CONFIG GET` has to be allowed, so that this can be seen.
//!
//! A server that may drop keys without a time to live when its memory is full (`maxmemory-policy allkeys-…`) is refused
//! too. With [`Durability::Process`] the server's settings are taken as they are. In neither case a copy on a replica is
//! waited for: what a failover drops is lost.

mod durable;
mod failure;
mod pool;
mod values;

use std::{fmt, sync::Arc, time::Duration};

use ::redis::{Client, ConnectionAddr, IntoConnectionInfo, TlsCertificates};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{CheckpointStore, Durability, SaveOptions, StoreError, Version, backoff::Backoff, keep::check_key};
use failure::{Secrets, io_error};
use pool::{Connection, Pool};

/// The longest value, in bytes. Redis keeps everything in memory, and no string of it may be longer.
pub const MAX_VALUE: usize = 512 << 20;

/// How a [`RedisStore`] behaves.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// What every key begins with on the server.
    pub prefix: String,
    /// What a durable save waits for.
    pub durability: Durability,
    /// The most connections at once. Each serves one call at a time.
    pub connections: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take. Values go in chunks of some megabytes, each with this time.
    pub answer_timeout: Duration,
    /// How long a call tries again while the server is away, or busy.
    pub patience: Duration,
    /// Certificate authorities in PEM that are trusted in place of the machine's.
    pub authorities: Option<Vec<u8>>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "quicksave:".into(),
            durability: Durability::Disk,
            connections: 8,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(15),
            authorities: None,
        }
    }
}

/// Checkpoints on a Redis server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    options: RedisOptions,
    /// The server's name for people, without user and password.
    place: String,
    secrets: Secrets,
}

impl RedisStore {
    /// The store at `redis://[user:password@]host[:port][/database]`, or `rediss://…` for TLS, or
    /// `redis+unix:///path[?db=…]`. Connects when it is first used.
    pub fn open(url: &str, options: RedisOptions) -> Result<Self, StoreError> {
        let bad = |cause: String| StoreError::BadUrl { store: "redis".into(), cause };
        let info =
            url.into_connection_info().map_err(|error| bad(format!("its address is none: {}", error.category())));
        let info = info?;
        let settings = info.redis_settings();
        let secrets = Secrets::new(settings.password());
        let place = format!("{}/{}", info.addr(), settings.db());
        if options.prefix.is_empty() || options.prefix.contains('~') {
            return Err(bad("its prefix has to have a letter or more, and no '~'".into()));
        }
        let tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let client = if tls {
            // The client takes the process's provider; where none was chosen, ring is.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let certificates = TlsCertificates { client_tls: None, root_cert: options.authorities.clone() };
            Client::build_with_tls(info, certificates)
        } else {
            Client::open(info)
        };
        let client = client.map_err(|error| bad(secrets.hide(&format!("{place}: {error}"))))?;
        let pool = Pool::new(client, &options);
        Ok(Self { inner: Arc::new(Inner { pool, options, place, secrets }) })
    }

    /// Asks the server whether it is there and can keep what `durability` promises.
    pub async fn check(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        let what = || format!("cannot use the Redis server {}", inner.place);
        let work = |mut connection| async move {
            let done = inner.check(&mut connection).await;
            (connection, done)
        };
        inner.trying(what, work).await
    }
}

/// Why a try failed.
enum Failure {
    /// The server's word, or the way to it.
    Redis(::redis::RedisError),
    /// Ours.
    Store(StoreError),
}

impl From<::redis::RedisError> for Failure {
    fn from(error: ::redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Inner {
    /// Does `work`, again and again while that helps and there is time. `work` must not mind being done twice. It is lent
    /// a connection, and gives it back with what it has done.
    async fn trying<T, F: Future<Output = (Connection, Result<T, Failure>)>>(
        &self,
        what: impl Fn() -> String,
        work: impl Fn(Connection) -> F,
    ) -> Result<T, StoreError> {
        let mut backoff = Backoff::new(self.options.patience);
        loop {
            let tried = match self.pool.take().await {
                Ok(connection) => {
                    let (connection, done) = work(connection).await;
                    match &done {
                        Err(Failure::Redis(error)) if failure::ends_connection(error) => self.pool.forget(),
                        _ => connection.give_back(),
                    }
                    done
                }
                Err(error) => Err(error.into()),
            };
            let error = match tried {
                Ok(done) => return Ok(done),
                Err(Failure::Store(error)) => error,
                Err(Failure::Redis(error)) => StoreError::Io { what: what(), source: io_error(&error, &self.secrets) },
            };
            backoff.again(error).await?;
        }
    }

    fn key(&self, key: &str) -> Result<String, StoreError> {
        check_key(key)?;
        Ok(format!("{}{key}", self.options.prefix))
    }
}

#[async_trait]
impl CheckpointStore for RedisStore {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        self.save_with(key, bytes, SaveOptions { durable, ..SaveOptions::default() }).await.map(drop)
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.load_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let (inner, name) = (&self.inner, &self.inner.key(key)?);
        let what = || format!("cannot delete {key} on the Redis server {}", inner.place);
        let work = |mut connection: Connection| async move {
            let done = ::redis::cmd("UNLINK").arg(name).query_async::<u64>(&mut connection.wire).await;
            (connection, done.map(drop).map_err(Failure::Redis))
        };
        inner.trying(what, work).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let inner = &self.inner;
        let what = || format!("cannot list the keys on the Redis server {}", inner.place);
        let work = |mut connection| async move {
            let done = inner.keys(&mut connection, prefix).await;
            (connection, done)
        };
        inner.trying(what, work).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        let (inner, name) = (&self.inner, &self.inner.key(key)?);
        let what = || format!("cannot load {key} from the Redis server {}", inner.place);
        let work = |mut connection| async move {
            let done = inner.load(&mut connection, key, name).await;
            (connection, done)
        };
        inner.trying(what, work).await
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        let inner = &self.inner;
        let what = || format!("cannot save {key} on the Redis server {}", inner.place);
        let save = &values::Save::new(key, inner.key(key)?, bytes, &how)?;
        let work = |mut connection| async move {
            let done = inner.save(&mut connection, save).await;
            (connection, done)
        };
        inner.trying(what, work).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.inner.place)
    }
}
