//! What a journal says of its run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Body, Entry,
    entry::{Value, Waiting},
    time::Millis,
};

/// What state a run is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Begun and neither ended nor waiting: driven by somebody, or interrupted and resumable.
    Running,
    /// It waits for an answer, a signal or a timer.
    Waiting,
    /// Stopped by a person, to go on later.
    Paused,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// Ended by its deadline.
    TimedOut,
    /// Its journal is damaged.
    Corrupt,
}

impl Status {
    /// Whether nothing more will happen unless somebody asks for it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::TimedOut)
    }

    /// The word in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Corrupt => "corrupt",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

impl std::str::FromStr for Status {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        use Status::*;
        let all = [Running, Waiting, Paused, Completed, Failed, Cancelled, TimedOut, Corrupt];
        all.into_iter()
            .find(|status| status.word() == s.replace('-', "_"))
            .ok_or_else(|| format!("{s:?} is not a status: one of {} is expected", all.map(Status::word).join(", ")))
    }
}

/// A run as its journal shows it: the fold of its entries.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
    /// What is run.
    pub tool: String,
    /// The photon that it belongs to.
    pub photon: Option<String>,
    /// The photon's instance, if it is not the default one.
    pub instance: Option<String>,
    /// The run that called it.
    pub parent: Option<crate::RunId>,
    /// Its parameters.
    pub params: Option<Value>,
    /// How it began, if it is ours.
    pub origin: Option<crate::entry::Origin>,
    /// When it began; 0 before the start entry.
    pub started_at: Millis,
    /// When the last entry was written.
    pub updated_at: Millis,
    /// When it ended.
    pub completed_at: Option<Millis>,
    /// Its result.
    pub result: Option<Value>,
    /// Its error's message; may be empty.
    pub error: Option<String>,
    /// Its error's stack.
    pub stack: Option<String>,
    /// What kind of error it was (`ProgramError::kind`).
    pub error_kind: Option<String>,
    /// Its last checkpoint.
    pub last_checkpoint: Option<Checkpoint>,
    /// What it waits for, as its driver left it.
    pub waiting_for: Vec<Waiting>,
    /// Asks without an answer, by effect number (ours) or by position of the ask (foreign logs).
    pub open_asks: Vec<OpenAsk>,
    /// Entries by kind; results of operations count under the operation's name.
    pub counts: BTreeMap<String, u64>,
    end: Option<Status>,
}

/// A checkpoint as the journal holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    /// Its name.
    pub id: String,
    /// What the program wanted to be seen.
    pub state: Value,
    /// When.
    pub ts: Millis,
}

/// An ask without an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenAsk {
    /// The effect's number; `None` in logs of the photon ecosystem.
    pub n: Option<u64>,
    /// Its name.
    pub id: String,
    /// The question.
    pub ask: crate::Ask,
}

impl Summary {
    /// Takes the next entry into account.
    pub fn add(&mut self, entry: &Entry) {
        self.updated_at = self.updated_at.max(entry.ts);
        let counted = match &entry.body {
            Body::Call { op, .. } => op.as_str(),
            Body::Result { op: Some(op), .. } if op != "signal" => op.as_str(),
            // Counted by its own entry.
            Body::Result { .. } => "",
            body => body.kind(),
        };
        if !counted.is_empty() {
            *self.counts.entry(counted.to_owned()).or_default() += 1;
        }
        match &entry.body {
            Body::Start(start) => {
                self.tool.clone_from(&start.tool);
                self.photon.clone_from(&start.photon);
                self.instance.clone_from(&start.instance);
                self.parent.clone_from(&start.parent);
                self.params = Some(start.params.clone());
                self.origin.clone_from(&start.origin);
                self.started_at = entry.ts;
            }
            Body::Checkpoint { id, state, .. } => {
                self.last_checkpoint = Some(Checkpoint { id: id.clone(), state: state.clone(), ts: entry.ts });
            }
            Body::Ask { n, id, ask } => self.open_asks.push(OpenAsk { n: *n, id: id.clone(), ask: ask.clone() }),
            Body::Answer { n, id, .. } => {
                let at = self.open_asks.iter().position(|ask| if n.is_some() { ask.n == *n } else { ask.id == *id });
                if let Some(at) = at {
                    self.open_asks.remove(at);
                }
            }
            // What came before is the life of the run that was forked.
            Body::Fork { .. } => self.started_at = entry.ts,
            Body::Wait { waiting_for } => self.waiting_for.clone_from(waiting_for),
            Body::Resume { .. } => {
                self.end = None;
                self.completed_at = None;
                self.error = None;
                self.stack = None;
                self.error_kind = None;
            }
            Body::Return { value } => {
                self.result = Some(value.clone());
                self.finish(Status::Completed, entry.ts);
            }
            Body::Error { message, stack, kind } => {
                self.error = Some(message.clone());
                self.stack.clone_from(stack);
                self.error_kind.clone_from(kind);
                let timed_out = kind.as_deref() == Some("timed_out");
                self.finish(if timed_out { Status::TimedOut } else { Status::Failed }, entry.ts);
            }
            Body::Cancel { reason } => {
                self.error = Some(reason.clone());
                self.finish(Status::Cancelled, entry.ts);
            }
            _ => {}
        }
        let idle_entry = matches!(entry.body, Body::Wait { .. } | Body::Snapshot { .. } | Body::Signal { .. });
        if !idle_entry {
            self.waiting_for.clear();
        }
    }

    fn finish(&mut self, status: Status, ts: Millis) {
        self.end = Some(status);
        self.completed_at = Some(ts);
    }

    /// The state of a run whose journal is whole.
    pub fn status(&self) -> Status {
        match self.end {
            Some(status) => status,
            None if !self.waiting_for.is_empty() => Status::Waiting,
            // Logs of the photon ecosystem have no `wait` entries.
            None if self.origin.is_none() && !self.open_asks.is_empty() => Status::Waiting,
            None => Status::Running,
        }
    }
}
