//! Why an instruction could not be done.

use run::{Effect, Stop};

use crate::heap::{Asked, Heap, MAX_TEXT};
use crate::value::Value;

/// The kinds of errors that programs can catch; `e.kind`.
pub(crate) mod kind {
    pub const TYPE: &str = "TypeError";
    pub const ARGUMENT: &str = "ArgumentError";
    pub const NAME: &str = "NameError";
    pub const MEMBER: &str = "MemberError";
    pub const INDEX: &str = "IndexError";
    pub const VALUE: &str = "ValueError";
    pub const ZERO: &str = "DivisionByZero";
    pub const STACK: &str = "StackOverflow";
    pub const MEMORY: &str = "MemoryError";
    pub const IO: &str = "IOError";
    pub const PERMISSION: &str = "PermissionError";
    pub const HTTP: &str = "HttpError";
    pub const PROCESS: &str = "ProcessError";
    pub const TASK: &str = "TaskError";
}

pub(crate) enum Fault {
    /// An error of the language.
    Error(&'static str, String),
    /// What the program itself throws.
    Throw(Value),
    /// An error on its way through a `finally`, with the text that says where it came from.
    Rethrow(Value, Value),
    /// The turn must end.
    Stop(Stop),
    /// A native function needs the machine.
    Control(Control),
}

/// What only the machine can do.
pub(crate) enum Control {
    Exit(i32),
    Checkpoint(String),
    /// Ask for an effect and wait for its result.
    Ask(Effect, Asked),
    Spawn {
        callee: Value,
        args: Vec<Value>,
        is_process: bool,
    },
    Await(u32),
    Receive,
    Kill(u32),
    CurrentTask,
    IsAlive(u32),
    Timer {
        ms: Value,
        callee: Value,
    },
    CountProcesses,
    Send(u32, Value),
}

pub(crate) type R<T> = Result<T, Box<Fault>>;

pub(crate) fn fail<T>(kind: &'static str, message: impl Into<String>) -> R<T> {
    Err(Box::new(Fault::Error(kind, message.into())))
}

/// What one character takes as a string of its own in an array, in bytes, at most.
pub(crate) const CHARACTER: usize = 48;

/// An error if `bytes` more are beyond what the program may have at all: asked before they are taken.
pub(crate) fn room(heap: &Heap, bytes: usize) -> R<()> {
    if bytes <= heap.limit {
        return Ok(());
    }
    let limit = heap.limit >> 20;
    fail(kind::MEMORY, format!("this needs more memory than the program may have, {limit} MiB"))
}

/// The text that `say` prints. What is shared may print longer than any memory holds.
pub(crate) fn shown(heap: &Heap, value: Value) -> R<String> {
    let text = heap.show(value);
    if text.len() > MAX_TEXT {
        return fail(kind::MEMORY, "this string would be longer than 1 GiB");
    }
    room(heap, text.len())?;
    Ok(text)
}

pub(crate) fn control<T>(control: Control) -> R<T> {
    Err(Box::new(Fault::Control(control)))
}

impl From<Stop> for Box<Fault> {
    fn from(stop: Stop) -> Self {
        Box::new(Fault::Stop(stop))
    }
}
