//! The loop that drives one run: deliver a result, take a turn, do what the turn asked for, wait.
//!
//! It is synchronous code on a thread of its own (`Driver::spawn`): a guest's turn needs a deep stack and may stand
//! still for an operation. What takes time in the world runs on the `io` runtime and reports through a channel. Only a
//! run whose program is swapped out has no thread (`wait`).

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use run::{
    Body, Code, Effect, EffectClass, Failure, Json, Outcome, Program, RunId, TurnEnd, Wake, entry::Value,
    program::ProgramError, time::Millis,
};

use crate::{
    CallContext, Config, EmittedAt, ExecError, Finished, Parts, SnapshotPolicy, blocking,
    control::Control,
    host::waited_for,
    log::{Log, Place},
    port::{Asked, Beyond, Recorded, TurnPort, thread_cpu},
    state::State,
    values,
    wait::Presence,
};

/// A result that is in the journal and not yet delivered.
pub(crate) struct Ready {
    before: Place,
    n: u64,
    outcome: Outcome,
    now: Millis,
}

/// What a task gives: its effect, and the result; none if nobody here can give one.
pub(crate) type Report = (u64, Option<Outcome>);

/// Work done since the last snapshot, by which the next is decided.
#[derive(Default)]
pub(crate) struct Since {
    pub wakes: u64,
    pub cpu: Duration,
}

/// Whose run it is.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub photon: Option<String>,
    pub instance: Option<String>,
    pub parent: Option<RunId>,
    pub caller: Option<Json>,
}

impl Identity {
    pub fn context(&self, run: &RunId, n: u64) -> CallContext {
        let Self { photon, instance, caller, .. } = self.clone();
        CallContext { run: run.clone(), n, photon, instance, caller }
    }
}

/// A run in memory, under a lease.
pub(crate) struct Driven {
    pub parts: Parts,
    pub config: Config,
    pub run: RunId,
    pub identity: Identity,
    /// Absent while the run is only looked at.
    pub log: Option<Log>,
    pub code: Arc<Code>,
    pub code_hash: run::Hash,
    pub engine: run::Hash,
    pub program: Box<dyn Program>,
    pub state: State,
    pub recorded: Recorded,
    pub control: Arc<Control>,
    pub started_at: Millis,
    pub ready: VecDeque<Ready>,
    pub tasks: HashMap<u64, tokio::task::AbortHandle>,
    pub results: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    pub since: Since,
    pub looked: Instant,
    /// Effects whose results are recorded, but not yet delivered.
    pub undelivered: BTreeSet<u64>,
    /// Effects that were asked for at the end of a replay, so nobody can have begun them before.
    fresh: BTreeSet<u64>,
    /// Behind the last entry about messages: no snapshot may lie before it, since it holds the unclaimed messages.
    pub messages_end: u64,
    /// Asks that nobody here can answer, and operations that a person must settle.
    pub held: BTreeSet<u64>,
    /// Of those that are held: operations that are other runs, which wait.
    pub called: HashMap<u64, RunId>,
    pub presence: Presence,
    /// The right to be in memory of a program that has come back, until it waits again.
    pub back: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// How often the messages for a run are looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// How driving goes on.
pub(crate) enum Flow {
    Go,
    /// Nothing is to be done for a while, and the program is swapped out: no thread is needed until `rest` is over.
    Rest,
    End(Finished),
}

impl Driven {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        parts: Parts,
        config: Config,
        run: (RunId, Identity),
        log: Option<Log>,
        code: (Arc<Code>, run::Hash),
        engine: run::Hash,
        program: Box<dyn Program>,
        state: State,
        control: Arc<Control>,
        started_at: Millis,
    ) -> Self {
        Self {
            parts,
            config,
            run: run.0,
            identity: run.1,
            log,
            code: code.0,
            code_hash: code.1,
            engine,
            program,
            state,
            recorded: Recorded::default(),
            control,
            started_at,
            ready: VecDeque::new(),
            tasks: HashMap::new(),
            results: mpsc::channel(),
            since: Since::default(),
            looked: Instant::now(),
            undelivered: BTreeSet::new(),
            fresh: BTreeSet::new(),
            messages_end: 0,
            held: Default::default(),
            called: HashMap::new(),
            presence: Presence::Busy,
            back: None,
        }
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("a run that is driven has a log")
    }

    /// The place up to which the program has seen the journal.
    pub fn seen(&self) -> Place {
        match (self.ready.front(), &self.log) {
            (Some(ready), _) => ready.before,
            (None, Some(log)) => log.end(),
            (None, None) => Place::default(),
        }
    }

