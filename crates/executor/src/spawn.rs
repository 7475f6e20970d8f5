//! Threads for runs that have something to do.

use std::{sync::mpsc, time::Duration};

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
    // What it is given would be lost if there is no thread.
    let (give, take) = mpsc::sync_channel::<(Box<Driver>, Tell)>(1);
    let resting = io.clone();
    let spawned = std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
        let Ok((driver, tell)) = take.recv() else { return };
        match driver.go_on() {
            Progress::Over(finished) => drop(tell.send(finished)),
            Progress::Rests(driver) => drop(resting.spawn(rest(driver, tell))),
        }
    });
    match spawned {
        Ok(_) => drop(give.send((driver, tell))),
        Err(error) => {
            tracing::warn!(run = %driver.run(), %error, "there is no thread for a run yet");
            io.spawn(async move {
                tokio::time::sleep(AGAIN).await;
                on_thread(driver, tell);
            });
        }
    }
}

async fn rest(mut driver: Box<Driver>, tell: Tell) {
    driver.driven.rest().await;
    on_thread(driver, tell);
}
