//! The door for those who start workflows.

use std::{collections::BTreeMap, future::Future, path::PathBuf, sync::Arc};

use executor::{Config, ExecError, Executor, Finished, NewRun, Opened, Parts, Request, Retry};
use futures::future::BoxFuture;
use run::{Code, Effect, Failure, Guest, GuestError, Json, RunId, program::Module};
use serde::{Serialize, de::DeserializeOwned};
use store::{
    CheckpointStore, JournalStore, Owner,
    file::{Durability, FileStore},
};

use crate::{
    Context, Error, System,
    context::{Works, json},
    dags,
    native::{Function, Native, Show, StepHost, Workflow},
};

/// Builds a [`Quicksave`].
pub struct QuicksaveBuilder {
    workflows: BTreeMap<String, Workflow>,
    dags: Vec<String>,
    home: Option<PathBuf>,
    stores: Option<(Arc<dyn JournalStore>, Arc<dyn CheckpointStore>)>,
    durability: Durability,
    show: Show,
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

    /// Registers a node of DAGs: its result is recorded when it ends, and it is not run again. It gives nothing for
    /// `success`, a text for another port, or `{output, state, result}`; see docs/dag.md. A node with several steps of
    /// its own is registered by [`Self::workflow`].
    pub fn node<I, O, F, R>(self, name: &str, version: &str, function: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let step: Arc<str> = name.into();
        self.workflow(name, version, move |context: Context, input: I| {
            let (step, work) = (step.clone(), function(input));
            async move { context.step(&step, work).await }
        })
    }

    /// Registers a DAG by its document (docs/dag.md), whose nodes are names of registered functions and whose sub-DAGs
    /// are names of registered DAGs. It is started like a workflow, by its own name, with the state that it begins with;
    /// its result is a [`crate::DagResult`].
    pub fn dag(mut self, document: &str) -> Self {
        self.dags.push(document.into());
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
        // Two stores that the caller chose may be apart.
        let apart = self.stores.is_some();
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
        let functions = self.workflows.iter().map(|(name, workflow)| (name.clone(), code(name, &workflow.version)));
        let mut codes: BTreeMap<String, Code> = functions.collect();
        for (name, code) in dags::codes(&dags::named(self.dags)?, &codes)? {
            if codes.insert(name.clone(), code).is_some() {
                return Err(Error::new(format!("a function and a DAG are both named {name:?}; rename one")));
            }
        }
        let codes = codes.into_iter().map(|(name, code)| (name, Arc::new(code))).collect();
        let native: Arc<dyn Guest> = Arc::new(Native { workflows: self.workflows, works: works.clone() });
        let io = tokio::runtime::Handle::try_current().map_err(Error::new)?;
        let parts = Parts {
            journals,
            keep,
            guests: vec![native.clone(), Arc::new(dag::guest::DagGuest::new(vec![native]))],
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
        config.checkpoints_apart = apart;
        (self.adjust)(&mut config);
        Ok(Quicksave { executor: Executor::new(parts, config), codes })
    }
}

fn code(name: &str, version: &str) -> Code {
    let module = Module { source: version.into(), original: None, imports: BTreeMap::new(), map: None };
    Code { guest: "rust".into(), entry: name.into(), modules: [(name.to_owned(), module)].into(), about: None }
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
            dags: Vec::new(),
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
        let new = NewRun { id, ..NewRun::new(workflow, params, code) };
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
