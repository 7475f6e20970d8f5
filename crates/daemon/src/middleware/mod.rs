//! What the tags of a method ask for around its calls: `@throttled`, `@cached`, `@queued`, `@locked`, `@timeout`,
//! `@retryable` and the like.
//!
//! It is done here and not inside programs, so that it holds for all processes of a home and after a restart. A call
//! passes in this order: `@validate`, `@circuitBreaker`, `@throttled`, `@debounced`, `@cached`, `@queued`, `@locked`;
//! then its run begins. A call that is refused or waits is no run yet: nothing of it is recorded, and if its process
//! ends meanwhile it never was. `@timeout` counts from the start of the run and is in its journal. `@retryable` takes
//! the same run up again from its last checkpoint, each attempt an entry of its journal.

mod cache;
mod ledger;
mod locks;
mod queue;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bundler::tools::{FieldError, Tags};
use executor::{Control, Finished, NewRun};
use run::{Hash, Payload, RunId};
use serde_json::Value;
use tokio::sync::watch;

use crate::calls::{CallError, Prepared};
use crate::supervisor::{Ended, Running};
use cache::{Cache, Kept};
use ledger::{Breaker, Bucket, Ledger};
use queue::{Place, Queues};

/// How long a call waits for the lock of `@locked`.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// Something that is held until it is dropped.
pub type Held = Box<dyn std::any::Any + Send>;

/// Locks with names, for all processes of a home; given back when their holder ends in whatever way.
#[async_trait]
pub trait Locking: Send + Sync {
    /// Takes the lock, waiting for `patience` at most.
    async fn take(&self, name: &str, patience: Option<Duration>) -> Result<Held, LockFailed>;
}

/// Why a lock was not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockFailed {
    /// Others have it.
    #[error("others have it")]
    Busy,
    /// Locks do not work; why.
    #[error("{0}")]
    Broken(String),
}

/// What time it is, and waiting: chosen by tests.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch.
    fn now(&self) -> u64;
    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Why a call was not made. All but broken arguments may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `@validate`
    #[error("{}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// What is wrong with which argument.
        errors: Vec<FieldError>,
    },
    /// `@circuitBreaker`
    #[error("it failed {failures} times in a row; try again in {}", seconds(*again_ms))]
    Open {
        /// The failures that are enough.
        failures: u64,
        /// When there is hope, in milliseconds from now.
        again_ms: u64,
    },
    /// `@throttled`
    #[error("more than {count} calls in {}; try again in {}", seconds(*window_ms), seconds(*again_ms))]
    TooMany {
        /// Calls at most …
        count: u64,
        /// … in this time (milliseconds).
        window_ms: u64,
        /// When there is room, in milliseconds from now.
        again_ms: u64,
    },
    /// `@debounced`
    #[error("a newer call took its place")]
    Superseded,
    /// `@queued`
    #[error("{most} calls wait already")]
    QueueFull {
        /// How many may wait.
        most: usize,
    },
    /// `@locked`
    #[error("the lock '{name}' was not free within {}", seconds(*waited_ms))]
    Locked {
        /// The lock.
        name: String,
        /// How long the call waited, in milliseconds.
        waited_ms: u64,
    },
    /// Locks do not work.
    #[error("a lock cannot be had: {cause}")]
    Locks {
        /// Why.
        cause: String,
    },
    /// What is remembered of calls cannot be read or written.
    #[error("what is remembered of its calls cannot be used: {cause}")]
    Ledger {
        /// Why.
        cause: String,
    },
}

impl Refusal {
    /// For programs: `ERR_THROTTLED` …
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "ERR_INVALID_ARG_VALUE",
            Self::Open { .. } => "ERR_CIRCUIT_OPEN",
            Self::TooMany { .. } => "ERR_THROTTLED",
            Self::Superseded => "ERR_DEBOUNCED",
            Self::QueueFull { .. } => "ERR_QUEUE_FULL",
            Self::Locked { .. } => "ERR_LOCKED",
            Self::Locks { .. } | Self::Ledger { .. } => "ERR_MIDDLEWARE",
        }
    }
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{}.{:03} s", ms / 1000, ms % 1000) }
}

