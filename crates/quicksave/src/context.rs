//! What a workflow function does the world with.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use futures::future::BoxFuture;
use run::{Ask, Effect, Failure, Json, Outcome, Payload, Seed, time::Millis};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

/// A step's work, until the host takes it.
pub(crate) type Work = BoxFuture<'static, Outcome>;
/// The work of steps that were asked for, by run and effect number.
pub(crate) type Works = Arc<Mutex<HashMap<(String, u64), Work>>>;

/// What function and program share. Requests are numbered by the order in which the function makes them.
#[derive(Default)]
pub(crate) struct Shared {
    pub run: String,
    pub now: Millis,
    pub seed: Option<Seed>,
    pub draws: u64,
    /// Asked for since the last look, in order, with the work of steps.
    pub asked: Vec<(u64, Effect, Option<Work>)>,
    /// Results by request.
    slots: BTreeMap<u64, Slot>,
    next: u64,
    /// The state of the last checkpoint, if the function was called anew from there.
    pub restored: Option<Json>,
    /// The function has asked for it, so it can go on from a checkpoint's state.
    pub restorable: bool,
}

#[derive(Default)]
struct Slot {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

impl Shared {
    fn ask(&mut self, effect: Effect, work: Option<Work>) -> u64 {
        let request = self.next;
        self.next += 1;
        self.asked.push((request, effect, work));
        request
    }

    /// Puts a result where its request looks for it.
    pub fn deliver(&mut self, request: u64, outcome: Outcome) {
        if let Some(slot) = self.slots.get_mut(&request) {
            slot.outcome = Some(outcome);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A workflow's way to the world. Cheap to clone; for one run only.
#[derive(Clone)]
pub struct Context {
    pub(crate) shared: Arc<Mutex<Shared>>,
}

/// A request whose result is awaited; dropping it withdraws the request.
struct Pending {
    shared: Arc<Mutex<Shared>>,
    request: u64,
    done: bool,
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Outcome> {
        let request = self.request;
        let shared = self.shared.clone();
        let mut shared = lock(&shared);
        let slot = shared.slots.entry(request).or_default();
        match slot.outcome.take() {
            Some(outcome) => {
                shared.slots.remove(&request);
                self.done = true;
                Poll::Ready(outcome)
            }
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            let mut shared = lock(&self.shared);
            shared.slots.remove(&self.request);
            let request = self.request;
            shared.ask(Effect::Abort { n: request }, None);
        }
    }
}

impl Context {
    fn request(&self, effect: Effect, work: Option<Work>) -> Pending {
        let mut shared = lock(&self.shared);
        let request = shared.ask(effect, work);
        shared.slots.insert(request, Slot::default());
        Pending { shared: self.shared.clone(), request, done: false }
    }

    async fn call<T, F>(&self, op: &str, name: &str, work: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let args = Payload::from(serde_json::json!({ "name": name }));
        let work: Work = Box::pin(async move {
            let value = work.await.map_err(Error::into_failure)?;
            let json = Json::of(&value).map_err(|e| Failure::new("TypeError", format!("a step's result: {e}")))?;
            Ok(json.into())
        });
        let outcome = self.request(Effect::Call { op: op.into(), args }, Some(work)).await;
        read(outcome, || format!("the result of step {name:?}"))
    }

    /// Does something to the world, once: `work` runs only if no result of this step is recorded. Its intent is on
    /// disk before. If the process dies while it runs, it runs again on resume (at least once); see [`Self::step_once`].
    ///
    /// `work` runs on the executor's runtime; its error is recorded like a result.
    pub async fn step<T, F>(&self, name: &str, work: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.call("step", name, work).await
    }

    /// Like [`Self::step`], but never run a second time unasked: if the process dies while it runs, the run waits for
    /// a person's word (`Request::Settle`).
    pub async fn step_once<T, F>(&self, name: &str, work: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.call("step.once", name, work).await
    }

    /// Reads from the world: recorded like a step, but nothing has to be on disk before it runs.
    pub async fn query<T, F>(&self, name: &str, work: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.call("query", name, work).await
    }

    /// Marks a place, with what is to be seen there; on disk before the function goes on. A function that begins with
    /// [`Self::restored`] is called anew with this state instead of replaying every step before it, so the state must
    /// be all that it needs to go on.
    pub async fn checkpoint<S: Serialize>(&self, state: &S) -> Result<(), Error> {
        let state = json("a checkpoint's state", state)?;
        // Its outcome is empty.
        self.request(Effect::Checkpoint { id: None, state, relaxed: false }, None).await.map(drop).map_err(Error::Step)
    }

    /// The state of the last checkpoint, if the function goes on from there; `None` at its true beginning.
    pub fn restored<S: DeserializeOwned>(&self) -> Result<Option<S>, Error> {
        let mut shared = lock(&self.shared);
        shared.restorable = true;
        let state = shared.restored.clone();
        state
            .map(|state| state.to())
            .transpose()
            .map_err(|source| Error::Value { what: "the restored state".into(), source })
    }

    /// Asks a person: `kind` is `text`, `confirm`, `number`, …; the answer has the kind's type.
    pub async fn ask<T: DeserializeOwned>(&self, kind: &str, message: impl Into<String>) -> Result<T, Error> {
        let message = message.into();
        let spec = Json::from(serde_json::json!({ "ask": kind, "message": message }));
        let ask = Ask { id: None, kind: kind.into(), message: message.clone(), spec };
        read(self.request(Effect::Ask(ask), None).await, || format!("the answer to {message:?}"))
    }

    /// Waits for a message from outside by this name.
    pub async fn signal<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        read(self.request(Effect::Signal { name: name.into() }, None).await, || format!("signal {name:?}"))
    }

    /// Sleeps: for a moment or for years; a far end costs no memory.
    pub async fn sleep(&self, time: Duration) {
        let due = self.now().saturating_add(time.as_millis() as Millis);
        // A timer's outcome is empty.
        let _ = self.request(Effect::Timer { due }, None).await;
    }

    /// Shows something: recorded, shown once.
    pub fn emit(&self, kind: &str, message: impl Into<String>) {
        let effect = Effect::Emit { kind: kind.into(), message: Some(message.into()), data: None };
        lock(&self.shared).ask(effect, None);
    }

    /// The time of what woke the function last, in milliseconds since the epoch: the same on every replay.
    pub fn now(&self) -> Millis {
        lock(&self.shared).now
    }

    /// A random number: the same on every replay.
    pub fn random(&self) -> u64 {
        let mut shared = lock(&self.shared);
        let mut out = [0; 8];
        if let Some(seed) = shared.seed {
            seed.fill(shared.draws, &mut out);
        }
        shared.draws += 1;
        u64::from_le_bytes(out)
    }

    /// The run's id.
    pub fn run_id(&self) -> String {
        lock(&self.shared).run.clone()
    }
}

pub(crate) fn json<T: Serialize + ?Sized>(what: &str, value: &T) -> Result<Json, Error> {
    Json::of(value).map_err(|source| Error::Value { what: what.into(), source })
}

fn read<T: DeserializeOwned>(outcome: Outcome, what: impl FnOnce() -> String) -> Result<T, Error> {
    let payload = outcome.map_err(Error::Step)?;
    payload.json.to().map_err(|source| Error::Value { what: what(), source })
}