    /// One turn: `wake` in, what the program asks for out.
    pub(crate) fn turn(
        &mut self,
        wake: Wake,
        beyond: Beyond,
    ) -> Result<(TurnEnd, Asked), Result<ProgramError, ExecError>> {
        let cpu = thread_cpu();
        let first = self.state.next;
        let mut port = TurnPort {
            log: self.log.as_mut(),
            run: &self.run,
            identity: &self.identity,
            io: &self.parts.io,
            keep: &self.parts.keep,
            host: &self.parts.host,
            state: &mut self.state,
            recorded: &mut self.recorded,
            asked: Asked::default(),
            control: &self.control,
            limits: &self.config.limits,
            beyond,
            begun: self.started_at,
            began: cpu,
            checked: Instant::now(),
            shown: Instant::now(),
        };
        let end = self.program.turn(wake, &mut port);
        let asked = port.asked;
        self.since.wakes += 1;
        self.since.cpu += thread_cpu().saturating_sub(cpu);
        match end {
            Ok(end) => Ok((end, asked)),
            Err(stop) => {
                if let Some(error) = self.control.take_failure() {
                    return Err(Err(error));
                }
                if stop.0.kind == "diverged" {
                    return Err(Err(self.diverged(first, stop.0)));
                }
                // What was printed before the stop is shown, since the journal keeps it.
                if stop.0.kind != "left" && stop.0.kind != "end" {
                    self.show(asked.show).map_err(Err)?;
                }
                Err(Ok(stop.0))
            }
        }
    }

    fn diverged(&self, first: u64, error: ProgramError) -> ExecError {
        let n = error.stack.and_then(|n| n.parse().ok()).unwrap_or(first);
        ExecError::Diverged { run: self.run.clone(), n, detail: error.message }
    }

    fn show(&mut self, effects: Vec<(u64, Effect)>) -> Result<(), ExecError> {
        if !effects.is_empty() {
            self.log().sync()?;
            for (position, effect) in &effects {
                let at = EmittedAt { begun: self.started_at, position: *position };
                self.parts.host.emitted(&self.run, at, effect);
            }
        }
        Ok(())
    }

    pub(crate) fn fetch(&self, value: &Value) -> Result<run::Payload, ExecError> {
        if let Value::Inline(payload) = value {
            return Ok(payload.clone());
        }
        let (keep, run, value) = (self.parts.keep.clone(), self.run.clone(), value.clone());
        blocking::wait(&self.parts.io, async move { values::fetch(&*keep, &run, &value).await })
    }

    /// Writes what a turn asked for, then shows and begins it.
    pub(crate) fn after_turn(&mut self, asked: Asked, replaying: bool) -> Result<(), ExecError> {
        for n in asked.aborted {
            self.held.remove(&n);
            if let Some(task) = self.tasks.remove(&n) {
                task.abort();
            }
        }
        if self.log.is_none() {
            return Ok(());
        }
        if asked.sync {
            self.log().sync()?
        } else {
            self.log().flush()?
        }
        self.show(asked.show)?;
        let checkpoint = !asked.checkpoints.is_empty();
        for (n, before, now) in asked.checkpoints {
            self.undelivered.insert(n);
            self.ready.push_back(Ready { before, n, outcome: Ok(run::Payload::null()), now });
        }
        if replaying {
            self.fresh.extend(asked.fresh);
            return Ok(());
        }
        if checkpoint && (self.config.snapshots == SnapshotPolicy::Always || self.snapshot_pays()) {
            self.snapshot()?;
        }
        for n in asked.begin {
            self.begin(n, false)?;
        }
        Ok(())
    }

    /// Has effect `n` performed, if it is still wanted.
    pub(crate) fn begin(&mut self, n: u64, again: bool) -> Result<(), ExecError> {
        let Some(effect) = self.state.pending.get(&n) else { return Ok(()) };
        let context = self.identity.context(&self.run, n);
        match effect.clone() {
            Effect::Call { op, args } => {
                if again && self.parts.host.class(&op, &args) == EffectClass::AtMostOnce {
                    self.held.insert(n);
                    return Ok(());
                }
                let performed = self.parts.host.clone().perform(context, op, args);
                self.spawn(n, async move { Some(performed.await) })?;
            }
            Effect::Ask(ask) => {
                let asked = self.parts.host.clone().ask(context, ask);
                self.spawn(n, asked)?;
            }
            Effect::Signal { name } => {
                if let Some(value) = self.state.take_signal(&name) {
                    let outcome = Ok(self.fetch(&value)?);
                    self.record(n, outcome)?;
                }
            }
            Effect::Timer { .. } | Effect::Checkpoint { .. } | Effect::Emit { .. } | Effect::Abort { .. } => {}
        }
        Ok(())
    }

