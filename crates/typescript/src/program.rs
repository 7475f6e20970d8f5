//! One program: an instance of the image, its turns, and its snapshots.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use run::{
    Code, Effect, Failure, GuestError, Image, Json, Outcome, Payload, Port, Program, Stop, TurnEnd, Wake,
    limits::Limits, program::ProgramError, time::Millis,
};
use serde::Serialize;
use wasmtime::{Instance, Memory, ResourceLimiter, Store, Trap, TypedFunc};

use crate::{
    built,
    engine::Engine,
    image::{self, Chain},
    imports::{self, NO_BYTES},
    pure::{self, Answer, PureFunctions, stack::Places},
    spare::Refill,
};

/// What the host keeps beside an instance. Nothing here decides what the program does next: that is all in its memory.
pub struct State {
    /// The pinned code.
    pub code: Arc<Code>,
    /// Bounds the memory.
    pub limiter: Limiter,
    /// How the turn ended, once it has.
    pub end: Option<TurnEnd>,
    /// Functions of the host that its libraries call.
    pub pure: Option<Arc<dyn PureFunctions>>,
    places: Places,
    memory: Option<Memory>,
    alloc: Option<TypedFunc<u32, u32>>,
}

impl State {
    fn new(code: Arc<Code>, pure: Option<Arc<dyn PureFunctions>>, limiter: Limiter) -> Self {
        Self { places: Places::new(code.clone()), code, limiter, end: None, pure, memory: None, alloc: None }
    }

    /// For an instance that nobody uses yet.
    pub fn of_nobody() -> Self {
        let code = Code { guest: String::new(), entry: String::new(), modules: Default::default(), about: None };
        Self::new(Arc::new(code), None, Limiter { max: usize::MAX, refused: false })
    }

    /// The instance's memory.
    pub fn memory(&self) -> wasmtime::Result<Memory> {
        self.memory.ok_or_else(|| wasmtime::Error::msg("the engine has no memory yet"))
    }

    /// The guest's allocator.
    pub fn alloc(&self) -> wasmtime::Result<TypedFunc<u32, u32>> {
        self.alloc.clone().ok_or_else(|| wasmtime::Error::msg("the engine has no allocator yet"))
    }

    /// Performs a pure function.
    pub fn pure(&mut self, op: &str, json: &str, bytes: &[u8]) -> Result<Answer, Failure> {
        pure::call(op, json, bytes, &mut self.places, self.pure.as_deref())
    }
}

/// Bounds a program's memory, and remembers whether it asked for more.
#[derive(Clone, Copy)]
pub struct Limiter {
    max: usize,
    /// More was asked for and refused.
    pub refused: bool,
}

impl Limiter {
    /// For a program under `limits`.
    pub fn new(limits: &Limits) -> Self {
        Self { max: limits.memory.saturating_add(built::STACK), refused: false }
    }

    /// Whether a memory may be so large, in bytes.
    pub fn allows(&self, bytes: usize) -> bool {
        bytes <= self.max
    }

