//! Journals that fail.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use run::RunId;
use store::{JournalStore, Lease, Message, Owner, RunFile, StoreError};

use super::{
    Faulty,
    power::{Handle, Power, Verdict, WHOLE},
};

/// Not there any more is as good as deleted.
pub(super) fn gone(result: Result<(), StoreError>) -> Result<(), StoreError> {
    if matches!(result, Err(StoreError::NotFound(_))) { Ok(()) } else { result }
}

/// Takes the end of a journal away.
pub(super) async fn cut(store: &impl JournalStore, run: &RunId, len: u64) -> Result<(), StoreError> {
    let owner = Owner { host: "test".into(), pid: std::process::id(), what: "a power cut".into(), since: 0 };
    match store.acquire(run, &owner, true).await {
        Ok(lease) => {
            let len = len.min(store.len(run).await?);
            store.truncate(&lease, len).await?;
            store.sync(&lease).await
        }
        Err(error) => gone(Err(error)),
    }
}

impl Power {
    /// Does a write of one step as the plan says: wholly, or not at all.
    pub(super) async fn step<T>(
        &self,
        grows: bool,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.write(grows)? {
            Verdict::Go => step.await,
            Verdict::Delay(time) => {
                let done = step.await;
                tokio::time::sleep(time).await;
                done
            }
            Verdict::Fail { share, error } => {
                if share == WHOLE {
                    let _ = step.await;
                }
                self.bury();
                Err(error)
            }
        }
    }
}

impl<S: JournalStore> Faulty<S> {
    fn wrap(&self, lease: Lease) -> Lease {
        let (run, fence) = (lease.run.clone(), lease.fence);
        let handle = Arc::new(Handle { lease: Mutex::new(Some(lease)), power: Arc::downgrade(&self.power) });
        self.power.hold(&handle);
        Lease { run, fence, handle }
    }

    fn unwrap(&self, lease: &Lease) -> Result<Lease, StoreError> {
        self.power.alive()?;
        let handle = lease.handle.downcast_ref::<Handle>();
        // A lease of an earlier process says nothing to this one.
        let handle = handle.filter(|handle| handle.power.as_ptr() == Arc::as_ptr(&self.power));
        let inner = handle.and_then(|h| h.lease.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let fenced = || StoreError::Fenced { run: lease.run.clone(), cause: "the lease is another process's".into() };
        inner.ok_or_else(fenced)
    }
}

#[async_trait]
impl<S: JournalStore> JournalStore for Faulty<S> {
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError> {
        let step = async {
            let lease = self.inner.create(run, owner).await?;
            self.power.opened(run, 0, None);
            Ok(self.wrap(lease))
        };
        self.power.step(true, step).await
    }

    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError> {
        let step = async {
            let lease = self.inner.acquire(run, owner, take_over).await?;
            let len = self.inner.len(run).await?;
            self.power.opened(run, len, Some(len));
            Ok(self.wrap(lease))
        };
        self.power.step(true, step).await
    }

    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        self.power.read()?;
        self.inner.owner(run).await
    }

    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let (inner, verdict) = match self.unwrap(lease).and_then(|inner| Ok((inner, self.power.write(true)?))) {
            Ok(both) => both,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (share, end) = match verdict {
            Verdict::Go => (WHOLE, Ok(None)),
            Verdict::Delay(time) => (WHOLE, Ok(Some(time))),
            Verdict::Fail { share, error } => (share, Err(error)),
        };
        let part = lines.slice(..(lines.len() as u128 * u128::from(share) / u128::from(WHOLE)) as usize);
        let (power, run, len) = (self.power.clone(), lease.run.clone(), at + part.len() as u64);
        let nothing = share == 0;
        // Begun now, as the trait promises.
        let append = if nothing { ready(Ok(())).boxed() } else { self.inner.append(&inner, at, part) };
        drop(inner);
        async move {
            let done = append.await;
            if done.is_ok() && !nothing {
                power.journal(&run, |journal| journal.len = len);
            }
            power.bury();
            if let Some(time) = end? {
                tokio::time::sleep(time).await;
            }
            done
        }
        .boxed()
    }

    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>> {
        let (inner, verdict) = match self.unwrap(lease).and_then(|inner| Ok((inner, self.power.sync()?))) {
            Ok(both) => both,
            Err(error) => return ready(Err(error)).boxed(),
        };
        let (power, run) = (self.power.clone(), lease.run.clone());
        let (share, end) = match verdict {
            Verdict::Go => (WHOLE, Ok(None)),
            Verdict::Delay(time) => (WHOLE, Ok(Some(time))),
            Verdict::Fail { share, error } => (share, Err(error)),
        };
        let mut len = 0;
        power.journal(&run, |journal| len = journal.len);
        let sync = if share == WHOLE { self.inner.sync(&inner) } else { ready(Ok(())).boxed() };
        drop(inner);
        async move {
            let done = sync.await;
            if done.is_ok() && share == WHOLE {
                // A part that was cut off meanwhile is no longer there to be durable.
                power.journal(&run, |journal| journal.synced = Some(len.min(journal.len)));
            }
            power.bury();
            if let Some(time) = end? {
                tokio::time::sleep(time).await;
            }
            done
        }
        .boxed()
    }

    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError> {
        let inner = self.unwrap(lease)?;
        let step = async {
            self.inner.truncate(&inner, len).await?;
            self.power.journal(&lease.run, |journal| {
                journal.len = len;
                journal.synced = journal.synced.map(|synced| synced.min(len));
            });
            Ok(())
        };
        self.power.step(false, step).await
    }

    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
        self.power.read()?;
        self.inner.read(run, from, max).await
    }

    async fn len(&self, run: &RunId) -> Result<u64, StoreError> {
        self.power.read()?;
        self.inner.len(run).await
    }

    async fn list(&self) -> Result<Vec<RunFile>, StoreError> {
        self.power.read()?;
        self.inner.list().await
    }

    async fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let step = async {
            self.inner.delete(run).await?;
            self.power.forget(run);
            Ok(())
        };
        self.power.step(false, step).await
    }

    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError> {
        self.power.step(true, self.inner.post(run, body)).await
    }

    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        self.power.read()?;
        self.inner.messages(run).await
    }

    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError> {
        let inner = self.unwrap(lease)?;
        self.power.step(false, self.inner.acknowledge(&inner, id)).await
    }
}
