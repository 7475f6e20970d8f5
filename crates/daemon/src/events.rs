//! Events that runs emit: from the emit to the photons that listen to its type.
//!
//! An event is recorded in its run's journal before anybody hears of it, and the run is marked as one that publishes
//! (`outbox`). Then it is published: to the daemon, which hands it on (`listeners`), or without one to the listeners
//! here. Publishing at once is quick, and may fail; whoever finds a mark of a run that nobody drives publishes what the
//! journal holds. An event has a name, its place in its journal, by which the daemon's log and the runs of listeners know
//! it again: heard once, however often it is published.

mod settle;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use executor::{CallContext, EmittedAt, ExecError, Finished, NewRun, Retry};
use host::{PermissionRequest, Reply, Screen};
use run::{Ask, Effect, Json, Outcome, RunId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::StoreError;
use tokio::sync::Notify;

use crate::broker::{EventLog, Filter, MAX_LINE, NewEvent, Place, Publisher, Unsent, held};
use crate::calls::Calls;
use crate::catalog::{Catalog, Entry};
use crate::outbox::Outbox;
use crate::supervisor::Running;

/// Listeners that cause each other: longer chains end.
const MAX_HOPS: u32 = 16;

/// How long the daemon may take to acknowledge what was published, when a command ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kind of emits that are events.
const EVENT: &str = "event";

/// Takes the events of the runs of this process.
pub struct Events {
    way: Way,
    /// None where runs are lost with their process.
    outbox: Option<Outbox>,
    calls: OnceLock<Calls>,
    /// The photons in these folders listen too: those that a command was pointed at.
    also: Mutex<Vec<Arc<Catalog>>>,
    /// The runs that publish.
    runs: Mutex<HashMap<RunId, Going>>,
    /// Told when something is to be delivered here.
    arrived: Notify,
}

enum Way {
    /// To the daemon, as long as there is one; else here.
    Out { place: Place, who: String, io: tokio::runtime::Handle, publisher: OnceLock<Publisher> },
    /// This is the daemon.
    Log(OnceLock<Arc<EventLog>>),
}

/// A run that publishes.
#[derive(Clone, Copy)]
struct Going {
    /// What lies before this position of its journal is not delivered here.
    from: u64,
    how: How,
    /// It is not driven here any more.
    left: bool,
}

/// How a run's events go: one way for all, so that they stay in order.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// Published as they come.
    Live,
    /// One of them could not be: it and all behind it wait in the journal, for the daemon.
    Behind,
    /// Delivered to the listeners of this process, out of the journal.
    Here,
}

/// Where events come from: which runs, kept where.
pub struct Source {
    /// The place of the home's daemon.
    pub place: Place,
    /// The store's address without passwords; none where runs are lost with their process.
    pub store: Option<String>,
    /// Whether events must survive a power cut.
    pub durable: bool,
}

impl Events {
    /// For a command.
    pub fn new(source: Source, who: &str, io: tokio::runtime::Handle) -> Arc<Self> {
        let place = source.place.clone();
        Self::by(Way::Out { place, who: who.into(), io, publisher: OnceLock::new() }, source)
    }

    /// For the daemon.
    pub fn of_daemon(source: Source) -> Arc<Self> {
        Self::by(Way::Log(OnceLock::new()), source)
    }

