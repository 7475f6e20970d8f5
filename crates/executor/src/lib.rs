//! Drives one run: start, replay, resume, fork, cancel.

mod host;

pub use host::{CallContext, Host};
