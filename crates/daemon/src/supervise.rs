//! Keeps runs going: those that a crash interrupted, those whose time has come, those that were handed over.
//!
//! What is taken up is written down first. If the daemon itself dies while it drives a run, the next one counts that,
//! and leaves a run alone that was there three times: it may be what kills the daemon.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use executor::{ExecError, Finished, Retry};
use run::{RunId, Status, entry::Waiting, time::Millis};
use serde::Serialize;
use store::StoreError;
use tokio::sync::{Notify, Semaphore};

use crate::broker::{held, now};
use crate::supervisor::{Running, Supervisor};
use crate::tries::Tries;

/// How runs are supervised.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Runs that the daemon takes up by itself are at most this many at one time.
    pub driven: usize,
    /// Of them, those that are just being taken up, which costs most.
    pub opening: usize,
    /// The daemon's deaths with a run that are one too many for it.
    pub deaths: u32,
    /// A run that is driven for so long is not what kills the daemon.
    pub proven: Duration,
    /// How often runs that others left are looked at.
    pub look: Duration,
    /// Attempts to take up a run that fails for reasons that may pass.
    pub attempts: u32,
}

impl Default for Policy {
    fn default() -> Self {
        let (proven, look) = (Duration::from_secs(60), Duration::from_secs(5));
        Self { driven: 256, opening: 4, deaths: 3, proven, look, attempts: 5 }
    }
}

/// Supervises. Cheap to clone.
#[derive(Clone)]
pub struct Supervision {
    shared: Arc<Shared>,
}

struct Shared {
    supervisor: Supervisor,
    policy: Policy,
    state: Mutex<State>,
    tries: Mutex<Tries>,
    queued: Notify,
    driven: Arc<Semaphore>,
    opening: Semaphore,
}

#[derive(Default)]
struct State {
    queue: VecDeque<RunId>,
    in_queue: HashSet<RunId>,
    /// When runs that wait for a time are due.
    due: BTreeMap<RunId, Millis>,
    /// What was seen of waiting runs: when they were written to.
    seen: HashMap<RunId, Millis>,
    failures: HashMap<RunId, u32>,
    alone: BTreeMap<RunId, String>,
    resumed: u64,
    ending: bool,
}

/// What the supervision does, for `daemon status`.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Runs that are driven in the daemon.
    pub driven: usize,
    /// Runs that will be taken up as soon as there is room.
    pub queued: usize,
    /// Runs that will be taken up when it is time.
    pub sleeping: usize,
    /// Runs that were taken up since the daemon began.
    pub resumed: u64,
    /// Runs that are left alone, and why.
    pub left_alone: BTreeMap<RunId, String>,
}

impl Supervision {
    /// Supervises the runs of `supervisor`; what is taken up is written down in `folder`.
    pub fn new(supervisor: Supervisor, folder: &Path, policy: Policy) -> Self {
        let shared = Shared {
            supervisor,
            policy,
            state: Mutex::default(),
            tries: Mutex::new(Tries::open(&folder.join("driving.json"))),
            queued: Notify::new(),
            driven: Arc::new(Semaphore::new(policy.driven)),
            opening: Semaphore::new(policy.opening),
        };
        Self { shared: Arc::new(shared) }
    }

    /// What it drives with.
    pub fn supervisor(&self) -> &Supervisor {
        &self.shared.supervisor
    }

    /// Takes up what was interrupted, and then whatever comes. Never ends.
    pub async fn work(&self) {
        let taking = self.take_from_queue();
        let looking = async {
            self.interrupted().await;
            let mut looked = Instant::now();
            let mut pause = self.shared.policy.look;
            loop {
                tokio::time::sleep(self.until_due()).await;
                self.due();
                if looked.elapsed() >= pause {
                    let began = Instant::now();
                    self.look(false).await;
                    // Where there are very many runs, looking at them is not all that is done.
                    pause = self.shared.policy.look.max(began.elapsed() * 50);
                    looked = Instant::now();
                }
            }
        };
        tokio::join!(taking, looking);
    }

