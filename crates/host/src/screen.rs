//! The person in front of a run, if there is one.

use async_trait::async_trait;
use executor::{CallContext, EmittedAt};
use run::{Ask, Effect, Outcome, RunId};

use crate::permissions::Access;

/// Shows what runs emit, and asks. The command line, a test or nobody ([`NoScreen`]) stands behind it.
#[async_trait]
pub trait Screen: Send + Sync + 'static {
    /// Shows an emit.
    fn show(&self, run: &RunId, effect: &Effect) {
        let _ = (run, effect);
    }

    /// An emit is about to be recorded; see [`executor::Host::emitting`].
    fn emitting(&self, run: &RunId, from: u64, effect: &Effect) -> std::io::Result<()> {
        let _ = (run, from, effect);
        Ok(())
    }

    /// An emit is durable; see [`executor::Host::emitted`].
    fn emitted(&self, run: &RunId, at: EmittedAt, effect: &Effect) {
        let _ = at;
        self.show(run, effect);
    }

    /// This process does not drive the run any more.
    fn left(&self, run: &RunId) {
        let _ = run;
    }

    /// Asks a question of a program; the answer must have passed [`crate::answers::check`]. `None` if nobody is
    /// there: then the run waits.
    async fn ask(&self, context: &CallContext, ask: &Ask) -> Option<Outcome> {
        let _ = (context, ask);
        None
    }

    /// Asks whether an access that nothing grants may be. `None` if nobody is there: then it may not.
    async fn permission(&self, request: &PermissionRequest) -> Option<Reply> {
        let _ = request;
        None
    }
}

/// An access that a person is asked about.
#[derive(Clone, Debug)]
pub struct PermissionRequest {
    /// The run that wants it.
    pub run: RunId,
    /// What it wants; its `Display` is the noun of a question, its `flag()` what grants it from the start.
    pub access: Access,
}

/// What the person says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Yes, this time.
    Once,
    /// Yes, whenever this run wants it again.
    Run,
    /// No, and don't ask this run's question again.
    Deny,
}

/// Nobody is there.
pub struct NoScreen;

impl Screen for NoScreen {}
