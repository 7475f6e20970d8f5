//! The host of this machine: finds who performs an operation.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use executor::{CallContext, EmittedAt, ExecError, Finished, Hold, Host};
use run::{Ask, Effect, EffectClass, Outcome, Payload, RunId};

use crate::fetch::{Fetch, Resolve, SystemResolver};
use crate::gate::Gate;
use crate::holds::Holds;
use crate::permissions::Permissions;
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::process::Facts;
use crate::screen::{NoScreen, Screen};
use crate::state::States;
use crate::{checkpoints, exec, fetch, files, named_locks, process, state};

/// Operations that another crate performs, registered by the beginning of their names (`runs.`, `tools.`). Who needs
/// permissions asks the [`Gate`] that the host was built with.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// What performing `op` does to the world; see [`Host::class`].
    fn class(&self, op: &str, args: &Payload) -> EffectClass;

    /// Performs `op`; see [`Host::perform`].
    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome;

    /// This process does not drive the run any more; see [`Host::left`].
    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        let _ = (run, how);
    }
}

/// Performs the operations of `ABI.md` on this machine.
pub struct LocalHost {
    gate: Arc<Gate>,
    screen: Arc<dyn Screen>,
    facts: Facts,
    home: PathBuf,
    holds: Arc<Holds>,
    states: States,
    fetch: Fetch,
    checkpoints: checkpoints::Checkpoints,
    #[cfg(feature = "postgres")]
    postgres: postgres::Postgres,
    others: Vec<(String, Arc<dyn Operations>)>,
    value: usize,
}

/// Puts a [`LocalHost`] together.
pub struct Builder {
    home: PathBuf,
    permissions: Permissions,
    screen: Arc<dyn Screen>,
    facts: Option<Facts>,
    resolver: Arc<dyn Resolve>,
    others: Vec<(String, Arc<dyn Operations>)>,
    value: usize,
}

impl LocalHost {
    /// A host that keeps state below `home`. Unless more is said it grants nothing and nobody is in front of it.
    pub fn builder(home: impl Into<PathBuf>) -> Builder {
        Builder {
            home: home.into(),
            permissions: Permissions::none(),
            screen: Arc::new(NoScreen),
            facts: None,
            resolver: Arc::new(SystemResolver),
            others: Vec::new(),
            value: run::limits::Limits::default().value,
        }
    }

    /// What decides on accesses; for operations of other crates.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// What its runs hold against others.
    pub fn holds(&self) -> &Arc<Holds> {
        &self.holds
    }

    fn other(&self, op: &str) -> Option<&Arc<dyn Operations>> {
        self.others.iter().find(|(prefix, _)| op.starts_with(prefix.as_str())).map(|(_, operations)| operations)
    }
}

impl Builder {
    /// What runs may reach.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Who is shown emits and is asked.
    pub fn screen(mut self, screen: Arc<dyn Screen>) -> Self {
        self.screen = screen;
        self
    }

    /// What `process.info` and `env.*` tell; this process's own otherwise.
    pub fn facts(mut self, facts: Facts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Who turns names into addresses; the system otherwise.
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Adds operations whose names begin with `prefix`. What is registered goes before what is built in, and what was
    /// registered earlier before what came later.
    pub fn operations(mut self, prefix: impl Into<String>, operations: Arc<dyn Operations>) -> Self {
        self.others.push((prefix.into(), operations));
        self
    }

    /// The longest value that an operation gives back, in bytes (`Limits::value`).
    pub fn value_limit(mut self, bytes: usize) -> Self {
        self.value = bytes;
        self
    }

    /// The host.
    pub fn build(self) -> LocalHost {
        let home = std::path::absolute(&self.home).unwrap_or(self.home);
        let gate = Gate::new(self.permissions, self.screen.clone()).with_data(home.join("data"));
        let gate = Arc::new(gate);
        let holds = Arc::new(Holds::new(&home));
        LocalHost {
            #[cfg(feature = "postgres")]
            postgres: postgres::Postgres::new(gate.clone(), self.resolver.clone(), self.value),
            fetch: Fetch::new(gate.clone(), self.resolver, self.value),
            gate,
            screen: self.screen,
            facts: self.facts.unwrap_or_else(Facts::of_this_process),
            states: States::new(home.join("state"), holds.clone()),
            holds,
            home,
            checkpoints: checkpoints::Checkpoints::default(),
            others: self.others,
            value: self.value,
        }
    }
}

#[async_trait]
impl Host for LocalHost {
    fn class(&self, op: &str, args: &Payload) -> EffectClass {
        if let Some(other) = self.other(op) {
            return other.class(op, args);
        }
        match op {
            "fetch" => fetch::class(args),
            "process.info" | "env.get" | "env.list" | "state.load" | "run.caller" => EffectClass::Read,
            // Nobody but those who wait sees it, and what was lost is done again.
            "state.release" | "lock.take" | "lock.release" => EffectClass::Read,
            // Nobody knows whether a command may be run twice.
            "process.exec" => EffectClass::AtMostOnce,
            op if op.starts_with("fs.") => files::class(op),
            op if op.starts_with("checkpoints.") => checkpoints::class(op),
            #[cfg(feature = "postgres")]
            op if op.starts_with("pg.") => postgres::class(op),
            _ => EffectClass::Write,
        }
    }

