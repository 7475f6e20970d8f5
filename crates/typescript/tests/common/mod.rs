//! A world for programs under test: it records what they ask, and answers as a script says.
#![allow(dead_code)]

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use run::{
    Code, Effect, Guest, Json, Outcome, Payload, Port, Program, Seed, Stop, TurnEnd, Wake,
    limits::Limits,
    program::{Module, ProgramError},
};
use serde_json::{Value, json};
use typescript::TypeScript;

pub static GUEST: LazyLock<TypeScript> = LazyLock::new(|| TypeScript::new().expect("the engine loads"));

pub const START: u64 = 1_700_000_000_000;

/// One module, without imports.
pub fn code(source: &str) -> Arc<Code> {
    modules("file:///app/main.ts", &[("file:///app/main.ts", source, &[])])
}

/// A module: name, source, imports.
pub type Source<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A program of several modules.
pub fn modules(entry: &str, list: &[Source]) -> Arc<Code> {
    let module = |source: &str, imports: &[(&str, &str)]| Module {
        source: source.into(),
        original: None,
        imports: imports.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        map: None,
    };
    Arc::new(Code {
        guest: "typescript".into(),
        entry: entry.into(),
        modules: list.iter().map(|(name, source, imports)| (name.to_string(), module(source, imports))).collect(),
        about: None,
    })
}

/// What a program did.
pub struct World {
    pub log: Vec<String>,
    pub open: VecDeque<(u64, Effect)>,
    pub next: u64,
    pub until: Instant,
}

impl Default for World {
    fn default() -> Self {
        let until = Instant::now() + Duration::from_secs(60);
        Self { log: Vec::new(), open: VecDeque::new(), next: 0, until }
    }
}

impl Port for World {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let n = self.next;
        self.next += 1;
        self.log.push(format!("{n} {effect:?}"));
        match effect {
            Effect::Emit { .. } => {}
            Effect::Abort { n } => self.open.retain(|(m, _)| *m != n),
            effect => self.open.push_back((n, effect)),
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        let n = self.next;
        self.next += 1;
        self.log.push(format!("{n} call {op} {:?}", args.json));
        Ok((n, Ok(json!({"op": op}).into())))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        (Instant::now() > self.until).then(|| Stop(ProgramError::new("limit", "too long")))
    }
}

/// Runs on a thread with the stack that a turn needs.
pub fn on_stack<R: Send>(test: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(typescript::TURN_STACK);
        match thread.spawn_scoped(scope, test).unwrap().join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

pub fn start(params: Value) -> Wake {
    Wake::Start {
        method: None,
        params: params.into(),
        seed: Seed([7; 32]),
        run: "run_1".into(),
        instance: None,
        now: START,
    }
}

/// The answer to an effect: its number for a call, nothing for the rest.
pub fn answer(n: u64, effect: &Effect) -> Outcome {
    Ok(match effect {
        Effect::Call { op, .. } => Payload::from(json!({"op": op, "n": n})),
        Effect::Ask(_) => Payload::from(json!(format!("answer {n}"))),
        Effect::Signal { name } => Payload::from(json!({"signal": name})),
        _ => Payload::null(),
    })
}

/// Wakes `program` until it ends or waits for nothing; `between` may replace it before each turn.
pub fn drive(
    program: Box<dyn Program>,
    world: &mut World,
    params: Value,
    between: &mut dyn FnMut(Box<dyn Program>) -> Box<dyn Program>,
) -> Result<TurnEnd, Stop> {
    let mut program = program;
    let mut end = program.turn(start(params), world)?;
    let mut now = START;
    while end == TurnEnd::Idle {
        program = between(program);
        let Some((n, effect)) = world.open.pop_front() else { return Ok(end) };
        now = match effect {
            Effect::Timer { due } => due.max(now),
            _ => now + 5,
        };
        world.log.push(format!("-> {n}"));
        end = program.turn(Wake::Result { n, outcome: answer(n, &effect), now }, world)?;
    }
    Ok(end)
}

pub fn load(code: &Arc<Code>) -> Box<dyn Program> {
    GUEST.load(code, &Limits::default()).expect("the program loads")
}

/// Runs a whole program on its own stack.
pub fn run_code(code: &Arc<Code>, limits: Limits) -> (Result<TurnEnd, Stop>, World) {
    on_stack(|| {
        let mut world = World::default();
        let program = GUEST.load(code, &limits).expect("the program loads");
        let end = drive(program, &mut world, json!({}), &mut |p| p);
        (end, world)
    })
}

/// The value that a program of one module returns.
pub fn value(source: &str) -> Value {
    done(run_code(&code(source), Limits::default()).0)
}

pub fn done(end: Result<TurnEnd, Stop>) -> Value {
    match end {
        Ok(TurnEnd::Done(payload)) => payload.json.value(),
        other => panic!("the program did not end well: {other:?}"),
    }
}

pub fn failed(end: Result<TurnEnd, Stop>) -> ProgramError {
    match end {
        Ok(TurnEnd::Failed(error)) => error,
        other => panic!("the program did not fail: {other:?}"),
    }
}

pub fn stopped(end: Result<TurnEnd, Stop>) -> ProgramError {
    match end {
        Err(Stop(error)) => error,
        other => panic!("the turn was not stopped: {other:?}"),
    }
}

pub fn json_of(text: &str) -> Json {
    Json::parse(text.into()).unwrap()
}
