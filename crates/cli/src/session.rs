//! What commands work with: the store, and an executor over it that can drive, or one that just reads.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use executor::{CallContext, Config, Executor, Host, Parts};
use host::{Checkpoints, Facts, LocalHost, Permissions};
use run::{Code, EffectClass, Failure, Guest, GuestError, Hash, Outcome, Payload, Program, limits::Limits};
use store::{CheckpointStore, Durability as FileDurability, FileStore, JournalStore, MemoryStore};
use tokio::runtime::Runtime;

use crate::{
    args::{Durability, Globals},
    operations::Runs,
    report::Error,
    screen::Terminal,
    settings::Settings,
    world::{System, owner},
};

/// Reading many journals and performing effects share these threads; each run has a thread of its own besides.
const MAX_THREADS: usize = 4;

/// One invocation.
pub struct Session {
    pub globals: Globals,
    pub settings: Settings,
    pub home: PathBuf,
    pub runtime: Runtime,
    /// The store, if its runs are files.
    pub files: Option<FileStore>,
    journals: Arc<dyn JournalStore>,
    keep: Arc<dyn CheckpointStore>,
}

impl Session {
    pub fn new(globals: Globals) -> Result<Self, Error> {
        let home = match &globals.home {
            // Nothing is kept there.
            None if globals.alone => default_home().unwrap_or_default(),
            Some(home) if home.as_os_str().is_empty() => {
                return Err(Error::usage("the home is empty", "name a folder with --home or QUICKSAVE_HOME"));
            }
            Some(home) => home.clone(),
            None => default_home()?,
        };
        let settings = Settings::read(&globals, &home)?;
        let most = if globals.alone { 1 } else { MAX_THREADS };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(most);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(|e| Error::io("cannot start threads", e))?;
        let folder = match globals.store.as_deref() {
            None if globals.alone => None,
            None => Some(home.clone()),
            Some("memory:") => None,
            Some(url) => Some(folder_of(url)?),
        };
        let durability = match settings.durability {
            Durability::Disk => FileDurability::Disk,
            Durability::Process => FileDurability::Process,
        };
        // A run has a thread of its own, so it may as well wait there for the disk.
        let files = folder.map(|folder| FileStore::open(&folder, durability)).transpose()?;
        let files = files.map(FileStore::syncing_here);
        let (journals, keep): (Arc<dyn JournalStore>, Arc<dyn CheckpointStore>) = match &files {
            Some(files) => (Arc::new(files.clone()), Arc::new(files.clone())),
            None => {
                let memory = MemoryStore::default();
                (Arc::new(memory.clone()), Arc::new(memory))
            }
        };
        Ok(Self { globals, settings, home, runtime, files, journals, keep })
    }

    /// An executor that lists, reads and removes. No engine is loaded.
    pub fn reader(&self) -> Executor {
        self.executor("", Vec::new(), Arc::new(Nobody))
    }

    /// What programs of an interactive session reach the world through.
    pub fn host(&self, screen: Arc<Terminal>) -> Result<Arc<dyn Host>, Error> {
        Ok(Arc::new(self.local(screen)?.build()))
    }

    fn local(&self, screen: Arc<Terminal>) -> Result<host::Builder, Error> {
        // Our own arguments are not the program's, and may hold what no journal should.
        let mut facts = Facts::of_this_process();
        facts.argv.truncate(1);
        let host = LocalHost::builder(&self.home).facts(facts).permissions(self.permissions()?).screen(screen);
        Ok(host.value_limit(self.settings.limits.value))
    }

    /// An executor that drives. `what` is the command, for others who look who drives.
    pub fn driver(&self, what: &str, screen: Arc<Terminal>) -> Result<Executor, Error> {
        let runs = Arc::new(Runs::default());
        let host = self.local(screen)?.operations("runs.", runs.clone()).build();
        let executor = self.executor(what, guests(), Arc::new(host));
        runs.serve(executor.clone());
        Ok(executor)
    }

    /// An executor that takes up runs and changes nothing in the world: to look at them, or to end them.
    pub fn still(&self, what: &str) -> Result<Executor, Error> {
        let runs = Arc::new(Runs::default());
        let host =
            LocalHost::builder(&self.home).permissions(self.settings.permissions()?).operations("runs.", runs.clone());
        let executor = self.executor(what, guests(), Arc::new(Still(Arc::new(host.build()))));
        runs.serve(executor.clone());
        Ok(executor)
    }

