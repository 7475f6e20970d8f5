//! The loop that drives one run: deliver a result, take a turn, do what the turn asked for, wait.
//!
//! It is synchronous code on a thread of its own (`Driver::spawn`): a guest's turn needs a deep stack and may stand
//! still for an operation. What takes time in the world runs on the `io` runtime and reports through a channel.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use run::{
    Body, Code, Effect, EffectClass, Failure, Outcome, Program, RunId, TurnEnd, Wake,
    entry::{Value, Waiting},
    limits::SNAPSHOT_EVERY_CPU,
    program::ProgramError,
    time::Millis,
};

use crate::{
    CallContext, Config, ExecError, Finished, Parts, SnapshotPolicy, blocking,
    control::Control,
    host::waited_for,
    log::{Log, Place},
    port::{Asked, Beyond, Recorded, TurnPort, thread_cpu},
    state::State,
    values,
};

/// A result that is in the journal and not yet delivered.
struct Ready {
    before: Place,
    n: u64,
    outcome: Outcome,
    now: Millis,
}

/// What a task gives: its effect, and the result; none if nobody here can give one.
type Report = (u64, Option<Outcome>);

/// Work done since the last snapshot, by which the next is decided.
#[derive(Default)]
struct Since {
    wakes: u64,
    cpu: Duration,
}

/// Whose run it is.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub photon: Option<String>,
    pub instance: Option<String>,
    pub parent: Option<RunId>,
}

impl Identity {
    pub fn context(&self, run: &RunId, n: u64) -> CallContext {
        CallContext { run: run.clone(), n, photon: self.photon.clone(), instance: self.instance.clone() }
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
    ready: VecDeque<Ready>,
    pub tasks: HashMap<u64, tokio::task::AbortHandle>,
    results: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    since: Since,
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
    called: HashMap<u64, RunId>,
}

/// How often the messages for a run are looked at.
const LOOK: Duration = Duration::from_millis(100);

enum Flow {
    Go,
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

