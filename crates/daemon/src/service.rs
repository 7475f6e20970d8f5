//! The daemon: the broker, the supervision of runs, and what belongs to them, put together.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use executor::ExecError;
use run::{RunId, time::Millis, time::iso};
use serde_json::{Value, json};
use store::StoreError;
use tokio::sync::Notify;

use crate::broker::{Answer, Broker, DaemonLock, EventLog, Limits, Place, PlaceError, Service, now};
use crate::calls::{CallError, Calls, Handed};
use crate::events::Events;
use crate::listeners;
use crate::schedules::{self, Shelf};
use crate::supervise::{Policy, Scope, Supervision};
use crate::webhooks::{self, Webhooks};

/// What a daemon is made of.
pub struct Setup {
    /// The home that it works for.
    pub home: PathBuf,
    /// Where runs are, for people, without passwords.
    pub store: String,
    /// What calls photons, and drives runs.
    pub calls: Calls,
    /// Takes the events of these runs.
    pub events: Arc<Events>,
    /// Where webhooks are served, if they are.
    pub webhooks: Option<webhooks::Config>,
    /// How runs are supervised.
    pub policy: Policy,
    /// What the broker may use.
    pub limits: Limits,
}

/// A daemon that runs in this process.
pub struct Daemon {
    inner: Arc<Inner>,
    broker: Broker,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What the daemon is asked for to make a call ([`Handed`]): it answers when its run has begun.
pub const CALL: &str = "photon.call";

/// How often calls are looked for that a process left which was to try them again.
const RETRIES: Duration = Duration::from_secs(2);

struct Inner {
    calls: Calls,
    home: PathBuf,
    store: String,
    supervision: Supervision,
    /// Where webhooks are served.
    http: Option<std::net::SocketAddr>,
    log: Arc<EventLog>,
    /// For its counts; set as soon as there is one.
    counts: OnceLock<Box<dyn Fn() -> crate::broker::Counts + Send + Sync>>,
    since: Millis,
    began: Instant,
    stop: Notify,
}

impl Daemon {
    /// Begins to work. `lock` shows that there is no other one for this home.
    pub async fn start(setup: Setup, lock: DaemonLock) -> Result<Self, PlaceError> {
        let place = Place::new(&setup.home);
        let bad = |source| PlaceError::Io { what: "cannot open the log of events".into(), source };
        let log = Arc::new(EventLog::open(place.folder(), setup.limits.log).map_err(bad)?);
        let Setup { home, store, calls, events, webhooks, policy, limits } = setup;
        events.log(log.clone());
        let io = calls.supervisor().executor().parts().io.clone();
        let supervision = Supervision::new(calls.supervisor().clone(), Scope::Home(place.folder().to_owned()), policy);
        let hooks = match webhooks {
            Some(config) => {
                let address = config.address;
                let bad = |source| PlaceError::Io { what: format!("cannot serve webhooks on {address}"), source };
                Some(Webhooks::bind(config, calls.clone(), supervision.clone(), place.folder()).await.map_err(bad)?)
            }
            None => None,
        };
        let inner = Arc::new(Inner {
            calls: calls.clone(),
            supervision: supervision.clone(),
            http: hooks.as_ref().and_then(|hooks| hooks.address().ok()),
            home: home.clone(),
            store,
            log: log.clone(),
            counts: OnceLock::new(),
            since: now(),
            began: Instant::now(),
            stop: Notify::new(),
        });
        let folder = place.folder().to_owned();
        let broker = Broker::start(place, lock, log.clone(), inner.clone(), limits, io.clone())?;
        let _ = inner.counts.set(Box::new(broker.counter()));
        let mut tasks = Vec::new();
        tasks.push(io.spawn({
            let supervision = supervision.clone();
            async move { supervision.work().await }
        }));
        tasks.push(io.spawn(async move { events.keep_publishing().await }));
        tasks.push(io.spawn({
            let calls = calls.clone();
            async move {
                loop {
                    calls.take_up_retries(None).await;
                    tokio::time::sleep(RETRIES).await;
                }
            }
        }));
        tasks.push(io.spawn({
            let (calls, folder) = (calls.clone(), folder.clone());
            async move { listeners::work(calls, log, &folder).await }
        }));
        tasks.push(io.spawn(async move { schedules::work(calls, supervision, Shelf::new(&home), &folder).await }));
        if let Some(hooks) = hooks {
            tasks.push(io.spawn(hooks.work()));
        }
        Ok(Self { inner, broker, tasks })
    }