/// Whether tags ask for anything of what is done here.
pub fn asked_for(tags: &Tags) -> bool {
    tags.timeout_ms.is_some()
        || tags.retryable.is_some()
        || tags.cached.is_some()
        || tags.throttled.is_some()
        || tags.debounced_ms.is_some()
        || tags.locked.is_some()
        || tags.queued.is_some()
        || tags.fallback.is_some()
        || tags.logged.is_some()
        || tags.circuit_breaker.is_some()
        || tags.deprecated.is_some()
        || !tags.validations.is_empty()
}

/// Starts runs, and takes failed ones up again.
#[async_trait]
pub trait Work: Send + Sync {
    /// Starts a run that ends as timed out after `timeout`.
    async fn start(&self, new: NewRun, timeout: Option<Duration>) -> Result<Running, CallError>;
    /// Takes a failed run up from its last checkpoint.
    async fn again(&self, run: &RunId) -> Result<Running, CallError>;
}

/// Applies tags to calls. Cheap to clone.
#[derive(Clone)]
pub struct Middleware {
    ledger: Ledger,
    cache: Cache,
    locks: Arc<dyn Locking>,
    clock: Arc<dyn Clock>,
    queues: Arc<Queues>,
    /// The newest call of each debounced method, and how many there were in all.
    newest: Arc<Mutex<(u64, HashMap<String, u64>)>>,
}

/// What a call holds while its run is driven.
#[derive(Default)]
struct Guards {
    _place: Option<Place>,
    _lock: Option<Held>,
}

/// A method of an instance of a photon.
struct Subject {
    photon: String,
    /// `photon/instance/method`.
    name: String,
    args: Value,
}

impl Subject {
    fn of(new: &NewRun) -> Self {
        let photon = new.photon.clone().unwrap_or_default();
        let instance = new.instance.as_deref().unwrap_or("default");
        Self { name: format!("{photon}/{instance}/{}", new.tool), photon, args: new.params.value() }
    }

    /// A file's name for what is remembered of it.
    fn file(&self, what: &str) -> String {
        Hash::of(format!("{what} {}", self.name).as_bytes()).to_string()
    }

    fn argument(&self, path: &str) -> &Value {
        let path = path.strip_prefix("params.").unwrap_or(path);
        path.split('.').fold(&self.args, |value, part| value.get(part).unwrap_or(&Value::Null))
    }
}