    /// Takes a run up now, because somebody asks for it.
    pub async fn take(&self, run: &RunId) -> Result<Result<Running, Finished>, Arc<ExecError>> {
        held(&self.shared.tries).forget(run);
        {
            let mut state = held(&self.shared.state);
            state.alone.remove(run);
            state.failures.remove(run);
        }
        self.open(run, "daemon: asked for").await.map_err(Arc::new)
    }

    /// What it does.
    pub fn report(&self) -> Report {
        let state = held(&self.shared.state);
        Report {
            driven: self.shared.supervisor.count(),
            queued: state.queue.len(),
            sleeping: state.due.len(),
            resumed: state.resumed,
            left_alone: state.alone.clone(),
        }
    }

    /// Leaves all runs, resumable. `false` if some did not leave within `patience`.
    pub async fn leave(&self, patience: Duration) -> bool {
        {
            let mut state = held(&self.shared.state);
            state.ending = true;
            state.queue.clear();
        }
        let left = self.shared.supervisor.leave(patience).await;
        if left {
            held(&self.shared.tries).clear();
        }
        left
    }

    /// Notes when a run that is driven elsewhere in this process ends or waits: it is woken when it is time.
    pub fn watch(&self, running: Running) {
        let this = self.clone();
        self.shared.supervisor.executor().parts().io.spawn(async move {
            let run = running.run.clone();
            let ended = running.ended().await;
            this.ended(&run, &ended);
            // What came while it left was not looked at any more.
            let journals = &this.shared.supervisor.executor().parts().journals;
            if matches!(ended, Ok(Finished::Waiting(_)))
                && journals.messages(&run).await.is_ok_and(|messages| !messages.is_empty())
            {
                this.enqueue(run);
            }
        });
    }

    /// At the start: what was being driven, and what has got messages meanwhile.
    async fn interrupted(&self) {
        self.look(true).await;
        let queued = held(&self.shared.state).queue.len();
        if queued > 0 {
            tracing::info!(queued, "runs that were interrupted go on");
        }
    }

    /// Looks at all runs: for those that wait for a time; at the start also for those that were interrupted.
    async fn look(&self, at_start: bool) {
        let executor = self.shared.supervisor.executor();
        let runs = match executor.list().await {
            Ok(runs) => runs,
            Err(error) => return tracing::warn!(%error, "runs cannot be listed"),
        };
        let mut waiting = HashSet::new();
        for info in runs {
            match info.status {
                // Without code it is not ours, and cannot be driven.
                Status::Running if at_start && info.code.is_some() => self.enqueue(info.run),
                Status::Waiting => {
                    waiting.insert(info.run.clone());
                    self.look_at(&info.run, info.updated_at, at_start).await;
                }
                _ => {}
            }
        }
        let mut state = held(&self.shared.state);
        let gone: Vec<RunId> = state.seen.keys().filter(|run| !waiting.contains(run)).cloned().collect();
        for run in gone {
            state.seen.remove(&run);
            state.due.remove(&run);
        }
    }

    async fn look_at(&self, run: &RunId, updated: Millis, at_start: bool) {
        if held(&self.shared.state).seen.insert(run.clone(), updated) == Some(updated) {
            return;
        }
        let executor = self.shared.supervisor.executor();
        if at_start && executor.parts().journals.messages(run).await.is_ok_and(|messages| !messages.is_empty()) {
            return self.enqueue(run.clone());
        }
        if let Ok(summary) = executor.summary(run).await {
            self.waits(run, &summary.waiting_for);
        }
    }

    fn waits(&self, run: &RunId, waiting: &[Waiting]) {
        let due = waiting.iter().filter_map(|one| match one {
            Waiting::Timer { due } => Some(*due),
            _ => None,
        });
        let mut state = held(&self.shared.state);
        match due.min() {
            Some(due) => state.due.insert(run.clone(), due),
            None => state.due.remove(run),
        };
    }

    fn until_due(&self) -> Duration {
        let next = held(&self.shared.state).due.values().min().copied();
        let until = next.map_or(u64::MAX, |due| due.saturating_sub(now()));
        Duration::from_millis(until.clamp(5, 250))
    }

