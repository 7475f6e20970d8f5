//! The same program in this process, on a store that fails by plan: writes refused, torn, lost; a full disk; deaths
//! and power cuts.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use executor::{
    CallContext, Config, ExecError, Executor, Finished, Host, NewRun, Opened, Parts, Retry, SnapshotPolicy, World,
};
use run::{Code, EffectClass, Json, Outcome, Payload, RunId, Seed, time::Millis};
use store::{Owner, StoreError, memory::MemoryStore};
use store_tests::{Faulty, Plan};
use tokio::runtime::Runtime;
use typescript::TypeScript;

use crate::{PROGRAM, Random};

type Store = Faulty<MemoryStore>;

/// Answers every request by its path, and counts by idempotency key.
#[derive(Default)]
struct Counting(Mutex<BTreeMap<String, u32>>);

#[async_trait]
impl Host for Counting {
    fn class(&self, _op: &str, _args: &Payload) -> EffectClass {
        EffectClass::Write
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        assert_eq!(op, "fetch");
        *self.0.lock().unwrap().entry(context.idempotency_key()).or_default() += 1;
        let url = args.json.value()["url"].as_str().unwrap_or_default().to_owned();
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        let body = format!("{{\"value\":{}}}", hasher.finish() % 1000);
        let json =
            serde_json::json!({ "url": url, "status": 200, "statusText": "OK", "headers": [], "redirected": false });
        Ok(Payload { json: json.into(), bytes: Some(body.into()) })
    }
}

/// A clock that moves by a millisecond with each look, so that timers are soon due.
struct Clock(AtomicU64);

impl World for Clock {
    fn now(&self) -> Millis {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn seed(&self) -> Seed {
        Seed(run::Hash::of(&self.now().to_le_bytes()).0)
    }
}

struct Process {
    executor: Executor,
    io: Runtime,
}

fn process(store: &Store, host: &Arc<Counting>, snapshots: SnapshotPolicy) -> Process {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Arc::new(store.clone());
    let parts = Parts {
        journals: store.clone(),
        keep: store,
        guests: vec![Arc::new(TypeScript::new().unwrap())],
        host: host.clone(),
        world: Arc::new(Clock(AtomicU64::new(1_800_000_000_000))),
        io: io.handle().clone(),
    };
    let owner = Owner { host: "here".into(), pid: 1, what: "torture".into(), since: 0 };
    let config = Config { snapshots, snapshot_wakes: 20, ..Config::new(owner) };
    Process { executor: Executor::new(parts, config), io }
}

impl Process {
    fn attempt(&self, id: &RunId, code: &Arc<Code>) -> Result<Finished, ExecError> {
        let driver = match self.io.block_on(self.executor.resume(id, "torture", Retry::No, false)) {
            Ok(Opened::Ended(finished)) => return Ok(finished),
            Ok(Opened::Driver(driver)) => *driver,
            Err(ExecError::Store(StoreError::NotFound(_)) | ExecError::State { .. }) => {
                let _ = self.io.block_on(self.executor.delete(id));
                let params = serde_json::json!({ "server": "http://there", "rounds": crate::ROUNDS }).into();
                let new = NewRun { id: Some(id.clone()), ..NewRun::new("torture", params, code.clone()) };
                self.io.block_on(self.executor.start(new))?
            }
            Err(error) => return Err(error),
        };
        self.io.block_on(driver.spawn()).expect("the run's thread reports")
    }

    /// How often each effect whose result is in the journal was performed.
    fn settled(&self, id: &RunId, host: &Counting) -> BTreeMap<String, u32> {
        let Ok((entries, _)) = self.io.block_on(self.executor.entries(id, 0)) else { return BTreeMap::new() };
        let counts = host.0.lock().unwrap();
        let recorded = entries.iter().filter_map(|entry| entry.body.wakes());
        recorded.filter_map(|n| counts.get_key_value(&format!("{id}/{n}"))).map(|(k, v)| (k.clone(), *v)).collect()
    }
}

fn life(seed: u64, code: &Arc<Code>) -> Json {
    let mut random = Random(seed);
    let policies = [SnapshotPolicy::WhenItPays, SnapshotPolicy::Always, SnapshotPolicy::Never];
    let policy = policies[random.below(3) as usize];
    let (id, host): (RunId, _) = ("life".parse().unwrap(), Arc::new(Counting::default()));
    let mut store: Store = Faulty::new(MemoryStore::new(), Plan::random(random.below(u64::MAX), 150, 3));
    let mut settled = BTreeMap::new();
    for attempt in 0..30 {
        // Sometimes the disk is full for a whole life.
        if random.below(5) == 0 && attempt < 20 {
            store.fill();
        }
        let now = process(&store, &host, policy);
        match now.attempt(&id, code) {
            Ok(Finished::Completed(result)) => {
                let counts = host.0.lock().unwrap();
                for (key, times) in &settled {
                    assert_eq!(counts[key], *times, "seed {seed}: {key} was performed again although it was recorded");
                }
                return result.json;
            }
            Ok(other) => panic!("seed {seed}: {other:?}"),
            Err(ExecError::Store(_) | ExecError::Missing { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
        let plan = if attempt < 20 { Plan::random(random.below(u64::MAX), 150, 2) } else { Plan::new(0) };
        store = now.io.block_on(store.reopen(plan)).unwrap();
        settled = process(&store, &host, policy).settled(&id, &host);
    }
    panic!("seed {seed}: it never ends");
}

#[test]
fn runs_survive_a_store_that_fails() {
    let code = Arc::new(bundler::bundle(&bundler::OsFiles, Path::new(PROGRAM)).unwrap());
    let undisturbed = process(&Faulty::new(MemoryStore::new(), Plan::new(0)), &Arc::default(), SnapshotPolicy::Never);
    let Finished::Completed(expected) = undisturbed.attempt(&"life".parse().unwrap(), &code).unwrap() else {
        panic!("the undisturbed run did not complete")
    };
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let lives = std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(60);
    for seed in only.map_or(1..lives, |seed| seed..seed + 1) {
        assert_eq!(life(seed, &code).value(), expected.json.value(), "seed {seed}");
    }
}
