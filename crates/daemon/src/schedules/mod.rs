//! Methods that are called by the clock: those that a program asked for (`this.schedule`), and those whose docblock says
//! so (`@scheduled`).
//!
//! `task` is what is kept of one, `shelf` keeps them in files, `operations` is what programs do with them, and `clock`
//! fires them in the daemon.

mod clock;
mod operations;
mod shelf;
mod task;
mod times;

pub(crate) use clock::work;
pub use operations::Schedules;
pub use shelf::Shelf;
