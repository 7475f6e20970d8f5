//! The guest of Rust functions, and the door for those who start them.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};

use async_trait::async_trait;
use bytes::Bytes;
use executor::{CallContext, Config, ExecError, Executor, Finished, Host, NewRun, Opened, Parts, Request, Retry};
use futures::future::BoxFuture;
use run::{
    Code, Effect, EffectClass, Failure, Guest, GuestError, Hash, Image, Json, Outcome, Payload, Port, Program, RunId,
    Stop, TurnEnd, Wake, limits::Limits, program::{Module, ProgramError},
};
use serde::{Serialize, de::DeserializeOwned};
use store::{
    CheckpointStore, JournalStore, Owner,
    file::{Durability, FileStore},
};

use crate::{
    Context, Error, System,
    context::{Shared, Works, json, lock},
};

type Function = Arc<dyn Fn(Context, Json) -> BoxFuture<'static, Result<Json, Failure>> + Send + Sync>;

struct Workflow {
    version: String,
    function: Function,
}

struct Native {
    workflows: BTreeMap<String, Workflow>,
    works: Works,
}

/// A function in memory.
struct Running {
    context: Context,
    function: Function,
    future: Option<BoxFuture<'static, Result<Json, Failure>>>,
    works: Works,
    /// Effect number → request, and back.
    requests: HashMap<u64, u64>,
    numbers: HashMap<u64, u64>,
    input: Json,
    woken: Arc<Woken>,
    /// The state of the checkpoint whose result comes next, if nothing else is pending.
    at_checkpoint: Option<Json>,
}

struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a snapshot of a function is: enough to call it anew from its last checkpoint.
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved {
    state: Json,
    input: Json,
    run: String,
    seed: Option<run::Seed>,
    draws: u64,
}

impl Running {
    fn poll(&mut self, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        loop {
            self.woken.0.store(false, Ordering::Release);
            let waker = Waker::from(self.woken.clone());
            let context = self.context.clone();
            let (function, input) = (&self.function, &self.input);
            let future = self.future.get_or_insert_with(|| function(context, input.clone()));
            let polled = future.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            self.pass_on(port)?;
            match polled {
                Poll::Ready(Ok(value)) => return Ok(TurnEnd::Done(value.into())),
                Poll::Ready(Err(failure)) => {
                    return Ok(TurnEnd::Failed(ProgramError::new("error", failure.message)));
                }
                // Futures that woke themselves (a join of many) are polled again.
                Poll::Pending if self.woken.0.load(Ordering::Acquire) => {}
                Poll::Pending => return Ok(TurnEnd::Idle),
            }
        }
    }

    fn pass_on(&mut self, port: &mut dyn Port) -> Result<(), Stop> {
        let (asked, run) = {
            let mut shared = lock(&self.context.shared);
            (std::mem::take(&mut shared.asked), shared.run.clone())
        };
        for (request, effect, work) in asked {
            let effect = match effect {
                Effect::Abort { n: request } => match self.numbers.remove(&request) {
                    Some(n) => Effect::Abort { n },
                    None => continue,
                },
                effect => effect,
            };
            let checkpoint = match &effect {
                Effect::Checkpoint { state, .. } => Some(state.clone()),
                _ => None,
            };
            let awaited = !matches!(effect, Effect::Emit { .. } | Effect::Abort { .. });
            let n = port.effect(effect)?;
            if let Some(work) = work {
                lock(&self.works).insert((run.clone(), n), work);
            }
            if awaited {
                self.requests.insert(n, request);
                self.numbers.insert(request, n);
            }
            self.at_checkpoint = checkpoint.filter(|_| self.requests.len() == 1);
        }
        Ok(())
    }
}

