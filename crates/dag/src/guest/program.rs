//! One run of a DAG: the machine, the state, and the programs of the nodes that run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use run::limits::Limits;
use run::program::ProgramError;
use run::time::Millis;
use run::{Effect, GuestError, Image, Json, Outcome, Payload, Port, Program, Seed, Stop, TurnEnd, Wake};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bundle::{Runner, Unpacked};
use super::image;
use super::nodes::{self, Failed};
use crate::compiled::NONE;
use crate::held::Held;
use crate::machine::{Action, Call, Cause, End, Event, Machine, Role};
use crate::state::NodeResult;

/// What an effect's result is for.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Wait {
    /// The program of a call.
    Inner(Call, Role),
    /// A timer of the machine.
    Timer(Call),
    /// A command that is a node.
    Shell(Call, Role),
    /// A request that is a node.
    Http(Call, Role),
    /// A method of a photon that is a node.
    Photon(Call, Role),
    /// The checkpoint of a placement that has ended.
    Checkpoint,
}

impl Wait {
    fn is_of(&self, call: Call) -> bool {
        match self {
            Self::Inner(of, _) | Self::Shell(of, _) | Self::Http(of, _) | Self::Photon(of, _) => *of == call,
            Self::Timer(_) | Self::Checkpoint => false,
        }
    }
}

/// The program of a call.
pub(super) struct Inner {
    pub role: Role,
    pub program: Box<dyn Program>,
}

pub(super) struct Running {
    pub dag: Arc<Unpacked>,
    pub limits: Limits,
    pub seed: Seed,
    pub run: String,
    pub machine: Machine,
    pub held: Held,
    pub waits: BTreeMap<u64, Wait>,
    pub inner: BTreeMap<Call, Inner>,
    /// Runs that wait until a checkpoint is on disk, with its number: what follows a node begins when the node's end
    /// cannot be lost any more.
    pub gated: VecDeque<(u64, Action)>,
    /// The checkpoint that was asked for last, until it is on disk.
    pub gate: Option<u64>,
    /// The time of the turn.
    pub now: Millis,
    /// The error that was reported last.
    pub error: String,
}

impl Running {
    pub fn new(dag: Arc<Unpacked>, limits: Limits) -> Self {
        let machine = Machine::new(&dag.compiled, 0);
        let held = Held::new(Value::Null);
        let (seed, run) = (Seed([0; 32]), String::new());
        Self {
            dag,
            limits,
            seed,
            run,
            machine,
            held,
            waits: BTreeMap::new(),
            inner: BTreeMap::new(),
            gated: VecDeque::new(),
            gate: None,
            now: 0,
            error: String::new(),
        }
    }

    fn start(&mut self, method: Option<String>, params: &Json) -> Result<Vec<Action>, ProgramError> {
        let state = match params.value() {
            Value::Null => json!({}),
            state @ Value::Object(_) => state,
            _ => return Err(ProgramError::new("error", "the state of a DAG is a JSON object; pass one as parameters")),
        };
        let mut chance = [0; 8];
        self.seed.fill(0, &mut chance);
        self.machine = Machine::new(&self.dag.compiled, u64::from_le_bytes(chance));
        self.held = Held::new(state);
        let mut out = Vec::new();
        let begun = self.machine.step(&self.dag.compiled, &Event::Start { cursor: method }, &mut out);
        begun.map_err(|e| ProgramError::new("error", e.to_string()))?;
        Ok(out)
    }

    fn event(&mut self, event: &Event, actions: &mut VecDeque<Action>) -> Result<(), ProgramError> {
        let mut out = Vec::new();
        self.machine
            .step(&self.dag.compiled, event, &mut out)
            .map_err(|e| ProgramError::new("error", e.to_string()))?;
        actions.extend(out);
        Ok(())
    }

