//! Starting runs and taking them up again.

use std::sync::Arc;
use std::time::Duration;

use run::{
    Body, Code, Guest, Hash, Json, RunId, Snapshot, Status, Summary, Wake,
    entry::{FORMAT, Held, Origin, Start},
};
use store::Lease;

use crate::{
    Config, Control, Driver, ExecError, Executor, Finished, Next, Parts,
    drive::{Driven, Identity},
    holds::Again,
    log::{Log, Place},
    pins, snapshots,
    state::{Kept, State},
    tail::{self, Tail},
    threads, values,
};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id; made from time and randomness if absent.
    pub id: Option<RunId>,
    /// What people call it: the method's or file's name; `code` for a snippet.
    pub tool: String,
    /// The photon it belongs to.
    pub photon: Option<String>,
    /// The photon's instance; the default one if absent.
    pub instance: Option<String>,
    /// The run that calls it, if one does.
    pub parent: Option<RunId>,
    /// Who begins it, as the program sees it: `{id, anonymous, client?}`; nobody is known if absent.
    pub caller: Option<Json>,
    /// The method of the module, where it has several.
    pub method: Option<String>,
    /// The parameters, a JSON object.
    pub params: Json,
    /// The code, which is pinned.
    pub code: Arc<Code>,
}

impl NewRun {
    /// A run of `code`'s entry, which belongs to no photon, is called by nobody, and has an id made for it.
    pub fn new(tool: impl Into<String>, params: Json, code: Arc<Code>) -> Self {
        Self {
            id: None,
            tool: tool.into(),
            photon: None,
            instance: None,
            parent: None,
            caller: None,
            method: None,
            params,
            code,
        }
    }
}

/// What holds for a run from its start, whoever drives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// It ends as timed out when so much time has passed.
    pub timeout: Option<Duration>,
    /// What it holds against others to its end ([`crate::Host::hold`]). Whoever starts it has taken it; whoever takes it
    /// up takes it again.
    pub holds: Vec<Held>,
}

impl Terms {
    /// Those of a run that may take so long.
    pub fn within(timeout: Option<Duration>) -> Self {
        Self { timeout, holds: Vec::new() }
    }
}

/// What happens to a run that has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// It stays failed: its recorded end is given.
    No,
    /// It goes on from its last checkpoint, or from its start if it has none.
    FromLastCheckpoint,
}

/// A run that was taken up again.
pub enum Opened {
    /// It can be driven on.
    Driver(Box<Driver>),
    /// It has ended before; how.
    Ended(Finished),
}

impl Executor {
    /// An executor over `parts`.
    pub fn new(parts: Parts, config: Config) -> Self {
        Self { parts, config, pins: Arc::default() }
    }

