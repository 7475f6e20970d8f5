//! A world for tests: memory stores, a host that counts, a clock that jumps.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use executor::{
    CallContext, Config, ExecError, Executor, Finished, Hold, Host, NewRun, Opened, Parts, Retry, SnapshotPolicy, World,
};
use run::{Ask, Effect, EffectClass, Json, Outcome, Payload, RunId, Seed};
use store::{CheckpointStore, JournalStore, Owner, memory::MemoryStore};

use crate::machine::{MachineGuest, Script, code};

pub struct Clock(pub AtomicU64, pub AtomicU64);

impl World for Clock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn seed(&self) -> Seed {
        Seed(run::Hash::of(&self.1.fetch_add(1, Ordering::Relaxed).to_le_bytes()).0)
    }
}

/// Counts what is performed; every result is new, so a repeated effect cannot go unnoticed.
#[derive(Default)]
pub struct Counting {
    pub performed: Mutex<BTreeMap<String, u64>>,
    pub shown: Mutex<Vec<String>>,
    pub answers: Mutex<bool>,
    /// Effects whose results were recorded before this life, and how often they had been performed.
    pub settled: Mutex<BTreeMap<String, u64>>,
    /// Who holds what there is to hold.
    pub holder: Mutex<Option<RunId>>,
    next: AtomicU64,
}

impl Counting {
    /// Results differ from those of an earlier life.
    pub fn skip_to(&self, before: &Rig) {
        self.next.store(before.host.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn takes(&self, run: &RunId) -> bool {
        self.holder.lock().unwrap().get_or_insert_with(|| run.clone()) == run
    }

    fn gives(&self, run: &RunId) {
        self.holder.lock().unwrap().take_if(|holder| holder == run);
    }
}

#[async_trait]
impl Host for Counting {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        match op {
            "read" | "take" => EffectClass::Read,
            "once" => EffectClass::AtMostOnce,
            _ => EffectClass::Write,
        }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        *self.performed.lock().unwrap().entry(context.idempotency_key()).or_default() += 1;
        while op == "take" && !self.takes(&context.run) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if op == "give" {
            self.gives(&context.run);
        }
        if op == "slow" {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let value = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(Payload { json: Json::of(&value).unwrap(), bytes: args.bytes })
    }

    fn hold(&self, op: &str, _: &Payload) -> Option<Hold> {
        match op {
            "take" => Some(Hold::Takes("it".into())),
            "give" => Some(Hold::Gives("it".into())),
            _ => None,
        }
    }

    fn left(&self, run: &RunId, _: &Result<Finished, ExecError>) {
        self.gives(run);
    }

    async fn ask(self: Arc<Self>, _: CallContext, ask: Ask) -> Option<Outcome> {
        self.answers.lock().unwrap().then(|| Ok(Json::of(&format!("yes to {}", ask.message)).unwrap().into()))
    }

    fn show(&self, _: &RunId, emit: &Effect) {
        if let Effect::Emit { message: Some(message), .. } = emit {
            self.shown.lock().unwrap().push(message.clone());
        }
    }
}

pub struct Rig {
    pub io: tokio::runtime::Runtime,
    pub host: Arc<Counting>,
    pub executor: Executor,
}

pub fn owner() -> Owner {
    Owner { host: "here".into(), pid: 1, what: "test".into(), since: 0 }
}

impl Rig {
    pub fn new(snapshots: SnapshotPolicy) -> Self {
        let memory = Arc::new(MemoryStore::new());
        Self::over(memory.clone(), memory, snapshots)
    }

    pub fn over(journals: Arc<dyn JournalStore>, keep: Arc<dyn CheckpointStore>, snapshots: SnapshotPolicy) -> Self {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let host = Arc::new(Counting::default());
        let parts = Parts {
            journals,
            keep,
            guests: vec![Arc::new(MachineGuest)],
            host: host.clone(),
            world: Arc::new(Clock(AtomicU64::new(1_800_000_000_000), AtomicU64::new(1))),
            io: io.handle().clone(),
        };
        let mut config = Config::new(owner());
        config.snapshots = snapshots;
        config.snapshot_wakes = 7;
        Self { io, host, executor: Executor::new(parts, config) }
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.executor.config().clone();
        change(&mut config);
        self.executor = Executor::new(self.executor.parts().clone(), config);
        self
    }

    pub fn start(&self, id: &str, script: &Script) -> Result<Finished, executor::ExecError> {
        let new = NewRun {
            id: Some(id.parse().unwrap()),
            ..NewRun::new("main", Json::parse("{}".into()).unwrap(), code(script))
        };
        self.io.block_on(self.executor.start(new))?.drive()
    }

    pub fn resume(&self, id: &str) -> Result<Finished, executor::ExecError> {
        self.resume_with(id, Retry::No)
    }

    pub fn resume_with(&self, id: &str, retry: Retry) -> Result<Finished, executor::ExecError> {
        match self.io.block_on(self.executor.resume(&id.parse().unwrap(), "test", retry, false))? {
            Opened::Driver(driver) => driver.drive(),
            Opened::Ended(finished) => Ok(finished),
        }
    }

    pub fn entries(&self, id: &str) -> Vec<run::Entry> {
        self.io.block_on(self.executor.entries(&id.parse().unwrap(), 0)).unwrap().0
    }
}

pub fn seen(finished: &Finished) -> Vec<String> {
    match finished {
        Finished::Completed(payload) => {
            serde_json::from_value(payload.json.value()["seen"].clone()).expect("the machine's result")
        }
        other => panic!("not completed: {other:?}"),
    }
}