    fn by(way: Way, source: Source) -> Arc<Self> {
        let folder = source.place.file("outbox");
        Arc::new(Self {
            way,
            outbox: source.store.map(|store| Outbox::new(folder, store, source.durable)),
            calls: OnceLock::new(),
            also: Mutex::default(),
            runs: Mutex::default(),
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

    /// A run is about to record an event behind `from`.
    fn begin(&self, run: &RunId, from: u64) -> std::io::Result<()> {
        if held(&self.runs).get(run).is_some_and(|going| !going.left) {
            return Ok(());
        }
        // What an earlier process left goes first.
        let before = self.marked(run)?;
        if let Some(outbox) = &self.outbox {
            outbox.mark(run, from)?;
        }
        let how = match (&self.way, before) {
            (Way::Out { place, publisher, .. }, _) if publisher.get().is_none() && place.running().is_none() => {
                How::Here
            }
            (_, Some(before)) if !self.publish_before(run, before) => How::Behind,
            _ => How::Live,
        };
        let going = Going { from: before.unwrap_or(from), how, left: false };
        held(&self.runs).insert(run.clone(), going);
        Ok(())
    }

    /// Publishes what the journal holds from `from` on; `false` if not all of it could be. On the thread of the run.
    fn publish_before(&self, run: &RunId, mut from: u64) -> bool {
        let Some(calls) = self.calls.get() else { return false };
        let executor = calls.supervisor().executor();
        executor.parts().io.block_on(async {
            loop {
                let Ok((emits, next)) = executor.emits(run, EVENT, from).await else { return false };
                let mut events = emits.iter().filter_map(|emit| event(run, emit.at, &emit.data));
                if !events.all(|event| self.publish_now(event)) {
                    return false;
                }
                if let Way::Out { publisher, .. } = &self.way
                    && let Some(publisher) = publisher.get()
                    && !publisher.flush(PATIENCE).await
                {
                    return false;
                }
                if next == from {
                    return true;
                }
                from = next;
            }
        })
    }

    /// Behind which position of its journal a run has events that nobody may have heard.
    fn marked(&self, run: &RunId) -> std::io::Result<Option<u64>> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        Ok(outbox.of(run)?.iter().map(|mark| mark.from).min())
    }

    /// An event is recorded.
    fn publish(&self, run: &RunId, event: Unsent) {
        // Held until it is on its way, so that nobody decides otherwise in between.
        let mut runs = held(&self.runs);
        let Some(going) = runs.get_mut(run) else { return };
        match going.how {
            How::Live if !self.publish_now(event) => going.how = How::Behind,
            How::Here => self.arrived.notify_one(),
            How::Live | How::Behind => {}
        }
    }

    /// `false` if it is to be published later.
    fn publish_now(&self, event: Unsent) -> bool {
        match &self.way {
            Way::Log(log) => log.get().is_some_and(|log| append(log, &event)),
            Way::Out { place, who, io, publisher } => {
                publisher.get_or_init(|| Publisher::start(place, who, io)).publish(event).is_ok()
            }
        }
    }

    fn set(&self, run: &RunId, change: impl FnOnce(&mut Going)) {
        if let Some(going) = held(&self.runs).get_mut(run) {
            change(going);
        }
    }

    /// This process does not drive `run` any more: all that it has published can be handed over.
    fn left(&self, run: &RunId) {
        if let Way::Log(_) = self.way {
            // Its mark is found.
            held(&self.runs).remove(run);
        } else if held(&self.runs).contains_key(run) {
            self.set(run, |going| going.left = true);
            self.arrived.notify_one();
        } else {
            self.adopt(run);
        }
    }

    /// Looks to what an earlier process left of a run's events; nobody drives the run now.
    pub fn adopt(&self, run: &RunId) {
        match self.marked(run) {
            Ok(Some(from)) => {
                let going = Going { from, how: How::Behind, left: true };
                held(&self.runs).entry(run.clone()).or_insert(going);
                self.arrived.notify_one();
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%run, %error, "it cannot be looked up whether the run has left events"),
        }
    }
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(rename = "type")]
    kind: Value,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The event that a run has emitted; none if it is not one that is published.
fn event(run: &RunId, at: EmittedAt, value: &Json) -> Option<Unsent> {
    let Ok(Shape { kind: Value::String(kind), data }) = serde_json::from_str(value.get()) else { return None };
    if let Err(bad) = crate::broker::check_type(&kind) {
        tracing::warn!(%run, "an event was not published: {bad}");
        return None;
    }
    let hops = hops(run);
    if hops >= MAX_HOPS {
        tracing::warn!(%run, kind, "an event was not published: it comes from {MAX_HOPS} listeners in a row");
        return None;
    }
    let data = match data.filter(|data| !data.get().contains('\n')) {
        Some(data) => data.get().to_owned(),
        // `{type, data}`, or whatever else stands beside the type.
        None => {
            let Value::Object(mut rest) = value.value() else { return None };
            rest.shift_remove("type");
            rest.shift_remove("data").unwrap_or(Value::Object(rest)).to_string()
        }
    };
    if !Publisher::fits(&kind, &data) {
        tracing::warn!(%run, kind, "an event was not published: it is longer than {MAX_LINE} bytes");
        return None;
    }
    Some(Unsent { kind, data, from: Some(run.to_string()), hops, at: Some(at) })
}

/// The name of an event in the ids of its deliveries.
pub(crate) fn name(from: &str, at: EmittedAt) -> String {
    let digest = Sha256::digest(format!("{from} {} {}", at.begun, at.position));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
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

/// Puts an event of the daemon's own runs into its log, unless it is there.
fn append(log: &EventLog, event: &Unsent) -> bool {
    let Unsent { kind, data, from, hops, at } = event;
    let kept = log.append(&[NewEvent { kind, data, from: from.as_deref(), hops: *hops, at: *at }]);
    kept.inspect_err(|error| tracing::error!(%error, kind, "an event is not published yet: it cannot be kept")).is_ok()
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

/// Why an event was not handed to a listener.
pub(crate) struct Undelivered {
    pub why: String,
    /// It is not the listener's fault: the same can succeed later.
    pub passes: bool,
}

impl From<ExecError> for Undelivered {
    fn from(error: ExecError) -> Self {
        Self { why: error.to_string(), passes: matches!(error, ExecError::Store(_)) }
    }
}

impl From<String> for Undelivered {
    fn from(why: String) -> Self {
        Self { why, passes: false }
    }
}

/// Begins the run that hands an event to a listener, or goes on with it; `None` if it has ended before.
pub(crate) async fn notify(
    calls: &Calls,
    entry: Arc<Entry>,
    id: &RunId,
    kind: &str,
    data: &str,
) -> Result<Option<Running>, Undelivered> {
    let supervisor = calls.supervisor();
    match supervisor.resume(id, "resume", Retry::No).await {
        Ok(known) => return Ok(known.ok()),
        Err(ExecError::Store(StoreError::NotFound(_))) => {}
        // Somebody else has handed it over.
        Err(ExecError::Store(StoreError::Held { .. })) => return Ok(None),
        // Killed between making its journal and writing to it: nothing of it has run.
        Err(ExecError::State { .. }) => supervisor.executor().delete(id).await?,
        Err(error) => return Err(error.into()),
    }
    let payload: Value = serde_json::from_str(data).map_err(|e| format!("its payload cannot be read: {e}"))?;
    let params = json!({ "eventType": kind, "payload": payload });
    let id = id.clone();
    let new =
        tokio::task::spawn_blocking(move || notification(&entry, id, params)).await.map_err(|e| e.to_string())??;
    Ok(Some(supervisor.start(new).await?))
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
    }

    fn emitting(&self, run: &RunId, from: u64, effect: &Effect) -> std::io::Result<()> {
        if matches!(effect, Effect::Emit { kind, .. } if kind == EVENT) {
            self.events.begin(run, from)?;
        }
        self.screen.emitting(run, from, effect)
    }

    fn emitted(&self, run: &RunId, at: EmittedAt, effect: &Effect) {
        self.screen.emitted(run, at, effect);
        let Effect::Emit { kind, data: Some(data), .. } = effect else { return };
        if let (EVENT, Some(event)) = (kind.as_str(), event(run, at, data)) {
            self.events.publish(run, event);
        }
    }

    fn left(&self, run: &RunId) {
        self.screen.left(run);
        self.events.left(run);
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
