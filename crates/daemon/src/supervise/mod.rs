//! Keeps runs going: those that a crash interrupted, those whose time has come, those that were answered or handed over.
//!
//! A daemon does so for all runs of its home, and writes down first what it takes up: if it dies while it drives a run,
//! the next one counts that, and leaves a run alone that was there three times, since it may be what kills the daemon. A
//! server does the same for the runs that such servers began, as long as there is no daemon.

mod look;
mod report;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use executor::{ExecError, Finished, Retry};
use run::{RunId, Summary, entry::Waiting, time::Millis};
use store::StoreError;
use tokio::sync::{Notify, Semaphore};

use crate::broker::{Place, held, now};
use crate::supervisor::{Running, Supervisor, time_limit};
use crate::tries::Tries;
pub use report::Report;
use report::Trouble;

/// How runs are supervised.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Runs that are taken up without being asked for are at most this many at one time.
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
        let (proven, look) = (Duration::from_secs(60), Duration::from_secs(2));
        Self { driven: 256, opening: 4, deaths: 3, proven, look, attempts: 5 }
    }
}

/// Which runs are supervised.
#[derive(Clone, Debug)]
pub enum Scope {
    /// All runs of a home, by its daemon, whose folder this is.
    Home(PathBuf),
    /// Those that processes called `by` began, as long as no daemon is at this place.
    BegunBy(String, Place),
}

impl Scope {
    fn has(&self, summary: &Summary) -> bool {
        match self {
            Self::Home(_) => true,
            Self::BegunBy(by, _) => summary.origin.as_ref().is_some_and(|origin| origin.by.as_ref() == Some(by)),
        }
    }

    fn is_done_by_others(&self) -> bool {
        matches!(self, Self::BegunBy(_, place) if place.running().is_some())
    }
}

/// Supervises. Cheap to clone.
#[derive(Clone)]
pub struct Supervision {
    shared: Arc<Shared>,
}

struct Shared {
    supervisor: Supervisor,
    scope: Scope,
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
    /// What was seen of runs that are not driven here.
    seen: HashMap<RunId, look::Seen>,
    failures: HashMap<RunId, u32>,
    alone: BTreeMap<RunId, String>,
    troubles: VecDeque<Trouble>,
    resumed: u64,
    ending: bool,
}

impl Supervision {
    /// Supervises runs by `supervisor`.
    pub fn new(supervisor: Supervisor, scope: Scope, policy: Policy) -> Self {
        let path = match &scope {
            Scope::Home(folder) => Some(folder.join("driving.json")),
            Scope::BegunBy(..) => None,
        };
        let shared = Shared {
            supervisor,
            scope,
            policy,
            state: Mutex::default(),
            tries: Mutex::new(Tries::open(path)),
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

    /// Leaves a run alone until somebody asks for it or drives it.
    pub fn leave_alone(&self, run: RunId, why: &str) {
        held(&self.shared.state).alone.insert(run, format!("{why}; go on with it: quicksave resume"));
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
            held(&self.shared.state).alone.insert(run.clone(), why.clone());
            self.note(Some(run), format!("it is left alone: {why}"));
            return Err(ExecError::State { run: run.clone(), state: format!("is left alone: {why}") });
        }
        let supervisor = &self.shared.supervisor;
        // A snippet's own time limit holds wherever it goes on.
        let limit = match supervisor.get(run) {
            Some(_) => None,
            None => supervisor.executor().summary(run).await.ok().as_ref().and_then(time_limit),
        };
        let opened = supervisor.resume_within(run, why, Retry::No, limit).await;
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
            Ok(Finished::Waiting(waiting)) => {
                let mut state = held(&self.shared.state);
                state.failures.remove(run);
                match due(waiting) {
                    Some(due) => drop(state.due.insert(run.clone(), due)),
                    None => drop(state.due.remove(run)),
                }
            }
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
            state.due.insert(run.clone(), now() + pause);
            drop(state);
            self.note(Some(run), format!("it could not be driven, and is tried again in {pause} ms: {error}"));
        } else {
            state.alone.insert(run.clone(), error.to_string());
            drop(state);
            self.note(Some(run), format!("it is left alone: {error}"));
        }
    }
}

/// When a run that waits for these is due by itself.
fn due(waiting: &[Waiting]) -> Option<Millis> {
    let times = waiting.iter().filter_map(|one| match one {
        Waiting::Timer { due } => Some(*due),
        _ => None,
    });
    times.min()
}