    fn show(&mut self, effects: Vec<Effect>) -> Result<(), ExecError> {
        if !effects.is_empty() {
            self.log().sync()?;
            for effect in &effects {
                self.parts.host.show(&self.run, effect);
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
        let results = self.results.0.clone();
        let task = io.spawn(async move {
            let _ = results.send((n, future.await));
        });
        self.tasks.insert(n, task.abort_handle());
        Ok(())
    }

    fn came_back(&mut self, n: u64, outcome: Option<Outcome>) -> Result<(), ExecError> {
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
                let (op, args) = (Some("signal".into()), Some(run::Json::of(name).expect("text is JSON").into()));
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

    fn ask_id(&self, n: u64) -> String {
        self.state.ask_ids.get(&n).cloned().unwrap_or_default()
    }

    /// Drives the run until it ends or waits. `start` wakes a new program.
    pub fn drive(mut self, start: Option<Wake>) -> Result<Finished, ExecError> {
        let finished = self.drive_on(start);
        for (_, task) in self.tasks.drain() {
            task.abort();
        }
        finished
    }

    fn drive_on(&mut self, start: Option<Wake>) -> Result<Finished, ExecError> {
        if let Some(wall) = self.config.limits.wall {
            let now = self.log().now();
            let left = wall.saturating_sub(Duration::from_millis(now.saturating_sub(self.started_at)));
            self.control.set_deadline(Instant::now() + left, wall.as_millis() as Millis);
        }
        match start {
            Some(wake) => {
                if let Flow::End(finished) = self.live_turn(wake)? {
                    return Ok(finished);
                }
            }
            // The program is in memory as the journal left it: begin again what had no result.
            None => {
                for n in self.state.pending.keys().copied().collect::<Vec<_>>() {
                    let again = !self.fresh.contains(&n);
                    self.begin(n, again)?;
                }
            }
        }
        loop {
            if let Flow::End(finished) = self.step()? {
                return Ok(finished);
            }
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
            self.state.delivered(n);
            return self.live_turn(Wake::Result { n, outcome, now });
        }
        self.wait()
    }

    fn live_turn(&mut self, wake: Wake) -> Result<Flow, ExecError> {
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
    pub fn finish(mut self, end: TurnEnd) -> Result<Finished, ExecError> {
        match end {
            TurnEnd::Done(payload) => self.done(payload),
            TurnEnd::Failed(error) => match self.stopped(error)? {
                Flow::End(finished) => Ok(finished),
                Flow::Go => unreachable!("a stop ends the drive"),
            },
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

    fn fail(&mut self, error: ProgramError) -> Result<Finished, ExecError> {
        let ProgramError { kind, message, stack } = error.clone();
        self.log().push(Body::Error { message, stack, kind: Some(kind) })?;
        self.log().sync()?;
        Ok(Finished::Failed(error))
    }

    fn stopped(&mut self, reason: ProgramError) -> Result<Flow, ExecError> {
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

    fn fire_timers(&mut self) -> Result<(), ExecError> {
        let now = self.log().now();
        let mut due: Vec<(Millis, u64)> = self.timers().filter(|(due, _)| *due <= now).collect();
        // Timers that are due together fire in the order of their times, then of their making.
        due.sort_unstable();
        for (_, n) in due {
            self.record(n, Ok(run::Payload::null()))?;
        }
        Ok(())
    }

    fn timers(&self) -> impl Iterator<Item = (Millis, u64)> {
        self.state.pending.iter().filter_map(|(n, effect)| match effect {
            Effect::Timer { due } if !self.undelivered.contains(n) => Some((*due, *n)),
            _ => None,
        })
    }

    /// Nothing is ready: wait for what comes first, or leave the run if that is far away.
    fn wait(&mut self) -> Result<Flow, ExecError> {
        if self.state.pending.is_empty() {
            let message = "the program waits for something that nothing can bring about: \
                           no timer, call, ask or signal is pending";
            return self.fail(ProgramError::new("deadlock", message)).map(Flow::End);
        }
        let now = self.log().now();
        let next = self.timers().map(|(due, _)| due.saturating_sub(now)).min().map(Duration::from_millis);
        if self.tasks.is_empty() && next.is_none_or(|next| next > self.config.park_after) {
            self.take_messages()?;
            // What came may have ended a wait, or begun an operation that a person wants repeated.
            if !self.ready.is_empty() || !self.tasks.is_empty() || self.control.stop_reason().is_some() {
                return Ok(Flow::Go);
            }
            return self.park().map(Flow::End);
        }
        let deadline = self.control.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let patience = [Some(LOOK), next, deadline].into_iter().flatten().min().unwrap_or(LOOK);
        if let Ok((n, outcome)) = self.results.1.recv_timeout(patience) {
            self.came_back(n, outcome)?;
        }
        Ok(Flow::Go)
    }

    /// The run leaves memory; its journal says what it waits for.
    fn park(&mut self) -> Result<Finished, ExecError> {
        if self.config.snapshots != SnapshotPolicy::Never && self.since.wakes > 0 {
            self.snapshot()?;
        }
        let waiting_for: Vec<Waiting> =
            self.state.pending.iter().filter_map(|(n, effect)| self.waiting(*n, effect)).collect();
        self.log().push(Body::Wait { waiting_for: waiting_for.clone() })?;
        self.log().sync()?;
        Ok(Finished::Waiting(waiting_for))
    }

    fn waiting(&self, n: u64, effect: &Effect) -> Option<Waiting> {
        Some(match effect {
            Effect::Ask(ask) => {
                let (ask, message, spec) = (ask.kind.clone(), ask.message.clone(), ask.spec.value());
                Waiting::Ask { id: self.ask_id(n), ask, message, spec }
            }
            Effect::Signal { name } => Waiting::Signal { name: name.clone() },
            Effect::Timer { due } => Waiting::Timer { due: *due },
            Effect::Call { .. } if let Some(run) = self.called.get(&n) => Waiting::Run { n, run: run.clone() },
            Effect::Call { op, .. } => Waiting::Call { n, op: op.clone() },
            _ => return None,
        })
    }

    fn snapshot_pays(&self) -> bool {
        self.config.snapshots != SnapshotPolicy::Never
            && (self.since.wakes >= self.config.snapshot_wakes
                || self.since.cpu >= SNAPSHOT_EVERY_CPU.max(self.snapshot_cost() * 4))
    }

    fn snapshot_cost(&self) -> Duration {
        // Saving a large heap takes time itself: about 1 ms for 4 MiB, so large heaps are saved less often.
        Duration::from_micros(self.program.memory() as u64 / 4096)
    }

    fn snapshot(&mut self) -> Result<(), ExecError> {
        if self.messages_end > self.seen().at {
            return Ok(());
        }
        if crate::snapshots::save(self)? {
            self.since = Since::default();
        }
        Ok(())
    }
}
