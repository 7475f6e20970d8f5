//! Looking at a run without touching it, and forking it.

use run::{
    Body, Entry, Json, RunId,
    entry::{ForkOf, Origin, Start},
};
use serde::Serialize;

use crate::{
    Driver, ExecError, Executor, Opened, Retry,
    log::Place,
    open::on_thread,
    tail::{self, Placed, Tail},
};

/// A run's memory at some place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The run.
    pub run_id: RunId,
    /// The checkpoint; absent for the run's present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// What the program gave to be seen there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<serde_json::Value>,
    /// Effects without a result.
    pub pending: Vec<Pending>,
    /// Results that were delivered again to rebuild it, for those who wonder about the time.
    pub replayed: usize,
    /// What the guest shows of its memory: frames, locals; or the value of the expression.
    pub memory: Json,
}

/// An effect without a result.
#[derive(Clone, Debug, Serialize)]
pub struct Pending {
    /// Its number.
    pub n: u64,
    /// `timer`, `ask`, `signal`, or the operation.
    pub kind: String,
}

/// A whole journal of ours, and how it began.
struct Whole {
    tail: Tail,
    origin: Origin,
    start: Start,
}

impl Executor {
    async fn whole(&self, run: &RunId) -> Result<Whole, ExecError> {
        let tail = tail::read(&*self.parts.journals, run, Place::default()).await?;
        let start = match tail.entries.first().map(|placed| &placed.entry.body) {
            Some(Body::Start(start)) => (**start).clone(),
            _ => return Err(ExecError::Foreign(run.clone())),
        };
        let origin = start.origin.clone().ok_or_else(|| ExecError::Foreign(run.clone()))?;
        Ok(Whole { tail, origin, start })
    }

    /// The run's memory at checkpoint `at` (its last occurrence; `NAME#2` is the second), or at the journal's end. With
    /// `expression`, its value there.
    pub async fn look(&self, run: &RunId, at: Option<&str>, expression: Option<&str>) -> Result<Look, ExecError> {
        let Whole { mut tail, origin, start } = self.whole(run).await?;
        let started_at = tail.entries[0].entry.ts;
        let checkpoint = at.map(|id| find(run, &tail, id)).transpose()?;
        let until = checkpoint.as_ref().map(|placed| placed.before.at);
        let guest = self.guest(run, &origin.guest)?.clone();
        let chosen = self.nearest(run, &*guest, &origin, &tail, until.unwrap_or(u64::MAX)).await;
        if let Some((_, snapshot, _)) = &chosen {
            tail.entries.retain(|placed| placed.before.at >= snapshot.header.position);
        }
        let (mut driven, wake) = self.prepare(run, &*guest, &origin, &start, started_at, chosen, None).await?;
        let expression = expression.map(str::to_owned);
        let (memory, pending, replayed) = on_thread(move || {
            // An end in the journal may lie behind the last wake, so it is no reason to stop before the end.
            driven.replay(wake, &tail.entries, until)?;
            let memory = driven.program.inspect(expression.as_deref())?;
            let pending = driven.state.pending.iter().map(|(n, effect)| Pending { n: *n, kind: effect.kind().into() });
            let pending = pending.collect::<Vec<_>>();
            let wakes = tail.entries.iter().filter(|placed| until.is_none_or(|at| placed.before.at < at));
            Ok((memory, pending, wakes.filter(|placed| placed.entry.body.wakes().is_some()).count()))
        })
        .await?;
        let state = checkpoint.as_ref().and_then(|placed| match &placed.entry.body {
            Body::Checkpoint { state, .. } => Some(state.shown()),
            _ => None,
        });
        Ok(Look { run_id: run.clone(), checkpoint: at.map(str::to_owned), state, pending, replayed, memory })
    }

    /// A new run that has lived `run`'s life up to checkpoint `at` and goes its own way from there. Both keep their
    /// journals; effects up to there are not done again.
    pub async fn fork(&self, run: &RunId, at: &str) -> Result<Driver, ExecError> {
        let Whole { tail, mut origin, start } = self.whole(run).await?;
        let checkpoint = find(run, &tail, at)?;
        let id = self.fresh_id();
        let seed = origin.seed.fork(id.as_str());
        let root = origin.fork.map_or_else(|| run.clone(), |fork| fork.root);
        origin.fork = Some(ForkOf { root, run: run.clone(), checkpoint: at.into() });
        let start = Start { origin: Some(origin), parent: None, ..start };
        let started = tail.entries[0].entry.ts;

        let lease = self.parts.journals.create(&id, &self.config.owner).await?;
        self.copy_values(run, &id).await?;
        let mut chain = run::journal::Chain::default();
        let mut lines = Vec::new();
        let mut write = |ts, body| {
            run::journal::encode(&Entry { ts, fence: lease.fence, body }, &mut chain, &mut lines);
        };
        write(started, Body::Start(Box::new(start)));
        let history = tail.entries.iter().skip(1).take_while(|placed| placed.before.at < checkpoint.after.at);
        for placed in history {
            // Snapshots and leases belong to the run that was forked.
            if !matches!(placed.entry.body, Body::Snapshot { .. } | Body::Resume { .. } | Body::Wait { .. }) {
                write(placed.entry.ts, placed.entry.body.clone());
            }
        }
        write(self.parts.world.now().max(checkpoint.entry.ts), Body::Fork { seed });
        self.parts.journals.append(&lease, 0, lines.into()).await?;
        self.parts.journals.sync(&lease).await?;
        drop(lease);
        match self.resume(&id, "fork", Retry::No, false).await? {
            Opened::Driver(driver) => Ok(*driver),
            Opened::Ended(_) => unreachable!("a fork's journal ends at a checkpoint"),
        }
    }

    async fn copy_values(&self, from: &RunId, to: &RunId) -> Result<(), ExecError> {
        let keep = &self.parts.keep;
        let prefix = format!("runs/{from}/value/");
        for key in keep.list(&prefix).await? {
            if let Some(bytes) = keep.load(&key).await? {
                let name = key.strip_prefix(&prefix).unwrap_or_default();
                keep.save(&format!("runs/{to}/value/{name}"), bytes, self.config.durable).await?;
            }
        }
        Ok(())
    }
}

/// The checkpoint that `id` names: its last occurrence, or with `#k` its k-th.
fn find(run: &RunId, tail: &Tail, id: &str) -> Result<Placed, ExecError> {
    let named = |wanted: &str| {
        let wanted = wanted.to_owned();
        tail.entries
            .iter()
            .filter(move |placed| matches!(&placed.entry.body, Body::Checkpoint { id, .. } if *id == wanted))
    };
    let exact = named(id).next_back();
    let numbered = || {
        let (name, k) = id.rsplit_once('#')?;
        named(name).nth(k.parse::<usize>().ok()?.checked_sub(1)?)
    };
    exact.or_else(numbered).cloned().ok_or_else(|| {
        let ids = tail.entries.iter().filter_map(|placed| match &placed.entry.body {
            Body::Checkpoint { id, .. } => Some(id.as_str()),
            _ => None,
        });
        let ids: Vec<&str> = ids.collect();
        let have = match ids.len() {
            0 => "none".into(),
            1..=10 => ids.join(", "),
            many => format!("{many}: {}, … {}", ids[..3].join(", "), ids[many - 1]),
        };
        ExecError::NoCheckpoint { run: run.clone(), id: id.into(), have }
    })
}