    /// What programs may reach, and where they may save themselves (docs/decisions/0006-where-checkpoints-go.md).
    pub fn permissions(&self) -> Result<Permissions, Error> {
        let mut permissions = self.settings.permissions()?;
        let here = std::env::current_dir().and_then(std::fs::canonicalize);
        permissions.checkpoints = here.ok().map(|folder| Checkpoints {
            folder,
            ending: "snap".into(),
            magic: ::neutron::snapshot::MAGIC.to_vec(),
        });
        Ok(permissions)
    }

    fn executor(&self, what: &str, guests: Vec<Arc<dyn Guest>>, host: Arc<dyn Host>) -> Executor {
        let parts = Parts {
            journals: self.journals.clone(),
            keep: self.keep.clone(),
            guests,
            host,
            world: Arc::new(System),
            io: self.runtime.handle().clone(),
        };
        let config = Config {
            durable: self.settings.durability == Durability::Disk && self.files.is_some(),
            snapshots: self.settings.snapshots,
            limits: self.settings.limits.clone(),
            park_after: self.settings.park_after,
            ..Config::new(owner(what))
        };
        Executor::new(parts, config)
    }
}

/// The kinds of programs that this command runs.
fn guests() -> Vec<Arc<dyn Guest>> {
    vec![Arc::new(TypeScript), Arc::new(::neutron::Neutron)]
}

/// The TypeScript guest, whose engine is loaded by the first program that needs it.
struct TypeScript;

impl TypeScript {
    fn loaded(&self) -> Result<typescript::TypeScript, GuestError> {
        Ok(typescript::TypeScript::new()?.with_pure(crate::dagonizer::functions()))
    }
}

impl Guest for TypeScript {
    fn name(&self) -> &str {
        "typescript"
    }

    fn engine(&self) -> Hash {
        // Where it does not load, `load` says why.
        self.loaded().map_or(Hash([0; 32]), |guest| guest.engine())
    }

    fn load(&self, code: &Arc<Code>, limits: &Limits) -> Result<Box<dyn Program>, GuestError> {
        self.loaded()?.load(code, limits)
    }

    fn restore(&self, code: &Arc<Code>, limits: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        self.loaded()?.restore(code, limits, images)
    }
}

fn default_home() -> Result<PathBuf, Error> {
    match std::env::var_os("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".photon")),
        None => Err(Error::usage("there is no home: HOME is not set", "name a folder with --home or QUICKSAVE_HOME")),
    }
}

fn folder_of(url: &str) -> Result<PathBuf, Error> {
    let forms = "file:FOLDER and memory: are the stores of this release";
    match url.split_once(':') {
        Some(("file", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                Err(Error::usage(format!("--store {url}: a folder is missing"), forms))
            } else {
                Ok(path.into())
            }
        }
        Some((scheme @ ("postgres" | "postgresql" | "sqlite" | "redis" | "rediss" | "s3" | "neutron"), _)) => {
            Err(Error::not_yet(format!("the store {scheme}:"), forms))
        }
        _ => Err(Error::usage(format!("--store {url:?} is not a store"), forms)),
    }
}

/// Performs nothing.
struct Nobody;

#[async_trait]
impl Host for Nobody {
    fn class(&self, _: &str, _: &Payload) -> EffectClass {
        EffectClass::Write
    }

    async fn perform(self: Arc<Self>, _: CallContext, op: String, _: Payload) -> Outcome {
        Err(Failure::new("Error", format!("{op} is not performed here")))
    }
}

/// Performs what the world does not see. A run is taken up by going through its journal once more, and what its
/// program does while it stands still goes on from there at once: reading must work, or the program would fail instead
/// of being ended.
struct Still(Arc<LocalHost>);

#[async_trait]
impl Host for Still {
    fn class(&self, op: &str, args: &Payload) -> EffectClass {
        self.0.class(op, args)
    }

    fn recorded(&self, op: &str, args: &Payload) -> Payload {
        self.0.recorded(op, args)
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        if self.class(&op, &args) == EffectClass::Read {
            return self.0.clone().perform(context, op, args).await;
        }
        Err(Failure::with_code("AbortError", "ABORT_ERR", format!("{op} was not performed: the run is being ended")))
    }
}