    fn recorded(&self, op: &str, args: &Payload) -> Payload {
        match op {
            "fetch" => fetch::recorded(args),
            "fs.writeFile" => files::recorded(args).unwrap_or_else(|| args.clone()),
            op if op.starts_with("checkpoints.") => checkpoints::recorded(args),
            #[cfg(feature = "postgres")]
            op if op.starts_with("pg.") => postgres::recorded(args),
            // Nobody performs it, and a password may be in it.
            #[cfg(not(feature = "postgres"))]
            op if op.starts_with("pg.") => Payload::null(),
            _ => args.clone(),
        }
    }

    fn hold(&self, op: &str, args: &Payload) -> Option<Hold> {
        match op {
            "state.load" | "state.save" | "state.release" => state::hold(op, args),
            "lock.take" | "lock.release" => named_locks::hold(op, args),
            _ => None,
        }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        if let Some(other) = self.other(&op) {
            return other.clone().perform(context, op, args).await;
        }
        match &*op {
            "fetch" => self.fetch.perform(&context, args).await,
            "process.exec" => exec::exec(&self.gate, &context, &args, self.value).await,
            "process.info" => process::info(&self.gate, &self.facts, &context, &self.home),
            "env.get" => process::get(&self.gate, &self.facts, &context, &args).await,
            "env.list" => process::list(&self.gate, &self.facts),
            "run.caller" => Ok(context.caller.unwrap_or_else(run::Json::null).into()),
            "state.load" => state::load(&self.states, &context, &args).await,
            "state.save" => state::save(&self.states, &context, args).await,
            "state.release" => state::release(&self.states, &context, &args),
            "lock.take" => named_locks::take(&self.holds, &context, &args).await,
            "lock.release" => named_locks::release(&self.holds, &context, &args),
            op if op.starts_with("fs.") => files::perform(&self.gate, &context, op, args, self.value).await,
            op if op.starts_with("checkpoints.") => {
                self.checkpoints.perform(&self.gate, &self.facts.cwd, &context, op, &args).await
            }
            #[cfg(feature = "postgres")]
            op if op.starts_with("pg.") => self.postgres.perform(&self.facts, &context, op, &args).await,
            op => Err(crate::unknown(op)),
        }
    }

    async fn ask(self: Arc<Self>, context: CallContext, ask: Ask) -> Option<Outcome> {
        self.screen.ask(&context, &ask).await
    }

    fn emitting(&self, run: &RunId, from: u64, emit: &Effect) -> std::io::Result<()> {
        self.screen.emitting(run, from, emit)
    }

    fn emitted(&self, run: &RunId, at: EmittedAt, emit: &Effect) {
        self.screen.emitted(run, at, emit);
    }

    fn show(&self, run: &RunId, emit: &Effect) {
        self.screen.show(run, emit);
    }

    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        self.holds.release_all(run);
        self.screen.left(run);
        self.others.iter().for_each(|(_, operations)| operations.left(run, how));
    }
}