    /// Does what the machine says, and what follows from it, until the program waits or ends.
    fn go_on(&mut self, mut actions: VecDeque<Action>, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        while let Some(action) = actions.pop_front() {
            if let Some(stop) = port.interrupted() {
                return Err(stop);
            }
            if let Err(error) = self.held.act(&self.dag.compiled, &action) {
                return Ok(self.failed(error.to_string()));
            }
            let done = match action {
                Action::Run { call, attempt, role } => match self.gate {
                    Some(gate) => {
                        self.gated.push_back((gate, action));
                        Ok(())
                    }
                    None => self.begin(call, attempt, role, port, &mut actions)?,
                },
                Action::StartTimer { call, ms, .. } => {
                    let n = port.effect(Effect::Timer { due: self.now.saturating_add(ms) })?;
                    self.waits.insert(n, Wait::Timer(call));
                    Ok(())
                }
                Action::StopTimer { call } => {
                    self.withdraw(port, |wait| *wait == Wait::Timer(call))?;
                    Ok(())
                }
                Action::Cancel { call } => {
                    self.inner.remove(&call);
                    self.gated
                        .retain(|(_, action)| !matches!(action, Action::Run { call: gated, .. } if *gated == call));
                    self.withdraw(port, |wait| wait.is_of(call))?;
                    Ok(())
                }
                Action::NodeError { call, cause, retry_ms, .. } => {
                    self.note(call, cause, retry_ms);
                    Ok(())
                }
                Action::NodeEnd { site, item, port: id } => {
                    let path = &self.dag.compiled.sites()[site as usize].path;
                    let ended = self.dag.compiled.port_name(id);
                    let mut state = json!({ "node": path, "port": ended });
                    if item == NONE {
                        state["cursor"] = self.machine.cursor(&self.dag.compiled).into();
                        state["state"] = self.held.state().clone();
                    } else {
                        state["item"] = item.into();
                    }
                    let n = port.effect(Effect::Checkpoint { id: None, state: state.into(), relaxed: true })?;
                    self.waits.insert(n, Wait::Checkpoint);
                    self.gate = Some(n);
                    Ok(())
                }
                Action::Finished { end } => return self.finished(end, port),
                _ => Ok(()),
            };
            if let Err(error) = done {
                return Ok(TurnEnd::Failed(error));
            }
        }
        Ok(TurnEnd::Idle)
    }

    fn failed(&self, message: String) -> TurnEnd {
        TurnEnd::Failed(ProgramError::new("error", message))
    }

    fn finished(&mut self, end: End, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        self.withdraw(port, |wait| *wait != Wait::Checkpoint)?;
        let path = |site: u32| self.dag.compiled.sites()[site as usize].path.to_string();
        let cursor = self.machine.cursor(&self.dag.compiled);
        Ok(match end {
            End::Completed => TurnEnd::Done(Payload::from(json!({
                "cursor": cursor,
                "executedNodes": self.machine.executed().map(path).collect::<Vec<_>>(),
                "skippedNodes": self.machine.skipped().iter().map(|site| path(*site)).collect::<Vec<_>>(),
                "state": self.held.state(),
            }))),
            _ => self.failed(format!("{}: {}", cursor.unwrap_or("the DAG"), self.error)),
        })
    }

    /// Remembers why an attempt failed, for the error of the run.
    fn note(&mut self, call: Call, cause: Cause, retry_ms: Option<u64>) {
        let site = &self.dag.compiled.sites()[call.site as usize];
        match cause {
            Cause::Timeout => self.error = format!("it took longer than {} ms", site.timeout_ms),
            Cause::Unwired => {
                let wired: Vec<_> =
                    site.routes().iter().map(|(port, _)| self.dag.compiled.port_name(*port).to_owned()).collect();
                self.error = format!("{}; wire it (wired are: {})", self.error, wired.join(", "));
            }
            // What the child or a member threw says more.
            Cause::Threw | Cause::Child | Cause::Members => {}
        }
        if retry_ms.is_none() {
            self.held.threw(call, &self.error);
        }
    }

    /// Withdraws effects whose results are not wanted any more.
    fn withdraw(&mut self, port: &mut dyn Port, unwanted: impl Fn(&Wait) -> bool) -> Result<(), Stop> {
        let gone: Vec<u64> = self.waits.iter().filter(|(_, wait)| unwanted(wait)).map(|(n, _)| *n).collect();
        for n in gone {
            self.waits.remove(&n);
            port.effect(Effect::Abort { n })?;
        }
        Ok(())
    }