impl Program for Running {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        match wake {
            Wake::Start { params, seed, run, now, .. } => {
                self.input = params;
                let mut shared = lock(&self.context.shared);
                (shared.run, shared.now, shared.seed) = (run, now, Some(seed));
            }
            Wake::Result { n, outcome, now } => {
                self.at_checkpoint = None;
                let mut shared = lock(&self.context.shared);
                shared.now = now;
                lock(&self.works).remove(&(shared.run.clone(), n));
                if let Some(request) = self.requests.remove(&n) {
                    self.numbers.remove(&request);
                    shared.deliver(request, outcome);
                }
            }
            Wake::Reseed { seed, run } => {
                let mut shared = lock(&self.context.shared);
                (shared.run, shared.seed) = (run, Some(seed));
                return Ok(TurnEnd::Idle);
            }
        }
        self.poll(port)
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        let shared = lock(&self.context.shared);
        let Some(state) = self.at_checkpoint.clone().filter(|_| shared.restorable) else { return Ok(None) };
        let saved = Saved {
            state,
            input: self.input.clone(),
            run: shared.run.clone(),
            seed: shared.seed,
            draws: shared.draws,
        };
        let bytes = serde_json::to_vec(&saved).map_err(|e| GuestError::Engine(e.to_string()))?;
        Ok(Some(Image { bytes: bytes.into(), on_parent: false }))
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        match expression {
            Some(_) => Err(GuestError::Unsupported("expressions cannot be evaluated in a Rust workflow".into())),
            None => Ok(serde_json::json!({ "input": self.input.value() }).into()),
        }
    }
}

impl Native {
    fn program(&self, code: &Code) -> Result<Running, GuestError> {
        let name = &code.entry;
        let workflow = self.workflows.get(name).ok_or_else(|| {
            GuestError::Code(format!("workflow {name:?} is not registered in this program"))
        })?;
        let wanted = code.modules.get(name).map_or("", |module| module.source.as_str());
        if wanted != workflow.version {
            let have = &workflow.version;
            return Err(GuestError::Code(format!(
                "the run began with version {wanted:?} of workflow {name:?}, and this program has {have:?}: \
                 finish it with the program that began it"
            )));
        }
        Ok(Running {
            context: Context { shared: Arc::new(Mutex::new(Shared::default())) },
            function: workflow.function.clone(),
            future: None,
            works: self.works.clone(),
            requests: HashMap::new(),
            numbers: HashMap::new(),
            input: Json::null(),
            woken: Arc::new(Woken(AtomicBool::new(false))),
            at_checkpoint: None,
        })
    }
}

impl Guest for Native {
    fn name(&self) -> &str {
        "rust"
    }

    fn engine(&self) -> Hash {
        Hash::of(b"rust functions, snapshot form 1")
    }

    fn load(&self, code: &Arc<Code>, _: &Limits) -> Result<Box<dyn Program>, GuestError> {
        Ok(Box::new(self.program(code)?))
    }

    fn restore(&self, code: &Arc<Code>, _: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let [image] = images else { return Err(GuestError::Refused("one image is expected".into())) };
        let saved: Saved = serde_json::from_slice(image).map_err(|e| GuestError::Refused(e.to_string()))?;
        let mut running = self.program(code)?;
        running.input = saved.input;
        {
            let mut shared = lock(&running.context.shared);
            (shared.run, shared.seed, shared.draws) = (saved.run, saved.seed, saved.draws);
            shared.restored = Some(saved.state);
            shared.restorable = true;
        }
        Ok(Box::new(running))
    }
}

/// Performs steps by running the work that the function gave.
struct StepHost {
    works: Works,
    show: Box<dyn Fn(&RunId, &Effect) + Send + Sync>,
}

#[async_trait]
impl Host for StepHost {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        match op {
            "query" => EffectClass::Read,
            "step.once" => EffectClass::AtMostOnce,
            _ => EffectClass::Write,
        }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, _: Payload) -> Outcome {
        let work = lock(&self.works).remove(&(context.run.to_string(), context.n));
        match work {
            Some(work) => work.await,
            None => Err(Failure::new("Error", format!("the work of {op} {} is not known here", context.n))),
        }
    }

    fn show(&self, run: &RunId, emit: &Effect) {
        (self.show)(run, emit);
    }
}

