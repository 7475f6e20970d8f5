//! Calls of photons' methods. One call is one durable run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bundler::BundleError;
use bundler::tools::{self, FieldError, Tool, Visibility};
use executor::{ExecError, Finished, NewRun, Retry, Terms};
use run::{Code, Failure, Json, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{self, Broken, Catalog, Entry, Unknown};
use crate::middleware::{Middleware, Refusal, Work};
use crate::supervisor::{Ended, Running, Supervisor};

/// Which method is called, with what.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The photon's name.
    pub photon: String,
    /// The method; may be absent where there is one, or one called `run` or `main`.
    pub method: Option<String>,
    /// The instance, which has a state of its own; `default` if absent.
    pub instance: Option<String>,
    /// The arguments by name.
    pub args: Map<String, Value>,
    /// Of the arguments only those count that the method takes.
    pub pick: bool,
    /// Arguments as texts of a command line; the schema decides what they are. They go before `args`.
    pub texts: Vec<(String, String)>,
    /// The run's id; made from the time if absent.
    pub id: Option<RunId>,
    /// Calls of a method with the same key are one run: the later ones get its result, or wait for it.
    pub key: Option<String>,
    /// The run that calls.
    pub parent: Option<RunId>,
    /// Who calls, as the program sees it: `{id, anonymous, client?}`; nobody is known if absent.
    pub caller: Option<Json>,
    /// Whether methods with `@internal` may be called: schedules and webhooks may.
    pub internal: bool,
}

/// A call whose arguments are good, with its code pinned.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The photon.
    pub entry: Arc<Entry>,
    /// The method: what its docblock asks for is in its `tags`.
    pub tool: Tool,
    /// The run that it will be.
    pub new: NewRun,
    /// Calls with the same key are one run.
    pub key: Option<String>,
}

impl Prepared {
    /// The id of the run that all calls with this one's key are.
    pub fn keyed_id(&self) -> Option<RunId> {
        let (key, new) = (self.key.as_deref()?, &self.new);
        let of = [new.photon.as_deref(), new.instance.as_deref(), Some(&*new.tool), Some(key)];
        format!("key_{}", &run::Hash::of(format!("{of:?}").as_bytes()).to_string()[..40]).parse().ok()
    }
}

/// A prepared call that another process is to make: the daemon, for who does not want to wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handed {
    /// The photon's file.
    pub file: PathBuf,
    /// The method.
    pub method: String,
    /// The instance, if it is not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The arguments by name.
    pub args: Map<String, Value>,
    /// The run's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
    /// Calls with the same key are one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl From<&Prepared> for Handed {
    fn from(prepared: &Prepared) -> Self {
        let new = &prepared.new;
        let args = match new.params.value() {
            Value::Object(args) => args,
            _ => Map::new(),
        };
        let file = std::path::absolute(&prepared.entry.file).unwrap_or_else(|_| prepared.entry.file.clone());
        let (id, instance) = (new.id.clone(), new.instance.clone());
        Self { file, method: prepared.tool.name.clone(), instance, args, id, key: prepared.key.clone() }
    }
}

/// Why a call cannot be made. Nothing has run.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no such photon.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The photon cannot be used.
    #[error("the photon {name} cannot be used: {cause}")]
    Broken {
        /// The photon.
        name: String,
        /// Why.
        cause: Broken,
    },
    /// The photon has no such method, or several and none was named.
    #[error("{what}")]
    Method {
        /// What is wrong, and which methods there are.
        what: String,
        /// The methods.
        methods: Vec<String>,
    },
    /// The arguments do not fit; what each is wrong about.
    #[error("{photon}.{method}: {}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Arguments {
        /// The photon.
        photon: String,
        /// The method.
        method: String,
        /// One for each wrong value.
        errors: Vec<FieldError>,
    },
    /// A name that no instance may have.
    #[error(
        "{0:?} cannot name an instance: 1 to 64 letters, digits, '_' and '-' are expected, and not 'backups' or 'memory'"
    )]
    Instance(String),
    /// Packages that `@dependencies` names are not there.
    #[error("the photon {photon} needs packages that are not installed: {}; install them with: npm install --prefix {} {}",
        packages.join(", "), folder.display(), wanted.join(" "))]
    NotInstalled {
        /// The photon.
        photon: String,
        /// The packages.
        packages: Vec<String>,
        /// Where they are looked for first.
        folder: PathBuf,
        /// With their versions, as npm takes them.
        wanted: Vec<String>,
    },
    /// What the method's tags ask for does not let the call through. It may be made again.
    #[error("{tool}: {refusal}")]
    Refused {
        /// The photon, instance and method.
        tool: String,
        /// Why not.
        refusal: Refusal,
    },
    /// The code cannot be pinned.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The run cannot be started or taken up.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

