//! What the tags of a method ask for around its calls: `@throttled`, `@cached`, `@queued`, `@locked`, `@timeout`,
//! `@retryable` and the like.
//!
//! It is done here and not inside programs, so that it holds for all processes of a home and after a restart. A call
//! passes in this order: `@validate`, `@circuitBreaker`, `@throttled`, `@debounced`, `@cached`, `@queued`, `@locked`;
//! then its run begins. A call that is refused or waits is no run yet: nothing of it is recorded, and if its process
//! ends meanwhile it never was. `@timeout` counts from the start of the run and is in its journal. So is what the run
//! holds by `@queued` and `@locked`: whoever takes it up later takes that again first. `@retryable` takes the same run up
//! again from its last checkpoint, each attempt an entry of its journal; what is still to come is on disk (`retries`).

mod attempts;
mod cache;
mod ledger;
mod queue;
mod refusal;
mod retries;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bundler::tools::Tags;
use executor::{Finished, NewRun, Terms};
use host::{HoldError, Holds, Patience, Taken, lock_name};
use run::{Hash, RunId, entry::Held};
use serde_json::{Value, json};

use crate::calls::{CallError, Prepared};
use crate::supervisor::Running;
use attempts::Attended;
pub use attempts::Left;
use cache::{Cache, Kept};
use ledger::{Breaker, Bucket, Ledger};
use queue::{Place, Queues};
pub use refusal::Refusal;
use retries::Retries;

/// How long a call waits for the lock of `@locked`.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

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
    /// An id for a run.
    fn fresh_id(&self) -> RunId;
    /// Starts a run.
    async fn start(&self, new: NewRun, terms: Terms) -> Result<Running, CallError>;
    /// Takes a failed run up from its last checkpoint.
    async fn again(&self, run: &RunId) -> Result<Running, CallError>;
}

/// Applies tags to calls. Cheap to clone.
#[derive(Clone)]
pub struct Middleware {
    ledger: Ledger,
    cache: Cache,
    holds: Arc<Holds>,
    retries: Retries,
    clock: Arc<dyn Clock>,
    queues: Arc<Queues>,
    /// The newest call of each debounced method, and how many there were in all.
    newest: Arc<Mutex<(u64, HashMap<String, u64>)>>,
}

/// What a call has while it is attended to.
#[derive(Default)]
struct Guards {
    _place: Option<Place>,
    _taken: Vec<Taken>,
    /// What of it the run holds, whoever drives it.
    holds: Vec<Held>,
}

impl Guards {
    fn add(&mut self, taken: Taken, lock: &str) {
        self._taken.push(taken);
        self.holds.push(Held { op: "lock.take".into(), args: json!({ "name": lock }).into() });
    }
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
    /// `holds` are those of the host that performs what runs ask for.
    pub fn new(home: &Path, holds: Arc<Holds>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger: Ledger::new(home.join("calls")),
            cache: Cache::new(home.join("cache")),
            holds,
            retries: Retries::new(home),
            clock,
            queues: Arc::default(),
            newest: Arc::default(),
        }
    }

    /// Starts a call as its tags say. The run of what is given is the one that has the result: with `@cached` it may
    /// have ended long ago.
    pub async fn start(&self, prepared: Prepared, work: Arc<dyn Work>) -> Result<Running, CallError> {
        let Prepared { tool, mut new, .. } = prepared;
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
        let run = new.id.get_or_insert_with(|| work.fresh_id()).clone();
        let guards = self.hold(&tags, &subject, &run).await.map_err(refused)?;
        let terms = Terms { timeout: tags.timeout_ms.map(Duration::from_millis), holds: guards.holds.clone() };
        let running = work.start(new, terms).await?;
        let call = Attended { run: running.run.clone(), tags, subject, key, began: self.clock.now() };
        Ok(self.accompany(running, guards, call, work))
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

    /// Waits for a place and the lock, for `run`.
    async fn hold(&self, tags: &Tags, subject: &Subject, run: &RunId) -> Result<Guards, Refusal> {
        let mut guards = Guards::default();
        if let Some(places) = tags.queued {
            let (place, taken, lock) = self.queues.enter(subject, places, &self.holds, run).await?;
            guards._place = Some(place);
            guards.add(taken, &lock);
        }
        if let Some(name) = &tags.locked {
            let name = named_by(name, subject);
            let full = lock_name(Some(&subject.photon), &name);
            match self.holds.acquire_for(run, &full, Patience::of(LOCK_PATIENCE)).await {
                Ok(taken) => guards.add(taken, &name),
                Err(HoldError::Io(cause)) => return Err(Refusal::Locks { cause: cause.to_string() }),
                Err(held) => {
                    let waited_ms = u64::try_from(LOCK_PATIENCE.as_millis()).unwrap_or(u64::MAX);
                    return Err(Refusal::Locked { name: full, waited_ms, holder: held.to_string() });
                }
            }
        }
        Ok(guards)
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

/// `board:params.id` is the lock `board:7` where the argument `id` is 7.
fn named_by(name: &str, subject: &Subject) -> String {
    let parts = name.split(':').map(|part| match part.strip_prefix("params.") {
        None => part.to_owned(),
        Some(path) => match subject.argument(path) {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    });
    let name = parts.collect::<Vec<_>>().join(":");
    // Arguments may be long.
    if name.len() <= 200 { name } else { Hash::of(name.as_bytes()).to_string() }
}
