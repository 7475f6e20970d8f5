//! The journal of the run that is driven: entries in, lines out.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use run::{
    Body, Entry, RunId,
    journal::{self, Chain},
    time::Millis,
};
use store::{CheckpointStore, JournalStore, Lease, StoreError};

use crate::{World, blocking, values};

/// A place in a journal: a position in bytes, and the running checksum there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    pub at: u64,
    pub chain: Chain,
}

/// Writes the journal of one run, under its lease.
pub(crate) struct Log {
    pub run: RunId,
    journals: Arc<dyn JournalStore>,
    keep: Arc<dyn CheckpointStore>,
    world: Arc<dyn World>,
    io: tokio::runtime::Handle,
    lease: Lease,
    durable: bool,
    /// What is written.
    written: Place,
    /// What is encoded, but not written.
    buffer: Vec<u8>,
    end: Chain,
    last_ts: Millis,
    dirty: bool,
}

impl Log {
    pub fn new(parts: &crate::Parts, lease: Lease, durable: bool, end: Place, last_ts: Millis) -> Self {
        Self {
            run: lease.run.clone(),
            journals: parts.journals.clone(),
            keep: parts.keep.clone(),
            world: parts.world.clone(),
            io: parts.io.clone(),
            lease,
            durable,
            written: end,
            buffer: Vec::new(),
            end: end.chain,
            last_ts,
            // What an earlier driver wrote is perhaps not synced.
            dirty: true,
        }
    }

    /// The place behind the last entry, written or not.
    pub fn end(&self) -> Place {
        Place { at: self.written.at + self.buffer.len() as u64, chain: self.end }
    }

    /// The place behind the last entry that is written.
    pub fn written(&self) -> Place {
        self.written
    }

    /// The time now; never before an entry that is in the journal already.
    pub fn now(&mut self) -> Millis {
        self.last_ts = self.last_ts.max(self.world.now());
        self.last_ts
    }

    /// Adds an entry; gives its time. It is written by the next `flush`.
    pub fn push(&mut self, mut body: Body) -> Result<Millis, StoreError> {
        if values::has_long(&mut body) {
            let (keep, run, durable) = (self.keep.clone(), self.run.clone(), self.durable);
            body = blocking::wait(&self.io, async move {
                values::put_beside(&*keep, &run, &mut body, durable).await.map(|()| body)
            })?;
        }
        let ts = self.now();
        let entry = Entry { ts, fence: self.lease.fence, body };
        journal::encode(&entry, &mut self.end, &mut self.buffer);
        Ok(ts)
    }

    /// Writes what was added: it survives the death of this process.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let lines = Bytes::copy_from_slice(&self.buffer);
        let append = self.journals.append(&self.lease, self.written.at, lines);
        blocking::wait(&self.io, append)?;
        self.written = self.end();
        self.buffer.clear();
        self.dirty = true;
        Ok(())
    }

    /// Writes what was added, and makes all of it survive a power cut, if the run is to.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        if self.durable && self.dirty {
            let sync = self.journals.sync(&self.lease);
            blocking::wait(&self.io, sync)?;
        }
        self.dirty = false;
        Ok(())
    }

    /// Forgets what was added since the last `flush`.
    pub fn discard(&mut self) {
        self.buffer.clear();
        self.end = self.written.chain;
    }

    /// Messages for the run's driver.
    pub fn messages(&self) -> Result<Vec<store::Message>, StoreError> {
        blocking::wait(&self.io, self.look())
    }

    /// The same for who does not stand still for it.
    pub fn look(&self) -> impl Future<Output = Result<Vec<store::Message>, StoreError>> + Send + use<> {
        let (journals, run) = (self.journals.clone(), self.run.clone());
        async move { journals.messages(&run).await }
    }

    /// Removes a message whose content is in the journal and synced.
    pub fn acknowledge(&mut self, id: String) -> Result<(), StoreError> {
        self.sync()?;
        let (journals, lease) = (self.journals.clone(), self.lease.clone());
        blocking::wait(&self.io, async move { journals.acknowledge(&lease, &id).boxed().await })
    }
}
