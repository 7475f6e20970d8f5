//! Copies everything from one store to another.

use bytes::Bytes;
use futures::{StreamExt, stream};
use run::RunId;

use crate::{JournalStore, Lease, Owner, SaveOptions, StoreError, Stores, check::AT_ONCE, keep::run_of};

/// Read and written at once of a journal, in bytes.
const BLOCK: u64 = 1 << 20;

/// How far a copy is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Runs that there are.
    pub runs: u64,
    /// Runs that are there now, copied or found.
    pub runs_done: u64,
    /// Keys that belong to no run.
    pub keys: u64,
    /// Keys that are there now.
    pub keys_done: u64,
    /// Bytes that were written. What was there already is not written again.
    pub bytes: u64,
    /// Runs and keys that were not copied.
    pub failed: u64,
}

/// The result of a copy.
#[derive(Debug, Default)]
pub struct Copied {
    /// What was done.
    pub progress: Progress,
    /// What was not copied, and why: runs that are being driven, runs and keys that are there with another content, and
    /// whatever a store refused. Copy again to go on.
    pub failed: Vec<(String, CopyError)>,
}

/// Why something was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A store's word.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The other store has it with another content.
    #[error("it is there already, with another content ({0}); delete it there, or choose an empty store")]
    Differs(String),
    /// What was read back is not what was written.
    #[error("it was written, but read back differently ({0}); check the disk or the server")]
    NotKept(String),
}

/// Copies all runs (journals, messages, blobs) and all other keys. Each run's lease is held meanwhile, on both sides, as
/// `owner`, so that nothing changes; a run that somebody drives is left out. Everything is read back and compared. What
/// an earlier copy has done is found, and not done again. Times to live are not copied.
///
/// The copy of a run is given a fence as high as its own, so that its next driver goes on as here.
///
/// An error means that a store could not even be listed.
pub async fn copy(
    from: &Stores,
    to: &Stores,
    owner: &Owner,
    mut progress: impl FnMut(&Progress),
) -> Result<Copied, StoreError> {
    let mut copied = Copied::default();
    let mut runs: Vec<RunId> = match &from.journals {
        Some(journals) => journals.list().await?.into_iter().map(|file| file.run).collect(),
        None => Vec::new(),
    };
    runs.sort_unstable();
    if !runs.is_empty() {
        to.journals()?;
    }
    let mut keys = from.keys(runs.len()).await?;
    keys.retain(|key| run_of(key).is_none_or(|(run, _)| runs.binary_search(&run).is_err()));
    copied.progress = Progress { runs: runs.len() as u64, keys: keys.len() as u64, ..Progress::default() };
    progress(&copied.progress);
    let mut count = |name: String, is_run: bool, done: Result<u64, CopyError>| {
        let sum = &mut copied.progress;
        match done {
            Ok(bytes) => {
                sum.bytes += bytes;
                *(if is_run { &mut sum.runs_done } else { &mut sum.keys_done }) += 1;
            }
            Err(error) => {
                sum.failed += 1;
                copied.failed.push((name, error));
            }
        }
        progress(sum);
    };
    let work = keys.into_iter().map(|key| async { (copy_key(from, to, &key).await, key) });
    let mut work = stream::iter(work).buffer_unordered(AT_ONCE);
    while let Some((done, key)) = work.next().await {
        count(key, false, done);
    }
    if let (Some(source), Some(target)) = (&from.journals, &to.journals) {
        let one = async |run: RunId| {
            (Run { from, to, source: &**source, target: &**target, run: &run, owner }.copy().await, run)
        };
        let mut work = stream::iter(runs.into_iter().map(one)).buffer_unordered(AT_ONCE);
        while let Some((done, run)) = work.next().await {
            match done {
                // Deleted since it was listed.
                Err(CopyError::Store(StoreError::NotFound(_))) => count(format!("run {run}"), true, Ok(0)),
                done => count(format!("run {run}"), true, done),
            }
        }
    }
    Ok(copied)
}

