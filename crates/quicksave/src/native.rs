//! The guest of Rust functions: a program is a future that is polled anew whenever a result comes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};

use async_trait::async_trait;
use bytes::Bytes;
use executor::{CallContext, Host};
use futures::future::BoxFuture;
use run::{
    Code, Effect, EffectClass, Failure, Guest, GuestError, Hash, Image, Json, Outcome, Payload, Port, Program, RunId,
    Stop, TurnEnd, Wake, limits::Limits, program::ProgramError,
};

use crate::{
    Context,
    context::{Shared, Works, lock},
};

pub(crate) type Function = Arc<dyn Fn(Context, Json) -> BoxFuture<'static, Result<Json, Failure>> + Send + Sync>;

pub(crate) struct Workflow {
    pub version: String,
    pub function: Function,
}

/// What is done with emits.
pub(crate) type Show = Box<dyn Fn(&RunId, &Effect) + Send + Sync>;

pub(crate) struct Native {
    pub workflows: BTreeMap<String, Workflow>,
    pub works: Works,
}

/// A function in memory.
struct Running {
    context: Context,
    function: Function,
    future: Option<BoxFuture<'static, Result<Json, Failure>>>,
    works: Works,
    /// Effect number → request, and back.
    requests: HashMap<u64, u64>,
    numbers: HashMap<u64, u64>,
    input: Json,
    woken: Arc<Woken>,
    /// The state of the checkpoint whose result comes next, if nothing else is pending.
    at_checkpoint: Option<Json>,
}

struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// What a snapshot of a function is: enough to call it anew from its last checkpoint.
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved {
    state: Json,
    input: Json,
    run: String,
    seed: Option<run::Seed>,
    draws: u64,
}

impl Running {
    fn poll(&mut self, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        loop {
            self.woken.0.store(false, Ordering::Release);
            let waker = Waker::from(self.woken.clone());
            let context = self.context.clone();
            let (function, input) = (&self.function, &self.input);
            let future = self.future.get_or_insert_with(|| function(context, input.clone()));
            let polled = future.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            self.pass_on(port)?;
            match polled {
                Poll::Ready(Ok(value)) => return Ok(TurnEnd::Done(value.into())),
                Poll::Ready(Err(failure)) => {
                    return Ok(TurnEnd::Failed(ProgramError::new("error", failure.message)));
                }
                // Futures that woke themselves (a join of many) are polled again.
                Poll::Pending if self.woken.0.load(Ordering::Acquire) => {}
                Poll::Pending => return Ok(TurnEnd::Idle),
            }
        }
    }

    fn pass_on(&mut self, port: &mut dyn Port) -> Result<(), Stop> {
        let (asked, run) = {
            let mut shared = lock(&self.context.shared);
            (std::mem::take(&mut shared.asked), shared.run.clone())
        };
        for (request, effect, work) in asked {
            let effect = match effect {
                Effect::Abort { n: request } => match self.numbers.remove(&request) {
                    Some(n) => Effect::Abort { n },
                    None => continue,
                },
                effect => effect,
            };
            let checkpoint = match &effect {
                Effect::Checkpoint { state, .. } => Some(state.clone()),
                _ => None,
            };
            let awaited = !matches!(effect, Effect::Emit { .. } | Effect::Abort { .. });
            let n = port.effect(effect)?;
            if let Some(work) = work {
                lock(&self.works).insert((run.clone(), n), work);
            }
            if awaited {
                self.requests.insert(n, request);
                self.numbers.insert(request, n);
            }
            self.at_checkpoint = checkpoint.filter(|_| self.requests.len() == 1);
        }
        Ok(())
    }
}

