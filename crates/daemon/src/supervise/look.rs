//! Which runs need somebody: found by looking at the list of runs now and then, which costs little where nothing has
//! changed.
//!
//! What others do with a run shows there as well: a command that begins to wait, is killed, or is answered. A run that
//! nobody drives though it could go on may be between two hands, so it is taken only if it was so at two looks.

use std::collections::HashSet;

use executor::RunInfo;
use run::{RunId, Status, entry::Waiting, time::Millis};

use super::{Supervision, due};
use crate::broker::held;

/// What was seen of a run at the last look.
pub(super) struct Seen {
    /// When it was written to.
    updated: Millis,
    /// Whether it is ours to look after.
    ours: bool,
    /// Whether it could have gone on, and nobody drove it.
    idle: bool,
    /// The runs that it called and waits for.
    called: Vec<RunId>,
}

impl Supervision {
    /// Looks at all runs. At the start of a daemon nobody is between two hands.
    pub(super) async fn look(&self, at_start: bool) {
        // Where a daemon has begun to work, it does.
        if self.shared.scope.is_done_by_others() {
            let mut state = held(&self.shared.state);
            state.seen.clear();
            return state.due.clear();
        }
        let executor = self.shared.supervisor.executor();
        let runs = match executor.list().await {
            Ok(runs) => runs,
            Err(error) => return self.note(None, format!("runs cannot be listed: {error}")),
        };
        // Those that are foreign have no code, and cannot be driven.
        let open = |run: &&RunInfo| matches!(run.status, Status::Running | Status::Waiting) && run.code.is_some();
        for info in runs.iter().filter(open) {
            if self.shared.supervisor.get(&info.run).is_none() && self.look_at(info, at_start).await {
                self.enqueue(info.run.clone());
            }
        }
        self.forget_others(&runs);
    }

    /// Whether the run is to be taken up now.
    async fn look_at(&self, info: &RunInfo, at_start: bool) -> bool {
        let run = &info.run;
        // Nothing else is read of those that are driven: their journals grow.
        if info.status == Status::Running && self.is_driven(run).await {
            return false;
        }
        if self.is_new(info) {
            self.get_to_know(info).await;
        }
        let (ours, was_idle) = {
            let state = held(&self.shared.state);
            state.seen.get(run).map_or((false, false), |seen| (seen.ours, seen.idle))
        };
        let idle = ours && self.is_idle(info).await;
        if let Some(seen) = held(&self.shared.state).seen.get_mut(run) {
            seen.idle = idle;
        }
        idle && (at_start || was_idle)
    }

    fn is_new(&self, info: &RunInfo) -> bool {
        held(&self.shared.state).seen.get(&info.run).is_none_or(|seen| seen.updated != info.updated_at)
    }

    /// Reads what a run waits for.
    async fn get_to_know(&self, info: &RunInfo) {
        // It is removed meanwhile, or damaged: then it is looked at again.
        let Ok(summary) = self.shared.supervisor.executor().summary(&info.run).await else { return };
        let ours = self.shared.scope.has(&summary);
        let waits = if summary.status() == Status::Waiting { summary.waiting_for } else { Vec::new() };
        let called = waits.iter().filter_map(|one| match one {
            Waiting::Run { run, .. } => Some(run.clone()),
            _ => None,
        });
        let seen = Seen { updated: info.updated_at, ours, idle: false, called: called.collect() };
        let mut state = held(&self.shared.state);
        state.seen.insert(info.run.clone(), seen);
        match due(&waits).filter(|_| ours) {
            Some(due) => drop(state.due.insert(info.run.clone(), due)),
            // One that failed for reasons that may pass is due by another rule.
            None if state.failures.contains_key(&info.run) => {}
            None => drop(state.due.remove(&info.run)),
        }
    }

    async fn is_driven(&self, run: &RunId) -> bool {
        match self.shared.supervisor.executor().owner(run).await {
            Ok(None) => false,
            Ok(Some(_)) => {
                // Whoever drives it has decided that.
                let mut state = held(&self.shared.state);
                state.alone.remove(run);
                state.seen.remove(run);
                true
            }
            // It is removed, or the store is away: later.
            Err(_) => true,
        }
    }

    /// Whether a run that nobody drives could go on.
    async fn is_idle(&self, info: &RunInfo) -> bool {
        let executor = self.shared.supervisor.executor();
        let run = &info.run;
        if info.status == Status::Running {
            return true;
        }
        if executor.parts().journals.messages(run).await.is_ok_and(|messages| !messages.is_empty()) {
            return true;
        }
        let called = held(&self.shared.state).seen.get(run).map(|seen| seen.called.clone()).unwrap_or_default();
        for called in called {
            if executor.summary(&called).await.is_ok_and(|summary| summary.status().is_final()) {
                return true;
            }
        }
        false
    }

    /// Forgets runs that neither wait nor could go on.
    fn forget_others(&self, runs: &[RunInfo]) {
        let open = |run: &&RunInfo| matches!(run.status, Status::Running | Status::Waiting);
        let open: HashSet<&RunId> = runs.iter().filter(open).map(|info| &info.run).collect();
        let failed = |run: &&RunInfo| run.status == Status::Corrupt;
        let damaged: HashSet<&RunId> = runs.iter().filter(failed).map(|info| &info.run).collect();
        let mut state = held(&self.shared.state);
        state.seen.retain(|run, _| open.contains(run));
        state.due.retain(|run, _| open.contains(run));
        state.failures.retain(|run, _| open.contains(run));
        state.alone.retain(|run, _| open.contains(run) || damaged.contains(run));
    }
}