    /// Begins a call. The inner error ends the run: the call cannot even be answered.
    fn begin(
        &mut self,
        call: Call,
        attempt: u32,
        role: Role,
        port: &mut dyn Port,
        actions: &mut VecDeque<Action>,
    ) -> Result<Result<(), ProgramError>, Stop> {
        let dag = self.dag.clone();
        if role == Role::Items {
            return Ok(match self.held.count(&dag.compiled, call.site) {
                Ok(count) => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    self.error = format!("its {count} items are more than {}", crate::limits::ITEMS);
                    self.event(&Event::Items { call, count }, actions)
                }
                Err(error) => self.settle(call, role, Err(Failed { message: error.to_string(), fatal: true }), actions),
            });
        }
        let params = match self.params(call, attempt, role) {
            Ok(params) => params,
            Err(error) => return Ok(self.settle(call, role, Err(Failed { message: error, fatal: true }), actions)),
        };
        match dag.runner(call.site, role) {
            Some(Runner::Shell(command)) => {
                let n = port.effect(nodes::shell(command, &params["state"]))?;
                self.waits.insert(n, Wait::Shell(call, role));
                Ok(Ok(()))
            }
            Some(Runner::Http(url)) => {
                let n = port.effect(nodes::http(url, &params["state"]))?;
                self.waits.insert(n, Wait::Http(call, role));
                Ok(Ok(()))
            }
            Some(Runner::Photon { name, method }) => {
                let n = port.effect(nodes::photon(name, method.as_deref(), &params["state"]))?;
                self.waits.insert(n, Wait::Photon(call, role));
                Ok(Ok(()))
            }
            Some(Runner::Program { guest, code, method }) => match guest.load(code, &self.limits) {
                Ok(program) => {
                    self.inner.insert(call, Inner { role, program });
                    let wake = Wake::Start {
                        method: method.clone(),
                        params: params.into(),
                        seed: self.seed.fork(&call.serial.to_string()),
                        run: self.run.clone(),
                        instance: None,
                        now: self.now,
                    };
                    self.wake(call, wake, port, actions)
                }
                Err(error) => Ok(Err(ProgramError::new("error", error.to_string()))),
            },
            None => Ok(Err(ProgramError::new("error", "the DAG's code names nothing that runs this placement"))),
        }
    }

    /// What a node is given.
    fn params(&self, call: Call, attempt: u32, role: Role) -> Result<Value, String> {
        let dag = &self.dag.compiled;
        let site = &dag.sites()[call.site as usize];
        let input = self.held.input(dag, call).map_err(|e| e.to_string())?;
        let mut params = json!({ "state": input, "node": site.path, "attempt": attempt });
        match role {
            Role::FanIn => {
                params["results"] = self.held.results(call.site);
                params["state"]["results"] = self.held.results(call.site);
            }
            Role::Combine => {
                params["members"] = self.members(call.site);
                params["state"]["members"] = self.members(call.site);
            }
            Role::Node | Role::Items => {
                if let Some(item) = self.held.item(dag, call) {
                    params["item"] = item.clone();
                    params["index"] = call.item.into();
                }
            }
        }
        Ok(params)
    }

    /// How the members of a group ended.
    fn members(&self, group: u32) -> Value {
        let dag = &self.dag.compiled;
        let crate::SiteKind::Parallel { members, .. } = &dag.sites()[group as usize].kind else { return json!([]) };
        let member = |site: &u32| {
            let outcome = self.machine.outcome(*site, NONE);
            let port = outcome.and_then(Result::ok).map_or("error", |port| dag.port_name(port));
            json!({ "name": dag.sites()[*site as usize].name, "port": port, "threw": outcome == Some(Err(())) })
        };
        members.iter().map(member).collect()
    }

    /// Gives the program of a call a turn.
    fn wake(
        &mut self,
        call: Call,
        wake: Wake,
        port: &mut dyn Port,
        actions: &mut VecDeque<Action>,
    ) -> Result<Result<(), ProgramError>, Stop> {
        let Some(inner) = self.inner.get_mut(&call) else { return Ok(Ok(())) };
        let role = inner.role;
        let mut inside = InnerPort { port, waits: &mut self.waits, wait: Wait::Inner(call, role) };
        let result = match inner.program.turn(wake, &mut inside)? {
            TurnEnd::Idle => return Ok(Ok(())),
            TurnEnd::Done(payload) => read(payload),
            TurnEnd::Failed(error) => {
                // A program that reached a limit or diverged would do so again.
                Err(Failed { fatal: error.kind != "error", message: error.message })
            }
        };
        self.inner.remove(&call);
        self.withdraw(port, |wait| wait.is_of(call))?;
        Ok(self.settle(call, role, result, actions))
    }

    /// Tells the machine how a call ended.
    fn settle(
        &mut self,
        call: Call,
        role: Role,
        result: Result<NodeResult, Failed>,
        actions: &mut VecDeque<Action>,
    ) -> Result<(), ProgramError> {
        let dag = self.dag.clone();
        let event = match result {
            Ok(result) => {
                let port = self.held.accept(&dag.compiled, call, role, result);
                self.error = format!("it ended with {port:?}, which is not wired");
                Event::Finished { call, port: dag.compiled.port(&port) }
            }
            Err(Failed { message, fatal }) => {
                self.error = message;
                Event::Failed { call, fatal }
            }
        };
        self.event(&event, actions)
    }

    fn result(&mut self, n: u64, outcome: Outcome, now: Millis, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        let mut actions = VecDeque::new();
        // Results of what was withdrawn are for nobody.
        let Some(wait) = self.waits.remove(&n) else { return Ok(TurnEnd::Idle) };
        let name = |running: &Self, call: Call| running.dag.compiled.sites()[call.site as usize].name.to_string();
        let done = match wait {
            Wait::Inner(call, _) => self.wake(call, Wake::Result { n, outcome, now }, port, &mut actions)?,
            Wait::Timer(call) => self.event(&Event::Timer { call }, &mut actions),
            Wait::Checkpoint => {
                self.gate = self.gate.filter(|gate| *gate > n);
                while let Some((_, action)) = self.gated.pop_front_if(|(gate, _)| *gate <= n) {
                    actions.push_back(action);
                }
                // What was let through must not wait for a later checkpoint, which it does not follow.
                let later = self.gate.take();
                let end = self.go_on(actions, port)?;
                self.gate = self.gate.or(later);
                return Ok(end);
            }
            Wait::Shell(call, role) => {
                let result = nodes::exited(&name(self, call), outcome);
                self.settle(call, role, result, &mut actions)
            }
            Wait::Photon(call, role) => {
                let result = nodes::returned(&name(self, call), outcome);
                self.settle(call, role, result, &mut actions)
            }
            Wait::Http(call, role) => {
                let result = nodes::answered(&name(self, call), outcome);
                self.settle(call, role, result, &mut actions)
            }
        };
        match done {
            Ok(()) => self.go_on(actions, port),
            Err(error) => Ok(TurnEnd::Failed(error)),
        }
    }
}

