//! Turns: the machine between two waits of the whole program.

use run::{Json, Outcome, Port, Seed, Stop, program::ProgramError};

use super::{Exit, Vm};
use crate::fault::{Fault, R, fail, kind};
use crate::heap::{Asked, Waits};
use crate::modules;
use crate::snapshot;
use crate::value::Value;

/// How a turn ended.
pub(crate) enum End {
    Waits,
    /// The program ended; its exit code.
    Done(i32),
    /// The function that the run called returned this.
    Gave(Json),
    Failed(ProgramError),
    /// Only in tests: as many instructions as asked for were done.
    Stepped,
}

impl Vm {
    /// The program begins, or goes on from a file. `method`: a function to be called when the top level has ended.
    pub fn start(
        &mut self,
        method: Option<String>,
        params: &Json,
        seed: Seed,
        run: String,
        now: u64,
        port: &mut dyn Port,
    ) -> Result<End, Stop> {
        let args: serde_json::Value = params.value();
        if let Some(args) = args.get("args").and_then(|a| a.as_array()) {
            self.world.args = args.iter().map(|a| a.as_str().map_or_else(|| a.to_string(), str::to_owned)).collect();
        }
        if let Some(Err(error)) = method.map(|method| self.choose_method(method, params)) {
            return Ok(End::Failed(error));
        }
        self.world.run = run;
        self.world.set_clock(now);
        if self.fresh_from_file {
            // A seeded generator and an unseeded one go on alike; secrets do not repeat.
            self.world.seed = seed;
            self.world.observed = false;
            if !self.world.cwd_chosen {
                self.world.cwd = None;
            }
            self.ask_again(port)?;
        } else {
            self.world.reseed(seed);
        }
        self.go(port)
    }

    /// An effect has its result.
    pub fn deliver(&mut self, n: u64, outcome: Outcome, now: u64, port: &mut dyn Port) -> Result<End, Stop> {
        self.world.set_clock(now);
        let waiting = |h: &u32| match self.heap.task(*h).map(|t| &t.waits) {
            Some(Waits::Effect { n: own, what }) if *own == n => Some(what.clone()),
            _ => None,
        };
        let found = self.tasks.iter().find_map(|h| waiting(h).map(|what| (*h, what)));
        if let Some((handle, what)) = found {
            let result = modules::answer(&mut self.heap, &what, outcome);
            self.switch_to(handle);
            self.task.waits = Waits::Nothing;
            match result {
                Ok(value) => {
                    let dst = self.task.dst as usize;
                    self.task.stack[dst] = value;
                }
                Err(fault) => {
                    if let Fault::Error(kind, message) = *fault {
                        self.task.raise = self.error_value(kind, &message);
                    }
                }
            }
            self.park();
            self.ready.push_back(handle);
            if !matches!(what, Asked::Timer { .. }) {
                self.world.observed = true;
            }
        }
        self.go(port)
    }

    /// Runs until the program waits or ends.
    pub fn go(&mut self, port: &mut dyn Port) -> Result<End, Stop> {
        match self.run_ready(port) {
            Some(Exit::Stopped(stop)) => Err(stop),
            Some(Exit::Ordered(code)) => Ok(End::Done(code)),
            Some(Exit::Stepped) => Ok(End::Stepped),
            Some(Exit::Failed(error, trace)) => Ok(End::Failed(self.report(error, trace))),
            _ => Ok(self.at_rest()),
        }
    }

    /// Nothing can run: is the program done?
    fn at_rest(&mut self) -> End {
        if self.waits_for_effects() {
            return End::Waits;
        }
        let main_ended = self.heap.task(self.main).is_none_or(|t| t.waits == Waits::Ended);
        if !main_ended {
            self.switch_to(self.main);
            let text = "the program waits for a message or a task that can never come";
            let trace = self.trace();
            self.park();
            let mut error = ProgramError::new("deadlock", text);
            error.stack = Some(format!("error: {text}\n{trace}"));
            return End::Failed(error);
        }
        match self.unseen_failure() {
            Some((error, trace)) => End::Failed(self.report(error, trace)),
            None => match self.result_of_method() {
                Some(Ok(result)) => End::Gave(result),
                Some(Err(error)) => End::Failed(error),
                None => End::Done(0),
            },
        }
    }

    fn report(&self, error: Value, trace: String) -> ProgramError {
        let headline = self.headline(error);
        let mut report = ProgramError::new("error", headline.clone());
        report.stack = Some(format!("error: {headline}\n{trace}"));
        report
    }

    /// `sys.checkpoint`: saves the machine as it will be when it is resumed, with `true` as the call's result.
    pub(super) fn checkpoint(&mut self, path: &str, dst: usize, port: &mut dyn Port) -> R<()> {
        self.task.stack[dst] = Value::TRUE;
        self.task.live = dst as u32 + 1;
        let path = self.world.absolute(path, port)?;
        let was = std::mem::replace(&mut self.fresh_from_file, true);
        let image = snapshot::save::save(self);
        self.fresh_from_file = was;
        let Ok(image) = image else { return fail(kind::MEMORY, "the program is too large for a snapshot") };
        let args = serde_json::json!({ "path": path, "flag": "w", "atomic": true });
        let written = self.world.operation("fs.writeFile", args, Some(image), port);
        match written {
            Ok(_) => Ok(()),
            Err(fault) => match *fault {
                Fault::Error(kind, message) => fail(kind, format!("checkpoint {path:?} was not saved: {message}")),
                other => Err(Box::new(other)),
            },
        }
    }
}
