//! The runs that this process drives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use executor::{Control, Driver, ExecError, Executor, Finished, NewRun, Opened, Retry, Spawned, Terms};
use run::{RunId, Status, Summary, entry::Value, entry::Waiting, time::Millis};
use tokio::sync::watch;

use crate::broker::now;

/// How driving a run ended, shared by all who wait for it.
pub type Ended = Result<Finished, Arc<ExecError>>;

/// A run that is driven here.
#[derive(Clone)]
pub struct Running {
    /// The run.
    pub run: RunId,
    /// Since when it is driven here.
    pub since: Millis,
    control: Arc<Control>,
    ended: watch::Receiver<Option<Ended>>,
}

/// Starts, resumes and stops runs, and knows which ones this process drives. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    executor: Executor,
    running: Arc<Mutex<HashMap<RunId, Running>>>,
}

impl Running {
    /// Waits until the run has ended, waits for something, or was left.
    pub async fn ended(mut self) -> Ended {
        let lost = || Err(Arc::new(ExecError::Guest(run::GuestError::Engine("the run's thread ended".into()))));
        match self.ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        }
    }

    /// A run whose end is told by `ended`.
    pub(crate) fn new(run: RunId, control: Arc<Control>, ended: watch::Receiver<Option<Ended>>) -> Self {
        Self { run, since: now(), control, ended }
    }

    /// A run that nobody drives any more.
    pub(crate) fn over(run: RunId, ended: Ended) -> Self {
        Self::new(run, Arc::default(), watch::channel(Some(ended)).1)
    }

    /// For asking the driver to stop.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl Supervisor {
    /// Drives runs with `executor`.
    pub fn new(executor: Executor) -> Self {
        Self { executor, running: Arc::default() }
    }

    /// What it drives with.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Begins a new run.
    pub async fn start(&self, new: NewRun) -> Result<Running, ExecError> {
        self.start_on(new, Terms::default()).await
    }

    /// Begins a new run on terms of its own.
    pub async fn start_on(&self, new: NewRun, terms: Terms) -> Result<Running, ExecError> {
        let spawned = self.executor.launch(new, terms).await?;
        Ok(self.watch(spawned))
    }

    /// Takes a run up, or gives how it has ended. A run that is driven here already is given as it is.
    pub async fn resume(&self, run: &RunId, why: &str, retry: Retry) -> Result<Result<Running, Finished>, ExecError> {
        self.resume_within(run, why, retry, None).await
    }

    /// The same for a run that may take at most `wall` since its start.
    pub async fn resume_within(
        &self,
        run: &RunId,
        why: &str,
        retry: Retry,
        wall: Option<Duration>,
    ) -> Result<Result<Running, Finished>, ExecError> {
        if let Some(running) = self.get(run) {
            return Ok(Ok(running));
        }
        match self.within(wall).resume(run, why, retry, false).await? {
            Opened::Driver(driver) => Ok(Ok(self.drive(*driver))),
            Opened::Ended(finished) => Ok(Err(finished)),
        }
    }

    /// The executor for a run with a time limit of its own.
    fn within(&self, wall: Option<Duration>) -> Executor {
        let Some(wall) = wall else { return self.executor.clone() };
        let mut config = self.executor.config().clone();
        config.limits.wall = Some(config.limits.wall.map_or(wall, |every| every.min(wall)));
        Executor::new(self.executor.parts().clone(), config)
    }

    /// The run, if this process drives it.
    pub fn get(&self, run: &RunId) -> Option<Running> {
        self.lock().get(run).cloned()
    }

    /// The runs that are driven here, in no order.
    pub fn all(&self) -> Vec<Running> {
        self.lock().values().cloned().collect()
    }

    /// How many runs are driven here.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Done when nothing is driven here.
    pub async fn idle(&self) {
        loop {
            let Some(any) = self.lock().values().next().cloned() else { return };
            let _ = any.ended().await;
        }
    }

    /// Asks all drivers to leave, and waits for them: the runs are resumable then. `false` if some did not leave
    /// within `patience`.
    pub async fn leave(&self, patience: Duration) -> bool {
        let all = self.all();
        for running in &all {
            running.control.leave();
        }
        let left = futures::future::join_all(all.into_iter().map(Running::ended));
        tokio::time::timeout(patience, left).await.is_ok()
    }

    fn drive(&self, driver: Driver) -> Running {
        let (run, control, parent) = (driver.run().clone(), driver.control(), driver.parent().cloned());
        self.watch(Spawned { run, control, parent, finished: driver.spawn() })
    }

    fn watch(&self, Spawned { run, control, parent, finished }: Spawned) -> Running {
        let (tell, ended) = watch::channel(None);
        let running = Running::new(run.clone(), control, ended);
        self.lock().insert(run.clone(), running.clone());
        let this = self.clone();
        self.executor.parts().io.spawn(async move {
            let finished = finished.await.unwrap_or_else(|_| {
                Err(ExecError::Guest(run::GuestError::Engine("the run's thread ended unexpectedly".into())))
            });
            // Who is told may take the run up at once.
            this.lock().remove(&run);
            let go_on = this.go_on(&run, parent.as_ref(), &finished).await;
            let _ = tell.send(Some(finished.map_err(Arc::new)));
            if let Some(run) = go_on {
                this.go_on_with(run);
            }
        });
        running
    }

    /// The run that can go on now that one was driven to `finished`: its caller, which waits for it; or itself, if what
    /// it waits for has ended meanwhile.
    async fn go_on(
        &self,
        run: &RunId,
        parent: Option<&RunId>,
        finished: &Result<Finished, ExecError>,
    ) -> Option<RunId> {
        match finished {
            Ok(Finished::Completed(_) | Finished::Failed(_) | Finished::Cancelled(_)) => {
                let parent = parent.filter(|parent| self.get(parent).is_none())?;
                let summary = self.executor.summary(parent).await.ok()?;
                let waits = summary.waiting_for.iter().any(|one| matches!(one, Waiting::Run { .. }));
                (summary.status() == Status::Waiting && waits).then(|| parent.clone())
            }
            Ok(Finished::Waiting(waiting)) => {
                for one in waiting {
                    if let Waiting::Run { run: called, .. } = one
                        && self.executor.summary(called).await.is_ok_and(|summary| summary.status().is_final())
                    {
                        return Some(run.clone());
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// Takes a run up that nobody waits for here.
    fn go_on_with(&self, run: RunId) {
        let this = self.clone();
        self.executor.parts().io.spawn(async move {
            // Who holds it drives it.
            if let Err(error) = this.resume(&run, "resume", Retry::No).await {
                tracing::debug!(%run, %error, "a run that waited for another was not taken up");
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Running>> {
        // Each holder does one operation on the map, which a panic elsewhere leaves whole.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time that a snippet was given with it (`timeout` of code mode, in milliseconds).
pub(crate) fn time_limit(summary: &Summary) -> Option<Duration> {
    let Some(Value::Inline(params)) = summary.params.as_ref().filter(|_| summary.tool == "code") else { return None };
    params.json.value().get("timeout")?.as_u64().map(Duration::from_millis)
}
