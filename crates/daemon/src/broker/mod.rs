//! Carries events between the processes of one user: a Unix socket, a log with sequence numbers, locks by name.
//!
//! `docs/daemon.md` describes the protocol. The server (`server`, `connection`) runs on a thread of its own with one
//! task for each client. A subscriber has no queue: it has a place in the log (`log`), and is sent what lies behind it
//! as fast as it reads. So a slow one costs no memory and holds nobody up; one that is slower than the log is long is
//! told how much it has missed.

mod client;
mod connection;
mod filter;
mod locks;
mod log;
mod place;
mod protocol;
mod publisher;
mod server;
mod sources;
mod subscriber;

pub use client::{ClientError, Connection};
pub use filter::{Filter, check_type};
pub use log::{Event, EventLog, LogLimits, NewEvent, Read};
pub(crate) use place::private_folder;
pub use place::{DaemonLock, Place, PlaceError};
pub use protocol::{MAX_LINE, VERSION};
pub use publisher::{Publisher, Unsent};
pub use server::{Answer, Broker, Counts, Limits, Service};
pub use subscriber::{Heard, Message, Subscriber};

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> run::time::Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as run::time::Millis)
}

/// The lock of `mutex`. What is behind the locks of this crate is whole after each statement, so a panic elsewhere
/// leaves nothing torn.
pub(crate) fn held<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
