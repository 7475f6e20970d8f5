//! Tasks inside the machine: one runs until it waits or ends, then the next in line. No clock decides, so that every
//! replay has the same order.

use run::{Effect, Port};

use super::{Exit, Vm};
use crate::code::WINDOW;
use crate::fault::{R, fail, kind};
use crate::heap::{Asked, NONE, Obj, Task, Waits};
use crate::modules::CHECKPOINT;
use crate::value::{Kind, Value};

/// Switches between tasks between two looks at whether the turn must end.
const SWITCHES: u32 = 1_000;

/// Tasks at one time.
const MAX_TASKS: usize = 100_000;

impl Vm {
    /// The running task waits; the value goes to `dst` when it comes.
    pub(super) fn wait(&mut self, waits: Waits, dst: usize) -> Option<Exit> {
        if let Waits::Task(other) = waits
            && let Some(task) = self.heap.task_mut(other)
        {
            task.awaited = true;
        }
        self.task.waits = waits;
        self.task.dst = dst as u32;
        self.task.live = dst as u32 + 1;
        self.task.stack[dst] = Value::NIL;
        Some(Exit::Waiting)
    }

    /// Starts a task that calls `callee`.
    pub(super) fn spawn(&mut self, callee: Value, args: &[Value], is_process: bool) -> R<Value> {
        if self.tasks.len() >= MAX_TASKS {
            return fail(kind::TASK, format!("there are {MAX_TASKS} tasks already"));
        }
        let mut task = Task::new(self.next_task);
        self.next_task = self.next_task.wrapping_add(1);
        task.is_process = is_process;
        task.stack = vec![Value::NIL; WINDOW + args.len()];
        task.stack[0] = callee;
        task.stack[1..=args.len()].copy_from_slice(args);
        let id = task.id;
        // Entering needs the task in place of the running one.
        std::mem::swap(&mut *self.task, &mut task);
        let entered = match callee.as_handle(Kind::Closure) {
            Some(closure) => {
                let function = self.heap.closure(closure).map_or(0, |c| c.function);
                self.enter(function, closure, 0, args.len(), crate::heap::FrameKind::Plain)
            }
            None => fail(kind::TYPE, format!("a task runs a function, not {}", self.heap.type_name(callee))),
        };
        std::mem::swap(&mut *self.task, &mut task);
        entered?;
        task.live = task.frames.last().map_or(0, |f| self.function_of(f).registers);
        let handle = self.heap.alloc(Obj::Task(Box::new(task)));
        self.tasks.push(handle);
        self.ready.push_back(handle);
        Ok(if is_process { Value::number(f64::from(id)) } else { Value::new(Kind::Task, handle) })
    }

    fn task_at(&self, handle: u32) -> Option<&Task> {
        if handle == self.current { Some(&self.task) } else { self.heap.task(handle) }
    }

    /// The living task with this number.
    pub(super) fn task_by_id(&self, id: u32) -> Option<u32> {
        let alive = |t: &Task| t.id == id && t.waits != Waits::Ended;
        self.tasks.iter().copied().find(|h| self.task_at(*h).is_some_and(alive))
    }

    /// Puts a message into a task's mailbox. False if the task has ended.
    pub(super) fn send(&mut self, id: u32, message: Value) -> bool {
        let Some(handle) = self.task_by_id(id) else { return false };
        if handle == self.current {
            self.task.mailbox.push_back(message);
            return true;
        }
        if let Some(task) = self.heap.task_mut(handle) {
            if task.waits == Waits::Message {
                task.waits = Waits::Nothing;
                let dst = task.dst as usize;
                task.stack[dst] = message;
                self.ready.push_back(handle);
            } else {
                task.mailbox.push_back(message);
            }
        }
        true
    }

    /// Ends a task that is not the running one.
    pub(super) fn kill(&mut self, handle: u32) -> bool {
        if handle == self.current || handle == self.main {
            return false;
        }
        let Some(task) = self.heap.task_mut(handle) else { return false };
        if task.waits == Waits::Ended {
            return false;
        }
        task.frames.clear();
        task.stack.clear();
        task.waits = Waits::Ended;
        task.result = Value::NIL;
        self.ready.retain(|h| *h != handle);
        self.tasks.retain(|h| *h != handle);
        self.wake_waiting(handle, Value::NIL, false);
        true
    }

    /// The result of an ended task was seen.
    pub(super) fn settle(&mut self, handle: u32) {
        self.tasks.retain(|h| *h != handle);
    }

    /// Tasks that wait for `ended` go on.
    fn wake_waiting(&mut self, ended: u32, result: Value, failed: bool) {
        for handle in self.tasks.clone() {
            let Some(task) = self.heap.task_mut(handle) else { continue };
            if task.waits != Waits::Task(ended) {
                continue;
            }
            task.waits = Waits::Nothing;
            if failed {
                task.raise = result;
            } else {
                let dst = task.dst as usize;
                task.stack[dst] = result;
            }
            self.ready.push_back(handle);
        }
    }

    /// Runs the library's top level.
    pub(super) fn run_library(&mut self, task: u32) {
        self.switch_to(task);
        let _ = self.run_task(&mut NoWorld);
        self.park();
        self.tasks.clear();
        self.next_task = 0;
    }