    /// What a program that needs more is told.
    pub fn error(&self) -> ProgramError {
        ProgramError::new(
            "limit",
            format!(
                "out of memory: the program needs more than its limit of {} MiB (limit `memory`)",
                (self.max - built::STACK) >> 20
            ),
        )
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.refused |= desired > self.max;
        Ok(desired <= self.max)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// A program in memory.
pub struct Vm {
    /// What it was made by.
    pub engine: Arc<Engine>,
    store: Store<State>,
    instance: Instance,
    memory: Memory,
    /// What the next image builds on.
    pub chain: Option<Chain>,
    /// A turn was stopped in the middle: what lies in memory is of no use.
    broken: bool,
    /// Goes last.
    _refill: Refill,
}

#[derive(Serialize)]
struct Start<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    params: &'a Json,
    run: &'a str,
    entry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<&'a Json>,
}

impl Vm {
    /// A program that has not begun.
    pub fn fresh(
        engine: &Arc<Engine>,
        pure: Option<Arc<dyn PureFunctions>>,
        code: &Arc<Code>,
        limiter: Limiter,
    ) -> Result<Self, GuestError> {
        let state = State::new(code.clone(), pure, limiter);
        let (mut store, instance) = engine.instantiate(state)?;
        let broken = |what: &str| GuestError::Engine(format!("the image has no {what}"));
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| broken("memory"))?;
        let alloc = instance.get_typed_func(&mut store, "qs_alloc").map_err(|_| broken("allocator"))?;
        store.data_mut().memory = Some(memory);
        store.data_mut().alloc = Some(alloc);
        let engine = engine.clone();
        let refill = Refill(engine.clone());
        let mut vm = Self { engine, store, instance, memory, chain: None, broken: false, _refill: refill };
        vm.base()?;
        Ok(vm)
    }

    /// The memory that programs start from.
    fn base(&mut self) -> Result<&[u8], GuestError> {
        let (memory, store) = (self.memory, &self.store);
        self.engine.base(|| Ok(memory.data(store)[built::STACK..].to_vec()))
    }

    /// What the next program may be made ahead with.
    fn learn(&self) {
        if let Ok(base) = self.engine.base(|| Err(GuestError::Engine(String::new()))) {
            self.engine.spare.learn(self.memory.data(&self.store), built::STACK + base.len());
        }
    }

    /// Puts images into the memory of a program that has not begun. Its first own image will be a whole one.
    pub fn restore(&mut self, images: &[Bytes]) -> Result<(), GuestError> {
        if images.is_empty() {
            return Err(GuestError::Refused("there is no image".into()));
        }
        images.iter().try_fold(None, |before, image| self.put(image, before.as_ref()).map(Some)).map(drop)
    }

    /// Puts an image into memory, which holds what it builds on: `before`, or the memory of a program that has not begun.
    pub fn put(&mut self, bytes: &Bytes, before: Option<&image::Header>) -> Result<image::Header, GuestError> {
        let max = self.store.data().limiter.max;
        let refused = |what: String| GuestError::Refused(what);
        let header = image::check(bytes, before).map_err(refused)?;
        let (want, have) = (header.memory, self.memory.data_size(&self.store));
        if want > max {
            let limit = (max - built::STACK) >> 20;
            return Err(refused(format!("it needs more memory than the limit of {limit} MiB")));
        }
        if want < have {
            return Err(refused("its memory is smaller than its base's".into()));
        }
        self.memory
            .grow(&mut self.store, ((want - have) / image::WASM_PAGE) as u64)
            .map_err(|e| GuestError::Engine(format!("no memory for the snapshot: {e:#}")))?;
        image::apply(bytes, &header, &mut self.memory.data_mut(&mut self.store)[built::STACK..]).map_err(refused)?;
        Ok(header)
    }

    /// The memory above the stack.
    pub fn data(&self) -> &[u8] {
        &self.memory.data(&self.store)[built::STACK..]
    }

    /// What the host keeps beside the instance.
    pub fn state(&self) -> &State {
        self.store.data()
    }

    /// Calls an entry point. The engine's stack is empty before and after.
    fn call<P: wasmtime::WasmParams>(&mut self, name: &str, params: P) -> Result<(), Stop> {
        let result = self
            .instance
            .get_typed_func::<P, ()>(&mut self.store, name)
            .and_then(|function| function.call(&mut self.store, params));
        result.map_err(|error| self.stopped(error))
    }

