//! Methods that are called over HTTP (`@webhook`): signed, written down, answered, and then run.
//!
//! `POST /webhooks/{photon}/{path}`. What is accepted is on disk before 202 is answered (`queue`), so no crash loses it;
//! the run's id is made of the delivery's, so none is run twice. `signature` decides who may.

mod queue;
mod server;
mod signature;

pub use server::{Config, Webhooks};
pub use signature::Secret;
