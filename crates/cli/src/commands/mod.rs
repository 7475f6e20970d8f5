//! One file for each command.

mod answer;
mod cancel;
pub mod check;
mod cleanup;
mod code;
mod completions;
pub mod daemon;
mod dag;
mod delete;
mod doctor;
mod events;
mod fork;
mod inspect;
mod list;
mod log;
mod man;
mod mcp;
mod photon;
pub mod repl;
mod resume;
mod run;
mod show;
mod signal;
mod store;

use std::path::PathBuf;

use ::run::RunId;

use crate::{report::Error, session::Session};

/// The commands, in the order in which help shows them.
#[derive(clap::Subcommand)]
pub enum Command {
    Run(run::Args),
    Code(code::Args),
    Repl(repl::Args),
    Check(check::Args),
    Dag(dag::Args),
    Resume(resume::Args),
    Answer(answer::Args),
    Signal(signal::Args),
    List(list::Args),
    Show(show::Args),
    Log(log::Args),
    Cancel(cancel::Args),
    Fork(fork::Args),
    Inspect(inspect::Args),
    Delete(delete::Args),
    Cleanup(cleanup::Args),
    Daemon(daemon::Args),
    Events(events::Args),
    Emit(events::Emit),
    Photon(photon::Args),
    Mcp(mcp::Args),
    Store(store::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Carries out a command that needs no store; `None` if it does.
pub fn plain(command: &Command, json: bool) -> Result<Option<u8>, Error> {
    match command {
        Command::Completions(args) => Ok(Some(completions::run(args))),
        Command::Man(args) => man::run(args).map(Some),
        Command::Check(args) => check::run(args, json).map(Some),
        _ => Ok(None),
    }
}

/// Carries out a command, and gives its exit code.
pub async fn run(session: &Session, command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(args) => run::run(session, args).await,
        Command::Code(args) => code::run(session, args).await,
        Command::Repl(args) => repl::run(session, &args),
        Command::Check(args) => check::run(&args, session.globals.json),
        Command::Dag(args) => dag::run(session, args),
        Command::Resume(args) => resume::run(session, args).await,
        Command::Answer(args) => answer::run(session, args).await,
        Command::Signal(args) => signal::run(session, args).await,
        Command::List(args) => list::run(session, args).await,
        Command::Show(args) => show::run(session, args).await,
        Command::Log(args) => log::run(session, args).await,
        Command::Cancel(args) => cancel::run(session, args).await,
        Command::Fork(args) => fork::run(session, args).await,
        Command::Inspect(args) => inspect::run(session, args).await,
        Command::Delete(args) => delete::run(session, args).await,
        Command::Cleanup(args) => cleanup::run(session, args).await,
        Command::Daemon(args) => daemon::run(session, args).await,
        Command::Events(args) => events::run(session, args).await,
        Command::Emit(args) => events::emit(session, args).await,
        Command::Photon(args) => photon::run(session, args).await,
        Command::Mcp(args) => mcp::run(session, args).await,
        Command::Store(args) => store::run(session, args).await,
        Command::Doctor(args) => doctor::run(session, args).await,
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Man(args) => man::run(&args),
    }
}

/// What a person names to go on with: a run, or a snapshot file.
pub enum Named {
    Run(RunId),
    File(PathBuf),
}

/// Reads the name of a run, or the path of a snapshot file, which ends in .snap.
fn named(text: &str) -> Result<Named, Error> {
    if text.ends_with(".snap") {
        return Ok(Named::File(text.into()));
    }
    let run = text.parse();
    run.map(Named::Run)
        .map_err(|bad: ::run::id::BadRunId| Error::usage(bad.to_string(), "see what there is with: quicksave list"))
}
