//! Events that runs emit: from the emit, once it is durable, to the photons that listen to its type.
//!
//! With a daemon they are published to it, and it hands them on (`listeners`). Without one they stay in this process,
//! which runs the listeners itself before it ends. A delivery is a run of its own (`onNotification`), whose id says what
//! it was caused by, so that the same event is never handed to a listener twice.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use executor::{CallContext, ExecError, Finished, NewRun, Retry};
use host::{PermissionRequest, Reply, Screen};
use run::{Ask, Effect, Outcome, RunId};
use serde_json::{Value, json};
use store::StoreError;
use tokio::sync::Notify;

use crate::broker::{EventLog, Filter, MAX_LINE, NewEvent, Place, Publisher, Unsent, held};
use crate::calls::Calls;
use crate::catalog::{Catalog, Entry};
use crate::supervisor::Running;

/// Listeners that cause each other: longer chains end.
const MAX_HOPS: u32 = 16;

/// Events that wait for their listeners in this process.
const MAX_LOCAL: usize = 10_000;

/// How long the daemon may take to acknowledge what was published, when a command ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the events of the runs of this process.
pub struct Events {
    way: Way,
    calls: OnceLock<Calls>,
    /// The photons in these folders listen too: those that a command was pointed at.
    also: Mutex<Vec<Arc<Catalog>>>,
    local: Mutex<VecDeque<Unsent>>,
    /// Told when something waits in `local`.
    arrived: Notify,
}

enum Way {
    /// To the daemon, as long as there is one; else here.
    Out { place: Place, who: String, io: tokio::runtime::Handle, publisher: OnceLock<Publisher> },
    /// This is the daemon.
    Log(OnceLock<Arc<EventLog>>),
}

impl Events {
    /// For a command of the home that `place` belongs to.
    pub fn new(place: Place, who: &str, io: tokio::runtime::Handle) -> Arc<Self> {
        Self::by(Way::Out { place, who: who.into(), io, publisher: OnceLock::new() })
    }

    /// For the daemon.
    pub fn of_daemon() -> Arc<Self> {
        Self::by(Way::Log(OnceLock::new()))
    }

    fn by(way: Way) -> Arc<Self> {
        Arc::new(Self {
            way,
            calls: OnceLock::new(),
            also: Mutex::default(),
            local: Mutex::default(),
            arrived: Notify::new(),
        })
    }

    /// A screen that takes events beside what `screen` shows.
    pub fn screen(self: &Arc<Self>, screen: Arc<dyn Screen>) -> Arc<dyn Screen> {
        Arc::new(Listening { events: self.clone(), screen })
    }

    /// What runs listeners.
    pub fn serve(&self, calls: Calls) {
        let _ = self.calls.set(calls);
    }

    /// The daemon's log, in which its own runs publish.
    pub fn log(&self, log: Arc<EventLog>) {
        if let Way::Log(held) = &self.way {
            let _ = held.set(log);
        }
    }

    /// Photons in this folder listen too.
    pub fn also(&self, folder: PathBuf) {
        held(&self.also).push(Arc::new(Catalog::new([folder])));
    }

    /// Publishes an event of a run.
    fn publish(&self, run: &RunId, kind: String, data: String) {
        let hops = hops(run);
        if let Err(bad) = crate::broker::check_type(&kind) {
            return tracing::warn!(%run, "an event was not published: {bad}");
        }
        if hops >= MAX_HOPS {
            return tracing::warn!(%run, kind, "an event was not published: it comes from {MAX_HOPS} listeners in a row");
        }
        let event = Unsent { kind, data, from: Some(run.to_string()), hops };
        match &self.way {
            Way::Log(log) => match log.get() {
                Some(log) => append(log, &event),
                None => {
                    tracing::warn!(%run, kind = event.kind, "an event was not published: there is no log of events yet")
                }
            },
            Way::Out { place, who, io, publisher } => {
                let unsent = if publisher.get().is_some() || place.running().is_some() {
                    publisher.get_or_init(|| Publisher::start(place, who, io)).publish(event)
                } else {
                    Err(event)
                };
                if let Err(event) = unsent {
                    self.here(event);
                }
            }
        }
    }