    /// What it works with.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// How it drives.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn guest(&self, run: &RunId, name: &str) -> Result<&Arc<dyn Guest>, ExecError> {
        let guest = self.parts.guests.iter().find(|guest| guest.name() == name);
        guest.ok_or_else(|| ExecError::NoGuest { run: run.clone(), guest: name.into() })
    }

    /// Records a new run and opens it. Nothing of it runs before `Driver::drive`.
    pub async fn start(&self, new: NewRun) -> Result<Driver, ExecError> {
        self.start_on(new, Terms::default()).await
    }

    /// As [`Self::start`], on terms of its own.
    pub async fn start_on(&self, new: NewRun, terms: Terms) -> Result<Driver, ExecError> {
        let seed = self.parts.world.seed();
        let id = new.id.unwrap_or_else(|| self.fresh_id());
        let guest = self.guest(&id, &new.code.guest)?.clone();
        // The code is compiled before anything is recorded: a program with a syntax error is no run.
        let program = guest.load(&new.code, &self.config.limits)?;
        let code = self.pin(&new.code).await?;
        let lease = self.parts.journals.create(&id, &self.config.owner).await?;
        let mut log = Log::new(&self.parts, lease, self.config.durable, Place::default(), 0);
        let origin = Origin {
            v: FORMAT,
            guest: new.code.guest.clone(),
            code,
            method: new.method.clone(),
            seed,
            by: self.config.begun_by.clone(),
            fork: None,
            timeout: terms.timeout.map(|timeout| timeout.as_millis() as run::time::Millis),
            holds: terms.holds.clone(),
        };
        let config = self.config_of(&origin);
        let start = Start {
            tool: new.tool,
            params: new.params.clone().into(),
            photon: new.photon.clone(),
            instance: new.instance.clone(),
            parent: new.parent.clone(),
            caller: new.caller.clone(),
            origin: Some(origin),
        };
        let now = log.push(Body::Start(Box::new(start)))?;
        log.flush()?;
        // A clean-up that did not see this run yet may have taken the code away.
        self.pin(&new.code).await?;
        let wake = Wake::Start {
            method: new.method,
            params: new.params,
            seed,
            run: id.to_string(),
            instance: new.instance.clone(),
            now,
        };
        let identity = Identity { photon: new.photon, instance: new.instance, parent: new.parent, caller: new.caller };
        let driven = Driven::new(
            self.parts.clone(),
            config,
            (id, identity),
            Some(log),
            (new.code, code),
            guest.engine(),
            program,
            State { holds: terms.holds, ..State::default() },
            Arc::default(),
            now,
        );
        Ok(Driver { driven, next: Next::Start(wake) })
    }

    /// How a run is driven that has a time of its own.
    fn config_of(&self, origin: &Origin) -> Config {
        let mut config = self.config.clone();
        if let Some(own) = origin.timeout.map(Duration::from_millis) {
            config.limits.wall = Some(config.limits.wall.map_or(own, |wall| wall.min(own)));
        }
        config
    }

    /// An id for a new run, made from the time and randomness.
    pub fn fresh_id(&self) -> RunId {
        let random = self.parts.world.seed().0;
        RunId::generate(self.parts.world.now(), u64::from_le_bytes(random[..8].try_into().expect("eight bytes")))
    }

    pub(crate) async fn code(&self, run: &RunId, hash: &Hash) -> Result<Arc<Code>, ExecError> {
        let key = pins::key(hash);
        let bytes = self.parts.keep.load(&key).await?.filter(|bytes| Hash::of(bytes) == *hash);
        let code = bytes.and_then(|bytes| Code::from_bytes(&bytes).ok());
        code.map(Arc::new).ok_or_else(|| ExecError::Missing { run: run.clone(), what: "its code", key })
    }

    /// Takes a run up again exactly where its journal ends.
    pub async fn resume(&self, run: &RunId, why: &str, retry: Retry, take_over: bool) -> Result<Opened, ExecError> {
        let first = tail::first(&*self.parts.journals, run).await?;
        let lease = self.parts.journals.acquire(run, &self.config.owner, take_over).await?;
        let Some(first) = first else {
            // Killed between making the file and writing the first line: nothing was asked of this run yet.
            return Err(ExecError::State {
                run: run.clone(),
                state: "is empty: it was killed before it began; delete it".into(),
            });
        };
        let Body::Start(start) = &first.entry.body else { return Err(ExecError::Foreign(run.clone())) };
        let origin = start.origin.clone().ok_or_else(|| ExecError::Foreign(run.clone()))?;
        let guest = match self.guest(run, &origin.guest) {
            Ok(guest) => guest.clone(),
            // How it has ended needs no guest.
            Err(error) => {
                let whole = tail::read(&*self.parts.journals, run, Place::default()).await?;
                return self.ended(run, &whole).await?.map(Opened::Ended).ok_or(error);
            }
        };

        let mut rejected = 0;
        let mut found = tail::Snapshots::new(&*self.parts.journals, run).await?;
        let mut chosen = None;
        while let Some(hash) = found.next().await? {
            match self.try_snapshot(run, &*guest, &origin, hash, None).await {
                Ok(usable) => {
                    chosen = Some(usable);
                    break;
                }
                Err(cause) => {
                    tracing::warn!(%run, snapshot = %hash, "a snapshot was not used: {cause}");
                    snapshots::reject(&*self.parts.keep, run, hash).await;
                    rejected += 1;
                }
            }
        }
        tracing::debug!(%run, rejected, replayed = chosen.is_none(), "resuming");
        let tail = match &chosen {
            Some((_, header, _)) => {
                let place = Place { at: header.header.position, chain: header.header.chain() };
                tail::read(&*self.parts.journals, run, place).await?
            }
            None => tail::read(&*self.parts.journals, run, Place::default()).await?,
        };
        if tail.torn > 0 {
            tracing::warn!(%run, bytes = tail.torn, "the last line was cut off in the middle of an append; it is removed");
            self.parts.journals.truncate(&lease, tail.end.at).await?;
        }
        if let Some(ended) = self.ended(run, &tail).await? {
            let failed = matches!(ended, Finished::Failed(_) | Finished::Cancelled(_));
            if retry == Retry::No || !failed {
                return Ok(Opened::Ended(ended));
            }
            return self.retry(run, lease, &origin, start, first.after, why).await;
        }
        self.take_up(lease, &origin, start, first.entry.ts, chosen, tail, why, None).await
    }

    /// Checks a snapshot and restores the program from it.
    pub(crate) async fn try_snapshot(
        &self,
        run: &RunId,
        guest: &dyn Guest,
        origin: &Origin,
        hash: Hash,
        not_behind: Option<u64>,
    ) -> Result<(Restored, Snapshot, Arc<Code>), String> {
        let chain = snapshots::load(&*self.parts.keep, run, hash).await?;
        let last = chain.last().cloned().ok_or("it is empty")?;
        let header = &last.header;
        if header.engine != guest.engine() {
            return Err("it was made by another release of the engine".into());
        }
        if header.code != origin.code || header.guest != origin.guest {
            return Err("it belongs to other code".into());
        }
        if not_behind.is_some_and(|at| header.position > at) {
            return Err("it lies behind the place that is wanted".into());
        }
        self.check_place(run, header.position, header.chain).await?;
        let mut state: State = header.executor.to().map_err(|e| e.to_string())?;
        let serial = state.snapshots.last().map_or(0, |last| last.serial + 1);
        state.snapshots.push(Kept { hash, serial, depth: header.depth });
        let code = self.code(run, &origin.code).await.map_err(|e| e.to_string())?;
        let images: Vec<_> = chain.iter().map(|snapshot| snapshot.image.clone()).collect();
        let program = guest.restore(&code, &self.config.limits, &images).map_err(|e| e.to_string())?;
        Ok((Restored { program, state }, last, code))
    }

    /// Whether the journal has the running checksum `chain` at `position`, which must be the end of a line.
    async fn check_place(&self, run: &RunId, position: u64, chain: u32) -> Result<(), String> {
        let stated = self.checksum_at(run, position).await.map_err(|e| e.to_string())?;
        if stated.map(|chain| chain.0) == Some(chain) {
            return Ok(());
        }
        Err("the journal does not hold what the snapshot was made behind".into())
    }

    async fn ended(&self, run: &RunId, tail: &Tail) -> Result<Option<Finished>, ExecError> {
        let mut summary = Summary::default();
        for placed in &tail.entries {
            summary.add(&placed.entry);
        }
        let message = summary.error.clone().unwrap_or_default();
        Ok(match summary.status() {
            Status::Completed => {
                let value = summary.result.unwrap_or(run::entry::Value::null());
                Some(Finished::Completed(values::fetch(&*self.parts.keep, run, &value).await?))
            }
            Status::Failed | Status::TimedOut => {
                let kind = summary.error_kind.unwrap_or_else(|| "error".into());
                Some(Finished::Failed(run::program::ProgramError { kind, message, stack: summary.stack }))
            }
            Status::Cancelled => Some(Finished::Cancelled(message)),
            _ => None,
        })
    }

    /// Goes on from the last checkpoint of a run that has failed; what came after it does not count any more.
    async fn retry(
        &self,
        run: &RunId,
        lease: Lease,
        origin: &Origin,
        start: &Start,
        begin: Place,
        why: &str,
    ) -> Result<Opened, ExecError> {
        let mut whole = tail::read(&*self.parts.journals, run, Place::default()).await?;
        let started_at = whole.entries[0].entry.ts;
        let last = whole.entries.iter().rposition(|placed| matches!(placed.entry.body, Body::Checkpoint { .. }));
        let back_to = last.map_or(begin, |at| whole.entries[at].after);
        let guest = self.guest(run, &origin.guest)?.clone();
        whole.entries.retain(|placed| placed.after.at <= back_to.at);
        let chosen = self.nearest(run, &*guest, origin, &whole, back_to.at).await;
        if let Some((_, snapshot, _)) = &chosen {
            whole.entries.retain(|placed| placed.before.at >= snapshot.header.position);
        }
        self.take_up(lease, origin, start, started_at, chosen, whole, why, Some(back_to.at)).await
    }

    /// The newest usable snapshot that `tail` names and that lies at or before `at`.
    pub(crate) async fn nearest(
        &self,
        run: &RunId,
        guest: &dyn Guest,
        origin: &Origin,
        tail: &Tail,
        at: u64,
    ) -> Option<(Restored, Snapshot, Arc<Code>)> {
        for placed in tail.entries.iter().rev() {
            if let Body::Snapshot { hash, .. } = placed.entry.body
                && let Ok(usable) = self.try_snapshot(run, guest, origin, hash, Some(at)).await
            {
                return Some(usable);
            }
        }
        None
    }

    #[allow(clippy::too_many_arguments)]
    async fn take_up(
        &self,
        lease: Lease,
        origin: &Origin,
        start: &Start,
        started_at: run::time::Millis,
        chosen: Option<(Restored, Snapshot, Arc<Code>)>,
        tail: Tail,
        why: &str,
        back_to: Option<u64>,
    ) -> Result<Opened, ExecError> {
        let run = lease.run.clone();
        let last_ts = tail.entries.last().map_or(started_at, |placed| placed.entry.ts);
        let mut log = Log::new(&self.parts, lease, self.config.durable, tail.end, last_ts);
        log.push(Body::Resume { by: self.config.owner.to_string(), why: why.into(), back_to })?;
        log.flush()?;
        let guest = self.guest(&run, &origin.guest)?.clone();
        let prepared = self.prepare(&run, &*guest, origin, start, started_at, chosen, Some(log)).await?;
        let (mut driven, wake) = prepared;
        // Replaying may take long and needs the guest's stack.
        let (driven, next) = on_thread(move || {
            let holds = driven.holds_after(&tail.entries)?;
            if !holds.is_empty() {
                return Ok((driven, Next::Again(Again { holds, wake, entries: tail.entries })));
            }
            let ended = driven.replay(wake, &tail.entries, None)?;
            Ok::<_, ExecError>((driven, ended.map_or(Next::TakenUp, Next::Ended)))
        })
        .await?;
        Ok(Opened::Driver(Box::new(Driver { driven, next })))
    }

    /// A program as of the snapshot or of the start, with the wake that a new one needs.
    #[allow(clippy::too_many_arguments)]
    pub(crate) async fn prepare(
        &self,
        run: &RunId,
        guest: &dyn Guest,
        origin: &Origin,
        start: &Start,
        started_at: run::time::Millis,
        chosen: Option<(Restored, Snapshot, Arc<Code>)>,
        log: Option<Log>,
    ) -> Result<(Driven, Option<Wake>), ExecError> {
        let (program, state, code, wake) = match chosen {
            Some((restored, _, code)) => (restored.program, restored.state, code, None),
            None => {
                let code = self.code(run, &origin.code).await?;
                let params = values::fetch(&*self.parts.keep, run, &start.params).await?.json;
                let wake = Wake::Start {
                    method: origin.method.clone(),
                    params,
                    seed: origin.seed,
                    run: origin.fork.as_ref().map_or(run, |fork| &fork.root).to_string(),
                    instance: start.instance.clone(),
                    now: started_at,
                };
                let state = State { holds: origin.holds.clone(), ..State::default() };
                (guest.load(&code, &self.config.limits)?, state, code, Some(wake))
            }
        };
        let (parts, config) = (self.parts.clone(), self.config_of(origin));
        let control: Arc<Control> = Arc::default();
        let code = (code, origin.code);
        let (photon, instance) = (start.photon.clone(), start.instance.clone());
        let (parent, caller) = (start.parent.clone(), start.caller.clone());
        let name = (run.clone(), Identity { photon, instance, parent, caller });
        let driven = Driven::new(parts, config, name, log, code, guest.engine(), program, state, control, started_at);
        Ok((driven, wake))
    }
}

/// A program out of a snapshot.
pub(crate) struct Restored {
    pub program: Box<dyn run::Program>,
    pub state: State,
}

pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExecError> + Send + 'static,
) -> Result<T, ExecError> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let begun = threads::run(Box::new(move || drop(send.send(work()))));
    begun.map_err(|(error, _)| threads::none(&error))?;
    receive.await.map_err(|_| threads::lost())?
}
