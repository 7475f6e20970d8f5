//! Workflows in TypeScript that do nothing but take steps, on the real guest, executor and file store. Only the host is
//! ours here: its one operation does nothing.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use executor::{CallContext, Config, Executor, Host, NewRun, Parts, World};
use run::{
    Code, Effect, EffectClass, Guest, Json, Outcome, Payload, RunId, Seed, limits::Limits, program::Module,
    time::Millis,
};
use serde_json::json;
use store::{
    CheckpointStore, JournalStore, Owner,
    file::{Durability, FileStore},
};
use typescript::TypeScript;

const NAME: &str = "bench";
const ENTRY: &str = "file:///bench.js";

/// What the program does `params.count` times.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An operation that the world can see and that does nothing.
    Step,
    /// A checkpoint with 100 B of state.
    Checkpoint,
    /// A question that nobody answers.
    Ask,
    /// Checkpoints, and then a question.
    Wait,
}

impl Kind {
    fn source(self) -> &'static str {
        match self {
            Self::Step => {
                "import { unlink } from 'node:fs/promises';
                 export default async ({ count }) => { for (let i = 0; i < count; i++) await unlink('/x'); };"
            }
            // The emits at both ends tell the host when the checkpoints begin and end.
            Self::Checkpoint => {
                "const note = 'x'.repeat(80);
                 export default async function* ({ count }) {
                   yield { emit: 'mark' };
                   for (let step = 0; step < count; step++) yield { checkpoint: true, state: { step, note } };
                   yield { emit: 'mark' };
                 }"
            }
            Self::Wait => {
                "export default async function* ({ count }) {
                   for (let step = 0; step < count; step++) yield { checkpoint: true, state: { step } };
                   return yield { ask: 'confirm', message: 'Go on?' };
                 }"
            }
            Self::Ask => "export default async function* () { return yield { ask: 'confirm', message: 'Go on?' }; }",
        }
    }
}

/// When the host was asked for something.
#[derive(Default)]
pub struct Marks(Mutex<Vec<Instant>>);

impl Marks {
    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The times between them, which are forgotten.
    pub fn take(&self) -> Vec<Duration> {
        let marks = std::mem::take(&mut *self.lock());
        marks.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

struct Idle(Arc<Marks>);

#[async_trait]
impl Host for Idle {
    fn class(&self, _op: &str, _args: &Payload) -> EffectClass {
        EffectClass::Write
    }

    async fn perform(self: Arc<Self>, _: CallContext, op: String, _: Payload) -> Outcome {
        if op == "fs.unlink" {
            self.0.lock().push(Instant::now());
        }
        Ok(match op.as_str() {
            "process.info" => json!({"cwd": "/", "argv": [], "platform": "linux", "arch": "x64", "pid": 1}).into(),
            _ => Payload::null(),
        })
    }

    fn show(&self, _run: &RunId, _emit: &Effect) {
        self.0.lock().push(Instant::now());
    }
}

/// The system's time, and seeds that differ.
struct Clock(AtomicU64);

impl World for Clock {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
    }

    fn seed(&self) -> Seed {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::hash(format!("{} {n} {:?}", std::process::id(), Instant::now()).as_bytes());
        Seed(*hash.as_bytes())
    }
}

/// An executor on files in `home`, and when its host was asked for something.
pub fn executor(
    io: &tokio::runtime::Handle,
    home: &Path,
    durability: Durability,
) -> Result<(Executor, Arc<Marks>), String> {
    let store = FileStore::open(home, durability).map_err(|e| e.to_string())?.syncing_here();
    let guests: Vec<Arc<dyn Guest>> = vec![Arc::new(TypeScript::new().map_err(|e| e.to_string())?)];
    Ok(executor_on(io, store, guests, durability))
}

/// An executor on a store.
pub fn executor_on(
    io: &tokio::runtime::Handle,
    store: impl JournalStore + CheckpointStore + Clone,
    guests: Vec<Arc<dyn Guest>>,
    durability: Durability,
) -> (Executor, Arc<Marks>) {
    let marks = Arc::new(Marks::default());
    let world = Clock(AtomicU64::new(0));
    let owner = Owner { host: NAME.into(), pid: std::process::id(), what: NAME.into(), since: world.now() };
    let parts = Parts {
        journals: Arc::new(store.clone()),
        keep: Arc::new(store),
        guests,
        host: Arc::new(Idle(marks.clone())),
        world: Arc::new(world),
        io: io.clone(),
    };
    let limits = Limits { turn_cpu: Duration::from_secs(600), ..Limits::default() };
    let config = Config { durable: durability == Durability::Disk, limits, ..Config::new(owner) };
    (Executor::new(parts, config), marks)
}

/// One run of the program.
pub fn new_run(kind: Kind, count: u64) -> NewRun {
    run_of(Arc::new(code(kind.source())), json!({ "count": count }))
}

/// One run of code.
pub fn run_of(code: Arc<Code>, params: serde_json::Value) -> NewRun {
    NewRun::new(NAME, Json::from(params), code)
}

/// A program of one module.
pub fn code(source: &str) -> Code {
    let mut imports = BTreeMap::new();
    imports.insert("node:fs/promises".to_owned(), "node:fs/promises".to_owned());
    let module = Module { source: source.into(), original: None, imports, map: None };
    Code { guest: "typescript".into(), entry: ENTRY.into(), modules: [(ENTRY.into(), module)].into(), about: None }
}
