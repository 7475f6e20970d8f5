//! A session: one program that grows by what is typed, and keeps its variables.
//!
//! The text of a session is all that was typed. Each input compiles the whole text again and runs the last input only;
//! then what lies in the heap is made to mean the new program: functions and variables keep their place in their file,
//! so that each is found by its file and its number there. So later inputs can define what earlier functions name.

use std::collections::HashMap;
use std::sync::Arc;

use run::{Json, Outcome, Port, Seed, Stop};

use crate::code::Program;
use crate::compile::{Loaded, Units};
use crate::diagnostic::{Diagnostic, Severity};
use crate::heap::{Obj, Task, Waits};
use crate::load::Loader;
use crate::modules::LIBRARY;
use crate::parser;
use crate::snapshot::{self, BadSnapshot};
use crate::source::Source;
use crate::value::Value;
use crate::vm::{End, Vm};

/// The name of a session's text in messages and snapshots.
const NAME: &str = "(session)";

/// Stands before each input in the text of a session.
const MARK: &str = "//\u{1f}\n";

/// What came of an input.
#[derive(Debug)]
pub enum Input {
    /// It compiles: [`Session::go`] runs it. What will fail if the program gets there.
    Ready(Vec<Diagnostic>),
    /// It goes on in the next line.
    Incomplete,
    /// What is wrong with it. The session is as before.
    Wrong(Vec<Diagnostic>),
}

/// How far an input has run.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for results.
    Waits,
    /// It ended; the value of its last expression as text, unless that is nil.
    Value(Option<String>),
    /// It failed: the report. The session goes on.
    Failed(String),
    /// It called `sys.exit`.
    Exit(i32),
}

/// A program that grows by what is typed.
pub struct Session {
    vm: Vm,
    text: String,
    /// Where each input begins in the text.
    offsets: Vec<u32>,
}

fn compile(text: &str, offsets: &[u32], load: &mut dyn FnMut(&str, &str) -> Result<Loaded, String>) -> Compiled {
    let mut units = Units::load(LIBRARY, Source { name: NAME.into(), text: text.into() }, load);
    let inputs = units.inputs(offsets);
    units.compile(Some(&inputs))
}

type Compiled = (Program, Vec<Diagnostic>);

/// What was typed, with the semicolon that may be missing at its end; or what is wrong with it.
fn complete(input: &str) -> Option<String> {
    let wrong = |text: &str| parser::parse(text).1;
    let problems = wrong(input);
    if problems.is_empty() {
        return Some(input.to_owned());
    }
    let ended = format!("{};", input.trim_end());
    if wrong(&ended).is_empty() {
        return Some(ended);
    }
    let open = |message: &str| message.ends_with("is never closed") || message.ends_with("found the end");
    if problems.iter().any(|p| open(&p.message)) { None } else { Some(input.to_owned()) }
}

impl Session {
    /// An empty session. `memory`: what it may use, in bytes.
    pub fn new(memory: usize, params: &Json, seed: Seed, now: u64, port: &mut dyn Port) -> Result<Self, Stop> {
        let (program, _) = compile("", &[0], &mut |_, _| Err(String::new()));
        let mut vm = Vm::new(Arc::new(program), memory);
        vm.start(None, params, seed, NAME.into(), now, port)?;
        let mut session = Self { vm, text: String::new(), offsets: Vec::new() };
        session.abandon();
        Ok(session)
    }

    /// A session from the bytes that [`Session::save`] gave; `None` if they are a program's checkpoint.
    pub fn restore(bytes: &[u8], memory: usize) -> Result<Option<Self>, BadSnapshot> {
        let vm = snapshot::decode(bytes, memory)?;
        let source = &vm.program.units[vm.program.entry as usize].source;
        if source.name != NAME || !vm.tasks.is_empty() {
            return Ok(None);
        }
        let text = source.text.clone();
        let offsets = text.match_indices(MARK).map(|(at, _)| at as u32).collect();
        Ok(Some(Self { vm, text, offsets }))
    }

    /// The session's bytes, between two inputs.
    pub fn save(&mut self) -> Result<Vec<u8>, BadSnapshot> {
        snapshot::encode(&mut self.vm)
    }