    fn spawn(
        &mut self,
        n: u64,
        future: impl Future<Output = Option<Outcome>> + Send + 'static,
    ) -> Result<(), ExecError> {
        let mut future = Box::pin(future);
        let io = self.parts.io.clone();
        let _guard = io.enter();
        // What is ready at once needs no other thread.
        if let Some(outcome) = blocking::ready(future.as_mut()) {
            return self.came_back(n, outcome);
        }
        let (results, control) = (self.results.0.clone(), self.control.clone());
        let task = io.spawn(async move {
            let _ = results.send((n, future.await));
            control.wake();
        });
        self.tasks.insert(n, task.abort_handle());
        Ok(())
    }

    pub(crate) fn came_back(&mut self, n: u64, outcome: Option<Outcome>) -> Result<(), ExecError> {
        self.tasks.remove(&n);
        match outcome {
            Some(outcome) if let Some(run) = waited_for(&outcome) => {
                self.held.insert(n);
                self.called.insert(n, run);
                Ok(())
            }
            Some(outcome) => self.record(n, outcome),
            None => {
                self.held.insert(n);
                Ok(())
            }
        }
    }

    /// Puts a result into the journal; then the program may see it.
    pub(crate) fn record(&mut self, n: u64, outcome: Outcome) -> Result<(), ExecError> {
        if self.undelivered.contains(&n) {
            return Ok(());
        }
        let Some(effect) = self.state.pending.get(&n) else { return Ok(()) };
        let outcome = self.bounded(outcome);
        let signal = matches!(effect, Effect::Signal { .. });
        let body = match effect {
            Effect::Ask(ask) => {
                let secret = ask.kind == "password";
                match &outcome {
                    Ok(payload) => {
                        let value = if secret { self.hide(payload)? } else { payload.clone().into() };
                        Body::Answer { n: Some(n), id: self.ask_id(n), value }
                    }
                    Err(failure) => {
                        Body::Result { n, op: None, args: None, sync: false, outcome: Err(failure.clone()) }
                    }
                }
            }
            Effect::Timer { due } => Body::Timer { n, due: *due },
            Effect::Signal { name } => {
                let (op, args) = (Some("signal".into()), Some(Json::of(name).expect("text is JSON").into()));
                Body::Result { n, op, args, sync: false, outcome: outcome.clone().map(Value::from) }
            }
            Effect::Call { op, args } if self.parts.host.class(op, args) == EffectClass::Read => {
                let (op, args) = (Some(op.clone()), Some(self.parts.host.recorded(op, args).into()));
                Body::Result { n, op, args, sync: false, outcome: outcome.clone().map(Value::from) }
            }
            _ => Body::Result { n, op: None, args: None, sync: false, outcome: outcome.clone().map(Value::from) },
        };
        self.held.remove(&n);
        let before = self.log().end();
        let now = self.log().push(body)?;
        self.log().flush()?;
        if signal {
            self.messages_end = self.log().end().at;
        }
        self.undelivered.insert(n);
        self.ready.push_back(Ready { before, n, outcome, now });
        Ok(())
    }

    /// A secret never reaches a log: it lies beside the journal, with random bytes, so that its hash tells nothing.
    fn hide(&self, payload: &run::Payload) -> Result<Value, ExecError> {
        let salt = bytes::Bytes::copy_from_slice(&self.parts.world.seed().0);
        let payload = run::Payload { json: payload.json.clone(), bytes: Some(salt) };
        let (keep, run, durable) = (self.parts.keep.clone(), self.run.clone(), self.config.durable);
        let put = async move { values::put(&*keep, &run, &payload, durable).await };
        Ok(Value::Beside(blocking::wait(&self.parts.io, put)?))
    }

    fn bounded(&self, outcome: Outcome) -> Outcome {
        let most = self.config.limits.value;
        outcome.and_then(|payload| match payload.size() {
            size if size > most => {
                Err(Failure::new("RangeError", format!("a result of {size} bytes exceeds the limit of {most} bytes")))
            }
            _ => Ok(payload),
        })
    }

    pub(crate) fn ask_id(&self, n: u64) -> String {
        self.state.ask_ids.get(&n).cloned().unwrap_or_default()
    }

