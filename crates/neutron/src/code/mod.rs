//! What the compiler makes and the machine runs.

mod op;
mod program;

pub(crate) use op::{FieldKind, Op};
pub(crate) use program::{Capture, Const, Function, Global, Handler, Local, Program, Unit};

/// Registers of one call: a window into the task's stack.
pub(crate) const WINDOW: usize = 256;

/// Parameters beyond these come in an array in the register behind them.
pub(crate) const REGISTER_PARAMS: usize = 200;

/// The most calls in progress.
pub(crate) const MAX_FRAMES: usize = 10_000;
