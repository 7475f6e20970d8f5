//! `async`: tasks inside the machine.

use super::{Cx, MANY, Native};
use crate::fault::{Control, R, control};
use crate::value::{Kind, Value};

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("async.run", 1, MANY, run),
    Native::new("async.await", 1, 1, await_),
    Native::new("async.sleep", 1, 1, super::time::sleep),
    Native::new("async.timer", 2, 2, timer),
];

/// Starts a task; gives a handle for `await`.
fn run(_: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::Spawn { callee: args[0], args: args[1..].to_vec(), is_process: false })
}

/// A task's result, when it has one; another value is given back.
fn await_(_: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    match args[0].as_handle(Kind::Task) {
        Some(task) => control(Control::Await(task)),
        None => Ok(args[0]),
    }
}

/// A task that calls a function after some milliseconds.
fn timer(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.number(args, 0, "a time in milliseconds")?;
    control(Control::Timer { ms: args[0], callee: args[1] })
}