    /// Runs tasks until all wait or one ends the program.
    pub(super) fn run_ready(&mut self, port: &mut dyn Port) -> Option<Exit> {
        let mut switches = 0u32;
        loop {
            if self.current == NONE {
                let next = self.ready.pop_front()?;
                self.switch_to(next);
                // Tasks may hand each other the turn for ever.
                switches = switches.wrapping_add(1);
                if switches.is_multiple_of(SWITCHES)
                    && let Some(stop) = port.interrupted()
                {
                    return Some(Exit::Stopped(stop));
                }
            }
            let raised = std::mem::replace(&mut self.task.raise, Value::EMPTY);
            let mut exit = None;
            if raised != Value::EMPTY {
                exit = self.raise(raised, None);
            }
            let exit = exit.unwrap_or_else(|| self.run_task(port));
            match exit {
                Exit::Waiting => self.park(),
                Exit::Ended => {
                    match self.begin_method() {
                        Some(Ok(())) => continue,
                        Some(Err(exit)) => return Some(exit),
                        None => {}
                    }
                    let result = self.task.stack[0];
                    self.end_task(result, None);
                }
                Exit::Failed(error, trace) => {
                    if self.current == self.main {
                        return Some(Exit::Failed(error, trace));
                    }
                    if self.task.is_process {
                        let text = format!("process {} failed: {}\n{trace}", self.task.id, self.headline(error));
                        if let Err(fault) = self.world.say(text, "error", port)
                            && let crate::fault::Fault::Stop(stop) = *fault
                        {
                            return Some(Exit::Stopped(stop));
                        }
                    }
                    self.end_task(error, Some(trace));
                }
                other => return Some(other),
            }
        }
    }

    /// The running task has ended.
    fn end_task(&mut self, result: Value, trace: Option<String>) {
        let handle = self.current;
        let failed = trace.is_some();
        let trace = self.heap.text(trace.unwrap_or_default());
        let task = &mut self.task;
        task.stack = Vec::new();
        task.frames = Vec::new();
        task.live = 0;
        task.waits = Waits::Ended;
        (task.result, task.failed, task.trace) = (result, failed, trace);
        let keep = failed && !task.is_process && !task.awaited;
        self.park();
        if !keep {
            self.settle(handle);
        }
        self.wake_waiting(handle, result, failed);
        if self.heap.full() {
            self.collect();
        }
    }

    /// The error of a task that nobody waited for.
    pub(super) fn unseen_failure(&self) -> Option<(Value, String)> {
        let failed = |h: &u32| self.heap.task(*h).filter(|t| t.failed && t.waits == Waits::Ended);
        self.tasks.iter().find_map(failed).map(|t| (t.result, self.heap.str(t.trace).to_owned()))
    }

    pub(super) fn waits_for_effects(&self) -> bool {
        self.tasks.iter().any(|h| self.heap.task(*h).is_some_and(|t| matches!(t.waits, Waits::Effect { .. })))
    }

    /// After a resume from a file: what tasks wait for is asked again, as nobody else remembers it.
    pub(super) fn ask_again(&mut self, port: &mut dyn Port) -> Result<(), run::Stop> {
        for handle in self.tasks.clone() {
            let Some(Waits::Effect { what, .. }) = self.task_at(handle).map(|t| t.waits.clone()) else { continue };
            let effect = match &what {
                Asked::Timer { due } => Effect::Timer { due: *due as u64 },
                Asked::Line { prompt } => crate::modules::question(prompt),
                Asked::Call { op } if op == CHECKPOINT => {
                    // Another task had saved and was about to go on.
                    if let Some(task) = self.heap.task_mut(handle) {
                        task.waits = Waits::Nothing;
                        let dst = task.dst as usize;
                        task.stack[dst] = Value::FALSE;
                        self.ready.push_back(handle);
                    }
                    continue;
                }
                Asked::Call { op } => {
                    let text = format!("{op} was under way when the program was saved; its result is not known");
                    self.switch_to(handle);
                    let error = self.error_value(kind::IO, &text);
                    self.park();
                    if let Some(task) = self.heap.task_mut(handle) {
                        task.waits = Waits::Nothing;
                        task.raise = error;
                        self.ready.push_back(handle);
                    }
                    continue;
                }
            };
            let n = port.effect(effect)?;
            if let Some(task) = self.heap.task_mut(handle) {
                task.waits = Waits::Effect { n, what };
            }
        }
        Ok(())
    }
}

/// The library's top level needs nothing from the world.
struct NoWorld;

impl Port for NoWorld {
    fn effect(&mut self, _: Effect) -> Result<u64, run::Stop> {
        Err(run::Stop(run::program::ProgramError::new("error", "the library asked for an effect")))
    }

    fn call(&mut self, _: String, _: run::Payload) -> Result<(u64, run::Outcome), run::Stop> {
        Err(run::Stop(run::program::ProgramError::new("error", "the library asked for an operation")))
    }

    fn interrupted(&mut self) -> Option<run::Stop> {
        None
    }
}
