//! DAGs: documents, and one dispatcher that is a pure state machine.
//!
//! A DAG document is JSON that says which nodes there are and where each of their ports leads. [`document`] reads and
//! checks it, [`Registry`] and [`Compiled`] make it ready to run, and [`Machine`] runs it: an event goes in, actions
//! come out. The machine does no I/O, reads no clock and holds no state of the user; whoever drives it does, with the
//! pure functions of [`state`].
//!
//! Cycles are allowed, in spite of the name.

mod bytes;
mod compiled;
pub mod document;
pub mod guest;
mod held;
pub mod limits;
mod machine;
pub mod native;
pub mod render;
mod retry;
pub mod state;
pub mod wire;

pub use compiled::{Compiled, CursorError, Flow, NONE, PortId, Registry, Site, SiteKind};
pub use document::{Dag, Problem, Problems};
pub use held::Held;
pub use machine::{Action, BadState, Call, Cause, End, Event, Machine, Role, Status, StepError, TimerKind};
