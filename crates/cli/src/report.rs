//! Every error that ends a command: its text (the thing and the cause), the next step, and the exit code.

use std::io;

pub use daemon::shapes::exit_code;
use daemon::{
    CallError, Refusal,
    broker::{ClientError, PlaceError},
    save::SaveError,
};
use executor::{ExecError, Finished};
use run::{GuestError, RunId};
use serde_json::json;
use store::StoreError;

use crate::output::error_line;

/// The exit codes.
pub mod exit {
    pub const COMPLETED: u8 = 0;
    /// The program failed, was cancelled or ran out of time.
    pub const FAILED: u8 = 1;
    /// Usage, syntax or bad input; also a machine that does not let us work.
    pub const USAGE: u8 = 2;
    /// A snapshot or log was refused.
    pub const REFUSED: u8 = 3;
    pub const WAITING: u8 = 4;
    /// Somebody else drives the run.
    pub const HELD: u8 = 5;
    /// Interrupted, and resumable.
    pub const INTERRUPTED: u8 = 130;
}

/// The exit code of a run that was driven.
pub fn exit_of(finished: &Finished) -> u8 {
    match finished {
        Finished::Completed(_) => exit::COMPLETED,
        Finished::Failed(error) => exit_code(error).unwrap_or(exit::FAILED),
        Finished::Cancelled(_) => exit::FAILED,
        Finished::Waiting(_) => exit::WAITING,
        Finished::Left => exit::INTERRUPTED,
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// While a run was driven.
    #[error("{cause}")]
    Driving { run: RunId, again: String, cause: ExecError },
    #[error(transparent)]
    Bundle(#[from] bundler::BundleError),
    /// The daemon is not there, or says no.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// The daemon cannot have its place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A photon cannot be called like that.
    #[error(transparent)]
    Call(#[from] daemon::CallError),
    /// A photon cannot be saved, enabled or disabled.
    #[error(transparent)]
    Save(#[from] daemon::save::SaveError),
    #[error(transparent)]
    McpServer(#[from] daemon::clients::BadServer),
    #[error(transparent)]
    Grant(#[from] host::permissions::BadGrant),
    /// A Neutron program does not compile.
    #[error("{}", .0.iter().map(::neutron::Diagnostic::render).collect::<Vec<_>>().join("\n"))]
    Script(Vec<::neutron::Diagnostic>),
    /// A DAG document, or what it names, is wrong.
    #[error("{0}")]
    Dag(::dag::guest::PinError),
    /// A snapshot file cannot be taken up.
    #[error("{file} is refused: {cause}")]
    Snapshot { file: String, cause: String },
    /// The engine does not start.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// An argument, or a run that is not in a state for it.
    #[error("{what}")]
    Usage { what: String, next: String },
    /// Something that a later release does.
    #[error("{what} is not in this release")]
    NotYet { what: String, next: String },
    #[error("{file}: {cause}")]
    Config { file: String, cause: String },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Exec(error.into())
    }
}

impl Error {
    /// A wrong argument, and what to do.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), next: next.into() }
    }

    /// Something that a later release does, and what to do today.
    pub fn not_yet(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::NotYet { what: what.into(), next: next.into() }
    }

    /// A failure of the system.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// The exit code, and the next step.
    pub fn advice(&self) -> (u8, Option<String>) {
        match self {
            Self::Exec(error) => advice(error),
            Self::Driving { run, again, cause } => {
                let (code, next) = advice(cause);
                (code, next.or_else(|| Some(format!("once that is mended, go on with: quicksave resume {run}{again}"))))
            }
            Self::Call(error) => call(error),
            Self::Save(error) => saving(error),
            Self::Bundle(_) | Self::Script(_) | Self::Dag(_) => (exit::USAGE, None),
            Self::Snapshot { .. } => (exit::REFUSED, None),
            Self::Grant(_) => (exit::USAGE, Some("see `quicksave run --help` for what each permission takes".into())),
            Self::Daemon(ClientError::NoDaemon) => {
                (exit::USAGE, Some("begin one with: quicksave daemon start, with what its runs may reach".into()))
            }
            Self::Daemon(ClientError::Io(_)) => {
                (exit::USAGE, Some("see what it has noted with: quicksave daemon logs".into()))
            }
            Self::Daemon(ClientError::Refused { .. }) => (exit::USAGE, None),
            Self::Place(PlaceError::Running { .. }) => {
                (exit::HELD, Some("see: quicksave daemon status; end it with: quicksave daemon stop".into()))
            }
            Self::Place(PlaceError::Io { source, .. }) => (exit::USAGE, system(source)),
            Self::McpServer(_) => (exit::USAGE, Some("see docs/mcp.md for how servers are configured".into())),
            Self::Guest(error) => guest(error),
            Self::Usage { next, .. } | Self::NotYet { next, .. } => (exit::USAGE, Some(next.clone())),
            Self::Config { .. } => (exit::USAGE, Some("mend the file, or name another with --config".into())),
            Self::Io { source, .. } => (exit::USAGE, system(source)),
        }
    }

    /// Shows it, as JSON too if that is wanted; gives the exit code.
    pub fn show(&self, as_json: bool) -> u8 {
        let (code, next) = self.advice();
        let text = self.to_string();
        match self {
            // Each says itself what it is.
            Self::Script(_) => error_line(&text),
            _ => error_line(format!("error: {text}")),
        }
        if let Some(next) = &next {
            error_line(format!("  {next}"));
        }
        if as_json {
            let mut shape = json!({ "error": text, "exitCode": code });
            if let Some(run) = self.run() {
                shape["runId"] = run.as_str().into();
            }
            if let Some(next) = next {
                shape["hint"] = next.into();
            }
            crate::output::json(&shape);
        }
        code
    }

    fn run(&self) -> Option<&RunId> {
        let cause = match self {
            Self::Driving { run, .. } => return Some(run),
            Self::Exec(cause) => cause,
            _ => return None,
        };
        match cause {
            ExecError::Store(StoreError::NotFound(run) | StoreError::Exists(run)) | ExecError::Foreign(run) => {
                Some(run)
            }
            ExecError::Store(StoreError::Held { run, .. } | StoreError::Fenced { run, .. }) => Some(run),
            ExecError::Corrupt { run, .. }
            | ExecError::Diverged { run, .. }
            | ExecError::NoGuest { run, .. }
            | ExecError::Missing { run, .. }
            | ExecError::State { run, .. }
            | ExecError::NoCheckpoint { run, .. } => Some(run),
            ExecError::Store(_) | ExecError::Guest(_) => None,
        }
    }
}

fn advice(error: &ExecError) -> (u8, Option<String>) {
    let (code, next) = match error {
        ExecError::Store(store) => return of_store(store),
        ExecError::Guest(error) => return guest(error),
        ExecError::Corrupt { run, .. } => (
            exit::REFUSED,
            format!(
                "it was changed from outside, or the disk failed; what precedes that line: quicksave log {run}; put a \
                 copy of the file back, or: quicksave delete {run}"
            ),
        ),
        ExecError::Diverged { run, .. } => (
            exit::REFUSED,
            format!("nothing was done or recorded; see what the run did with: quicksave log {run}; please report this"),
        ),
        ExecError::Missing { run, .. } => {
            (exit::REFUSED, format!("put the file back from a copy, or: quicksave delete {run}"))
        }
        ExecError::NoGuest { guest, .. } if guest == "rust" => {
            (exit::USAGE, "a workflow in Rust is driven by the program that holds its function: start that".into())
        }
        ExecError::NoGuest { .. } => (exit::USAGE, "resume it with a release that has that guest".into()),
        ExecError::State { run, .. } => (exit::USAGE, format!("see: quicksave show {run}")),
        ExecError::Foreign(run) => (exit::USAGE, format!("read it with: quicksave log {run}")),
        ExecError::NoCheckpoint { run, .. } => {
            (exit::USAGE, format!("name one of these, NAME#2 for a second occurrence; see: quicksave log {run}"))
        }
    };
    (code, Some(next))
}

/// What helps where a photon cannot be called.
fn call(error: &CallError) -> (u8, Option<String>) {
    let next = match error {
        CallError::Exec(error) => return advice(error),
        CallError::Unknown(unknown) => match unknown.names.as_slice() {
            [] => "there are none; put one into the home as NAME.photon.ts, or name their folder with --photons".into(),
            _ => "see what there is with: quicksave photon list".into(),
        },
        CallError::Refused { refusal: Refusal::Invalid { .. }, .. } => return (exit::USAGE, None),
        CallError::Refused { .. } => return (exit::FAILED, None),
        CallError::Arguments { photon, .. } => format!("see what it takes with: quicksave photon show {photon}"),
        CallError::Broken { .. }
        | CallError::Bundle(_)
        | CallError::NotInstalled { .. }
        | CallError::Method { .. }
        | CallError::Instance(_) => {
            return (exit::USAGE, None);
        }
    };
    (exit::USAGE, Some(next))
}

fn saving(error: &SaveError) -> (u8, Option<String>) {
    match error {
        SaveError::Exec(error) => advice(error),
        SaveError::Io { cause, .. } => (exit::USAGE, system(cause)),
        SaveError::NotCode { .. } => (exit::USAGE, Some("see the runs of snippets with: quicksave list".into())),
        SaveError::Missing(_) => (exit::USAGE, Some("see what there is with: quicksave photon list".into())),
        _ => (exit::USAGE, None),
    }
}

fn of_store(error: &StoreError) -> (u8, Option<String>) {
    match error {
        StoreError::NotFound(_) => (exit::USAGE, Some("see what there is with: quicksave list".into())),
        StoreError::Exists(run) => {
            (exit::USAGE, Some(format!("go on with it: quicksave resume {run}; or choose another --id")))
        }
        StoreError::Held { run, .. } => (
            exit::HELD,
            Some(format!(
                "wait for it, or end it with: quicksave cancel {run}; if that process hangs: quicksave resume {run} --take-over"
            )),
        ),
        StoreError::Fenced { run, .. } => {
            (exit::HELD, Some(format!("this process has stopped; the run goes on there: quicksave show {run}")))
        }
        StoreError::BadKey(_) | StoreError::BadUrl { .. } | StoreError::Conflict { .. } => (exit::USAGE, None),
        StoreError::Io { source, .. } => (exit::USAGE, system(source)),
    }
}

fn guest(error: &GuestError) -> (u8, Option<String>) {
    match error {
        GuestError::Refused(_) => (exit::REFUSED, None),
        GuestError::Code(_) | GuestError::Unsupported(_) => (exit::USAGE, None),
        GuestError::Engine(_) => (exit::FAILED, Some("see what is wrong with: quicksave doctor".into())),
    }
}

/// What helps against a failure of the system.
fn system(error: &io::Error) -> Option<String> {
    use io::ErrorKind::*;
    Some(match error.kind() {
        // What the system refuses has a number; the rest is a server's word.
        PermissionDenied if error.raw_os_error().is_none() => {
            "look at the user and the password of the store's address, and at what the server lets them do".into()
        }
        PermissionDenied | ReadOnlyFilesystem => {
            "choose a folder that you may write to with --home, or change its permissions".into()
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            "allow this process more open files (ulimit -n): each run that it drives has its journal open".into()
        }
        StorageFull | QuotaExceeded => "free some space; nothing that was recorded is lost".into(),
        NotFound => "check the path".into(),
        NotADirectory => "choose a folder with --home".into(),
        ConnectionRefused | ConnectionReset | ConnectionAborted | NotConnected | TimedOut | BrokenPipe => {
            "see that the server runs and can be reached, and do the same again; nothing that was recorded is lost"
                .into()
        }
        _ => return None,
    })
}
