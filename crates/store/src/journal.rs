//! The journal store: byte logs of lines, each written by one driver at a time.

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use run::{RunId, time::Millis};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Who drives a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The command, for people: `quicksave run`, `daemon`.
    pub what: String,
    /// Since when.
    pub since: Millis,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (process {} on {}, since {})", self.what, self.pid, self.host, run::time::iso(self.since))
    }
}

/// The right to drive a run. Dropping it gives the run free; so does the death of the process.
#[derive(Clone)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Grows by at least one with every lease of the run; every append carries it.
    pub fence: u64,
    /// The back-end's own part.
    pub handle: Arc<dyn Any + Send + Sync>,
}

/// A journal as a listing shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunFile {
    /// The run.
    pub run: RunId,
    /// The journal's length, in bytes.
    pub len: u64,
    /// Changes whenever the journal does (nanoseconds of its modification time, or a row version).
    pub version: u128,
}

/// Something that another process wants the run's driver to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Names it for `acknowledge`; sorts in order of arrival.
    pub id: String,
    /// What it says; the executor's own format.
    pub body: Bytes,
}

/// Keeps journals.
///
/// A journal is a log of bytes; positions count bytes from 0. `append` takes the position at which the caller believes
/// the journal to end, and refuses with `Fenced` if it does not end there or if the lease is not the current one.
#[async_trait]
pub trait JournalStore: Send + Sync + 'static {
    /// Makes an empty journal and takes its lease (fence 1). `Exists` if there is one.
    async fn create(&self, run: &RunId, owner: &Owner) -> Result<Lease, StoreError>;

    /// Takes the lease of an existing run. `Held` names the driver if there is a live one; with `take_over` it is
    /// taken all the same, and the other's next append is refused.
    async fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<Lease, StoreError>;

    /// Who drives the run now; nobody if its last driver has ended. `NotFound` if there is no such run.
    async fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError>;

    /// Writes whole lines at position `at`. When the future is ready they survive the death of this process.
    /// After an error other than `Fenced` the journal ends at `at`, unless the back-end itself failed in the middle;
    /// then it may hold the lines, or a part of them.
    fn append(&self, lease: &Lease, at: u64, lines: Bytes) -> BoxFuture<'static, Result<(), StoreError>>;

    /// When the future is ready, everything appended before (under earlier leases too) survives a power cut, as far
    /// as the store is told to see to that. After a sync has failed, the lease is of no use any more: give it back and
    /// read again what the journal holds.
    fn sync(&self, lease: &Lease) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Cuts the journal off at `len`: for a torn tail. `Fenced` if it is shorter than that.
    async fn truncate(&self, lease: &Lease, len: u64) -> Result<(), StoreError>;

    /// Up to `max` bytes from position `from` on; fewer only at the end, none behind it.
    async fn read(&self, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError>;

    /// The journal's length, in bytes.
    async fn len(&self, run: &RunId) -> Result<u64, StoreError>;

    /// Every journal, in no order.
    async fn list(&self) -> Result<Vec<RunFile>, StoreError>;

    /// Removes the journal, its blobs (keys below `runs/{id}/`) and its messages. `Held` while somebody drives it.
    async fn delete(&self, run: &RunId) -> Result<(), StoreError>;

    /// Leaves a message for the run's driver, now or later. When it returns the message is as durable as after `sync`.
    async fn post(&self, run: &RunId, body: Bytes) -> Result<(), StoreError>;

    /// The messages that have not been acknowledged, in order of arrival. None if there is no such run.
    async fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError>;

    /// Removes a message, once what it says is in the journal. Nothing happens if it is not there; after a power cut
    /// it may be there again.
    async fn acknowledge(&self, lease: &Lease, id: &str) -> Result<(), StoreError>;
}
