//! The world as a program sees it during a turn: live, or out of the journal.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use run::{Body, Effect, EffectClass, Outcome, Payload, Port, Stop, entry::Value, program::ProgramError};

use crate::{EmittedAt, Host, blocking, control::Control, log::Log, state::State, values};

/// What a replayed turn finds in the journal.
#[derive(Default)]
pub(crate) struct Recorded {
    /// Entries that say that an effect was asked for, by number.
    pub issued: BTreeMap<u64, Body>,
    /// Results of synchronous operations, by number.
    pub sync: HashMap<u64, Body>,
    /// The numbers of the effects that will be delivered, in order.
    pub wakes: VecDeque<u64>,
}

/// What a turn asked for, to be done when it is over.
#[derive(Default)]
pub(crate) struct Asked {
    /// Checkpoints, which are their own results, with the places before and behind their entries.
    pub checkpoints: Vec<(u64, crate::log::Place, run::time::Millis)>,
    /// New effects that somebody has to begin.
    pub begin: Vec<u64>,
    /// Those of them that the journal did not hold before this turn.
    pub fresh: Vec<u64>,
    /// Effects that were withdrawn.
    pub aborted: Vec<u64>,
    /// What is to be shown, and where it stands in the journal.
    pub show: Vec<(u64, Effect)>,
    /// Whether what was asked for must be on disk before it is done.
    pub sync: bool,
}

/// Whether a turn may go beyond what the journal holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Yes: it is the run's present.
    Live,
    /// No: it is looked at, not driven.
    Never,
}

pub(crate) struct TurnPort<'a> {
    pub log: Option<&'a mut Log>,
    pub run: &'a run::RunId,
    pub identity: &'a crate::drive::Identity,
    pub io: &'a tokio::runtime::Handle,
    pub keep: &'a Arc<dyn store::CheckpointStore>,
    pub host: &'a Arc<dyn Host>,
    pub state: &'a mut State,
    pub recorded: &'a mut Recorded,
    pub asked: Asked,
    pub control: &'a Control,
    pub limits: &'a run::limits::Limits,
    pub beyond: Beyond,
    /// When the run began.
    pub begun: run::time::Millis,
    /// The CPU time of this thread when the turn began.
    pub began: Duration,
    pub checked: Instant,
    /// When something was shown last.
    pub shown: Instant,
}

/// How often a computing program's messages are looked at.
const LOOK_AT_MESSAGES: Duration = Duration::from_millis(250);

/// How long what a computing program prints may wait until it is shown.
const SHOW_WITHIN: Duration = Duration::from_millis(50);