    fn stopped(&mut self, error: wasmtime::Error) -> Stop {
        self.broken = true;
        let limiter = &self.store.data().limiter;
        match error.downcast::<Stop>() {
            Ok(stop) => stop,
            Err(error) => Stop(match error.downcast_ref::<Trap>() {
                Some(Trap::StackOverflow) => ProgramError::new(
                    "limit",
                    "the program recursed too deeply for the engine's own stack (a pattern or a value nested too deep)",
                ),
                // The engine aborts where it has no memory to go on with.
                Some(Trap::UnreachableCodeReached) if limiter.refused => limiter.error(),
                _ => ProgramError::new("error", format!("the JavaScript engine stopped: {error:#}")),
            }),
        }
    }

    /// A block of the guest's with `data` and a zero byte.
    fn give(&mut self, data: &[u8]) -> Result<(u32, u32), Stop> {
        let result = (|| {
            let alloc = self.store.data().alloc()?;
            let len = u32::try_from(data.len()).ok().filter(|len| *len < NO_BYTES - 1);
            let at = match len {
                Some(len) => alloc.call(&mut self.store, len + 1)?,
                None => 0,
            };
            if at == 0 {
                let what = format!("no room for a value of {} bytes", data.len());
                let ProgramError { kind, message, .. } = self.store.data().limiter.error();
                return Err(wasmtime::Error::new(Stop(ProgramError::new(&kind, format!("{what}: {message}")))));
            }
            self.memory.write(&mut self.store, at as usize, data)?;
            self.memory.write(&mut self.store, at as usize + data.len(), &[0])?;
            Ok((at, data.len() as u32))
        })();
        result.map_err(|error| self.stopped(error))
    }

    fn free(&mut self, at: u32) -> Result<(), Stop> {
        self.call("qs_free", (at,))
    }

    fn seed(&mut self, seed: run::Seed) -> Result<(), Stop> {
        let (at, _) = self.give(&seed.0)?;
        self.call("qs_seed", (at,))?;
        self.free(at)
    }

    fn clock(&mut self, now: Millis) -> Result<(), Stop> {
        self.call("qs_clock", (now as f64,))
    }

    fn wake(&mut self, wake: Wake) -> Result<(), Stop> {
        match wake {
            Wake::Start { method, params, seed, run, instance, now } => {
                self.clock(now)?;
                self.seed(seed)?;
                let code = self.store.data().code.clone();
                let start = Start {
                    method: method.as_deref(),
                    params: &params,
                    run: &run,
                    entry: &code.entry,
                    instance: instance.as_deref(),
                    about: code.about.as_ref(),
                };
                let json = serde_json::to_vec(&start).map_err(|e| self.stopped(wasmtime::Error::new(e)))?;
                let (at, len) = self.give(&json)?;
                self.call("qs_start", (at, len))
            }
            Wake::Result { n, outcome, now } => {
                self.clock(now)?;
                self.deliver(n, outcome)
            }
            Wake::Reseed { seed, run } => {
                self.seed(seed)?;
                let (at, len) = self.give(run.as_bytes())?;
                self.call("qs_reseed", (at, len))
            }
        }
    }

    fn deliver(&mut self, n: u64, outcome: Outcome) -> Result<(), Stop> {
        let (ok, json, bytes) = match outcome {
            Ok(payload) => (1, payload.json.get().to_string(), payload.bytes),
            Err(failure) => {
                (0, serde_json::to_string(&failure).map_err(|e| self.stopped(wasmtime::Error::new(e)))?, None)
            }
        };
        let (json, json_len) = self.give(json.as_bytes())?;
        let (data, data_len) = match bytes {
            Some(bytes) => self.give(&bytes)?,
            None => (0, NO_BYTES),
        };
        self.call("qs_deliver", (n as f64, ok, json, json_len, data, data_len))
    }

    fn stack_pointer(&mut self) -> Result<u32, GuestError> {
        self.instance
            .get_global(&mut self.store, "__stack_pointer")
            .and_then(|global| global.get(&mut self.store).i32())
            .map(|at| at as u32)
            .ok_or_else(|| GuestError::Engine("the image has no stack pointer".into()))
    }