    fn due(&self) {
        let now = now();
        let due: Vec<RunId> = {
            let mut state = held(&self.shared.state);
            let due: Vec<RunId> = state.due.iter().filter(|(_, at)| **at <= now).map(|(run, _)| run.clone()).collect();
            for run in &due {
                state.due.remove(run);
            }
            due
        };
        due.into_iter().for_each(|run| self.enqueue(run));
    }

    fn enqueue(&self, run: RunId) {
        let mut state = held(&self.shared.state);
        if !state.ending && !state.alone.contains_key(&run) && state.in_queue.insert(run.clone()) {
            state.queue.push_back(run);
            drop(state);
            self.shared.queued.notify_one();
        }
    }

    async fn take_from_queue(&self) {
        loop {
            let next = held(&self.shared.state).queue.pop_front();
            let Some(run) = next else {
                self.shared.queued.notified().await;
                continue;
            };
            // Room first: beyond it, runs wait where they are.
            let Ok(room) = self.shared.driven.clone().acquire_owned().await else { return };
            held(&self.shared.state).in_queue.remove(&run);
            let this = self.clone();
            self.shared.supervisor.executor().parts().io.spawn(async move {
                if let Ok(Ok(running)) = this.open_queued(&run).await {
                    let _ = running.ended().await;
                }
                drop(room);
            });
        }
    }

    async fn open_queued(&self, run: &RunId) -> Result<Result<Running, Finished>, ()> {
        let opened = match self.shared.opening.acquire().await {
            Ok(_one_of_few) => self.open(run, "daemon").await,
            Err(_) => return Err(()),
        };
        opened.map_err(|error| self.failed(run, &error))
    }

    async fn open(&self, run: &RunId, why: &str) -> Result<Result<Running, Finished>, ExecError> {
        let begun = held(&self.shared.tries).begin(run, self.shared.policy.deaths);
        if let Err(deaths) = begun {
            let why = format!(
                "the daemon died {deaths} times while it drove it: take it up yourself with quicksave resume {run}"
            );
            tracing::error!(%run, "left alone: {why}");
            held(&self.shared.state).alone.insert(run.clone(), why.clone());
            return Err(ExecError::State { run: run.clone(), state: format!("is left alone: {why}") });
        }
        let opened = self.shared.supervisor.resume(run, why, Retry::No).await;
        match &opened {
            Ok(Ok(running)) => {
                held(&self.shared.state).resumed += 1;
                self.watch(running.clone());
                let (this, run) = (self.clone(), run.clone());
                self.shared.supervisor.executor().parts().io.spawn(async move {
                    tokio::time::sleep(this.shared.policy.proven).await;
                    held(&this.shared.tries).proven(&run);
                });
            }
            _ => held(&self.shared.tries).done(run),
        }
        opened
    }

    fn ended(&self, run: &RunId, ended: &crate::supervisor::Ended) {
        held(&self.shared.tries).done(run);
        match ended {
            Ok(Finished::Waiting(waiting)) => self.waits(run, waiting),
            Ok(_) => drop(held(&self.shared.state).failures.remove(run)),
            Err(error) => self.failed(run, error),
        }
    }

    /// A run that could not be taken up or driven on.
    fn failed(&self, run: &RunId, error: &ExecError) {
        let mut state = held(&self.shared.state);
        match error {
            // Somebody else has it, and may leave it to us; or it is gone.
            ExecError::Store(StoreError::Held { .. } | StoreError::NotFound(_)) => {
                state.seen.remove(run);
                return;
            }
            _ if state.alone.contains_key(run) || state.ending => return,
            _ => {}
        }
        let failures = state.failures.entry(run.clone()).or_default();
        *failures += 1;
        if error.can_retry() && *failures < self.shared.policy.attempts {
            let pause = 1_000 << *failures;
            tracing::warn!(%run, %error, pause, "a run could not be driven; it is tried again");
            state.due.insert(run.clone(), now() + pause);
        } else {
            tracing::warn!(%run, %error, "a run is left alone");
            state.alone.insert(run.clone(), error.to_string());
        }
    }
}
