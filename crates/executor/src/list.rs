//! Listing runs, reading one, removing them, and leaving messages for their drivers.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use run::{Body, Hash, Json, RunId, Status, Summary, journal::Chain, time::Millis};
use serde::{Deserialize, Serialize};
use store::{Owner, RunFile};

use crate::{EmittedAt, ExecError, Executor, Request, log::Place, pins, tail, values};

/// A run in a listing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub run: RunId,
    /// Its state.
    pub status: Status,
    /// What is run.
    pub tool: String,
    /// The photon that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub photon: Option<String>,
    /// The photon's instance, if it is not the default one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
    /// The run that called it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<RunId>,
    /// When it began.
    pub started_at: Millis,
    /// When its last entry was written.
    pub updated_at: Millis,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completed_at: Option<Millis>,
    /// The code that it is pinned to, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<Hash>,
    /// Its error's message, or what is wrong with its journal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// What the index holds of a run: true as long as length and version are the journal's.
#[derive(Serialize, Deserialize)]
struct Indexed {
    len: u64,
    version: u128,
    info: RunInfo,
}

/// Something that a run has emitted.
#[derive(Clone, PartialEq, Debug)]
pub struct Emit {
    /// Which it is.
    pub at: EmittedAt,
    /// Its value; null if it had none.
    pub data: Json,
}

/// How much of a journal is read at one time when emits are looked for, in bytes.
const CHUNK: u64 = 4 << 20;

const INDEX: &str = "index/runs";

/// Journals that were read before the index is written again: reading a few is cheaper.
const WORTH_INDEXING: usize = 200;

impl Executor {
    /// Every run, newest first. A damaged journal shows as `corrupt` and hides nothing else.
    pub async fn list(&self) -> Result<Vec<RunInfo>, ExecError> {
        let files = self.parts.journals.list().await?;
        let mut known = self.load_index().await;
        let mut runs = Vec::with_capacity(files.len());
        let mut unread = Vec::new();
        for file in files {
            match known.remove(&file.run).filter(|held| held.len == file.len && held.version == file.version) {
                Some(held) => runs.push(held),
                None => unread.push(file),
            }
        }
        let stale = unread.len() + known.len();
        runs.extend(self.read_all(unread).await);
        if stale >= WORTH_INDEXING {
            self.save_index(&runs).await;
        }
        let mut runs: Vec<RunInfo> = runs.into_iter().map(|held| held.info).collect();
        runs.sort_by(|a, b| (b.started_at, &b.run).cmp(&(a.started_at, &a.run)));
        Ok(runs)
    }

    async fn load_index(&self) -> HashMap<RunId, Indexed> {
        let bytes = self.parts.keep.load(INDEX).await.ok().flatten().unwrap_or_default();
        // The index only saves time: one that cannot be read is as good as none.
        let held: Vec<Indexed> = serde_json::from_slice(&bytes).unwrap_or_default();
        held.into_iter().map(|held| (held.info.run.clone(), held)).collect()
    }

    async fn save_index(&self, runs: &[Indexed]) {
        let bytes = serde_json::to_vec(runs).unwrap_or_default();
        if let Err(error) = self.parts.keep.save(INDEX, bytes.into(), false).await {
            tracing::debug!(%error, "the index of runs could not be saved");
        }
    }