    fn here(&self, event: Unsent) {
        let mut local = held(&self.local);
        if local.len() >= MAX_LOCAL {
            return tracing::warn!(kind = event.kind, "an event was dropped: {MAX_LOCAL} wait for their listeners");
        }
        local.push_back(event);
        self.arrived.notify_one();
    }

    /// Hands events to the listeners here as they come; for a process that stays. Does not end.
    pub async fn keep_settling(&self) {
        loop {
            self.arrived.notified().await;
            self.settle().await;
        }
    }

    /// Waits until what was published is with the daemon, or, without one, with the listeners here: their runs have
    /// ended then, or wait.
    pub async fn settle(&self) {
        if let Way::Out { publisher, .. } = &self.way
            && let Some(publisher) = publisher.get()
        {
            let unsent = publisher.flush(PATIENCE).await;
            if !unsent.is_empty() {
                let why = publisher.failure().unwrap_or_else(|| "it does not answer".into());
                tracing::warn!("{} events stay in this process: {why}", unsent.len());
            }
            unsent.into_iter().for_each(|event| self.here(event));
        }
        loop {
            let next = held(&self.local).pop_front();
            let Some(event) = next else { return };
            self.deliver(event).await;
        }
    }

    async fn deliver(&self, event: Unsent) {
        let Some(calls) = self.calls.get() else { return };
        let mut catalogs = held(&self.also).clone();
        catalogs.push(calls.catalog().clone());
        let kind = event.kind.clone();
        let listeners = tokio::task::spawn_blocking(move || listeners(&catalogs, &kind)).await;
        for entry in listeners.unwrap_or_default() {
            // Nobody else delivers it: any id will do.
            let id = delivery(event.hops + 1, calls.supervisor().executor().fresh_id().as_str(), &entry.name);
            let Some(id) = id else { continue };
            match notify(calls, entry.clone(), &id, &event.kind, &event.data).await {
                Ok(Some(running)) => tell(&entry.name, &id, running.ended().await),
                Ok(None) => {}
                Err(error) => tracing::warn!(photon = entry.name, "an event was not delivered: {error}"),
            }
        }
    }
}

/// Says what became of a listener, if it did not end well.
pub(crate) fn tell(photon: &str, id: &RunId, ended: crate::supervisor::Ended) {
    match ended {
        Ok(Finished::Completed(_) | Finished::Waiting(_) | Finished::Left) => {}
        Ok(Finished::Failed(error)) => {
            tracing::warn!("{photon} failed with an event: {}; see: quicksave show {id}", error.message);
        }
        Ok(Finished::Cancelled(why)) => tracing::warn!("{photon} was cancelled with an event: {why}"),
        Err(error) => tracing::warn!("{photon} cannot be driven with an event: {error}"),
    }
}

/// Puts an event of the daemon's own runs into its log.
pub(crate) fn append(log: &EventLog, event: &Unsent) {
    if event.data.len() + 2_048 > MAX_LINE {
        return tracing::warn!(kind = event.kind, "an event was not published: it is longer than {MAX_LINE} bytes");
    }
    let new = NewEvent { kind: &event.kind, data: &event.data, from: event.from.as_deref(), hops: event.hops };
    if let Err(error) = log.append(&[new]) {
        tracing::error!(%error, kind = event.kind, "an event was not published: it cannot be kept");
    }
}