    /// The supervision of runs.
    pub fn supervision(&self) -> &Supervision {
        &self.inner.supervision
    }

    /// The log of events.
    pub fn log(&self) -> &Arc<EventLog> {
        &self.inner.log
    }

    /// Ends with the daemon.
    pub fn also(&mut self, task: tokio::task::JoinHandle<()>) {
        self.tasks.push(task);
    }

    /// Waits until a client asks the daemon to end.
    pub async fn asked_to_stop(&self) {
        self.inner.stop.notified().await;
    }

    /// Whether its folder is still there; nobody can reach it otherwise.
    pub fn is_in_place(&self) -> bool {
        self.broker.is_in_place()
    }

    /// Ends: runs are left, resumable; then clients are told. `false` if some runs did not leave within `patience`:
    /// they are left at once when the process ends, and are resumable too.
    pub async fn end(self, patience: Duration) -> bool {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let left = self.inner.supervision.leave(patience).await;
        let _ = tokio::task::spawn_blocking(move || self.broker.stop()).await;
        left
    }
}

impl Inner {
    async fn call_photon(&self, data: Value) -> Answer {
        let handed: Handed = serde_json::from_value(data).map_err(|e| ("bad-request", e.to_string()))?;
        match self.calls.start_handed(handed).await {
            Ok(running) => {
                let run = running.run.clone();
                self.supervision.watch(running);
                Ok(json!({ "runId": run, "pid": std::process::id() }))
            }
            Err(CallError::Exec(error)) => Err((code(&error), error.to_string())),
            Err(error) => Err(("refused", error.to_string())),
        }
    }

    async fn take_run(&self, run: &str) -> Answer {
        let run: RunId = run.parse().map_err(|e: run::id::BadRunId| ("bad-request", e.to_string()))?;
        match self.supervision.take(&run).await {
            Ok(Ok(_)) => Ok(json!({ "runId": run, "driven": true, "pid": std::process::id() })),
            Ok(Err(_)) => Ok(json!({ "runId": run, "driven": false })),
            Err(error) => Err((code(&error), error.to_string())),
        }
    }
}

fn code(error: &ExecError) -> &'static str {
    match error {
        ExecError::Store(StoreError::Held { .. }) => "held",
        ExecError::Store(StoreError::NotFound(_)) => "not-found",
        _ => "failed",
    }
}

#[async_trait]
impl Service for Inner {
    async fn take(&self, run: &str) -> Answer {
        self.take_run(run).await
    }

    async fn call(&self, op: &str, data: Value) -> Answer {
        match op {
            // A person has interrupted it, who will say when it goes on.
            "left" => {
                let run = data["run"].as_str().unwrap_or_default();
                let run: RunId = run.parse().map_err(|e: run::id::BadRunId| ("bad-request", e.to_string()))?;
                self.supervision.leave_alone(run, "it was interrupted by a person");
                Ok(Value::Null)
            }
            CALL => self.call_photon(data).await,
            op => Err(("unknown", format!("{op:?} is not something that this daemon does"))),
        }
    }

    async fn status(&self) -> Value {
        let (events, bytes, first) = self.log.size();
        let counts = self.counts.get().map(|counts| counts()).unwrap_or_default();
        json!({
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "startedAt": iso(self.since),
            "uptimeMs": self.began.elapsed().as_millis() as u64,
            "home": self.home,
            "store": self.store,
            "socket": Place::new(&self.home).socket(),
            "http": self.http.map(|address| address.to_string()),
            "memory": memory(),
            "clients": counts.connections,
            "subscribers": counts.subscribers,
            "locks": counts.locks,
            "events": { "last": self.log.last(), "first": first, "kept": events, "bytes": bytes },
            "runs": self.supervision.report(),
        })
    }

    fn stop(&self) {
        self.stop.notify_one();
    }
}

/// Memory of this process that is in use, in bytes; `null` where the system does not say.
fn memory() -> Value {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(Value::Null, |kib| (kib * 1_024).into())
}
