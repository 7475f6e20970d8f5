//! Performs effects: fetch, files, environment, state. Nothing is reached that was not granted.
//!
//! [`LocalHost`] is the [`executor::Host`] of this machine. Each family of operations has its own file; others are
//! registered from outside as [`Operations`]. Every access goes through one [`Gate`], and whatever is shown or asked
//! goes through one [`Screen`]; this crate itself writes to no terminal and reads no configuration.

pub mod answers;
mod args;
mod checkpoints;
mod exec;
mod fetch;
mod files;
mod gate;
mod holds;
mod local;
mod locks;
mod named_locks;
pub mod permissions;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
mod saved;
mod screen;
mod state;

pub use fetch::{Resolve, SystemResolver, http_client};
pub use gate::Gate;
pub use holds::{HoldError, Holds, Patience, Taken, lock_name};
pub use local::{Builder, LocalHost, Operations};
pub use locks::FileLock;
pub use permissions::{Access, Checkpoints, Grants, Permissions};
pub use process::Facts;
pub use saved::{Backup, RestoreError, SavedState};
pub use screen::{NoScreen, PermissionRequest, Reply, Screen};

/// The failure of an operation that nobody performs.
pub(crate) fn unknown(op: &str) -> run::Failure {
    run::Failure::with_code(
        "Error",
        "ERR_UNKNOWN_OPERATION",
        format!("{op:?} is not an operation of this host: the program may have been made for a newer version"),
    )
}
