//! `process`: tasks that have a number and a mailbox, and whose faults end them alone.

use super::{Cx, MANY, Native};
use crate::fault::{Control, R, control};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("process.spawn", 1, MANY, spawn),
    Native::new("process.send", 2, 2, send),
    Native::new("process.receive", 0, 0, |_, _| control(Control::Receive)),
    Native::new("process.self", 0, 0, |_, _| control(Control::CurrentTask)),
    Native::new("process.is_alive", 1, 1, is_alive),
    Native::new("process.kill", 1, 1, kill),
    Native::new("process.process_count", 0, 0, |_, _| control(Control::CountProcesses)),
    Native::new("process.process_sleep", 1, 1, super::time::sleep),
];

fn spawn(_: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::Spawn { callee: args[0], args: args[1..].to_vec(), is_process: true })
}

fn id(cx: &Cx<'_>, args: &[Value]) -> R<u32> {
    let id = cx.integer(args, 0, "a process")?;
    Ok(u32::try_from(id).unwrap_or(u32::MAX))
}

/// Whether the process was there to get the message.
fn send(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::Send(id(cx, args)?, args[1]))
}

fn is_alive(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::IsAlive(id(cx, args)?))
}

fn kill(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::Kill(id(cx, args)?))
}
