//! Reads a whole store and says what is damaged.

use bytes::Bytes;
use futures::{StreamExt, stream};
use run::{
    Hash, RunId,
    journal::{Read, Reader},
};

use crate::{CheckpointStore, JournalStore, StoreError, Stores, keep::run_of};

/// Read at once of a journal, in bytes.
const BLOCK: u64 = 4 << 20;

/// Runs or keys that are read at the same time.
pub(crate) const AT_ONCE: usize = 8;

/// What a run's journal and blobs are like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunCheck {
    /// The run.
    pub run: RunId,
    /// The journal's length, in bytes.
    pub len: u64,
    /// Lines that are good.
    pub lines: u64,
    /// Bytes behind the last good line that are no whole line: what an append that was cut short leaves. The next driver
    /// cuts them off.
    pub torn: u64,
    /// Whether the lines have checksums; logs of the photon ecosystem have none.
    pub has_checksums: bool,
    /// What is wrong with the journal.
    pub damage: Option<String>,
    /// Long values and snapshots.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Keys whose bytes are missing or do not have the hash that the key says, and what was found.
    pub bad_blobs: Vec<(String, String)>,
}

impl RunCheck {
    /// Whether nothing is wrong. A torn end is not.
    pub fn is_good(&self) -> bool {
        self.damage.is_none() && self.bad_blobs.is_empty()
    }
}

/// The sum of a check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Runs.
    pub runs: u64,
    /// Runs with damage.
    pub bad_runs: u64,
    /// Keys that belong to no run.
    pub keys: u64,
    /// Those that are damaged, and how.
    pub bad_keys: Vec<(String, String)>,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Reads everything: the checksum of each line, the hash of each blob whose key says one. `each` is told of every run,
/// in no order. A run that goes on meanwhile may look torn. Errors of the store end the check.
pub async fn check(stores: &Stores, mut each: impl FnMut(&RunCheck)) -> Result<Checked, StoreError> {
    let mut sum = Checked::default();
    let runs = match &stores.journals {
        Some(journals) => journals.list().await?.into_iter().map(|file| file.run).collect(),
        None => Vec::new(),
    };
    let known: std::collections::HashSet<_> = runs.iter().cloned().collect();
    if let Some(journals) = &stores.journals {
        let checks = runs.iter().map(|run| check_run(&**journals, &*stores.checkpoints, run));
        let mut checks = stream::iter(checks).buffer_unordered(AT_ONCE);
        while let Some(done) = checks.next().await {
            // Deleted meanwhile.
            let Some(done) = done? else { continue };
            sum.runs += 1;
            sum.bad_runs += u64::from(!done.is_good());
            sum.bytes += done.len + done.blob_bytes;
            each(&done);
        }
    }
    let keys = stores.keys(runs.len()).await?;
    let free = keys.into_iter().filter(|key| run_of(key).is_none_or(|(run, _)| !known.contains(&run)));
    let loads = free.map(|key| async { (stores.checkpoints.load(&key).await, key) });
    let mut loads = stream::iter(loads).buffer_unordered(AT_ONCE);
    while let Some((bytes, key)) = loads.next().await {
        let bytes = bytes?;
        sum.keys += 1;
        sum.bytes += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if let Some(cause) = bytes.and_then(|bytes| wrong(&key, &bytes)) {
            sum.bad_keys.push((key, cause));
        }
    }
    Ok(sum)
}

/// Checks one run; nothing if it is not there.
pub async fn check_run(
    journals: &dyn JournalStore,
    checkpoints: &dyn CheckpointStore,
    run: &RunId,
) -> Result<Option<RunCheck>, StoreError> {
    let mut found = match check_journal(journals, run).await {
        Err(StoreError::NotFound(_)) => return Ok(None),
        found => found?,
    };
    for key in checkpoints.list(&format!("runs/{run}/")).await? {
        let Some(bytes) = checkpoints.load(&key).await? else { continue };
        found.blobs += 1;
        found.blob_bytes += bytes.len() as u64;
        if let Some(cause) = wrong(&key, &bytes) {
            found.bad_blobs.push((key, cause));
        }
    }
    Ok(Some(found))
}

async fn check_journal(journals: &dyn JournalStore, run: &RunId) -> Result<RunCheck, StoreError> {
    let mut found = RunCheck {
        run: run.clone(),
        len: 0,
        lines: 0,
        torn: 0,
        has_checksums: false,
        damage: None,
        blobs: 0,
        blob_bytes: 0,
        bad_blobs: Vec::new(),
    };
    let (mut at, mut last): (u64, Option<Read>) = (0, None);
    let mut want = BLOCK;
    loop {
        let bytes = journals.read(run, at, want).await?;
        let is_end = (bytes.len() as u64) < want;
        // A foreign log has nothing that goes on from line to line.
        let mut reader = match &last {
            Some(read) if found.has_checksums => Reader::after(at, read.chain, &bytes),
            _ => Reader::new(&bytes),
        };
        let before = found.lines;
        for read in reader.by_ref() {
            match read {
                Ok(read) => {
                    found.lines += 1;
                    last = Some(read);
                }
                Err(error) => {
                    found.damage = Some(format!("line {}: {}", before + error.line, error.cause));
                    break;
                }
            }
        }
        found.has_checksums |= reader.checked() == Some(true);
        let torn = reader.torn().len() as u64;
        at += bytes.len() as u64 - torn;
        if found.damage.is_some() || is_end {
            found.len = journals.len(run).await?;
            found.torn = if found.damage.is_some() { 0 } else { torn };
            return Ok(found);
        }
        // A line longer than the block.
        want = if found.lines == before { want * 2 } else { BLOCK };
    }
}

/// What is wrong with the bytes of a key that says their hash.
fn wrong(key: &str, bytes: &Bytes) -> Option<String> {
    let (folder, name) = key.rsplit_once('/')?;
    let named = folder == "code"
        || run_of(key).is_some_and(|(_, rest)| rest.starts_with("value/") || rest.starts_with("snapshot/"));
    let stated: Hash = if named { name.parse().ok()? } else { return None };
    let hash = Hash::of(bytes);
    (hash != stated).then(|| format!("its {} bytes have the hash {hash}", bytes.len()))
}
