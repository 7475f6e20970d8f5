//! Threads for runs that have something to do.

use std::{sync::Arc, time::Duration};

use run::RunId;
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    Control, Driver, ExecError, Executor, Finished, NewRun, Progress, Terms, blocking,
    threads::{self, Work},
};

/// The stack of a thread that drives a run, in bytes: guests with deep recursion need it. Only what is used is backed
/// by memory.
pub const STACK: usize = 32 << 20;

/// How long until a thread is asked for again when the system has none.
const AGAIN: Duration = Duration::from_millis(100);

type Tell = oneshot::Sender<Result<Finished, ExecError>>;

/// A run that is driven on threads of its own.
pub struct Spawned {
    /// The run.
    pub run: RunId,
    /// For asking the driver to stop.
    pub control: Arc<Control>,
    /// The run that called this one, if one did.
    pub parent: Option<RunId>,
    /// How driving it ended, once it has. Its lease is free by then.
    pub finished: oneshot::Receiver<Result<Finished, ExecError>>,
}

impl Driver {
    /// Drives the run on a thread of its own, while it has something to do.
    pub fn spawn(self) -> oneshot::Receiver<Result<Finished, ExecError>> {
        let (tell, told) = oneshot::channel();
        on_thread(Box::new(self), tell);
        told
    }
}

impl Executor {
    /// Starts a run ([`Self::start_on`]) and drives it, both on one thread: a short run then waits for no other. If
    /// nobody waits for this any more when it is recorded, it is left as it is.
    pub async fn launch(&self, new: NewRun, terms: Terms) -> Result<Spawned, ExecError> {
        let this = self.clone();
        let (tell, opened) = oneshot::channel();
        let begun = threads::run(Box::new(move || {
            let io = this.parts.io.clone();
            let driver = match blocking::wait(&io, async move { this.start_on(new, terms).await }) {
                Ok(driver) => driver,
                Err(error) => return drop(tell.send(Err(error))),
            };
            let (over, finished) = oneshot::channel();
            let (run, control, parent) = (driver.run().clone(), driver.control(), driver.parent().cloned());
            if tell.send(Ok(Spawned { run, control, parent, finished })).is_ok() {
                go_on(Box::new(driver), over);
            }
        }));
        begun.map_err(|(error, _)| threads::none(&error))?;
        opened.await.map_err(|_| threads::lost())?
    }
}

fn on_thread(driver: Box<Driver>, tell: Tell) {
    let (io, run) = (driver.driven.parts.io.clone(), driver.run().clone());
    begin(io, run, Box::new(move || go_on(driver, tell)));
}

fn begin(io: Handle, run: RunId, work: Work) {
    if let Err((error, work)) = threads::run(work) {
        tracing::warn!(%run, %error, "there is no thread for a run yet");
        io.clone().spawn(async move {
            tokio::time::sleep(AGAIN).await;
            begin(io, run, work);
        });
    }
}

fn go_on(driver: Box<Driver>, tell: Tell) {
    let io = driver.driven.parts.io.clone();
    match driver.go_on() {
        Progress::Over(finished, program) => {
            let _ = tell.send(finished);
            drop(program);
        }
        Progress::Rests(driver) => drop(io.spawn(rest(driver, tell))),
    }
}

async fn rest(mut driver: Box<Driver>, tell: Tell) {
    driver.driven.rest().await;
    on_thread(driver, tell);
}