/// What a program returned, as a node's result.
fn read(payload: Payload) -> Result<NodeResult, Failed> {
    if payload.bytes.is_some() {
        return Err(Failed { message: "the node returned bytes; a state is JSON".into(), fatal: true });
    }
    NodeResult::read(payload.json.value()).map_err(|message| Failed { message, fatal: true })
}

impl Program for Running {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        match wake {
            Wake::Start { method, params, seed, run, now, .. } => {
                (self.seed, self.run, self.now) = (seed, run, now);
                match self.start(method, &params) {
                    Ok(actions) => self.go_on(actions.into(), port),
                    Err(error) => Ok(TurnEnd::Failed(error)),
                }
            }
            Wake::Result { n, outcome, now } => {
                self.now = now;
                self.result(n, outcome, now, port)
            }
            Wake::Reseed { seed, run } => {
                (self.seed, self.run) = (seed, run.clone());
                let mut chance = [0; 8];
                seed.fill(0, &mut chance);
                self.machine.reseed(u64::from_le_bytes(chance));
                let mut actions = VecDeque::new();
                for call in self.inner.keys().copied().collect::<Vec<_>>() {
                    let wake = Wake::Reseed { seed: seed.fork(&call.serial.to_string()), run: run.clone() };
                    if let Err(error) = self.wake(call, wake, port, &mut actions)? {
                        return Ok(TurnEnd::Failed(error));
                    }
                }
                self.go_on(actions, port)
            }
        }
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        Ok(image::encode(self)?.map(|bytes| Image { bytes: bytes.into(), on_parent: false }))
    }

    fn swap_out(&mut self) -> Result<bool, GuestError> {
        let mut worth = false;
        for inner in self.inner.values_mut() {
            match inner.program.swap_out() {
                Ok(out) => worth |= out,
                Err(error) => {
                    self.swap_in()?;
                    return Err(error);
                }
            }
        }
        Ok(worth)
    }

    fn swap_in(&mut self) -> Result<(), GuestError> {
        // Those that are in already have nothing to do.
        self.inner.values_mut().try_for_each(|inner| inner.program.swap_in())
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        if let Some(path) = expression {
            let value = crate::state::get(self.held.state(), path);
            return Ok(value.cloned().unwrap_or_default().into());
        }
        let dag = &self.dag.compiled;
        let running = self.inner.keys().map(|call| &*dag.sites()[call.site as usize].path);
        Ok(json!({
            "cursor": self.machine.cursor(dag),
            "state": self.held.state(),
            "running": running.collect::<Vec<_>>(),
            "executedNodes": self.machine.executed().map(|s| &*dag.sites()[s as usize].path).collect::<Vec<_>>(),
        })
        .into())
    }

    fn memory(&self) -> usize {
        self.inner.values().map(|inner| inner.program.memory()).sum()
    }
}

/// The world of a node's program: the run's, with its effects noted as its own.
struct InnerPort<'a> {
    port: &'a mut dyn Port,
    waits: &'a mut BTreeMap<u64, Wait>,
    wait: Wait,
}

impl Port for InnerPort<'_> {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let (silent, gone) = match &effect {
            Effect::Emit { .. } => (true, None),
            Effect::Abort { n } => (true, Some(*n)),
            _ => (false, None),
        };
        let n = self.port.effect(effect)?;
        if let Some(gone) = gone {
            self.waits.remove(&gone);
        }
        if !silent {
            self.waits.insert(n, self.wait);
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        self.port.call(op, args)
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.port.interrupted()
    }
}
