//! Connections: each serves one call at a time, so that a long value or a wait for the disk holds up no other call.

use std::sync::{Arc, Mutex, PoisonError};

use ::redis::{AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RedisOptions;

/// Connections that are open and free, and the right to open more.
pub(super) struct Pool {
    client: Client,
    config: AsyncConnectionConfig,
    permits: Arc<Semaphore>,
    free: Arc<Free>,
}

#[derive(Default)]
struct Free(Mutex<Vec<Open>>);

impl Free {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<Open>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Open {
    wire: MultiplexedConnection,
    waits_for_disk: Option<bool>,
}

/// A connection that is in use. It is closed when it is dropped: what was asked on it may not have been answered.
pub(super) struct Connection {
    /// For commands.
    pub(super) wire: MultiplexedConnection,
    /// Whether to wait by `WAITAOF`, once its server was found to know it, and to keep a log.
    pub(super) waits_for_disk: Option<bool>,
    free: Arc<Free>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Everything on it was answered.
    pub(super) fn give_back(self) {
        let Self { wire, waits_for_disk, free, .. } = self;
        free.with(|free| free.push(Open { wire, waits_for_disk }));
    }
}

impl Pool {
    pub(super) fn new(client: Client, options: &RedisOptions) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let permits = Arc::new(Semaphore::new(options.connections.max(1)));
        Self { client, config, permits, free: Arc::default() }
    }

    /// A free connection, or a new one.
    pub(super) async fn take(&self) -> Result<Connection, RedisError> {
        // The semaphore is never closed; without a permit there would be a connection too many, and no harm.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let Open { wire, waits_for_disk } = match self.free.with(Vec::pop) {
            Some(open) => open,
            None => {
                let wire = self.client.get_multiplexed_async_connection_with_config(&self.config).await?;
                Open { wire, waits_for_disk: None }
            }
        };
        Ok(Connection { wire, waits_for_disk, free: self.free.clone(), _permit: permit })
    }

    /// Closes what is free: a server that cut one connection has mostly cut them all.
    pub(super) fn forget(&self) {
        self.free.with(Vec::clear);
    }
}