impl Program for Running {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        match wake {
            Wake::Start { params, seed, run, now, .. } => {
                self.input = params;
                let mut shared = lock(&self.context.shared);
                (shared.run, shared.now, shared.seed) = (run, now, Some(seed));
            }
            Wake::Result { n, outcome, now } => {
                self.at_checkpoint = None;
                let mut shared = lock(&self.context.shared);
                shared.now = now;
                lock(&self.works).remove(&(shared.run.clone(), n));
                if let Some(request) = self.requests.remove(&n) {
                    self.numbers.remove(&request);
                    shared.deliver(request, outcome);
                }
            }
            Wake::Reseed { seed, run } => {
                let mut shared = lock(&self.context.shared);
                (shared.run, shared.seed) = (run, Some(seed));
                return Ok(TurnEnd::Idle);
            }
        }
        self.poll(port)
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        let shared = lock(&self.context.shared);
        let Some(state) = self.at_checkpoint.clone().filter(|_| shared.restorable) else { return Ok(None) };
        let saved =
            Saved { state, input: self.input.clone(), run: shared.run.clone(), seed: shared.seed, draws: shared.draws };
        let bytes = serde_json::to_vec(&saved).map_err(|e| GuestError::Engine(e.to_string()))?;
        Ok(Some(Image { bytes: bytes.into(), on_parent: false }))
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        match expression {
            Some(_) => Err(GuestError::Unsupported("expressions cannot be evaluated in a Rust workflow".into())),
            None => Ok(serde_json::json!({ "input": self.input.value() }).into()),
        }
    }
}

impl Native {
    fn program(&self, code: &Code) -> Result<Running, GuestError> {
        let name = &code.entry;
        let workflow = self
            .workflows
            .get(name)
            .ok_or_else(|| GuestError::Code(format!("workflow {name:?} is not registered in this program")))?;
        let wanted = code.modules.get(name).map_or("", |module| module.source.as_str());
        if wanted != workflow.version {
            let have = &workflow.version;
            return Err(GuestError::Code(format!(
                "the run began with version {wanted:?} of workflow {name:?}, and this program has {have:?}: \
                 finish it with the program that began it"
            )));
        }
        Ok(Running {
            context: Context { shared: Arc::new(Mutex::new(Shared::default())) },
            function: workflow.function.clone(),
            future: None,
            works: self.works.clone(),
            requests: HashMap::new(),
            numbers: HashMap::new(),
            input: Json::null(),
            woken: Arc::new(Woken(AtomicBool::new(false))),
            at_checkpoint: None,
        })
    }
}

impl Guest for Native {
    fn name(&self) -> &str {
        "rust"
    }

    fn engine(&self) -> Hash {
        Hash::of(b"rust functions, snapshot form 1")
    }

    fn load(&self, code: &Arc<Code>, _: &Limits) -> Result<Box<dyn Program>, GuestError> {
        Ok(Box::new(self.program(code)?))
    }

    fn restore(&self, code: &Arc<Code>, _: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let [image] = images else { return Err(GuestError::Refused("one image is expected".into())) };
        let saved: Saved = serde_json::from_slice(image).map_err(|e| GuestError::Refused(e.to_string()))?;
        let mut running = self.program(code)?;
        running.input = saved.input;
        {
            let mut shared = lock(&running.context.shared);
            (shared.run, shared.seed, shared.draws) = (saved.run, saved.seed, saved.draws);
            shared.restored = Some(saved.state);
            shared.restorable = true;
        }
        Ok(Box::new(running))
    }
}

/// Performs steps by running the work that the function gave.
pub(crate) struct StepHost {
    pub works: Works,
    pub show: Show,
}

#[async_trait]
impl Host for StepHost {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        match op {
            "query" => EffectClass::Read,
            "step.once" => EffectClass::AtMostOnce,
            _ => EffectClass::Write,
        }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, _: Payload) -> Outcome {
        let work = lock(&self.works).remove(&(context.run.to_string(), context.n));
        match work {
            Some(work) => work.await,
            None => Err(Failure::new("Error", format!("the work of {op} {} is not known here", context.n))),
        }
    }

    fn show(&self, run: &RunId, emit: &Effect) {
        (self.show)(run, emit);
    }
}
