//! A guest for tests: several threads of steps, interpreted. Its result folds everything that it was given, in order,
//! so that one lost, doubled or exchanged result shows.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use run::{
    Ask, Code, Effect, Guest, GuestError, Hash, Image, Json, Outcome, Payload, Port, Program, Stop, TurnEnd, Wake,
    limits::Limits, program::Module,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    Emit,
    Checkpoint,
    Read,
    Write,
    Slow,
    /// Takes the one thing that runs hold against each other, and gives it back.
    Take,
    Give,
    SyncRead,
    SyncWrite,
    Timer(u64),
    Ask,
    Signal,
    /// A timer that is withdrawn at once.
    Aborted,
    Long(usize),
    Fail,
    Hang,
    Spin,
    /// When it is swapped out next, it finds no room so many times when it comes back.
    Tight(u64),
}

pub type Script = Vec<Vec<Step>>;

pub fn code(script: &Script) -> Arc<Code> {
    let module =
        Module { source: serde_json::to_string(script).unwrap(), original: None, imports: BTreeMap::new(), map: None };
    Arc::new(Code {
        guest: "machine".into(),
        entry: "main".into(),
        modules: [("main".into(), module)].into(),
        about: None,
    })
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Thread {
    at: usize,
    waits: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    script: Script,
    threads: Vec<Thread>,
    fold: u64,
    seen: Vec<String>,
    seed: u64,
    run: String,
    now: u64,
    /// All of the above while it is swapped out.
    #[serde(skip)]
    out: Option<Vec<u8>>,
    /// How often that was tried. Now and then it fails.
    #[serde(skip)]
    swaps: u64,
    /// How often it will find no room when it comes back.
    #[serde(skip)]
    tight: u64,
}

impl Machine {
    fn new(script: Script) -> Self {
        let threads = vec![Thread::default(); script.len()];
        let (seen, run) = (Vec::new(), String::new());
        Self { script, threads, fold: 0, seen, seed: 0, run, now: 0, out: None, swaps: 0, tight: 0 }
    }

    fn take(&mut self, what: String) {
        let mut bytes = self.fold.to_le_bytes().to_vec();
        bytes.extend_from_slice(what.as_bytes());
        self.fold = u64::from_le_bytes(Hash::of(&bytes).0[..8].try_into().unwrap());
        self.seen.push(what);
    }

    /// Runs thread `t` until it waits or ends.
    fn go(&mut self, t: usize, port: &mut dyn Port) -> Result<Option<TurnEnd>, Stop> {
        while let Some(step) = self.script[t].get(self.threads[t].at).copied() {
            self.threads[t].at += 1;
            let label = format!("{t}.{}", self.threads[t].at);
            let args = || Payload::from(serde_json::json!({ "label": label, "fold": self.fold.to_string() }));
            let call = |op: &str| Effect::Call { op: op.into(), args: args() };
            let effect = match step {
                Step::Emit => {
                    port.effect(Effect::Emit { kind: "log".into(), message: Some(label.clone()), data: None })?;
                    continue;
                }
                Step::Aborted => {
                    let n = port.effect(Effect::Timer { due: self.now + 5 })?;
                    port.effect(Effect::Abort { n })?;
                    continue;
                }
                Step::SyncRead | Step::SyncWrite => {
                    let op = if step == Step::SyncRead { "read" } else { "write" };
                    let (_, outcome) = port.call(op.into(), args())?;
                    self.take(format!("{label} {}", text(&outcome)));
                    continue;
                }
                Step::Tight(times) => {
                    self.tight = times;
                    continue;
                }
                Step::Fail => {
                    return Ok(Some(TurnEnd::Failed(run::program::ProgramError::new("error", ""))));
                }
                Step::Spin => loop {
                    if let Some(stop) = port.interrupted() {
                        return Err(stop);
                    }
                },
                Step::Hang => {
                    self.threads[t].waits = Some(u64::MAX);
                    return Ok(None);
                }
                Step::Checkpoint => {
                    Effect::Checkpoint { id: None, state: Json::of(&label).unwrap(), relaxed: label.len() % 2 == 0 }
                }
                Step::Read => call("read"),
                Step::Write => call("write"),
                Step::Slow => call("slow"),
                Step::Take => call("take"),
                Step::Give => call("give"),
                Step::Long(size) => Effect::Call {
                    op: "write".into(),
                    args: Payload { json: Json::of(&label).unwrap(), bytes: Some(vec![7; size].into()) },
                },
                Step::Timer(ms) => Effect::Timer { due: self.now + ms },
                Step::Ask => Effect::Ask(Ask {
                    id: Some("same".into()),
                    kind: "text".into(),
                    message: label.clone(),
                    spec: Json::null(),
                }),
                Step::Signal => Effect::Signal { name: "go".into() },
            };
            self.threads[t].waits = Some(port.effect(effect)?);
            return Ok(None);
        }
        Ok(None)
    }
}

fn text(outcome: &Outcome) -> String {
    match outcome {
        Ok(payload) => format!("{} {}", payload.json.get(), payload.bytes.as_ref().map_or(0, Bytes::len)),
        Err(failure) => failure.to_string(),
    }
}

impl Program for Machine {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        assert!(self.out.is_none(), "it is swapped out");
        let mut ready = Vec::new();
        match wake {
            Wake::Start { seed, run, now, .. } => {
                self.seed = u64::from_le_bytes(seed.0[..8].try_into().unwrap());
                (self.run, self.now) = (run, now);
                self.take(format!("start {now} {}", self.seed));
                ready.extend(0..self.threads.len());
            }
            Wake::Result { n, outcome, now } => {
                assert!(now >= self.now, "time went back");
                self.now = now;
                if let Some(t) = self.threads.iter().position(|thread| thread.waits == Some(n)) {
                    self.threads[t].waits = None;
                    self.take(format!("{n} {now} {}", text(&outcome)));
                    ready.push(t);
                }
            }
            Wake::Reseed { seed, run } => {
                self.seed = u64::from_le_bytes(seed.0[..8].try_into().unwrap());
                self.take(format!("reseed {run} {}", self.seed));
                self.run = run;
            }
        }
        for t in ready {
            if let Some(end) = self.go(t, port)? {
                return Ok(end);
            }
        }
        let ended = |(t, thread): (usize, &Thread)| thread.waits.is_none() && thread.at >= self.script[t].len();
        if self.threads.iter().enumerate().all(ended) {
            let result = serde_json::json!({ "fold": self.fold.to_string(), "seen": self.seen });
            return Ok(TurnEnd::Done(result.into()));
        }
        Ok(TurnEnd::Idle)
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        assert!(self.out.is_none(), "it is swapped out");
        Ok(Some(Image { bytes: serde_json::to_vec(self).unwrap().into(), on_parent: false }))
    }

    fn swap_out(&mut self) -> Result<bool, GuestError> {
        assert!(self.out.is_none(), "it is swapped out already");
        self.swaps += 1;
        match self.swaps % 4 {
            2 => Ok(false),
            3 => Err(GuestError::Engine("not now".into())),
            _ => {
                let out = Some(serde_json::to_vec(self).unwrap());
                *self = Self { out, swaps: self.swaps, tight: self.tight, ..Self::new(Vec::new()) };
                Ok(true)
            }
        }
    }

    fn swap_in(&mut self) -> Result<(), GuestError> {
        if let Some(tight) = self.tight.checked_sub(1) {
            self.tight = tight;
            return Err(GuestError::Engine("no room".into()));
        }
        let out = self.out.take().expect("it is swapped out");
        *self = Self { swaps: self.swaps, ..serde_json::from_slice(&out).unwrap() };
        Ok(())
    }

    fn inspect(&mut self, _: Option<&str>) -> Result<Json, GuestError> {
        Ok(Json::of(&self.seen).unwrap())
    }
}

pub struct MachineGuest;

impl Guest for MachineGuest {
    fn name(&self) -> &str {
        "machine"
    }

    fn engine(&self) -> Hash {
        Hash::of(b"machine 1")
    }

    fn load(&self, code: &Arc<Code>, _: &Limits) -> Result<Box<dyn Program>, GuestError> {
        let script: Script = serde_json::from_str(&code.modules["main"].source).unwrap();
        Ok(Box::new(Machine::new(script)))
    }

    fn restore(&self, _: &Arc<Code>, _: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let machine: Machine = serde_json::from_slice(&images[0]).map_err(|e| GuestError::Refused(e.to_string()))?;
        Ok(Box::new(machine))
    }
}