    /// Takes an input. `last`: no further line will come, so that one which is cut off is wrong.
    pub fn feed(&mut self, input: &str, last: bool, loader: &dyn Loader) -> Input {
        let input = input.replace('\u{1f}', " ");
        let input = match complete(&input) {
            Some(input) => input,
            None if last => input,
            None => return Input::Incomplete,
        };
        let begins = self.text.len() as u32;
        let text = format!("{}{MARK}{input}\n", self.text);
        let mut offsets = self.offsets.clone();
        offsets.push(begins);
        let known = self.vm.program.clone();
        let (program, mut diagnostics) = compile(&text, &offsets, &mut |from, path| {
            let loaded = loader.load(from, path);
            let name = loaded.as_ref().map_or(path, |l| l.name.as_str());
            // A file that was used before stays what it was.
            let same = |name: &str| name == path || loaded.as_ref().is_ok_and(|l| l.name == name);
            match known.units.iter().skip(2).find(|u| same(&u.source.name)) {
                Some(unit) => Ok(Loaded { name: name.to_owned(), text: unit.source.text.clone() }),
                None => loaded,
            }
        });
        diagnostics.retain(|d| d.file != NAME || d.span.start >= begins);
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return Input::Wrong(diagnostics);
        }
        self.grow(program);
        (self.text, self.offsets) = (text, offsets);
        let main = self.vm.program.units[1].main;
        self.vm.begin(main);
        Input::Ready(diagnostics)
    }

    /// Runs the input, until it waits or ends. `now`: milliseconds since the epoch.
    pub fn go(&mut self, now: u64, port: &mut dyn Port) -> Result<Step, Stop> {
        self.vm.world.set_clock(now);
        let end = self.vm.go(port)?;
        Ok(self.step(end))
    }

    /// An effect has its result.
    pub fn deliver(&mut self, n: u64, outcome: Outcome, now: u64, port: &mut dyn Port) -> Result<Step, Stop> {
        let end = self.vm.deliver(n, outcome, now, port)?;
        Ok(self.step(end))
    }

    fn step(&mut self, end: End) -> Step {
        let step = match end {
            End::Waits | End::Stepped => return Step::Waits,
            End::Done(code) if code != 0 || !self.has_ended() => Step::Exit(code),
            End::Done(_) | End::Gave(_) => {
                let result = self.vm.heap.task(self.vm.main).map_or(Value::NIL, |t| t.result);
                Step::Value(self.shown(result))
            }
            End::Failed(error) => Step::Failed(error.stack.unwrap_or(error.message)),
        };
        self.abandon();
        step
    }

    fn has_ended(&self) -> bool {
        self.vm.heap.task(self.vm.main).is_none_or(|t| t.waits == Waits::Ended)
    }

    fn shown(&self, value: Value) -> Option<String> {
        match self.vm.heap.as_str(value) {
            Some(text) => Some(format!("{text:?}")),
            None if value == Value::NIL => None,
            None => Some(self.vm.heap.show(value)),
        }
    }

    /// Ends what runs or waits; variables stay. Needed after a `Stop`.
    pub fn abandon(&mut self) {
        self.vm.park();
        self.vm.ready.clear();
        let tasks = std::mem::take(&mut self.vm.tasks);
        for handle in tasks.into_iter().chain([self.vm.main]) {
            if let Some(task) = self.vm.heap.task_mut(handle) {
                let mut ended = Task::new(task.id);
                ended.waits = Waits::Ended;
                *task = ended;
            }
        }
    }

    /// The names of the session's variables, for completion.
    pub fn names(&self) -> Vec<String> {
        let own = self.vm.program.globals.iter().zip(&self.vm.globals);
        let mut names: Vec<String> = own
            .filter(|(g, v)| g.unit == 1 && **v != Value::EMPTY && !g.name.contains(['(', '.']))
            .map(|(g, _)| g.name.to_string())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Puts a program in place that begins with the one there was.
    fn grow(&mut self, program: Program) {
        let vm = &mut self.vm;
        let old = std::mem::replace(&mut vm.program, Arc::new(program));
        let new = vm.program.clone();
        let functions = moves(&old, &new, |p| p.functions.iter().map(|f| (f.unit, "")).collect());
        for obj in &mut vm.heap.slots {
            if let Obj::Closure(closure) = obj {
                closure.function = functions.get(&closure.function).copied().unwrap_or(closure.function);
            }
        }
        let slots = moves(&old, &new, |p| p.globals.iter().map(|g| (g.unit, &*g.name)).collect());
        let mut globals = vec![Value::EMPTY; new.globals.len()];
        for (at, value) in vm.globals.iter().enumerate() {
            if let Some(to) = slots.get(&(at as u32)) {
                globals[*to as usize] = *value;
            }
        }
        vm.globals = globals;
        vm.consts.clear();
        vm.sites.clear();
        vm.heap.protos.clear();
        vm.link();
        vm.link_library();
    }
}

/// Where the things of an old program are in a new one: each is known by its file, its name, and its number among
/// those of that name.
fn moves<'p>(
    old: &'p Program,
    new: &'p Program,
    list: impl Fn(&'p Program) -> Vec<(u32, &'p str)>,
) -> HashMap<u32, u32> {
    let keys = |program: &'p Program| -> Vec<(&'p str, &'p str, u32)> {
        let mut counts = HashMap::<(u32, &str), u32>::new();
        let key = |(unit, name): (u32, &'p str)| {
            let count = counts.entry((unit, name)).or_default();
            *count += 1;
            (program.units[unit as usize].source.name.as_str(), name, *count)
        };
        list(program).into_iter().map(key).collect()
    };
    let places: HashMap<_, u32> = keys(new).into_iter().zip(0..).collect();
    keys(old).into_iter().zip(0..).filter_map(|(key, at)| Some((at, *places.get(&key)?))).collect()
}

impl Vm {
    /// Makes a function without arguments the main task, ready to run.
    fn begin(&mut self, function: u32) {
        self.main = self.new_task(function);
        self.ready.push_back(self.main);
    }
}

#[cfg(test)]
mod tests;