impl TurnPort<'_> {
    fn stop<T>(&self, kind: &str, message: impl Into<String>) -> Result<T, Stop> {
        Err(Stop(ProgramError::new(kind, message)))
    }

    fn diverged<T>(&self, n: u64, detail: String) -> Result<T, Stop> {
        Err(Stop(ProgramError { kind: "diverged".into(), message: detail, stack: Some(n.to_string()) }))
    }

    fn store<T>(&self, result: Result<T, store::StoreError>) -> Result<T, Stop> {
        result.or_else(|e| {
            self.control.failed(e);
            self.stop("store", "")
        })
    }

    fn value(&self, value: &Value) -> Result<Payload, Stop> {
        if let Value::Inline(payload) = value {
            return Ok(payload.clone());
        }
        let (keep, run, value) = (self.keep.clone(), self.run.clone(), value.clone());
        let fetched = blocking::wait(self.io, async move { values::fetch(&*keep, &run, &value).await });
        fetched.or_else(|e| {
            self.control.failed(e);
            self.stop("store", "")
        })
    }

    /// Whether effect `n`, which the journal does not hold, may be asked for now: nothing later is recorded.
    fn at_frontier(&self, n: u64) -> bool {
        let later_issue = self.recorded.issued.keys().next_back().is_some_and(|last| *last > n);
        let later_sync = self.recorded.sync.keys().any(|last| *last >= n);
        !later_issue && !later_sync && self.recorded.wakes.iter().all(|wake| *wake < n)
    }

    fn check_frontier(&self, n: u64, effect: &str) -> Result<(), Stop> {
        if self.beyond == Beyond::Never {
            return self.stop("end", "");
        }
        if !self.at_frontier(n) {
            return self.diverged(n, format!("the program asks for `{effect}`, which the journal does not hold"));
        }
        Ok(())
    }

    fn entry(&mut self, n: u64, effect: &Effect) -> Option<Body> {
        Some(match effect {
            Effect::Emit { kind, message, data } => Body::Emit {
                n: Some(n),
                emit: kind.clone(),
                message: message.clone(),
                data: data.clone().map(Value::from),
            },
            Effect::Checkpoint { id, state, .. } => {
                Body::Checkpoint { n: Some(n), id: self.state.checkpoint_id(id.as_ref()), state: state.clone().into() }
            }
            Effect::Ask(ask) => Body::Ask { n: Some(n), id: self.state.ask_id(n, ask.id.as_ref()), ask: ask.clone() },
            Effect::Call { op, args } if self.host.class(op, args) != EffectClass::Read => {
                Body::Call { n, op: op.clone(), args: self.host.recorded(op, args).into() }
            }
            _ => return None,
        })
    }

    /// Compares what is asked with what the journal holds.
    fn same(&self, n: u64, asked: &Body, held: &Body) -> Result<(), Stop> {
        if self.equal(asked, held)? {
            return Ok(());
        }
        let (asked, held) = (describe(asked), describe(held));
        self.diverged(n, format!("the journal holds {held}; the program asks for {asked}"))
    }

    fn equal(&self, asked: &Body, held: &Body) -> Result<bool, Stop> {
        if asked == held {
            return Ok(true);
        }
        if asked.kind() != held.kind() {
            return Ok(false);
        }
        // Long values of the held entry lie beside the journal: compare by content.
        let (mut asked, mut held) = (asked.clone(), held.clone());
        for (asked, held) in asked.values_mut().into_iter().zip(held.values_mut()) {
            *asked = self.value(asked)?.into();
            *held = self.value(held)?.into();
        }
        Ok(asked == held)
    }

    /// Shows what was printed in this turn so far.
    fn show(&mut self) -> Result<(), Stop> {
        if self.asked.show.is_empty() {
            return Ok(());
        }
        if let Some(log) = self.log.as_deref_mut() {
            let synced = log.sync();
            self.store(synced)?;
        }
        for (position, effect) in std::mem::take(&mut self.asked.show) {
            self.host.emitted(self.run, EmittedAt { begun: self.begun, position }, &effect);
        }
        self.shown = Instant::now();
        Ok(())
    }

    fn limit(&self, effect: &Effect) -> Result<(), Stop> {
        let (what, size) = match effect {
            Effect::Call { op, args } => (op.as_str(), args.size()),
            Effect::Emit { message, data, .. } => {
                let size = message.as_ref().map_or(0, String::len) + data.as_ref().map_or(0, |d| d.get().len());
                ("emit", size)
            }
            Effect::Checkpoint { state, .. } => ("checkpoint", state.get().len()),
            _ => return Ok(()),
        };
        if size > self.limits.value {
            let most = self.limits.value;
            return self
                .stop("limit", format!("a value of {size} bytes for `{what}` exceeds the limit of {most} bytes"));
        }
        Ok(())
    }
}