/// Builds a [`Quicksave`].
pub struct QuicksaveBuilder {
    workflows: BTreeMap<String, Workflow>,
    home: Option<PathBuf>,
    stores: Option<(Arc<dyn JournalStore>, Arc<dyn CheckpointStore>)>,
    durability: Durability,
    show: Box<dyn Fn(&RunId, &Effect) + Send + Sync>,
    adjust: Box<dyn FnOnce(&mut Config)>,
}

impl QuicksaveBuilder {
    /// Registers a workflow. `version` is pinned with each run: a run is only taken up by the version that began it,
    /// so change it whenever the order or the meaning of its steps changes.
    pub fn workflow<I, O, F, R>(mut self, name: &str, version: &str, function: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
        F: Fn(Context, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let function = Arc::new(function);
        let function: Function = Arc::new(move |context, input: Json| {
            let function = function.clone();
            Box::pin(async move {
                let input = input.to::<I>().map_err(|e| Failure::new("TypeError", format!("the input: {e}")))?;
                let output = function(context, input).await.map_err(Error::into_failure)?;
                Json::of(&output).map_err(|e| Failure::new("TypeError", format!("the result: {e}")))
            })
        });
        self.workflows.insert(name.into(), Workflow { version: version.into(), function });
        self
    }

    /// Where runs are kept, as plain files; `~/.photon` by default.
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Keeps runs in other stores.
    pub fn stores(mut self, journals: Arc<dyn JournalStore>, keep: Arc<dyn CheckpointStore>) -> Self {
        self.stores = Some((journals, keep));
        self
    }

    /// Whether results survive a power cut (the default) or merely the death of the process.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What to do with emits; they are dropped by default.
    pub fn on_emit(mut self, show: impl Fn(&RunId, &Effect) + Send + Sync + 'static) -> Self {
        self.show = Box::new(show);
        self
    }

    /// Changes limits and policies.
    pub fn configure(mut self, adjust: impl FnOnce(&mut Config) + 'static) -> Self {
        self.adjust = Box::new(adjust);
        self
    }

    /// Opens it. Must be called within a tokio runtime, on which steps will run.
    pub fn open(self) -> Result<Quicksave, Error> {
        let (journals, keep) = match self.stores {
            Some(stores) => stores,
            None => {
                let home = self.home.or_else(|| std::env::home_dir().map(|home| home.join(".photon")));
                let home = home.ok_or_else(|| Error::new("no home folder is known: give one with `home`"))?;
                let files = Arc::new(FileStore::open(&home, self.durability)?.syncing_here());
                (files.clone() as Arc<dyn JournalStore>, files as Arc<dyn CheckpointStore>)
            }
        };
        let works = Works::default();
        let codes = self.workflows.iter().map(|(name, workflow)| (name.clone(), Arc::new(code(name, &workflow.version))));
        let codes = codes.collect();
        let io = tokio::runtime::Handle::try_current().map_err(Error::new)?;
        let parts = Parts {
            journals,
            keep,
            guests: vec![Arc::new(Native { workflows: self.workflows, works: works.clone() })],
            host: Arc::new(StepHost { works, show: self.show }),
            world: Arc::new(System),
            io,
        };
        let owner = Owner {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            what: std::env::args().next().unwrap_or_else(|| "a program".into()),
            since: executor::World::now(&System),
        };
        let mut config = Config::new(owner);
        config.durable = self.durability == Durability::Disk;
        (self.adjust)(&mut config);
        Ok(Quicksave { executor: Executor::new(parts, config), codes })
    }
}

fn code(name: &str, version: &str) -> Code {
    let module = Module { source: version.into(), original: None, imports: BTreeMap::new(), map: None };
    Code { guest: "rust".into(), entry: name.into(), modules: [(name.to_owned(), module)].into() }
}

/// Starts workflows and takes them up again.
#[derive(Clone)]
pub struct Quicksave {
    executor: Executor,
    codes: BTreeMap<String, Arc<Code>>,
}

/// A run that is driven by this process.
pub struct Handle {
    run: RunId,
    control: Option<Arc<executor::Control>>,
    finished: BoxFuture<'static, Result<Finished, ExecError>>,
}

impl Handle {
    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.run
    }

