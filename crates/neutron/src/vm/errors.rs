//! Errors on their way: to a handler, or out of the task with a report.

use run::{Effect, Port};

use super::{Exit, Vm};
use crate::code::{FieldKind, Program};
use crate::diagnostic::excerpt;
use crate::fault::{Control, Fault, fail, kind};
use crate::heap::{Asked, Map, Waits};
use crate::modules::CHECKPOINT;
use crate::value::{Kind, Value};

/// Calls that a trace shows from its inner and from its outer end.
const TRACE_ENDS: usize = 12;

impl Vm {
    /// Deals with what stopped an instruction: `None` if the task goes on.
    pub(super) fn handle(
        &mut self,
        fault: Fault,
        pc: u32,
        function: u32,
        base: usize,
        port: &mut dyn Port,
    ) -> Option<Exit> {
        match fault {
            Fault::Stop(stop) => Some(Exit::Stopped(stop)),
            Fault::Control(control) => {
                // The result goes where the callee is.
                let mut dst = base;
                let mut first = true;
                self.program.functions[function as usize].ops[pc as usize - 1].fields(&mut |kind, value| {
                    if std::mem::take(&mut first) && kind == FieldKind::Reg {
                        dst += value as usize;
                    }
                });
                self.control(control, dst, port)
            }
            Fault::Error(kind, message) => {
                let error = self.error_value(kind, &message);
                self.raise(error, None)
            }
            Fault::Throw(value) => self.raise(value, None),
            Fault::Rethrow(value, trace) => {
                let trace = self.heap.as_str(trace).map(str::to_owned);
                self.raise(value, trace)
            }
        }
    }

    /// The line that runs, in a file of the user's.
    pub(super) fn current_line(&self) -> u32 {
        self.user_frame().map_or(0, |(_, line)| line)
    }

    /// The unit and line of the innermost frame that is not the library's.
    fn user_frame(&self) -> Option<(u32, u32)> {
        let frames = self.task.frames.iter().rev();
        frames
            .map(|f| (self.function_of(f), f.pc))
            .find(|(f, _)| f.unit != 0)
            .map(|(f, pc)| (f.unit, f.line(pc.saturating_sub(1))))
    }

    /// The value that programs catch for an error of the language.
    pub(super) fn error_value(&mut self, kind: &str, message: &str) -> Value {
        let line = self.current_line();
        let error = self.heap.map(Map::with_capacity(3));
        let text = self.heap.text(message);
        self.heap.set_member(error, "message", text);
        let kind = Value::new(Kind::Text, self.heap.intern(kind));
        self.heap.set_member(error, "kind", kind);
        self.heap.set_member(error, "line", Value::number(f64::from(line)));
        error
    }

    /// Finds the handler of an error and goes on there. `trace`: where it came from, if that is not here.
    pub(super) fn raise(&mut self, error: Value, trace: Option<String>) -> Option<Exit> {
        let program = self.program.clone();
        let found = self.task.frames.iter().enumerate().rev().find_map(|(depth, frame)| {
            let pc = frame.pc.saturating_sub(1);
            let handlers = &program.functions[frame.function as usize].handlers;
            handlers.iter().find(|h| h.start <= pc && pc < h.end).map(|h| (depth, *h))
        });
        let Some((depth, handler)) = found else {
            let trace = trace.unwrap_or_else(|| self.trace());
            return Some(Exit::Failed(error, trace));
        };
        let trace = if handler.finally { trace.unwrap_or_else(|| self.trace()) } else { String::new() };
        self.task.frames.truncate(depth + 1);
        let frame = self.task.frames.last_mut()?;
        frame.pc = handler.target;
        let reg = frame.base as usize + handler.reg as usize;
        if handler.finally {
            let trace = self.heap.text(trace);
            self.task.stack[reg] = Value::number(1.0);
            self.task.stack[reg + 1] = error;
            self.task.stack[reg + 2] = trace;
        } else {
            self.task.stack[reg] = error;
        }
        None
    }

    /// Where the running task is: file, line, source line, calls.
    pub(super) fn trace(&self) -> String {
        let mut out = String::new();
        if let Some((unit, line)) = self.user_frame() {
            let source = &self.program.units[unit as usize].source;
            out = format!(" --> {}:{line}\n{}", source.name, excerpt(line, source.line(line), None));
        }
        let calls: Vec<String> =
            self.task.frames.iter().rev().map(|f| place(&self.program, f.function, f.pc)).collect();
        let skipped = calls.len().saturating_sub(2 * TRACE_ENDS);
        for (i, call) in calls.iter().enumerate() {
            if skipped > 0 && (TRACE_ENDS..TRACE_ENDS + skipped).contains(&i) {
                if i == TRACE_ENDS {
                    out.push_str(&format!("\n  … {skipped} more calls …"));
                }
                continue;
            }
            out.push_str("\n  ");
            out.push_str(call);
        }
        out
    }

