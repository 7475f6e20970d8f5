//! A program in Rust that does nothing but take steps, and what an executor needs around it. It shows what executor and
//! store cost, without an engine.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use executor::{CallContext, Config, Executor, Host, NewRun, Parts, World};
use run::{
    Ask, Code, Effect, EffectClass, Guest, GuestError, Hash, Image, Json, Outcome, Payload, Port, Program, Seed, Stop,
    TurnEnd, Wake, limits::Limits, time::Millis,
};
use serde_json::json;
use store::{
    Owner,
    file::{Durability, FileStore},
};

const NAME: &str = "bench";

/// What every effect of the program is.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An operation that the world can see and that does nothing.
    Step,
    /// A checkpoint with 100 B of state.
    Checkpoint,
    /// A question that nobody answers.
    Ask,
}

/// The times from one effect to the next, of all programs.
pub type Times = Arc<Mutex<Vec<Duration>>>;

struct Stepper {
    kind: Kind,
    effects: u64,
    times: Times,
}

impl Guest for Stepper {
    fn name(&self) -> &str {
        NAME
    }

    fn engine(&self) -> Hash {
        Hash::of(NAME.as_bytes())
    }

    fn load(&self, _code: &Arc<Code>, _limits: &Limits) -> Result<Box<dyn Program>, GuestError> {
        let (kind, times) = (self.kind, self.times.clone());
        Ok(Box::new(Steps { kind, left: self.effects, asked: Instant::now(), own: Vec::new(), times }))
    }

    fn restore(&self, _: &Arc<Code>, _: &Limits, _: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        Err(GuestError::Unsupported("the benchmark's program has no snapshot".into()))
    }
}

struct Steps {
    kind: Kind,
    left: u64,
    asked: Instant,
    own: Vec<Duration>,
    times: Times,
}

impl Program for Steps {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        if matches!(wake, Wake::Result { .. }) {
            self.own.push(self.asked.elapsed());
        }
        if self.left == 0 {
            let mut times = self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            times.append(&mut self.own);
            return Ok(TurnEnd::Done(Payload::null()));
        }
        self.left -= 1;
        self.asked = Instant::now();
        port.effect(self.effect())?;
        Ok(TurnEnd::Idle)
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        Ok(None)
    }
}

impl Steps {
    fn effect(&self) -> Effect {
        match self.kind {
            Kind::Step => Effect::Call { op: "step".into(), args: json!(self.left).into() },
            Kind::Checkpoint => {
                Effect::Checkpoint { id: None, state: json!({"step": self.left, "note": "x".repeat(80)}).into() }
            }
            Kind::Ask => Effect::Ask(Ask {
                id: None,
                kind: "confirm".into(),
                message: "Go on?".into(),
                spec: json!({"ask": "confirm", "message": "Go on?"}).into(),
            }),
        }
    }
}

struct Idle;

#[async_trait]
impl Host for Idle {
    fn class(&self, _op: &str, _args: &Payload) -> EffectClass {
        EffectClass::Write
    }

    async fn perform(self: Arc<Self>, _: CallContext, _: String, _: Payload) -> Outcome {
        Ok(Payload::null())
    }
}

/// The system's time, and seeds that differ.
struct Clock(AtomicU64);

impl World for Clock {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
    }

    fn seed(&self) -> Seed {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::hash(format!("{} {n} {:?}", std::process::id(), Instant::now()).as_bytes());
        Seed(*hash.as_bytes())
    }
}

/// An executor on files in `home` whose programs have `effects` effects of one kind, and the times that they take.
pub fn executor(
    io: &tokio::runtime::Handle,
    home: &Path,
    durability: Durability,
    kind: Kind,
    effects: u64,
) -> Result<(Executor, Times), String> {
    let store = FileStore::open(home, durability).map_err(|e| e.to_string())?;
    let times = Times::default();
    let world = Clock(AtomicU64::new(0));
    let owner = Owner { host: NAME.into(), pid: std::process::id(), what: NAME.into(), since: world.now() };
    let parts = Parts {
        journals: Arc::new(store.clone()),
        keep: Arc::new(store),
        guests: vec![Arc::new(Stepper { kind, effects, times: times.clone() })],
        host: Arc::new(Idle),
        world: Arc::new(world),
        io: io.clone(),
    };
    let config = Config { durable: durability == Durability::Disk, ..Config::new(owner) };
    Ok((Executor::new(parts, config), times))
}

/// One run of the program.
pub fn new_run() -> NewRun {
    let code = Code { guest: NAME.into(), entry: NAME.into(), modules: Default::default() };
    let params = Json::from(json!({}));
    NewRun { id: None, tool: NAME.into(), photon: None, method: None, params, code: Arc::new(code) }
}