    /// Whether all that the program is lies in its memory now.
    fn at_rest(&mut self) -> Result<(), GuestError> {
        if self.broken || self.stack_pointer()? as usize != built::STACK {
            return Err(GuestError::Engine("the program was stopped in the middle of a turn; restore it".into()));
        }
        Ok(())
    }

    /// Images that `put` makes this memory from.
    pub fn pack(&mut self) -> Result<Vec<Bytes>, GuestError> {
        self.at_rest()?;
        let base = self.engine.base(|| Err(GuestError::Engine("the base is not known".into())))?;
        image::pack(base, self.data(), self.chain.as_ref()).map_err(|e| GuestError::Engine(e.to_string()))
    }

    fn ask(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        let engine = |stop: Stop| GuestError::Engine(stop.0.message);
        let (at, len) = match expression {
            Some(text) => self.give(text.as_bytes()).map_err(engine)?,
            None => (0, 0),
        };
        let (out, _) = self.give(&[0; 20]).map_err(engine)?;
        self.call("qs_inspect", (at, len, out)).map_err(engine)?;
        let memory = self.memory.data(&self.store);
        let word = |at: usize| -> Option<usize> {
            Some(u32::from_le_bytes(memory.get(at..at + 4)?.try_into().ok()?) as usize)
        };
        let read = || {
            let (ok, at, len) = (word(out as usize)?, word(out as usize + 4)?, word(out as usize + 8)?);
            Some((ok != 0, String::from_utf8_lossy(memory.get(at..at.checked_add(len)?)?).into_owned()))
        };
        match read() {
            Some((true, json)) => {
                Json::parse(json).map_err(|e| GuestError::Engine(format!("the program's state has no JSON form: {e}")))
            }
            Some((false, text)) => Err(GuestError::Engine(format!("the program cannot be inspected: {text}"))),
            None => Err(GuestError::Engine("the program cannot be inspected: it gave no answer".into())),
        }
    }
}

impl Program for Vm {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        if self.broken {
            return Err(Stop(ProgramError::new(
                "error",
                "the program was stopped in the middle of a turn; restore it",
            )));
        }
        self.store.data_mut().end = None;
        imports::with_port(port, || self.wake(wake))?;
        self.learn();
        Ok(self.store.data_mut().end.take().unwrap_or(TurnEnd::Idle))
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        self.at_rest()?;
        let base = self.engine.base(|| Err(GuestError::Engine("the base is not known".into())))?;
        let data = &self.memory.data(&self.store)[built::STACK..];
        image::take(base, data, &mut self.chain).map(Some).map_err(|e| GuestError::Engine(e.to_string()))
    }

    fn forget_parent(&mut self) {
        self.chain = None;
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        let mut port = NoWorld { left: INSPECT_POLLS };
        imports::with_port(&mut port, || self.ask(expression))
    }

    fn memory(&self) -> usize {
        self.memory.data_size(&self.store).saturating_sub(built::STACK)
    }
}

/// An inspection's expression ends after this many polls, which are some seconds.
const INSPECT_POLLS: u32 = 20_000;

/// Only for messages: what the polls above come to.
const INSPECT_TIME: Duration = Duration::from_secs(10);

/// The world while a program is inspected: there is none.
struct NoWorld {
    left: u32,
}

fn inspection(what: &str) -> Stop {
    Stop(ProgramError::new("error", what))
}

impl Port for NoWorld {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        Err(inspection(&format!("an inspection may not have effects, and this one asked for `{}`", effect.kind())))
    }

    fn call(&mut self, op: String, _: Payload) -> Result<(u64, Outcome), Stop> {
        Err(inspection(&format!("an inspection may not have effects, and this one asked for `{op}`")))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.left = self.left.saturating_sub(1);
        (self.left == 0).then(|| {
            inspection(&format!("the expression computed for more than some {} seconds", INSPECT_TIME.as_secs()))
        })
    }
}