    /// The first line of an error's report.
    pub fn headline(&self, error: Value) -> String {
        let member = |name: &str| self.heap.member(error, name);
        if let (Some(kind), Some(message)) = (member("kind"), member("message"))
            && kind.is(Kind::Text)
        {
            return format!("{}: {}", self.heap.str(kind), self.heap.show(message));
        }
        format!("uncaught {}", self.heap.show(error))
    }

    /// Does what a native function asked the machine for; the result goes to `dst` in the stack.
    fn control(&mut self, control: Control, dst: usize, port: &mut dyn Port) -> Option<Exit> {
        let result = match control {
            Control::Exit(code) => {
                if !std::mem::take(&mut self.fresh_from_file) || self.world.observed {
                    return Some(Exit::Ordered(code));
                }
                Ok(Value::NIL)
            }
            Control::Checkpoint(path) => match self.checkpoint(&path, dst, port) {
                Ok(()) => {
                    // The journal names the place too, so that a run can be looked at and forked there.
                    let state = serde_json::json!({ "file": path }).into();
                    match port.effect(Effect::Checkpoint { id: Some(path), state, relaxed: false }) {
                        Ok(n) => {
                            return self.wait(Waits::Effect { n, what: Asked::Call { op: CHECKPOINT.into() } }, dst);
                        }
                        Err(stop) => return Some(Exit::Stopped(stop)),
                    }
                }
                Err(fault) => Err(fault),
            },
            Control::Ask(effect, what) => {
                self.world.observed |= !matches!(effect, Effect::Timer { .. });
                match port.effect(effect) {
                    Ok(n) => return self.wait(Waits::Effect { n, what }, dst),
                    Err(stop) => return Some(Exit::Stopped(stop)),
                }
            }
            Control::Spawn { callee, args, is_process } => self.spawn(callee, &args, is_process),
            Control::Await(task) => match self.heap.task(task) {
                Some(t) if t.waits == Waits::Ended => {
                    let (failed, result) = (t.failed, t.result);
                    let trace = self.heap.str(t.trace).to_owned();
                    self.settle(task);
                    if failed {
                        return self.raise(result, Some(trace));
                    }
                    Ok(result)
                }
                Some(_) if task == self.current => fail(kind::TASK, "a task cannot wait for itself"),
                Some(_) => return self.wait(Waits::Task(task), dst),
                None => fail(kind::TASK, "there is no such task"),
            },
            Control::Receive => match self.task.mailbox.pop_front() {
                Some(message) => Ok(message),
                None => return self.wait(Waits::Message, dst),
            },
            Control::Kill(id) => Ok(Value::bool(self.task_by_id(id).is_some_and(|task| self.kill(task)))),
            Control::CurrentTask => Ok(Value::number(f64::from(self.task.id))),
            Control::IsAlive(id) => Ok(Value::bool(self.task_by_id(id).is_some())),
            Control::Timer { ms, callee } => {
                // A function of the library sleeps and calls.
                let slot = self.program.library("async_timer");
                let timer = slot.map_or(Value::NIL, |slot| self.globals[slot as usize]);
                self.spawn(timer, &[ms, callee], false)
            }
            Control::CountProcesses => {
                let mut n = 0;
                for handle in &self.tasks {
                    let task = if *handle == self.current { Some(&*self.task) } else { self.heap.task(*handle) };
                    n += usize::from(task.is_some_and(|t| t.is_process && t.waits != Waits::Ended));
                }
                Ok(Value::number(n as f64))
            }
            Control::Send(id, message) => Ok(Value::bool(self.send(id, message))),
        };
        let result = result.and_then(|value| {
            self.task.stack[dst] = value;
            // A new task takes memory.
            if self.heap.full() { self.collect_or_fail() } else { Ok(()) }
        });
        match result {
            Ok(()) => None,
            Err(fault) => match *fault {
                Fault::Stop(stop) => Some(Exit::Stopped(stop)),
                Fault::Error(kind, message) => {
                    let error = self.error_value(kind, &message);
                    self.raise(error, None)
                }
                Fault::Throw(value) | Fault::Rethrow(value, _) => self.raise(value, None),
                Fault::Control(_) => None,
            },
        }
    }
}

/// `at name (file:line)`.
fn place(program: &Program, function: u32, pc: u32) -> String {
    let f = &program.functions[function as usize];
    if f.unit == 0 {
        return format!("at {} (built in)", f.name.trim_start_matches("Array."));
    }
    let file = &program.units[f.unit as usize].source.name;
    format!("at {} ({file}:{})", f.name, f.line(pc.saturating_sub(1)))
}
