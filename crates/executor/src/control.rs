//! What reaches a run from outside while it is driven: messages, a wish to stop, faults of the store.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use futures::FutureExt;
use run::{Json, program::ProgramError, time::Millis};
use serde::{Deserialize, Serialize};
use store::Message;

use crate::ExecError;

/// A message to a run's driver; the body of `store::Message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Answer an ask.
    Answer {
        /// The ask's effect number; it alone is unique, since names may repeat.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        n: Option<u64>,
        /// The ask's name; the oldest open one if neither is given.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<String>,
        /// The answer, already checked.
        value: Json,
    },
    /// Deliver a message from outside.
    Signal {
        /// Its name.
        name: String,
        /// What it carries.
        value: Json,
    },
    /// Settle an operation that must not be repeated unasked.
    Settle {
        /// Its number.
        n: u64,
        /// Its result; absent: perform it again.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        value: Option<Json>,
    },
    /// End the run.
    Cancel {
        /// Why.
        reason: String,
    },
}

impl Request {
    /// Reads a message; `None` for one that this release does not know.
    pub fn read(message: &Message) -> Option<Self> {
        serde_json::from_slice(&message.body).ok()
    }

    /// The message's body.
    pub fn to_bytes(&self) -> bytes::Bytes {
        serde_json::to_vec(self).expect("a request has a JSON form").into()
    }
}

/// Shared by a driven run and whoever wants it to stop.
#[derive(Default)]
pub struct Control {
    leave: AtomicBool,
    deadline: Mutex<Option<(std::time::Instant, Millis)>>,
    cancel: Mutex<Option<String>>,
    failure: Mutex<Option<ExecError>>,
    /// Something has happened that a run without a thread must look at.
    woken: tokio::sync::Notify,
}

impl Control {
    /// Asks the driver to leave the run as it is, resumable.
    pub fn leave(&self) {
        self.leave.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the driver was asked to leave.
    pub fn leaving(&self) -> bool {
        self.leave.load(Ordering::Acquire)
    }

    pub(crate) fn failed(&self, error: impl Into<ExecError>) {
        self.lock(&self.failure).get_or_insert(error.into());
    }

    pub(crate) fn take_failure(&self) -> Option<ExecError> {
        self.lock(&self.failure).take()
    }

    pub(crate) fn set_deadline(&self, at: std::time::Instant, wall: Millis) {
        *self.lock(&self.deadline) = Some((at, wall));
    }

    /// When the run's time is up.
    pub(crate) fn deadline(&self) -> Option<std::time::Instant> {
        self.lock(&self.deadline).map(|(at, _)| at)
    }

    /// Asks the driver to end the run.
    pub fn cancel(&self, reason: String) {
        self.lock(&self.cancel).get_or_insert(reason);
        self.wake();
    }

    /// Wakes the run, if it has no thread now; else it is awake already.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Forgets what has woken the run so far. Who rests looks at all of it after this.
    pub(crate) fn rests(&self) {
        let _ = self.woken.notified().now_or_never();
    }

    /// Waits until the run is woken.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Why the run is to be ended, if somebody asked for that.
    pub fn cancelled(&self) -> Option<String> {
        self.lock(&self.cancel).clone()
    }

    pub(crate) fn look_for_cancel(&self, messages: &[Message]) {
        for message in messages {
            if let Some(Request::Cancel { reason }) = Request::read(message) {
                self.cancel(reason);
            }
        }
    }

    pub(crate) fn stop_reason(&self) -> Option<ProgramError> {
        if self.leaving() {
            return Some(ProgramError::new("left", ""));
        }
        if let Some(reason) = self.cancelled() {
            return Some(ProgramError::new("cancelled", reason));
        }
        let (at, wall) = (*self.lock(&self.deadline))?;
        (std::time::Instant::now() >= at).then(|| timed_out(wall))
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        // Each holder only reads or replaces the value, so a panic elsewhere leaves it whole.
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) fn timed_out(wall: Millis) -> ProgramError {
    ProgramError::new("timed_out", format!("the run's time limit of {} s is over", wall as f64 / 1000.0))
}
