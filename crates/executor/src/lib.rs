//! Drives one run: start, replay, resume, fork, cancel.
//!
//! `Executor` is the door. A run that is open is a `Driver`; `Driver::spawn` drives it on a thread of its own until it
//! ends or must wait.

mod blocking;
mod config;
mod control;
mod drive;
mod error;
mod host;
mod list;
mod log;
mod look;
mod open;
mod outside;
mod port;
mod replay;
mod snapshots;
mod state;
mod tail;
mod values;

use std::sync::Arc;

use run::{Payload, RunId, entry::Waiting, program::ProgramError};

pub use config::{Config, Parts, SnapshotPolicy, World};
pub use control::{Control, Request};
pub use error::ExecError;
pub use host::{CallContext, Host, waits_for};
pub use list::RunInfo;
pub use look::Look;
pub use open::{NewRun, Opened, Retry};

/// How driving a run ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Finished {
    /// The program ended well.
    Completed(Payload),
    /// The program failed, or exceeded a limit or its time.
    Failed(ProgramError),
    /// Somebody cancelled it; why.
    Cancelled(String),
    /// It left memory and waits.
    Waiting(Vec<Waiting>),
    /// The driver was asked to leave; the run can be resumed.
    Left,
}

/// Opens, lists, looks at and removes runs. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    parts: Parts,
    config: Config,
}

/// An open run: its lease is held until this is dropped or driven to its end.
pub struct Driver {
    driven: drive::Driven,
    start: Option<run::Wake>,
    ended: Option<run::TurnEnd>,
}

impl Driver {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.driven.run
    }

    /// For asking the driver to stop.
    pub fn control(&self) -> Arc<Control> {
        self.driven.control.clone()
    }

    /// Drives the run on this thread, which must have a stack of at least `stack` bytes as the guest asks.
    pub fn drive(self) -> Result<Finished, ExecError> {
        let (host, run) = (self.driven.parts.host.clone(), self.driven.run.clone());
        let finished = match self.ended {
            Some(end) => self.driven.finish(end),
            None => self.driven.drive(self.start),
        };
        host.left(&run, &finished);
        finished
    }

    /// The run that called this one, if one did.
    pub fn parent(&self) -> Option<&RunId> {
        self.driven.identity.parent.as_ref()
    }

    /// Drives the run on a thread of its own.
    pub fn spawn(self) -> tokio::sync::oneshot::Receiver<Result<Finished, ExecError>> {
        let (send, receive) = tokio::sync::oneshot::channel();
        let name = format!("run {}", self.run());
        let driven = std::thread::Builder::new().name(name.chars().take(15).collect()).stack_size(STACK);
        let spawned = driven.spawn(move || {
            let _ = send.send(self.drive());
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for a run");
        }
        receive
    }
}

/// The stack of a thread that drives a run, in bytes: guests with deep recursion need it. Only what is used is backed
/// by memory.
pub const STACK: usize = 32 << 20;
