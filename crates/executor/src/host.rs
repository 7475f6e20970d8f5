//! What performs effects.

use std::sync::Arc;

use async_trait::async_trait;
use run::{Ask, EffectClass, Failure, Json, Outcome, Payload, RunId, time::Millis};

use crate::{ExecError, Finished};

/// Which effect is performed.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The run that asks.
    pub run: RunId,
    /// The effect's number.
    pub n: u64,
    /// The photon that the run belongs to: whose state it may touch.
    pub photon: Option<String>,
    /// The photon's instance, if it is not the default one.
    pub instance: Option<String>,
    /// Who began the run, as programs see it; nobody is known if absent.
    pub caller: Option<Json>,
}

/// Which emit of a run: the same whenever its journal is read again, and of no other emit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EmittedAt {
    /// When the run began: another run may have had its name before.
    pub begun: Millis,
    /// Where the emit's entry begins in the journal; it grows with each.
    pub position: u64,
}

/// The code of the failure that says that an operation is another run, which waits.
const WAITS: &str = "WAITS";

/// What [`Host::perform`] gives for an operation that is another run, where that one waits itself. It is not recorded:
/// the asking run waits for the other one and may leave memory; when it is taken up again, the operation is performed
/// again.
pub fn waits_for(run: &RunId) -> Failure {
    Failure::with_code("Waits", WAITS, run.as_str())
}

/// The run that an operation waits for.
pub(crate) fn waited_for(outcome: &Outcome) -> Option<RunId> {
    let failure = outcome.as_ref().err()?;
    (failure.name == "Waits" && failure.code.as_deref() == Some(WAITS)).then(|| failure.message.parse().ok())?
}

/// What an operation does to what its run holds against others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// When it has succeeded, the run holds something by this name, once more if it did already.
    Takes(String),
    /// The run holds it once less.
    Gives(String),
}

impl CallContext {
    /// The same for every attempt at this effect: `{runId}/{n}`.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}", self.run, self.n)
    }
}

/// Performs the operations of programs, and shows what they emit.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// What performing `op` does to the world.
    fn class(&self, op: &str, args: &Payload) -> EffectClass;

    /// What the journal holds of `args`: the same without secrets. A pure function, since a replay compares by it.
    fn recorded(&self, op: &str, args: &Payload) -> Payload {
        let _ = op;
        args.clone()
    }

    /// Whether `op` takes something that the run then holds, or gives it back. A run holds things only while it is driven;
    /// when it is taken up again, what it held is taken again, by performing `op` once more, before its program goes on.
    /// A pure function.
    fn hold(&self, op: &str, args: &Payload) -> Option<Hold> {
        let _ = (op, args);
        None
    }

    /// Performs `op`. May be dropped before it is done, when the program has withdrawn the effect. A failure that the
    /// program is to see is an `Err`; it is recorded like any result.
    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome;

    /// Asks a person who is there now. `None` if nobody is: then the run waits for `answer`.
    async fn ask(self: Arc<Self>, context: CallContext, ask: Ask) -> Option<Outcome> {
        let _ = (context, ask);
        None
    }

    /// An emit is about to be recorded, behind position `from` of the journal, where a line ends. What is written down
    /// now finds it again if this process dies before it is shown. An error stops the run, which is resumable then.
    fn emitting(&self, run: &RunId, from: u64, emit: &run::Effect) -> std::io::Result<()> {
        let _ = (run, from, emit);
        Ok(())
    }

    /// An emit is durable. Called once for each, in order; an emit that is not shown since the process died can be
    /// found in the journal ([`crate::Executor::emits`]).
    fn emitted(&self, run: &RunId, at: EmittedAt, emit: &run::Effect) {
        let _ = at;
        self.show(run, emit);
    }

    /// Shows an emit, once it is durable.
    fn show(&self, run: &RunId, emit: &run::Effect) {
        let _ = (run, emit);
    }

    /// This process does not drive the run any more: it has ended, waits, or was left. What was held for it is given
    /// back here; its operations have been dropped.
    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        let _ = (run, how);
    }
}
