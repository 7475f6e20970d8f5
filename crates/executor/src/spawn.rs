//! Threads for runs that have something to do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{Driver, ExecError, Finished, Progress};

/// The stack of a thread that drives a run, in bytes: guests with deep recursion need it. Only what is used is backed
/// by memory.
pub const STACK: usize = 32 << 20;

/// How long until a thread is asked for again when the system has none.
const AGAIN: Duration = Duration::from_millis(100);

type Tell = oneshot::Sender<Result<Finished, ExecError>>;

impl Driver {
    /// Drives the run on a thread of its own, while it has something to do.
    pub fn spawn(self) -> oneshot::Receiver<Result<Finished, ExecError>> {
        let (tell, told) = oneshot::channel();
        on_thread(Box::new(self), tell);
        told
    }
}

fn on_thread(driver: Box<Driver>, tell: Tell) {
    let io = driver.driven.parts.io.clone();
    let name: String = format!("run {}", driver.run()).chars().take(15).collect();
    // Handed over in a slot, since what the closure holds would be lost if there is no thread.
    let slot = Arc::new(Mutex::new(Some((driver, tell))));
    let (taken, resting) = (slot.clone(), io.clone());
    let spawned = std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
        let Some((driver, tell)) = take(&taken) else { return };
        match driver.go_on() {
            Progress::Over(finished) => drop(tell.send(finished)),
            Progress::Rests(driver) => drop(resting.spawn(rest(driver, tell))),
        }
    });
    if let Err(error) = spawned
        && let Some((driver, tell)) = take(&slot)
    {
        tracing::warn!(run = %driver.run(), %error, "there is no thread for a run yet");
        io.spawn(async move {
            tokio::time::sleep(AGAIN).await;
            on_thread(driver, tell);
        });
    }
}

fn take(slot: &Mutex<Option<(Box<Driver>, Tell)>>) -> Option<(Box<Driver>, Tell)> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

async fn rest(mut driver: Box<Driver>, tell: Tell) {
    driver.driven.rest().await;
    on_thread(driver, tell);
}