/// Copies one key; how many bytes that were.
async fn copy_key(from: &Stores, to: &Stores, key: &str) -> Result<u64, CopyError> {
    let Some(bytes) = from.checkpoints.load(key).await? else { return Ok(0) };
    match to.checkpoints.load(key).await? {
        Some(there) if there == bytes => return Ok(0),
        Some(there) => return Err(CopyError::Differs(format!("{} bytes, not {}", there.len(), bytes.len()))),
        None => {}
    }
    to.checkpoints.save_with(key, bytes.clone(), SaveOptions::default()).await?;
    match to.checkpoints.load(key).await? {
        Some(there) if there == bytes => Ok(bytes.len() as u64),
        there => Err(CopyError::NotKept(format!("{} bytes of {}", there.map_or(0, |b| b.len()), bytes.len()))),
    }
}

/// A run that is copied.
struct Run<'a> {
    from: &'a Stores,
    to: &'a Stores,
    source: &'a dyn JournalStore,
    target: &'a dyn JournalStore,
    run: &'a RunId,
    owner: &'a Owner,
}

impl Run<'_> {
    async fn copy(&self) -> Result<u64, CopyError> {
        let ours = self.source.acquire(self.run, self.owner, false).await?;
        let mut written = 0;
        // Before the journal, which names them.
        for key in self.from.checkpoints.list(&format!("runs/{}/", self.run)).await? {
            written += copy_key(self.from, self.to, &key).await?;
        }
        let theirs = match self.target.create(self.run, self.owner).await {
            Err(StoreError::Exists(_)) => self.target.acquire(self.run, self.owner, false).await?,
            made => made?,
        };
        written += self.copy_journal(&theirs).await?;
        self.copy_messages().await?;
        self.raise_fence(theirs, ours.fence).await?;
        Ok(written)
    }

    async fn copy_journal(&self, theirs: &Lease) -> Result<u64, CopyError> {
        let (end, there) = (self.source.len(self.run).await?, self.target.len(self.run).await?);
        if there > end {
            return Err(CopyError::Differs(format!("a journal of {there} bytes, not {end}")));
        }
        self.compare(0, there).await?.map_or(Ok(()), |at| Err(CopyError::Differs(format!("from byte {at} on"))))?;
        let mut at = there;
        while at < end {
            let block = self.source.read(self.run, at, BLOCK.min(end - at)).await?;
            if block.is_empty() {
                break;
            }
            let len = block.len() as u64;
            self.target.append(theirs, at, block).await?;
            at += len;
        }
        self.target.sync(theirs).await?;
        let kept = self.target.len(self.run).await?;
        if kept != end {
            return Err(CopyError::NotKept(format!("a journal of {kept} bytes, not {end}")));
        }
        match self.compare(there, end).await? {
            None => Ok(end - there),
            Some(at) => Err(CopyError::NotKept(format!("its journal from byte {at} on"))),
        }
    }

    /// The begin of the first block in which the two journals differ.
    async fn compare(&self, from: u64, to: u64) -> Result<Option<u64>, StoreError> {
        let mut at = from;
        while at < to {
            let max = BLOCK.min(to - at);
            let (here, there) =
                futures::try_join!(self.source.read(self.run, at, max), self.target.read(self.run, at, max))?;
            if here != there || here.len() as u64 != max {
                return Ok(Some(at));
            }
            at += max;
        }
        Ok(None)
    }

    async fn copy_messages(&self) -> Result<(), CopyError> {
        let bodies = async |store: &dyn JournalStore| -> Result<Vec<Bytes>, StoreError> {
            Ok(store.messages(self.run).await?.into_iter().map(|message| message.body).collect())
        };
        let (here, there) = (bodies(self.source).await?, bodies(self.target).await?);
        if !here.starts_with(&there) {
            return Err(CopyError::Differs(format!("{} messages, not {}", there.len(), here.len())));
        }
        for body in here.into_iter().skip(there.len()) {
            self.target.post(self.run, body).await?;
        }
        Ok(())
    }

    /// Entries carry fences that never go back; so the copy's next lease has to have a higher one than the last here.
    async fn raise_fence(&self, mut theirs: Lease, fence: u64) -> Result<(), StoreError> {
        while theirs.fence < fence {
            drop(theirs);
            theirs = self.target.acquire(self.run, self.owner, false).await?;
        }
        Ok(())
    }
}