/// The photons that listen to `kind`. Where two have one name, the one of the earlier catalog counts. Reads files.
fn listeners(catalogs: &[Arc<Catalog>], kind: &str) -> Vec<Arc<Entry>> {
    let mut all: Vec<Arc<Entry>> = Vec::new();
    for entry in catalogs.iter().flat_map(|catalog| catalog.list()) {
        if all.iter().all(|other| other.name != entry.name) {
            all.push(entry);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.retain(|entry| listens(entry).is_some_and(|filter| filter.wants(kind)));
    all
}

/// What a photon listens to, if it does.
pub(crate) fn listens(entry: &Entry) -> Option<Filter> {
    let photon = entry.photon().ok()?;
    let wanted = !photon.header.notify_on.is_empty() && photon.lifecycle.iter().any(|name| name == LISTENER);
    wanted.then(|| Filter::new(&photon.header.notify_on).ok())?
}

/// The method that gets events.
pub const LISTENER: &str = "onNotification";

/// Begins the run that hands an event to a listener, or goes on with it; `None` if it has ended before.
pub(crate) async fn notify(
    calls: &Calls,
    entry: Arc<Entry>,
    id: &RunId,
    kind: &str,
    data: &str,
) -> Result<Option<Running>, String> {
    let supervisor = calls.supervisor();
    match supervisor.resume(id, "resume", Retry::No).await {
        Ok(known) => return Ok(known.ok()),
        Err(ExecError::Store(StoreError::NotFound(_))) => {}
        // Killed between making its journal and writing to it: nothing of it has run.
        Err(ExecError::State { .. }) => supervisor.executor().delete(id).await.map_err(|e| e.to_string())?,
        Err(error) => return Err(error.to_string()),
    }
    let payload: Value = serde_json::from_str(data).map_err(|e| format!("its payload cannot be read: {e}"))?;
    let params = json!({ "eventType": kind, "payload": payload });
    let id = id.clone();
    let new =
        tokio::task::spawn_blocking(move || notification(&entry, id, params)).await.map_err(|e| e.to_string())??;
    supervisor.start(new).await.map(Some).map_err(|e| e.to_string())
}

/// The run that hands an event to a listener. Reads files.
fn notification(entry: &Entry, id: RunId, params: Value) -> Result<NewRun, String> {
    entry.photon().map_err(ToString::to_string)?;
    let code = entry.code().map_err(|e| e.to_string())?;
    let (photon, method) = (Some(entry.name.clone()), Some(LISTENER.into()));
    Ok(NewRun { id: Some(id), photon, method, ..NewRun::new(LISTENER, params.into(), code) })
}

/// The id of the run that hands event `what` to `photon`.
pub(crate) fn delivery(hops: u32, what: &str, photon: &str) -> Option<RunId> {
    format!("ev{hops}-{what}-{photon}").parse().ok()
}

/// How many listeners it took to cause what `run` does: its id tells, and those of runs that it calls begin with it.
fn hops(run: &RunId) -> u32 {
    let hops = run.as_str().strip_prefix("ev").and_then(|rest| rest.split_once('-'));
    hops.and_then(|(hops, _)| hops.parse().ok()).unwrap_or(0)
}

/// Shows, and takes events.
struct Listening {
    events: Arc<Events>,
    screen: Arc<dyn Screen>,
}

#[async_trait]
impl Screen for Listening {
    fn show(&self, run: &RunId, effect: &Effect) {
        self.screen.show(run, effect);
        let Effect::Emit { kind, data: Some(data), .. } = effect else { return };
        if kind != "event" {
            return;
        }
        let Value::Object(mut event) = data.value() else { return };
        let Some(Value::String(kind)) = event.shift_remove("type") else { return };
        // `{type, data}`, or whatever else stands beside the type.
        let payload = event.shift_remove("data").unwrap_or_else(|| Value::Object(event));
        self.events.publish(run, kind, payload.to_string());
    }

    async fn ask(&self, context: &CallContext, ask: &Ask) -> Option<Outcome> {
        self.screen.ask(context, ask).await
    }

    async fn permission(&self, request: &PermissionRequest) -> Option<Reply> {
        self.screen.permission(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_how_long_the_chain_is() {
        let id = |text: &str| text.parse::<RunId>().expect("an id");
        for (text, expected) in
            [("20261121_ab", 0), ("ev1-17-chat", 1), ("ev12-x-y_3", 12), ("evx-1", 0), ("ev-1-a", 0)]
        {
            assert_eq!(hops(&id(text)), expected, "{text}");
        }
        assert_eq!(hops(&delivery(3, "17", "chat").expect("an id")), 3);
    }
}
