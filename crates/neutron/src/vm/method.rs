//! A run of one function of a script: what a DAG's node names. The top level runs first, then the main task calls the
//! function with the run's parameters, and what it returns is the run's result.

use run::{Json, program::ProgramError};

use super::{Exit, Vm};
use crate::diagnostic;
use crate::fault::{Fault, R, fail, kind};
use crate::heap::{FrameKind, Obj};
use crate::modules::json;
use crate::value::{Kind, Value};

/// What the run's result is. Part of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Method {
    /// Nothing: a script is run.
    #[default]
    None,
    /// The top level runs; then this function is called.
    Later { name: String, params: String },
    /// What this function returns, which the main task runs.
    Called { name: String },
}

/// Steps of a path in a message, and characters of each.
const STEPS: usize = 20;
const CHARS: usize = 100;

/// The mark of a script that called its `main`.
pub(crate) const MAIN_MARK: &str = "(main was called)";

impl Vm {
    /// Notes that a function of the entry file is to be called with `params`; fails if there is none of this name.
    pub(super) fn choose_method(&mut self, name: String, params: &Json) -> Result<(), ProgramError> {
        if self.fresh_from_file {
            let text = format!("the program goes on from a snapshot, so that {name} cannot be called in it");
            return Err(ProgramError::new("error", text));
        }
        if self.top_level(&name).is_none() {
            return Err(ProgramError::new("error", self.no_function(&name)));
        }
        // A script calls its `main` by itself unless it did so already.
        if let Some(mark) = self.top_level(MAIN_MARK) {
            self.globals[mark] = Value::TRUE;
        }
        self.method = Method::Later { name, params: params.get().to_owned() };
        Ok(())
    }

    /// The slot of a variable of the entry file's top level.
    fn top_level(&self, name: &str) -> Option<usize> {
        let entry = self.program.entry;
        self.program.globals.iter().position(|g| g.unit == entry && &*g.name == name)
    }

    fn no_function(&self, name: &str) -> String {
        let entry = self.program.entry;
        let file = &self.program.units[entry as usize].source.name;
        let known = self.program.globals.iter().filter(|g| g.unit == entry).map(|g| &*g.name);
        let hint = match diagnostic::nearest(name, known.filter(|n| !n.starts_with('('))) {
            Some(other) => format!("did you mean {other}?"),
            None => format!("define it by fun {name}(params) {{ … }}"),
        };
        format!("{file} has no function {name} at its top level; {hint}")
    }

    /// The running task has ended: if it is the top level and a function is to be called, the task begins that.
    /// `None`: there is nothing to call.
    pub(super) fn begin_method(&mut self) -> Option<Result<(), Exit>> {
        if self.current != self.main {
            return None;
        }
        let Method::Later { name, params } = &mut self.method else { return None };
        let (name, params) = (std::mem::take(name), std::mem::take(params));
        let entered = self.enter_method(&name, &params);
        self.method = Method::Called { name };
        Some(entered.map_err(|fault| match *fault {
            Fault::Stop(stop) => Exit::Stopped(stop),
            Fault::Error(kind, message) => {
                let error = self.error_value(kind, &message);
                Exit::Failed(error, self.trace())
            }
            Fault::Throw(error) | Fault::Rethrow(error, _) => Exit::Failed(error, self.trace()),
            // Entering a function asks for nothing.
            Fault::Control(_) => Exit::Failed(Value::NIL, self.trace()),
        }))
    }

    fn enter_method(&mut self, name: &str, params: &str) -> R<()> {
        let slot = self.top_level(name).filter(|slot| self.globals[*slot] != Value::EMPTY);
        let Some(slot) = slot else { return fail(kind::NAME, self.no_function(name)) };
        let mut callee = self.globals[slot];
        let mut first = callee;
        if let Some(handle) = callee.as_handle(Kind::Bound)
            && let Obj::Bound { this, method } = self.heap.slots[handle as usize]
        {
            (callee, first) = (method, this);
        }
        let Some(closure) = callee.as_handle(Kind::Closure) else {
            let what = self.heap.type_name(callee);
            return fail(kind::TYPE, format!("{name} is to be called as a function, and it is a value of type {what}"));
        };
        let function = self.heap.closure(closure).map_or(0, |c| c.function);
        let f = &self.program.functions[function as usize];
        if f.required > 1 {
            let text = format!("{name} needs {} arguments; a run gives one, its parameters, or none", f.required);
            return fail(kind::ARGUMENT, text);
        }
        let n = f.params.min(1) as usize;
        self.reserve(0);
        if n == 1 {
            let value = json::parse_into(&mut self.heap, params, "the run's parameters")?;
            self.task.stack[1] = value;
        }
        self.task.stack[0] = first;
        self.enter(function, closure, 0, n, FrameKind::Plain)?;
        if self.heap.bytes > self.heap.limit { self.out_of_memory() } else { Ok(()) }
    }

    /// What the run's function returned, as JSON; `None` for a script.
    pub(super) fn result_of_method(&self) -> Option<Result<Json, ProgramError>> {
        let Method::Called { name } = &self.method else { return None };
        let value = self.heap.task(self.main).map_or(Value::NIL, |t| t.result);
        let text = match json::to_text(&self.heap, value, None) {
            Ok(text) => text,
            Err(fault) => {
                let Fault::Error(why, message) = *fault else { return None };
                // What is too large is not looked through again.
                let place = if why == kind::MEMORY { String::new() } else { self.place_of_unsayable(value) };
                let text = format!("the result of {name} must have a JSON form{place}: {message}");
                return Some(Err(ProgramError::new("error", text)));
            }
        };
        let wrong = |e| ProgramError::new("error", format!("the result of {name} is no JSON: {e}"));
        Some(Json::parse(text).map_err(wrong))
    }

    /// ` (.member[3])`, or nothing where that would be long or the value itself is meant.
    fn place_of_unsayable(&self, value: Value) -> String {
        let mut path = Vec::new();
        json::find_unsayable(&self.heap, value, 0, &mut path);
        if path.is_empty() || path.len() > STEPS {
            return String::new();
        }
        let step = |step: &json::Step| match step {
            json::Step::Index(i) => format!("[{i}]"),
            json::Step::Member(key) => format!(".{}", self.heap.str_at(*key).chars().take(CHARS).collect::<String>()),
        };
        format!(" ({})", path.iter().rev().map(step).collect::<String>())
    }
}