impl Middleware {
    /// Keeps what it must below `home`: `{home}/calls` and `{home}/cache`.
    pub fn new(home: &Path, locks: Arc<dyn Locking>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger: Ledger::new(home.join("calls")),
            cache: Cache::new(home.join("cache")),
            locks,
            clock,
            queues: Arc::default(),
            newest: Arc::default(),
        }
    }

    /// Starts a call as its tags say. The run of what is given is the one that has the result: with `@cached` it may
    /// have ended long ago.
    pub async fn start(&self, prepared: Prepared, work: Arc<dyn Work>) -> Result<Running, CallError> {
        let Prepared { tool, new, .. } = prepared;
        let (tags, subject) = (tool.tags, Subject::of(&new));
        if let Some(reason) = &tags.deprecated {
            tracing::warn!("{} is deprecated{}{reason}", subject.name, if reason.is_empty() { "" } else { ": " });
        }
        let refused = |refusal| CallError::Refused { tool: subject.name.replace('/', "."), refusal };
        self.admit(&tags, &subject).await.map_err(refused)?;
        let key = tags.cached.as_ref().map(|cached| {
            let args = cached.key.as_deref().map_or(&subject.args, |path| subject.argument(path));
            // An edited photon has other results.
            let text = format!("{} {} {args}", subject.name, new.code.hash());
            Hash::of(text.as_bytes()).to_string()
        });
        if let Some(key) = &key
            && let Some(kept) = self.cached(&subject.photon, key).await
        {
            return Ok(Running::over(kept.run, Ok(Finished::Completed(kept.value.into()))));
        }
        let guards = self.hold(&tags, &subject).await.map_err(refused)?;
        let running = work.start(new, tags.timeout_ms.map(Duration::from_millis)).await?;
        Ok(self.accompany(running, guards, tags, subject, key, work))
    }

    /// Lets a call pass, or says why not.
    async fn admit(&self, tags: &Tags, subject: &Subject) -> Result<(), Refusal> {
        let errors = rules::broken(&tags.validations, &subject.args);
        if !errors.is_empty() {
            return Err(Refusal::Invalid { errors });
        }
        let now = self.clock.now();
        if let Some(tag) = tags.circuit_breaker.clone() {
            let failures = tag.threshold;
            let admitted =
                self.remember(subject.file("breaker"), move |breaker: &mut Breaker| breaker.admit(&tag, now));
            admitted.await?.map_err(|again_ms| Refusal::Open { failures, again_ms })?;
        }
        if let Some(rate) = tags.throttled.clone() {
            let (count, window_ms) = (rate.count, rate.window_ms);
            let taken = self.remember(subject.file("throttled"), move |bucket: &mut Bucket| bucket.take(&rate, now));
            taken.await?.map_err(|again_ms| Refusal::TooMany { count, window_ms, again_ms })?;
        }
        if let Some(delay) = tags.debounced_ms {
            self.debounce(&subject.name, Duration::from_millis(delay)).await?;
        }
        Ok(())
    }

    /// Waits; fails if another call came meanwhile.
    async fn debounce(&self, name: &str, delay: Duration) -> Result<(), Refusal> {
        let newest = || self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = {
            let (calls, newest) = &mut *newest();
            *calls += 1;
            newest.insert(name.to_owned(), *calls);
            *calls
        };
        self.clock.sleep(delay).await;
        let (_, newest) = &mut *newest();
        if newest.get(name) != Some(&mine) {
            return Err(Refusal::Superseded);
        }
        newest.remove(name);
        Ok(())
    }

    /// Waits for a place and the lock.
    async fn hold(&self, tags: &Tags, subject: &Subject) -> Result<Guards, Refusal> {
        let mut guards = Guards::default();
        if let Some(places) = tags.queued {
            guards._place = Some(self.queues.enter(&subject.name, places, &*self.locks).await?);
        }
        if let Some(name) = &tags.locked {
            let name = lock_name(name, subject);
            guards._lock = Some(match self.locks.take(&name, Some(LOCK_PATIENCE)).await {
                Ok(held) => held,
                Err(LockFailed::Busy) => {
                    let waited_ms = u64::try_from(LOCK_PATIENCE.as_millis()).unwrap_or(u64::MAX);
                    return Err(Refusal::Locked { name, waited_ms });
                }
                Err(LockFailed::Broken(cause)) => return Err(Refusal::Locks { cause }),
            });
        }
        Ok(guards)
    }

    /// What is to be done when the run has ended: another attempt, keeping its result, giving back what it holds.
    fn accompany(
        &self,
        running: Running,
        guards: Guards,
        tags: Tags,
        subject: Subject,
        key: Option<String>,
        work: Arc<dyn Work>,
    ) -> Running {
        let outlives = tags.retryable.is_some()
            || tags.circuit_breaker.is_some()
            || tags.fallback.is_some()
            || tags.logged.is_some()
            || key.is_some()
            || guards._place.is_some()
            || guards._lock.is_some();
        if !outlives {
            return running;
        }
        let (tell, ended) = watch::channel(None);
        let outer = Running::new(running.run.clone(), running.control().clone(), ended);
        let this = self.clone();
        tokio::spawn(async move {
            let (began, run) = (this.clock.now(), running.run.clone());
            let ended = this.attempts(running, &tags, &*work).await;
            let ended = this.finish(&tags, &subject, key, &run, began, ended).await;
            drop(guards);
            let _ = tell.send(Some(ended));
        });
        outer
    }

    /// Drives the run to an end that counts.
    async fn attempts(&self, running: Running, tags: &Tags, work: &dyn Work) -> Ended {
        let (run, control) = (running.run.clone(), running.control().clone());
        let mut ended = running.ended().await;
        let Some(retry) = &tags.retryable else { return ended };
        for attempt in 1..=retry.count {
            let Ok(Finished::Failed(error)) = &ended else { return ended };
            if error.kind != "error" || control.leaving() {
                return ended;
            }
            tracing::info!(%run, attempt, of = retry.count, "trying again: {}", error.message);
            self.clock.sleep(Duration::from_millis(retry.delay_ms)).await;
            match work.again(&run).await {
                Ok(next) => ended = followed(next, &control).await,
                Err(error) => {
                    tracing::warn!(%run, "cannot be tried again: {error}");
                    return ended;
                }
            }
        }
        ended
    }

    /// Notes how a call ended, and gives what its caller is told.
    async fn finish(
        &self,
        tags: &Tags,
        subject: &Subject,
        key: Option<String>,
        run: &RunId,
        began: u64,
        ended: Ended,
    ) -> Ended {
        let good = match &ended {
            Ok(Finished::Completed(_)) => true,
            Ok(Finished::Failed(_)) => false,
            // It waits, was cancelled or left: nothing is known of it.
            _ => return ended,
        };
        let now = self.clock.now();
        if let Some(level) = &tags.logged {
            let (took, name) = (now.saturating_sub(began), &subject.name);
            let how = if good { "completed" } else { "failed" };
            match level.as_str() {
                "error" => tracing::error!(%run, "{name} {how} in {took} ms"),
                "warn" | "warning" => tracing::warn!(%run, "{name} {how} in {took} ms"),
                "debug" => tracing::debug!(%run, "{name} {how} in {took} ms"),
                _ => tracing::info!(%run, "{name} {how} in {took} ms"),
            }
        }
        if let Some(tag) = tags.circuit_breaker.clone() {
            let noted =
                self.remember(subject.file("breaker"), move |breaker: &mut Breaker| breaker.note(&tag, good, now));
            if let Err(refusal) = noted.await {
                tracing::warn!(%run, "{refusal}");
            }
        }
        match (&ended, key, &tags.fallback) {
            (Ok(Finished::Completed(payload)), Some(key), _) if payload.bytes.is_none() => {
                let ttl = tags.cached.as_ref().map_or(0, |cached| cached.ttl_ms);
                let kept = Kept { run: run.clone(), until: now.saturating_add(ttl), value: payload.json.clone() };
                self.keep(subject.photon.clone(), key, kept).await;
                ended
            }
            (Ok(Finished::Failed(error)), _, Some(value)) => {
                tracing::warn!(%run, "{} failed, and its fallback is given: {}", subject.name, error.message);
                Ok(Finished::Completed(Payload::from(value.clone())))
            }
            _ => ended,
        }
    }

    /// Changes what is remembered of calls, off the threads that must not wait.
    async fn remember<T, R>(
        &self,
        name: String,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Refusal>
    where
        T: Default + serde::Serialize + serde::de::DeserializeOwned,
        R: Send + 'static,
    {
        let ledger = self.ledger.clone();
        let changed = tokio::task::spawn_blocking(move || ledger.change(&name, change)).await;
        let failed = |cause: String| Refusal::Ledger { cause };
        changed.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    async fn cached(&self, photon: &str, key: &str) -> Option<Kept> {
        let (cache, now) = (self.cache.clone(), self.clock.now());
        let (photon, key) = (photon.to_owned(), key.to_owned());
        tokio::task::spawn_blocking(move || cache.get(&photon, &key, now)).await.ok().flatten()
    }

    async fn keep(&self, photon: String, key: String, kept: Kept) {
        let cache = self.cache.clone();
        // A result that is not kept is found again by another run.
        match tokio::task::spawn_blocking(move || cache.put(&photon, &key, &kept)).await {
            Ok(Err(error)) => tracing::warn!("a result was not kept: {error}"),
            Err(error) => tracing::warn!("a result was not kept: {error}"),
            Ok(Ok(())) => {}
        }
    }
}

/// Waits for another attempt; who cancels the first one cancels this one.
async fn followed(next: Running, first: &Arc<Control>) -> Ended {
    let control = next.control().clone();
    let ended = next.ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => return ended,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                if first.leaving() {
                    control.leave();
                }
                if let Some(reason) = first.cancelled() {
                    control.cancel(reason);
                }
            }
        }
    }
}

/// `board:params.id` is the lock `photon:board:7` where the argument `id` is 7.
fn lock_name(name: &str, subject: &Subject) -> String {
    let parts = name.split(':').map(|part| match part.strip_prefix("params.") {
        None => part.to_owned(),
        Some(path) => match subject.argument(path) {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    });
    let name = format!("{}:{}", subject.photon, parts.collect::<Vec<_>>().join(":"));
    // Arguments may be long.
    if name.len() <= 200 { name } else { format!("{}:{}", subject.photon, Hash::of(name.as_bytes())) }
}
