//! What the supervision does and has met with, for `daemon status`.

use std::collections::BTreeMap;

use run::{RunId, time::Millis, time::iso};
use serde::Serialize;

use super::Supervision;
use crate::broker::{held, now};

/// Runs that are named one by one in a report; all are counted.
const NAMED: usize = 100;

/// Troubles that are remembered.
const TROUBLES: usize = 20;

/// What the supervision does.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Runs that are driven in the daemon.
    pub driven: usize,
    /// Runs that will be taken up as soon as there is room.
    pub queued: usize,
    /// Runs that will be taken up when it is time.
    pub sleeping: usize,
    /// Runs that were taken up since the daemon began.
    pub resumed: u64,
    /// Those that are driven, the oldest first; at most a hundred.
    pub drives: Vec<Driven>,
    /// Those that sleep, the soonest first; at most a hundred.
    pub sleeps: Vec<Sleeps>,
    /// Runs that are left alone, and why.
    pub left_alone: BTreeMap<RunId, String>,
    /// What went wrong last, the newest last.
    pub troubles: Vec<Trouble>,
}

/// A run that is driven.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Driven {
    run_id: RunId,
    since: String,
}

/// A run that waits for a time.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Sleeps {
    run_id: RunId,
    until: String,
}

/// Something that went wrong.
#[derive(Serialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    message: String,
}

impl Supervision {
    /// What it does.
    pub fn report(&self) -> Report {
        let mut driven = self.shared.supervisor.all();
        driven.sort_by(|a, b| (a.since, &a.run).cmp(&(b.since, &b.run)));
        let state = held(&self.shared.state);
        let mut due: Vec<(Millis, &RunId)> = state.due.iter().map(|(run, due)| (*due, run)).collect();
        due.sort_unstable();
        let drives = driven.iter().take(NAMED).map(|one| Driven { run_id: one.run.clone(), since: iso(one.since) });
        let sleeps = due.iter().take(NAMED).map(|(due, run)| Sleeps { run_id: (*run).clone(), until: iso(*due) });
        Report {
            driven: driven.len(),
            queued: state.queue.len(),
            sleeping: state.due.len(),
            resumed: state.resumed,
            drives: drives.collect(),
            sleeps: sleeps.collect(),
            left_alone: state.alone.iter().take(NAMED).map(|(run, why)| (run.clone(), why.clone())).collect(),
            troubles: state.troubles.iter().cloned().collect(),
        }
    }

    /// Notes something that went wrong, in the log too.
    pub(super) fn note(&self, run: Option<&RunId>, message: String) {
        match run {
            Some(run) => tracing::warn!(%run, "{message}"),
            None => tracing::warn!("{message}"),
        }
        let mut state = held(&self.shared.state);
        if state.troubles.len() >= TROUBLES {
            state.troubles.pop_front();
        }
        state.troubles.push_back(Trouble { at: iso(now()), run_id: run.cloned(), message });
    }
}