    /// Begins to drive the run: `start` wakes a new program. Then `go_on` does the rest.
    pub fn begin_with(&mut self, start: Option<Wake>) -> Result<Flow, ExecError> {
        self.set_deadline();
        match start {
            Some(wake) => self.live_turn(wake),
            // The program is in memory as the journal left it: begin again what had no result.
            None => {
                for n in self.state.pending.keys().copied().collect::<Vec<_>>() {
                    let again = !self.fresh.contains(&n);
                    self.begin(n, again)?;
                }
                Ok(Flow::Go)
            }
        }
    }

    /// Drives the run until it ends, leaves memory, or rests.
    pub fn go_on(&mut self) -> Result<Flow, ExecError> {
        loop {
            match self.step()? {
                Flow::Go => {}
                flow => return Ok(flow),
            }
        }
    }

    pub fn set_deadline(&mut self) {
        if let Some(wall) = self.config.limits.wall {
            let now = self.log().now();
            let left = wall.saturating_sub(Duration::from_millis(now.saturating_sub(self.started_at)));
            self.control.set_deadline(Instant::now() + left, wall.as_millis() as Millis);
        }
    }

    fn step(&mut self) -> Result<Flow, ExecError> {
        if let Some(reason) = self.control.stop_reason() {
            return self.stopped(reason);
        }
        if self.looked.elapsed() >= LOOK {
            self.take_messages()?;
        }
        while let Ok((n, outcome)) = self.results.1.try_recv() {
            self.came_back(n, outcome)?;
        }
        self.fire_timers()?;
        if self.snapshot_pays() {
            self.snapshot()?;
        }
        if let Some(Ready { n, outcome, now, .. }) = self.ready.pop_front() {
            self.undelivered.remove(&n);
            self.delivered(n, outcome.is_ok());
            return self.live_turn(Wake::Result { n, outcome, now });
        }
        self.wait()
    }

    fn live_turn(&mut self, wake: Wake) -> Result<Flow, ExecError> {
        self.swap_in()?;
        match self.turn(wake, Beyond::Live) {
            Ok((end, asked)) => {
                self.after_turn(asked, false)?;
                match end {
                    TurnEnd::Idle => Ok(Flow::Go),
                    TurnEnd::Done(payload) => self.done(payload).map(Flow::End),
                    TurnEnd::Failed(error) => self.fail(error).map(Flow::End),
                }
            }
            Err(Ok(reason)) => self.stopped(reason),
            Err(Err(error)) => Err(error),
        }
    }

    /// The end that a replay came to, which the journal did not hold yet.
    pub fn finish(&mut self, end: TurnEnd) -> Result<Flow, ExecError> {
        match end {
            TurnEnd::Done(payload) => self.done(payload).map(Flow::End),
            TurnEnd::Failed(error) => self.stopped(error),
            TurnEnd::Idle => unreachable!("the program has ended"),
        }
    }

    fn done(&mut self, payload: run::Payload) -> Result<Finished, ExecError> {
        // What the program began and did not wait for is still done: a write cut off half-way helps nobody.
        while self.control.stop_reason().is_none() && self.tasks.keys().any(|n| self.is_write(*n)) {
            if let Ok((n, outcome)) = self.results.1.recv_timeout(LOOK) {
                self.came_back(n, outcome)?;
            }
        }
        self.log().push(Body::Return { value: payload.clone().into() })?;
        self.log().sync()?;
        Ok(Finished::Completed(payload))
    }

    fn is_write(&self, n: u64) -> bool {
        matches!(self.state.pending.get(&n), Some(Effect::Call { op, args })
            if self.parts.host.class(op, args) != EffectClass::Read)
    }

    pub(crate) fn fail(&mut self, error: ProgramError) -> Result<Finished, ExecError> {
        let ProgramError { kind, message, stack } = error.clone();
        self.log().push(Body::Error { message, stack, kind: Some(kind) })?;
        self.log().sync()?;
        Ok(Finished::Failed(error))
    }

    pub fn stopped(&mut self, reason: ProgramError) -> Result<Flow, ExecError> {
        Ok(Flow::End(match reason.kind.as_str() {
            "left" => {
                self.log().discard();
                self.log().sync()?;
                Finished::Left
            }
            "cancelled" => {
                self.log().push(Body::Cancel { reason: reason.message.clone() })?;
                self.log().sync()?;
                self.drop_messages()?;
                Finished::Cancelled(reason.message)
            }
            _ => self.fail(reason)?,
        }))
    }

    fn drop_messages(&mut self) -> Result<(), ExecError> {
        for message in self.log().messages()? {
            self.log().acknowledge(message.id)?;
        }
        Ok(())
    }
}