fn describe(body: &Body) -> String {
    let mut text = match body {
        Body::Call { op, args, .. } => format!("`{op}` {}", args.shown()),
        Body::Emit { emit, message, .. } => format!("emit `{emit}` {:?}", message.as_deref().unwrap_or_default()),
        Body::Checkpoint { id, state, .. } => format!("checkpoint `{id}` {}", state.shown()),
        Body::Ask { id, ask, .. } => format!("ask `{id}` {:?}", ask.message),
        body => format!("`{}`", body.kind()),
    };
    if let Some((cut, _)) = text.char_indices().nth(200) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

impl Port for TurnPort<'_> {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let n = self.state.next;
        self.limit(&effect)?;
        let effect = match effect {
            // JSON has one null: what is absent and what is null are the same in a journal line.
            Effect::Emit { kind, message, data } => {
                Effect::Emit { kind, message, data: data.filter(|d| d.get() != "null") }
            }
            effect => effect,
        };
        let entry = self.entry(n, &effect);
        let recorded = self.recorded.issued.remove(&n);
        let live = match (&entry, recorded) {
            (Some(asked), Some(held)) => {
                self.same(n, asked, &held)?;
                false
            }
            (None, Some(held)) => {
                return self.diverged(
                    n,
                    format!("the journal holds {}; the program asks for `{}`", describe(&held), effect.kind()),
                );
            }
            (Some(_), None) => {
                self.check_frontier(n, effect.kind())?;
                true
            }
            (None, None) => false,
        };
        self.state.next += 1;
        let position = self.log.as_deref().map_or(0, |log| log.end().at);
        if let (true, Effect::Emit { .. }, Some(log)) = (live, &effect, self.log.as_deref()) {
            let what = || "cannot write down that there is something to publish".into();
            let noted = self.host.emitting(self.run, log.written().at, &effect);
            self.store(noted.map_err(|source| store::StoreError::Io { what: what(), source }))?;
        }
        if let (true, Some(entry), Some(log)) = (live, entry, self.log.as_deref_mut()) {
            let before = log.end();
            let pushed = log.push(entry);
            let ts = self.store(pushed)?;
            if matches!(effect, Effect::Checkpoint { .. }) {
                self.asked.checkpoints.push((n, before, ts));
            }
            self.asked.sync |= !matches!(effect, Effect::Ask(_) | Effect::Checkpoint { relaxed: true, .. });
        }
        match effect {
            Effect::Emit { ref message, ref data, .. } => {
                self.state.output +=
                    message.as_ref().map_or_else(|| data.as_ref().map_or(0, |d| d.get().len()), String::len) as u64;
                if self.state.output > self.limits.output {
                    let most = self.limits.output;
                    return self.stop("limit", format!("the run has printed more than the limit of {most} bytes"));
                }
                if live {
                    self.asked.show.push((position, effect));
                }
            }
            Effect::Abort { n: withdrawn } => {
                self.state.pending.remove(&withdrawn);
                self.asked.aborted.push(withdrawn);
            }
            effect => {
                if self.state.pending.len() >= self.limits.pending {
                    let most = self.limits.pending;
                    return self.stop("limit", format!("more than {most} effects wait at one time"));
                }
                if !matches!(effect, Effect::Checkpoint { .. }) {
                    self.asked.begin.push(n);
                    if live {
                        self.asked.fresh.push(n);
                    }
                }
                self.state.pending.insert(n, effect);
            }
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        let n = self.state.next;
        let effect = Effect::Call { op: op.clone(), args: args.clone() };
        self.limit(&effect)?;
        let asked = self.entry(n, &effect);
        let mut intended = false;
        match (&asked, self.recorded.issued.remove(&n)) {
            (Some(asked), Some(held)) => {
                self.same(n, asked, &held)?;
                intended = true;
            }
            (None, Some(held)) => {
                return self.diverged(n, format!("the journal holds {}; the program asks for `{op}`", describe(&held)));
            }
            _ => {}
        }
        if let Some(Body::Result { op: held_op, args: held_args, outcome, .. }) = self.recorded.sync.remove(&n) {
            let result = Body::Call { n, op: op.clone(), args: self.host.recorded(&op, &args).into() };
            if let (Some(op), Some(args)) = (held_op, held_args) {
                self.same(n, &result, &Body::Call { n, op, args })?;
            }
            self.state.next += 1;
            let outcome = match outcome {
                Ok(value) => Ok(self.value(&value)?),
                Err(failure) => Err(failure),
            };
            return Ok((n, outcome));
        }
        self.check_frontier(n, &op)?;
        self.state.next += 1;
        let context = self.identity.context(self.run, n);
        if let Some(log) = self.log.as_deref_mut() {
            let written = match &asked {
                Some(intent) => (if intended { Ok(0) } else { log.push(intent.clone()) }).and_then(|_| log.sync()),
                None => Ok(()),
            };
            self.store(written)?;
        }
        // A synchronous operation may take long: what was printed before it is shown before it.
        self.show()?;
        let performed = self.host.clone().perform(context, op.clone(), args.clone());
        let outcome = blocking::wait(self.io, performed);
        if let Some(log) = self.log.as_deref_mut() {
            let args = self.host.recorded(&op, &args);
            let (op, args) = if asked.is_some() { (None, None) } else { (Some(op), Some(args.into())) };
            let outcome = outcome.clone().map(Value::from);
            let written = log.push(Body::Result { n, op, args, sync: true, outcome }).and_then(|_| log.flush());
            self.store(written)?;
        }
        Ok((n, outcome))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        let now = Instant::now();
        if thread_cpu().saturating_sub(self.began) > self.limits.turn_cpu {
            let most = self.limits.turn_cpu.as_secs_f64();
            let message = format!("the program computed for more than {most} s without waiting for anything");
            return Some(Stop(ProgramError::new("limit", message)));
        }
        if self.beyond == Beyond::Live && now - self.checked > LOOK_AT_MESSAGES {
            self.checked = now;
            let messages = self.log.as_ref().and_then(|log| log.messages().ok()).unwrap_or_default();
            self.control.look_for_cancel(&messages);
        }
        if self.beyond == Beyond::Live
            && now - self.shown > SHOW_WITHIN
            && let Err(stop) = self.show()
        {
            return Some(stop);
        }
        self.control.stop_reason().map(Stop)
    }
}

/// The CPU time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