    /// Reads journals on several threads.
    async fn read_all(&self, files: Vec<RunFile>) -> Vec<Indexed> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = files.len().div_ceil(threads).max(64);
        let tasks = files.chunks(share).map(|files| {
            let (this, files) = (self.clone(), files.to_vec());
            let (send, receive) = tokio::sync::oneshot::channel();
            // Threads of our own: there a file store reads at once, instead of handing every file to yet another one.
            let spawned = std::thread::Builder::new().spawn(move || {
                let _ = send.send(futures::executor::block_on(this.read_each(files)));
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "no thread to read journals with");
            }
            receive
        });
        let tasks: Vec<_> = tasks.collect();
        let read = futures::future::join_all(tasks).await;
        read.into_iter().flatten().flatten().collect()
    }

    async fn read_each(&self, files: Vec<RunFile>) -> Vec<Indexed> {
        let mut read = Vec::with_capacity(files.len());
        for file in files {
            // A run that is deleted while it is listed is not listed.
            if let Some(info) = self.info(&file.run).await {
                read.push(Indexed { len: file.len, version: file.version, info });
            }
        }
        read
    }

    async fn info(&self, run: &RunId) -> Option<RunInfo> {
        let (summary, status, error) = match self.summary(run).await {
            Ok(summary) => {
                let (status, error) = (summary.status(), summary.error.clone());
                (summary, status, error)
            }
            Err(ExecError::Store(store::StoreError::NotFound(_))) => return None,
            Err(error) => (Summary::default(), Status::Corrupt, Some(error.to_string())),
        };
        Some(RunInfo {
            run: run.clone(),
            status,
            tool: summary.tool,
            photon: summary.photon,
            instance: summary.instance,
            parent: summary.parent,
            started_at: summary.started_at,
            updated_at: summary.updated_at,
            completed_at: summary.completed_at,
            code: summary.origin.map(|origin| origin.code),
            error,
        })
    }

    /// What the whole journal of a run says.
    pub async fn summary(&self, run: &RunId) -> Result<Summary, ExecError> {
        let tail = tail::read(&*self.parts.journals, run, Place::default()).await?;
        let mut summary = Summary::default();
        for placed in &tail.entries {
            summary.add(&placed.entry);
        }
        Ok(summary)
    }

    /// The entries of a run's journal from position `from` (bytes) on, and the position behind them.
    pub async fn entries(&self, run: &RunId, from: u64) -> Result<(Vec<run::Entry>, u64), ExecError> {
        let bytes = self.parts.journals.read(run, from, u64::MAX).await?;
        // Only what is whole: a line that is being written is read next time.
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let mut entries = Vec::new();
        let mut reader = match self.checksum_at(run, from).await? {
            Some(chain) => run::journal::Reader::after(from, chain, &bytes[..end]),
            None => run::journal::Reader::new(&bytes[..end]),
        };
        for line in reader.by_ref() {
            let line = line.map_err(|cause| ExecError::Corrupt { run: run.clone(), cause })?;
            entries.extend(line.entry);
        }
        Ok((entries, from + end as u64))
    }

    /// What a run has emitted of one kind, in order, from position `from` on, where a line begins; those that a retry took
    /// back too. Reads a few MiB at most, and gives the position where to go on: the same at the end.
    pub async fn emits(&self, run: &RunId, kind: &str, from: u64) -> Result<(Vec<Emit>, u64), ExecError> {
        let Some(first) = tail::first(&*self.parts.journals, run).await? else { return Ok((Vec::new(), from)) };
        let mut most = CHUNK;
        let bytes = loop {
            let bytes = self.parts.journals.read(run, from, most).await?;
            if bytes.contains(&b'\n') || (bytes.len() as u64) < most {
                break bytes;
            }
            most *= 4;
        };
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let mut reader = match self.checksum_at(run, from).await? {
            Some(chain) => run::journal::Reader::after(from, chain, &bytes[..end]),
            None => run::journal::Reader::new(&bytes[..end]),
        };
        let mut emits = Vec::new();
        for line in reader.by_ref() {
            let line = line.map_err(|cause| ExecError::Corrupt { run: run.clone(), cause })?;
            let Some(Body::Emit { emit, data, .. }) = line.entry.map(|entry| entry.body) else { continue };
            if emit == kind {
                let at = EmittedAt { begun: first.entry.ts, position: line.at };
                let data = data.unwrap_or_else(run::entry::Value::null);
                emits.push(Emit { at, data: values::fetch(&*self.parts.keep, run, &data).await?.json });
            }
        }
        Ok((emits, reader.position()))
    }

    /// The running checksum at `at`; none at the start, and in logs of the photon ecosystem.
    pub(crate) async fn checksum_at(&self, run: &RunId, at: u64) -> Result<Option<Chain>, ExecError> {
        let from = at.saturating_sub(64);
        let before = self.parts.journals.read(run, from, at - from).await?;
        Ok(before.strip_suffix(b"\n").and_then(Chain::stated))
    }

    /// Who drives the run now.
    pub async fn owner(&self, run: &RunId) -> Result<Option<Owner>, ExecError> {
        Ok(self.parts.journals.owner(run).await?)
    }

    /// Leaves a message for the run's driver, or for the next one.
    pub async fn post(&self, run: &RunId, request: &Request) -> Result<(), ExecError> {
        Ok(self.parts.journals.post(run, request.to_bytes()).await?)
    }

    /// Removes a run with all that belongs to it.
    pub async fn delete(&self, run: &RunId) -> Result<(), ExecError> {
        self.parts.journals.delete(run).await?;
        // A store that keeps both has removed them with the journal.
        if self.config.checkpoints_apart {
            for key in self.parts.keep.list(&format!("runs/{run}/")).await? {
                self.parts.keep.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Removes the runs that have ended and were not touched for `age`, and code that no run needs; gives the runs.
    pub async fn cleanup(&self, age: Duration, dry_run: bool) -> Result<Vec<RunId>, ExecError> {
        let began = Instant::now();
        let cutoff = self.parts.world.now().saturating_sub(age.as_millis() as Millis);
        let old = |run: &RunInfo| run.status.is_final() && run.updated_at < cutoff;
        let removed: Vec<RunId> = self.list().await?.into_iter().filter(old).map(|info| info.run).collect();
        if !dry_run {
            for run in &removed {
                self.delete(run).await?;
            }
            // What no run here needs may belong to runs elsewhere.
            if !self.config.checkpoints_apart {
                self.drop_unused_code().await?;
            }
        }
        tracing::debug!(removed = removed.len(), elapsed = ?began.elapsed(), "cleaned up");
        Ok(removed)
    }

    /// Removes code that no run is pinned to. A run that starts meanwhile looks for its code again once its start is
    /// recorded, and what was removed is put back if such a run shows afterwards.
    async fn drop_unused_code(&self) -> Result<(), ExecError> {
        // Damaged journals name no code that could be trusted: while there is one, all code stays.
        let used = async || {
            let runs = self.list().await?;
            let damaged = runs.iter().any(|info| info.status == Status::Corrupt);
            let keys: HashSet<String> = runs.iter().filter_map(|info| info.code.as_ref().map(pins::key)).collect();
            Ok::<_, ExecError>((!damaged).then_some(keys))
        };
        let Some(before) = used().await? else { return Ok(()) };
        let mut dropped = Vec::new();
        for key in self.parts.keep.list("code/").await? {
            if !before.contains(&key)
                && let Some(bytes) = self.parts.keep.load(&key).await?
            {
                self.parts.keep.delete(&key).await?;
                dropped.push((key, bytes));
            }
        }
        if dropped.is_empty() {
            return Ok(());
        }
        let after = used().await?;
        for (key, bytes) in dropped {
            if after.as_ref().is_none_or(|keys| keys.contains(&key)) {
                self.parts.keep.save(&key, bytes, self.config.durable).await?;
            }
        }
        Ok(())
    }
}