    /// Asks the driver to leave the run as it is; it can be resumed.
    pub fn leave(&self) {
        if let Some(control) = &self.control {
            control.leave();
        }
    }

    /// Waits until the run ends or must wait.
    pub async fn finished(self) -> Result<Finished, Error> {
        Ok(self.finished.await?)
    }

    /// Waits for the run's result; a run that fails, is cancelled or must wait is an error.
    pub async fn result<T: DeserializeOwned>(self) -> Result<T, Error> {
        match self.finished().await? {
            Finished::Completed(payload) => {
                payload.json.to().map_err(|source| Error::Value { what: "the run's result".into(), source })
            }
            Finished::Failed(error) => Err(Error::Failed(error.message)),
            Finished::Cancelled(reason) => Err(Error::Cancelled(reason)),
            Finished::Waiting(what) => Err(Error::Waiting(what)),
            Finished::Left => Err(Error::Left),
        }
    }
}

impl Quicksave {
    /// Begins to build one.
    pub fn builder() -> QuicksaveBuilder {
        QuicksaveBuilder {
            workflows: BTreeMap::new(),
            home: None,
            stores: None,
            durability: Durability::Disk,
            show: Box::new(|_, _| {}),
            adjust: Box::new(|_| {}),
        }
    }

    /// Starts a run of `workflow`.
    pub async fn start<I: Serialize + ?Sized>(&self, workflow: &str, input: &I) -> Result<Handle, Error> {
        self.start_as(None, workflow, input).await
    }

    /// Starts a run under an id of the caller's choice; a second start under the same id is refused.
    pub async fn start_as<I: Serialize + ?Sized>(
        &self,
        id: Option<RunId>,
        workflow: &str,
        input: &I,
    ) -> Result<Handle, Error> {
        let code = self.codes.get(workflow).ok_or_else(|| Error::Unknown(workflow.into()))?.clone();
        let params = json("the input", input)?;
        let new = NewRun { id, tool: workflow.into(), photon: None, method: None, params, code };
        Ok(handle(self.executor.start(new).await?))
    }

    /// Takes a run up again; one that has ended gives its recorded end.
    pub async fn resume(&self, run: &RunId) -> Result<Handle, Error> {
        self.resume_with(run, Retry::No).await
    }

    /// Takes a failed run up again from its last checkpoint.
    pub async fn retry(&self, run: &RunId) -> Result<Handle, Error> {
        self.resume_with(run, Retry::FromLastCheckpoint).await
    }

    async fn resume_with(&self, run: &RunId, retry: Retry) -> Result<Handle, Error> {
        match self.executor.resume(run, "resume", retry, false).await? {
            Opened::Driver(driver) => Ok(handle(*driver)),
            Opened::Ended(finished) => {
                let finished = Box::pin(async move { Ok(finished) });
                Ok(Handle { run: run.clone(), control: None, finished })
            }
        }
    }

    /// Leaves an answer for an open question of the run; resume it, if nobody drives it.
    pub async fn answer<T: Serialize + ?Sized>(&self, run: &RunId, id: Option<&str>, value: &T) -> Result<(), Error> {
        let request = Request::Answer { n: None, id: id.map(str::to_owned), value: json("the answer", value)? };
        Ok(self.executor.post(run, &request).await?)
    }

    /// Leaves a message for the run; resume it, if nobody drives it.
    pub async fn signal<T: Serialize + ?Sized>(&self, run: &RunId, name: &str, value: &T) -> Result<(), Error> {
        let request = Request::Signal { name: name.into(), value: json("the signal", value)? };
        Ok(self.executor.post(run, &request).await?)
    }

    /// Listing, looking, forking, removing.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }
}

fn handle(driver: executor::Driver) -> Handle {
    let (run, control) = (driver.run().clone(), driver.control());
    let finished = driver.spawn();
    let finished = Box::pin(async move {
        let lost = || ExecError::Guest(GuestError::Engine("the thread of the run ended unexpectedly".into()));
        finished.await.unwrap_or_else(|_| Err(lost()))
    });
    Handle { run, control: Some(control), finished }
}
