//! What commands work with: the store, and an executor over it that can drive, or one that just reads.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use daemon::{
    Calls, Catalog, Children, Events, Middleware, Runs, Schedules, Source, Supervisor, ToolSource, Tools,
    broker::Place, clients::Clients, middleware::SystemClock,
};
use executor::{CallContext, Config, ExecError, Executor, Finished, Host, Parts, Swap};
use host::{Checkpoints, Facts, LocalHost, Permissions, Screen};
use run::{Code, EffectClass, Failure, Guest, GuestError, Hash, Outcome, Payload, Program, RunId, limits::Limits};
use store::{CheckpointStore, FileStore, JournalStore, StoreUrl, sealed::Sealed};
use tokio::runtime::Runtime;

use crate::{
    args::{Durability, Globals},
    kept::{self, Kept},
    report::Error,
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
    /// The checkpoints, if they are sealed.
    pub sealed: Option<Sealed>,
    /// What becomes of events that programs emit.
    pub events: Arc<Events>,
    in_memory: bool,
    apart: bool,
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
        let store = match &settings.store {
            _ if globals.alone => StoreUrl::Memory,
            Some(url) => url.clone(),
            None => StoreUrl::File(home.clone()),
        };
        let checkpoints = settings.checkpoints.as_ref().filter(|_| !globals.alone);
        let durability = settings.durability.kind();
        let opened = runtime.block_on(kept::open(&store, checkpoints, &settings.seal, durability))?;
        let Kept { files, in_memory, apart, journals, keep, sealed } = opened;
        let source = source(&settings, &home, in_memory);
        let events = Events::new(source, &crate::handoff::who(), runtime.handle().clone());
        Ok(Self { globals, settings, home, runtime, files, sealed, events, in_memory, apart, journals, keep })
    }

    /// Where runs are, for people: without passwords.
    pub fn store(&self) -> String {
        named(&self.settings, &self.home)
    }

    /// Where the events of its runs come from.
    pub fn events_of(&self) -> Source {
        source(&self.settings, &self.home, self.in_memory)
    }

    /// An executor that lists, reads and removes. No engine is loaded.
    pub fn reader(&self) -> Executor {
        self.executor("", Vec::new(), Arc::new(Nobody))
    }

    /// What programs of an interactive session reach the world through.
    pub fn host(&self, screen: Arc<dyn Screen>) -> Result<Arc<dyn Host>, Error> {
        Ok(Arc::new(self.local(screen)?.build()))
    }

    fn local(&self, screen: Arc<dyn Screen>) -> Result<host::Builder, Error> {
        // Our own arguments are not the program's, and may hold what no journal should.
        let mut facts = Facts::of_this_process();
        facts.argv.truncate(1);
        let host = LocalHost::builder(&self.home).facts(facts).permissions(self.permissions()?).screen(screen);
        Ok(host.value_limit(self.settings.limits.value))
    }

    /// An executor that drives. `what` is the command, for others who look who drives.
    pub fn driver(&self, what: &str, screen: Arc<dyn Screen>) -> Result<Executor, Error> {
        Ok(self.work(what, screen)?.calls.supervisor().executor().clone())
    }

    /// The photons that there are.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::new(Catalog::new(self.settings.photons.clone()))
    }

    /// What calls photons and tools, over an executor that drives.
    pub fn work(&self, what: &str, screen: Arc<dyn Screen>) -> Result<Work, Error> {
        self.work_with(what, screen, &self.events)
    }

    /// The same, with another way for events.
    pub fn work_with(&self, what: &str, screen: Arc<dyn Screen>, events: &Arc<Events>) -> Result<Work, Error> {
        let runs = Arc::new(Runs::default());
        let tools: Arc<Tools> = Arc::default();
        let host = self.with(self.local(events.screen(screen))?, &runs, &tools).build();
        let holds = host.holds().clone();
        let executor = self.executor(what, guests(is_server(what)), Arc::new(host));
        runs.serve(executor.clone());
        let middleware = Middleware::new(&self.home, holds, Arc::new(SystemClock));
        let calls = Calls::new(self.catalog(), Supervisor::new(executor), middleware);
        let clients = self.clients()?;
        tools.serve(Children::new(calls.clone()), clients.clone().map(|clients| clients as Arc<dyn ToolSource>));
        events.serve(calls.clone());
        Ok(Work { calls, tools, clients })
    }

    /// The MCP servers that are configured.
    fn clients(&self) -> Result<Option<Arc<Clients>>, Error> {
        let servers = &self.settings.servers;
        if servers.is_empty() {
            return Ok(None);
        }
        let http =
            host::http_client().map_err(|e| Error::io("MCP servers cannot be reached", std::io::Error::other(e)))?;
        Ok(Some(Arc::new(Clients::new(servers, &self.home.join("mcp"), &http)?)))
    }

    /// An executor that takes up runs and changes nothing in the world: to look at them, or to end them.
    pub fn still(&self, what: &str) -> Result<Executor, Error> {
        let runs = Arc::new(Runs::default());
        let host = LocalHost::builder(&self.home).permissions(self.settings.permissions()?);
        // Nobody performs tools here, but what they are to the journal must be known.
        let host = self.with(host, &runs, &Arc::default());
        let executor = self.executor(what, guests(false), Arc::new(Still(Arc::new(host.build()))));
        runs.serve(executor.clone());
        Ok(executor)
    }

    /// Adds the operations that are not of this machine.
    fn with(&self, host: host::Builder, runs: &Arc<Runs>, tools: &Arc<Tools>) -> host::Builder {
        let host = host.operations("runs.", runs.clone());
        let host = host.operations("schedule.", Arc::new(Schedules::new(&self.home)));
        daemon::tools::PREFIXES.iter().fold(host, |host, prefix| host.operations(*prefix, tools.clone()))
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
            durable: self.settings.durability == Durability::Disk && !self.in_memory,
            snapshots: self.settings.snapshots,
            limits: self.settings.limits.clone(),
            park_after: self.settings.park_after,
            swap: Swap::beyond(self.settings.idle_programs),
            checkpoints_apart: self.apart,
            // Servers take up by themselves what they were killed over; what a person began, a person goes on with.
            begun_by: is_server(what).then(|| what.to_owned()),
            ..Config::new(owner(what))
        };
        Executor::new(parts, config)
    }
}

