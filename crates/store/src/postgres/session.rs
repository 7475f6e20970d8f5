//! The thread that does the store's work, and the row that says that this process lives.

use std::{
    io,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt};
use tokio::{
    runtime::{Handle, Runtime},
    sync::OnceCell,
};

use super::client::{Client, token};
use crate::StoreError;

/// How long giving something back may take the time of whoever drops it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Rows of processes that ended long ago are removed.
const LEFTOVER: &str = "DELETE FROM drivers WHERE expires < clock_timestamp() - interval '1 day'";

const RENEW: &str = "INSERT INTO drivers (session, expires)
    VALUES ($1, clock_timestamp() + $2 * interval '1 millisecond')
    ON CONFLICT (session) DO UPDATE SET expires = excluded.expires";

/// This process, as the server knows it once it has a lease.
pub(super) struct Session {
    pub(super) id: i64,
    begun: OnceCell<()>,
}

impl Session {
    /// Says that this process lives, and goes on saying so.
    pub(super) async fn begin(&self, client: &Client) -> Result<(), StoreError> {
        let begin = || async {
            renew(client, self.id).await?;
            client.execute("tidy up", LEFTOVER, &[]).await?;
            let (client, session) = (client.clone(), self.id);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(client.options().lease / 3).await;
                    // An error is no reason to stop: the server may come back before anybody takes our runs.
                    let _ = renew(&client, session).await;
                }
            });
            Ok(())
        };
        self.begun.get_or_try_init(begin).await.map(drop)
    }
}

async fn renew(client: &Client, session: i64) -> Result<(), StoreError> {
    let lease = i64::try_from(client.options().lease.as_millis()).unwrap_or(i64::MAX);
    client.execute("renew the leases", RENEW, &[&session, &(lease as f64)]).await.map(drop)
}

/// The store's own thread, with what works on it.
pub(super) struct Background {
    pub(super) client: Client,
    pub(super) session: Arc<Session>,
    runtime: Option<Runtime>,
}

impl Background {
    pub(super) fn start(client: Client) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres-store")
            .enable_all()
            .build()
            .map_err(|source| StoreError::Io { what: "cannot start the thread of the store".into(), source })?;
        let session = Arc::new(Session { id: token(), begun: OnceCell::new() });
        Ok(Self { client, session, runtime: Some(runtime) })
    }

    /// Begins work now.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce(Client) -> BoxFuture<'static, Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let server = self.client.server().to_owned();
        let work = work(self.client.clone());
        let ended = move || StoreError::Io {
            what: format!("cannot reach {server}"),
            source: io::Error::other("the store was closed"),
        };
        let Some(runtime) = &self.runtime else { return async move { Err(ended()) }.boxed() };
        let task = runtime.spawn(work);
        async move {
            match task.await {
                Ok(done) => done,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(ended()),
            }
        }
        .boxed()
    }

    /// Does work and waits for it, on this thread, for a short time.
    pub(super) fn do_and_wait(&self, work: impl FnOnce(Client) -> BoxFuture<'static, Result<(), StoreError>>) {
        let Some(runtime) = &self.runtime else { return };
        let work = work(self.client.clone());
        let (done, wait) = sync_channel(1);
        runtime.spawn(async move {
            let _ = work.await;
            let _ = done.send(());
        });
        // The store's own thread would wait for itself.
        if Handle::try_current().is_ok_and(|current| current.id() == runtime.handle().id()) {
            return;
        }
        let _ = wait.recv_timeout(PATIENCE);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.session.begun.initialized() {
            let session = self.session.id;
            self.do_and_wait(move |client| {
                async move {
                    let delete = "DELETE FROM drivers WHERE session = $1";
                    client.execute_once("say that the process ends", delete, &[&session]).await
                }
                .boxed()
            });
        }
        if let Some(runtime) = self.runtime.take() {
            // May be dropped where blocking is not allowed.
            runtime.shutdown_background();
        }
    }
}
