//! What lies in the heap.

use std::collections::VecDeque;

use smol_str::SmolStr;

use super::Map;
use crate::value::Value;

pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) enum Obj {
    Free,
    Text {
        /// Short texts lie in the slot itself.
        text: SmolStr,
        /// Characters; as many as bytes if all are ASCII.
        chars: u32,
        /// It is the one string with this text that keys are compared by.
        interned: bool,
    },
    /// The first `len` bytes of a growing text: appending to the longest of them copies nothing.
    Beginning {
        growing: u32,
        len: u32,
        chars: u32,
    },
    Growing(String),
    Array(Vec<Value>),
    Map(Box<Map>),
    Closure(Closure),
    Cell(Value),
    Class(Box<Class>),
    Instance {
        class: u32,
        fields: Vec<Value>,
    },
    Bound {
        this: Value,
        method: Value,
    },
    Bytes(Vec<u8>),
    Task(Box<Task>),
}

#[derive(Debug)]
pub(crate) struct Closure {
    pub function: u32,
    /// The class in which it was written, for `super`.
    pub home: u32,
    /// Captured variables: handles of cells.
    pub cells: Box<[u32]>,
}

#[derive(Debug)]
pub(crate) struct Class {
    pub name: u32,
    pub parent: u32,
    /// Method name → closure, those of the parents included.
    pub methods: Map,
    /// Field name → its place in instances (a number). Only grows.
    pub layout: Map,
    /// Sets the declared fields of a new instance.
    pub fields: Value,
}

/// One call in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub function: u32,
    /// The next instruction.
    pub pc: u32,
    /// Where its registers begin in the stack.
    pub base: u32,
    pub closure: u32,
    pub kind: FrameKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// The result goes to the caller.
    Plain = 0,
    /// A constructor: the result is the instance.
    Constructor = 1,
    /// Nobody wants the result; register 0 keeps its value.
    Silent = 2,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Waits {
    Nothing,
    /// For the result of an effect; `what` says what becomes of it and how to ask again after a resume.
    Effect {
        n: u64,
        what: Asked,
    },
    /// For another task's end.
    Task(u32),
    /// For a message.
    Message,
    Ended,
}

/// An effect that a task waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// A time.
    Timer { due: f64 },
    /// A line from a person.
    Line { prompt: String },
    /// An operation of the host; the text says which in messages.
    Call { op: String },
}

#[derive(Debug)]
pub(crate) struct Task {
    pub id: u32,
    /// A process (`process.spawn`): its fault is reported and ends it alone.
    pub is_process: bool,
    pub stack: Vec<Value>,
    pub frames: Vec<Frame>,
    pub waits: Waits,
    pub mailbox: VecDeque<Value>,
    pub result: Value,
    /// It ended with an error, which is `result`.
    pub failed: bool,
    /// Somebody asked for the result.
    pub awaited: bool,
    /// Where the error came from, as text.
    pub trace: Value,
    /// An error to be raised when the task goes on, or `EMPTY`.
    pub raise: Value,
    /// Where in the stack the value goes that the task waits for.
    pub dst: u32,
    /// What of the stack matters, while the task does not run.
    pub live: u32,
}

impl Task {
    pub fn new(id: u32) -> Self {
        Self {
            id,
            is_process: false,
            stack: Vec::new(),
            frames: Vec::new(),
            waits: Waits::Nothing,
            mailbox: VecDeque::new(),
            result: Value::NIL,
            failed: false,
            awaited: false,
            trace: Value::NIL,
            raise: Value::EMPTY,
            dst: 0,
            live: 0,
        }
    }
}

impl Obj {
    /// About what it takes beside its slot, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Obj::Text { text, .. } if text.is_heap_allocated() => 16 + text.len(),
            Obj::Growing(s) => s.capacity(),
            Obj::Array(items) => items.capacity() * 8,
            Obj::Map(map) => 56 + map.size(),
            Obj::Closure(c) => c.cells.len() * 4,
            Obj::Class(c) => 160 + c.methods.size() + c.layout.size(),
            Obj::Instance { fields, .. } => fields.capacity() * 8,
            Obj::Bytes(b) => b.capacity(),
            Obj::Task(t) => 200 + t.stack.capacity() * 8 + t.frames.capacity() * 20,
            Obj::Free | Obj::Text { .. } | Obj::Beginning { .. } | Obj::Cell(_) | Obj::Bound { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Obj>(), 32);
    }
}