fn named(settings: &Settings, home: &Path) -> String {
    let home = || StoreUrl::File(std::path::absolute(home).unwrap_or_else(|_| home.to_owned()));
    settings.store.clone().unwrap_or_else(home).to_string()
}

fn source(settings: &Settings, home: &Path, in_memory: bool) -> Source {
    let store = (!in_memory).then(|| named(settings, home));
    Source { place: Place::new(home), store, durable: settings.durability == Durability::Disk }
}

/// What drives runs and calls tools.
pub struct Work {
    pub calls: Calls,
    pub tools: Arc<Tools>,
    clients: Option<Arc<Clients>>,
}

/// How long runs that were called may take to be left when their caller is.
const PATIENCE: Duration = Duration::from_secs(5);

impl Work {
    /// Leaves what is still driven here, resumable.
    pub async fn leave(&self) {
        self.calls.supervisor().leave(PATIENCE).await;
        if let Some(clients) = &self.clients {
            clients.close().await;
        }
    }
}

/// Whether a command stays, and runs what others ask for.
fn is_server(what: &str) -> bool {
    matches!(what, "mcp" | "daemon")
}

/// The kinds of programs that this command runs; `ahead`: each soon after another.
fn guests(ahead: bool) -> Vec<Arc<dyn Guest>> {
    let nodes: Vec<Arc<dyn Guest>> = vec![Arc::new(TypeScript { ahead }), Arc::new(::neutron::Neutron)];
    let mut all = nodes.clone();
    all.push(Arc::new(::dag::guest::DagGuest::new(nodes)));
    all
}

/// The TypeScript guest, whose engine is loaded by the first program that needs it.
struct TypeScript {
    ahead: bool,
}

impl TypeScript {
    fn loaded(&self) -> Result<typescript::TypeScript, GuestError> {
        let guest = typescript::TypeScript::new()?.with_pure(crate::dagonizer::functions());
        Ok(if self.ahead { guest.ahead() } else { guest })
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

    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        self.0.left(run, how);
    }
}
