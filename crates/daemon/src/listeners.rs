//! The daemon hands events to the photons that listen: each in order, one at a time, from where it was.
//!
//! A delivery counts once its run is recorded; from then on the run is supervised like any other. The place of each
//! listener is written down behind that, so an event is handed over at least once, and since the run's id is made of the
//! event's name, not twice.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::EmittedAt;
use serde::{Deserialize, Serialize};

use crate::broker::{EventLog, Message, held};
use crate::calls::Calls;
use crate::events::{self, Undelivered};

/// How often the catalog is looked at for new listeners.
const LOOK: Duration = Duration::from_secs(2);

/// The longest pause before an event is tried again.
const LONGEST: Duration = Duration::from_secs(30);

/// What is read of the log at one time, in bytes.
const CHUNK: usize = 64 << 10;

/// Places in the log, on disk.
#[derive(Default, Serialize, Deserialize)]
struct Places {
    /// By the photon's name: the number of the last event that was handed over, or not wanted.
    listeners: BTreeMap<String, u64>,
}

struct Kept {
    path: PathBuf,
    places: Mutex<Places>,
    /// Whether they have changed since they were written down.
    changed: AtomicBool,
}

/// Hands events over. Never ends.
pub(crate) async fn work(calls: Calls, log: Arc<EventLog>, folder: &Path) {
    let path = folder.join("listeners.json");
    let places = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let kept = Arc::new(Kept { path, places: Mutex::new(places), changed: AtomicBool::new(false) });
    let mut busy: BTreeMap<String, tokio::task::JoinHandle<()>> = BTreeMap::new();
    let tasks = OnDrop(Mutex::default());
    loop {
        let catalog = calls.catalog().clone();
        let all = tokio::task::spawn_blocking(move || catalog.list()).await.unwrap_or_default();
        let names: Vec<&str> = all.iter().filter(|e| events::listens(e).is_some()).map(|e| e.name.as_str()).collect();
        busy.retain(|name, task| {
            let stays = names.contains(&name.as_str()) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for name in names {
            if !busy.contains_key(name) {
                // A listener that is new hears what comes from now on.
                let begin = *held(&kept.places).listeners.entry(name.to_owned()).or_insert_with(|| {
                    kept.changed.store(true, Ordering::Relaxed);
                    log.last()
                });
                let task = tokio::spawn(listener(calls.clone(), log.clone(), kept.clone(), name.to_owned(), begin));
                held(&tasks.0).push(task.abort_handle());
                busy.insert(name.to_owned(), task);
            }
        }
        let keeping = kept.clone();
        let _ = tokio::task::spawn_blocking(move || keeping.save()).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends the tasks of listeners with the one that began them.
struct OnDrop(Mutex<Vec<tokio::task::AbortHandle>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        held(&self.0).iter().for_each(tokio::task::AbortHandle::abort);
    }
}

async fn listener(calls: Calls, log: Arc<EventLog>, kept: Arc<Kept>, name: String, mut cursor: u64) {
    let mut news = log.watch();
    loop {
        let catalog = calls.catalog().clone();
        let wanted = name.clone();
        let found = tokio::task::spawn_blocking(move || catalog.find(&wanted).ok()).await.ok().flatten();
        let Some((entry, filter)) = found.and_then(|entry| Some((entry.clone(), events::listens(&entry)?))) else {
            return;
        };
        let read = match log.read(cursor, &filter, CHUNK) {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the log of events cannot be read");
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        if let Some(first) = read.lost {
            tracing::warn!(
                photon = name,
                "events {} to {} are not kept any more and were not delivered",
                cursor + 1,
                first - 1
            );
        }
        for event in &read.events {
            deliver(&calls, &entry, event).await;
            kept.put(&name, event.seq);
        }
        if read.cursor == cursor {
            if news.changed().await.is_err() {
                return;
            }
            continue;
        }
        cursor = read.cursor;
        kept.put(&name, cursor);
    }
}

async fn deliver(calls: &Calls, entry: &Arc<crate::catalog::Entry>, event: &crate::broker::Event) {
    let message = match Message::read(event) {
        Ok(message) => message,
        Err(error) => return tracing::warn!(seq = event.seq, %error, "an event cannot be read"),
    };
    let what = match (&message.from, message.at) {
        (Some(from), Some(position)) => events::name(from, EmittedAt { begun: message.begun, position }),
        // Who published it gave it no name: its number is one.
        _ => message.seq.to_string(),
    };
    let Some(id) = events::delivery(message.hops + 1, &what, &entry.name) else { return };
    let mut pause = Duration::from_millis(100);
    for attempt in 1.. {
        match events::notify(calls, entry.clone(), &id, &message.kind, message.data.get()).await {
            // The next one when this one has ended, or waits: listeners see events in order.
            Ok(Some(running)) => return events::tell(&entry.name, &id, running.ended().await),
            Ok(None) => return,
            Err(Undelivered { passes: false, why: error }) if attempt >= 5 => {
                return tracing::error!(photon = entry.name, seq = event.seq, "an event was not delivered: {error}");
            }
            Err(Undelivered { why: error, .. }) => {
                tracing::warn!(photon = entry.name, seq = event.seq, "an event is tried again: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 4).min(LONGEST);
            }
        }
    }
}

impl Kept {
    fn put(&self, name: &str, seq: u64) {
        held(&self.places).listeners.insert(name.to_owned(), seq);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Writes the places down, if they have changed. Behind a crash the events of a moment are handed over again, and
    /// their runs are found.
    fn save(&self) {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return;
        }
        let bytes = serde_json::to_vec(&*held(&self.places)).unwrap_or_default();
        let save = || {
            let mut aside = tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            aside.write_all(&bytes)?;
            // A file that a power cut leaves empty would make every listener a new one.
            aside.as_file().sync_all()?;
            aside.persist(&self.path).map(drop).map_err(|e| e.error)
        };
        if let Err(error) = save() {
            self.changed.store(true, Ordering::Relaxed);
            tracing::warn!(%error, "the places of listeners cannot be written down");
        }
    }
}
