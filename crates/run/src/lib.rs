//! The model of a durable run.
//!
//! A **program** runs until it needs the world, says what it needs (**effects**), stops, and goes on when it is given
//! results. The **journal** is an append-only log of what was asked and what came back; it alone decides what
//! happened. A **snapshot** is the program's whole memory at a quiet point, tied to one journal position.
//!
//! Nothing here does I/O or reads a clock: bytes and times come in as arguments.

pub mod effect;
pub mod entry;
pub mod hash;
pub mod id;
pub mod journal;
pub mod limits;
pub mod payload;
pub mod program;
pub mod random;
pub mod snapshot;
pub mod status;
pub mod time;

pub use effect::{Ask, Effect, EffectClass, Failure, Outcome};
pub use entry::{Body, Entry, Start};
pub use hash::Hash;
pub use id::RunId;
pub use payload::{Json, Payload};
pub use program::{Code, Guest, GuestError, Image, Port, Program, Stop, TurnEnd, Wake};
pub use random::Seed;
pub use snapshot::{Snapshot, SnapshotHeader};
pub use status::{Status, Summary};
