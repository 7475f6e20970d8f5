//! Drives one run: start, replay, resume, fork, cancel.
//!
//! `Executor` is the door. A run that is open is a `Driver`; `Driver::spawn` drives it on a thread of its own until it
//! ends or must wait.

mod blocking;
mod config;
mod control;
mod drive;
mod error;
mod holds;
mod host;
mod list;
mod log;
mod look;
mod open;
mod outside;
mod pins;
mod port;
mod replay;
mod snapshots;
mod spawn;
mod state;
mod swap;
mod tail;
mod threads;
mod values;
mod wait;

use std::sync::Arc;

use run::{Payload, RunId, entry::Waiting, program::ProgramError};

use drive::Flow;

pub use config::{Config, Parts, SnapshotPolicy, World};
pub use control::{Control, Request};
pub use error::ExecError;
pub use host::{CallContext, EmittedAt, Hold, Host, waits_for};
pub use list::{Emit, RunInfo};
pub use look::Look;
pub use open::{NewRun, Opened, Retry, Terms};
pub use spawn::{STACK, Spawned};
pub use swap::Swap;

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
    pins: Arc<pins::Pins>,
}

/// An open run: its lease is held until this is dropped or driven to its end.
pub struct Driver {
    driven: drive::Driven,
    next: Next,
}

/// What a driver does next.
enum Next {
    /// A new program is woken.
    Start(run::Wake),
    /// A program is woken out of the journal, when the run has what it held, and driven on.
    Again(holds::Again),
    /// A program that was taken up again is driven on.
    TakenUp,
    /// A program that has ended in a replay is over.
    Ended(run::TurnEnd),
    /// Its run goes on.
    GoOn,
}

/// How far a driver has come.
enum Progress {
    /// The run is not driven any more. What is left of the program is to be dropped: to take it apart takes a while, for
    /// which nobody need wait.
    Over(Result<Finished, ExecError>, Box<dyn run::Program>),
    /// It rests.
    Rests(Box<Driver>),
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

    /// The run that called this one, if one did.
    pub fn parent(&self) -> Option<&RunId> {
        self.driven.identity.parent.as_ref()
    }

    /// Drives the run on this thread, which must have a stack of at least `STACK` bytes if the guest asks for that, and
    /// be none of the runtime's.
    pub fn drive(self) -> Result<Finished, ExecError> {
        let mut driver = Box::new(self);
        loop {
            match driver.go_on() {
                Progress::Over(finished, _) => return finished,
                Progress::Rests(resting) => driver = resting,
            }
            let io = driver.driven.parts.io.clone();
            io.block_on(driver.driven.rest());
        }
    }

    /// Drives the run until it is over or rests.
    fn go_on(mut self: Box<Self>) -> Progress {
        let begun = match std::mem::replace(&mut self.next, Next::GoOn) {
            Next::Start(wake) => self.driven.begin_with(Some(wake)),
            Next::Again(again) => self.driven.take_again(again),
            Next::TakenUp => self.driven.begin_with(None),
            Next::Ended(end) => self.driven.finish(end),
            Next::GoOn => Ok(Flow::Go),
        };
        let flow = begun.and_then(|flow| match flow {
            Flow::Go => self.driven.go_on(),
            flow => Ok(flow),
        });
        let finished = match flow {
            Ok(Flow::Go | Flow::Rest) => return Progress::Rests(self),
            Ok(Flow::End(finished)) => Ok(finished),
            Err(error) => Err(error),
        };
        for (_, task) in self.driven.tasks.drain() {
            task.abort();
        }
        let Self { driven: drive::Driven { parts, run, log, program, .. }, .. } = *self;
        // Who is told may take the run up at once.
        drop(log);
        parts.host.left(&run, &finished);
        Progress::Over(finished, program)
    }
}