/// Calls methods of photons as runs. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    catalog: Arc<Catalog>,
    supervisor: Supervisor,
    middleware: Middleware,
}

impl Calls {
    /// Calls what is in `catalog`, driven by `supervisor`, as the tags of methods say.
    pub fn new(catalog: Arc<Catalog>, supervisor: Supervisor, middleware: Middleware) -> Self {
        Self { catalog, supervisor, middleware }
    }

    /// What there is to call.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What drives the runs.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Checks a call and pins its code, without starting it.
    pub async fn prepare(&self, call: Call) -> Result<Prepared, CallError> {
        if let Some((entry, code)) = self.catalog.at_hand(&call.photon) {
            return prepare_with(entry, call, |_| Ok(code));
        }
        let catalog = self.catalog.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(catalog.find(&call.photon)?, call));
        prepared.await.unwrap_or_else(|e| Err(ExecError::Guest(run::GuestError::Engine(e.to_string())).into()))
    }

    /// Starts a call.
    pub async fn start(&self, call: Call) -> Result<Running, CallError> {
        let prepared = self.prepare(call).await?;
        self.start_prepared(prepared).await
    }

    /// Starts a call that was prepared.
    pub async fn start_prepared(&self, prepared: Prepared) -> Result<Running, CallError> {
        match prepared.keyed_id() {
            Some(id) => self.start_keyed(id, prepared).await,
            None => self.middleware.start(prepared, Arc::new(self.supervisor.clone())).await,
        }
    }

    /// Starts a call that another process has prepared, of a photon in any folder.
    pub async fn start_handed(&self, handed: Handed) -> Result<Running, CallError> {
        let Handed { file, method, instance, args, id, key } = handed;
        let call = Call { method: Some(method), instance, args, id, key, ..Call::default() };
        let prepared = tokio::task::spawn_blocking(move || prepare(Arc::new(catalog::read(&file)), call)).await;
        let lost = |e: tokio::task::JoinError| ExecError::Guest(run::GuestError::Engine(e.to_string()));
        self.start_prepared(prepared.map_err(lost)??).await
    }

    /// Starts the run of a key, goes on with it, or gives how it ended. One that failed is tried again.
    async fn start_keyed(&self, id: RunId, mut prepared: Prepared) -> Result<Running, CallError> {
        prepared.new.id = Some(id.clone());
        loop {
            match self.supervisor.resume(&id, "resume", Retry::FromLastCheckpoint).await {
                Ok(Ok(running)) => return Ok(running),
                Ok(Err(finished)) => return Ok(Running::over(id, Ok(finished))),
                Err(ExecError::Store(store::StoreError::NotFound(_))) => {
                    let work = Arc::new(self.supervisor.clone());
                    match self.middleware.start(prepared.clone(), work).await {
                        // Somebody was faster.
                        Err(CallError::Exec(ExecError::Store(store::StoreError::Exists(_)))) => {}
                        started => return started,
                    }
                }
                // Killed between making its journal and writing to it: nothing of it has run.
                Err(ExecError::State { .. }) => self.supervisor.executor().delete(&id).await?,
                // Driven elsewhere: its result will come.
                Err(ExecError::Store(store::StoreError::Held { .. })) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Starts a call whose run has a name of its own, or goes on with it, or gives how it has ended, if it was started
    /// before.
    pub async fn start_once(&self, id: &RunId, call: Call) -> Result<Result<Running, Finished>, CallError> {
        match self.supervisor.resume(id, "resume", Retry::No).await {
            Ok(known) => return Ok(known),
            Err(ExecError::Store(store::StoreError::NotFound(_))) => {}
            // Killed between making its journal and writing to it: nothing of it has run.
            Err(ExecError::State { .. }) => self.supervisor.executor().delete(id).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(Ok(self.start(Call { id: Some(id.clone()), ..call }).await?))
    }

    /// Goes on with failed calls that were to be tried again (`@retryable`) by a process that has ended: all of them, or
    /// those whose runs `by` began (`Config::begun_by`).
    pub async fn take_up_retries(&self, by: Option<&str>) {
        let executor = self.supervisor.executor();
        for left in self.middleware.left().await {
            if let Some(by) = by {
                let Ok(summary) = executor.summary(left.run()).await else { continue };
                if summary.origin.is_none_or(|origin| origin.by.as_deref() != Some(by)) {
                    continue;
                }
            }
            let (middleware, work) = (self.middleware.clone(), Arc::new(self.supervisor.clone()));
            tokio::spawn(async move { middleware.go_on(left, work).await });
        }
    }

    /// Calls, and waits until the run has ended, waits for something, or was left.
    pub async fn call(&self, call: Call) -> Result<(RunId, Ended), CallError> {
        let running = self.start(call).await?;
        Ok((running.run.clone(), running.ended().await))
    }
}

/// Checks a call of a method of `entry` and pins its code. Reads files.
pub fn prepare(entry: Arc<Entry>, call: Call) -> Result<Prepared, CallError> {
    prepare_with(entry, call, Entry::code)
}

fn prepare_with(
    entry: Arc<Entry>,
    call: Call,
    code: impl FnOnce(&Entry) -> Result<Arc<Code>, BundleError>,
) -> Result<Prepared, CallError> {
    if let Err(cause) = entry.photon() {
        return Err(CallError::Broken { name: entry.name.clone(), cause: cause.clone() });
    }
    let tool = choose(&entry, call.method.as_deref(), call.internal)?.clone();
    let instance = call.instance.filter(|name| name != "default");
    if let Some(name) = &instance
        && (!catalog::good_name(name) || matches!(name.as_str(), "backups" | "memory"))
    {
        return Err(CallError::Instance(name.chars().take(200).collect()));
    }
    let wrong = |errors: Vec<FieldError>| CallError::Arguments {
        photon: entry.name.clone(),
        method: tool.name.clone(),
        errors,
    };
    let mut args = call.args;
    for (name, text) in call.texts {
        let value = tools::coerce(&tool.input_schema, &name, &text);
        args.insert(name, value);
    }
    if call.pick {
        for argument in tools::unknown(&tool, &args) {
            args.remove(&argument.path);
        }
    }
    let unknown = tools::unknown(&tool, &args);
    if !unknown.is_empty() {
        return Err(wrong(unknown));
    }
    let args = tools::arguments(&tool, &args).map_err(wrong)?;
    let code = code(&entry).map_err(|error| not_installed(&entry, error))?;
    let new = NewRun {
        id: call.id,
        tool: tool.name.clone(),
        photon: Some(entry.name.clone()),
        instance,
        parent: call.parent,
        caller: call.caller,
        method: Some(tool.name.clone()),
        params: Value::Object(args).into(),
        code,
    };
    // Who names the run tells calls apart in another way.
    let key = call.key.or_else(|| own_key(&tool, &new.params.value()).filter(|_| new.id.is_none()));
    Ok(Prepared { tool, new, entry, key })
}

/// The key that `@idempotent params.x` makes of an argument, if it is given.
fn own_key(tool: &Tool, args: &Value) -> Option<String> {
    let path = tool.tags.idempotency_key.as_deref()?;
    match path.split('.').try_fold(args, |value, part| value.get(part))? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What `@dependencies` names and is not there, if that is why the code cannot be pinned.
fn not_installed(entry: &Entry, error: BundleError) -> CallError {
    let path = entry.file.canonicalize().unwrap_or_else(|_| entry.file.clone());
    let Some(folder) = path.parent().filter(|_| matches!(error, BundleError::Import { .. })) else {
        return error.into();
    };
    let installed = |name: &str| folder.ancestors().any(|above| above.join("node_modules").join(name).is_dir());
    let needed = entry.photon.iter().flat_map(|photon| &photon.header.dependencies);
    let missing: Vec<_> = needed.filter(|package| !installed(&package.name)).collect();
    if missing.is_empty() {
        return error.into();
    }
    let names = missing.iter().map(|package| package.name.clone()).collect();
    let wanted = missing.iter().map(|package| match package.source.as_str() {
        "" => package.name.clone(),
        version => format!("{}@{version}", package.name),
    });
    CallError::NotInstalled {
        photon: entry.name.clone(),
        packages: names,
        folder: folder.to_owned(),
        wanted: wanted.collect(),
    }
}

/// The method that is meant.
fn choose<'a>(entry: &'a Entry, method: Option<&str>, internal: bool) -> Result<&'a Tool, CallError> {
    let callable = |tool: &&Tool| internal || tool.visibility == Visibility::Public;
    let tools: Vec<&Tool> = entry.methods().filter(callable).collect();
    let methods: Vec<String> = tools.iter().map(|tool| tool.name.clone()).collect();
    let refuse = |what: String| {
        let what = match methods.as_slice() {
            [] => format!("{what}; it has none"),
            some => format!("{what}; there are {}", some.join(", ")),
        };
        Err(CallError::Method { what, methods: methods.clone() })
    };
    match method {
        Some(name) => match tools.iter().find(|tool| tool.name == name) {
            Some(tool) => Ok(tool),
            None if entry.methods().any(|tool| tool.name == name) => {
                refuse(format!("the method {name:?} of {} is internal: schedules and webhooks call it", entry.name))
            }
            None => {
                let near = tools::nearest(name, methods.iter().map(String::as_str));
                let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
                refuse(format!("{} has no method {:?}{near}", entry.name, name.chars().take(200).collect::<String>()))
            }
        },
        None if tools.len() == 1 => Ok(tools[0]),
        None => match ["run", "main"].iter().find_map(|usual| tools.iter().find(|tool| tool.name == *usual)) {
            Some(tool) => Ok(tool),
            None => refuse(format!("which method of {} is meant?", entry.name)),
        },
    }
}

impl From<&CallError> for Failure {
    fn from(error: &CallError) -> Self {
        let (name, code) = match error {
            CallError::Unknown(_) => ("Error", "ERR_UNKNOWN_PHOTON"),
            CallError::Broken { .. } | CallError::Bundle(_) | CallError::NotInstalled { .. } => {
                ("Error", "ERR_BROKEN_PHOTON")
            }
            CallError::Method { .. } => ("TypeError", "ERR_UNKNOWN_TOOL"),
            CallError::Arguments { .. } | CallError::Instance(_) => ("TypeError", "ERR_INVALID_ARG_VALUE"),
            CallError::Refused { refusal, .. } => ("Error", refusal.code()),
            CallError::Exec(_) => ("Error", "ERR_RUNS"),
        };
        Failure::with_code(name, code, error.to_string())
    }
}

#[async_trait]
impl Work for Supervisor {
    fn fresh_id(&self) -> RunId {
        self.executor().fresh_id()
    }

    async fn start(&self, new: NewRun, terms: Terms) -> Result<Running, CallError> {
        Ok(self.start_on(new, terms).await?)
    }

    async fn again(&self, run: &RunId) -> Result<Running, CallError> {
        Ok(match self.resume(run, "retry", Retry::FromLastCheckpoint).await? {
            Ok(running) => running,
            Err(finished) => Running::over(run.clone(), Ok(finished)),
        })
    }
}
