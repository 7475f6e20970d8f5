//! One file for each command.

mod answer;
mod cancel;
mod cleanup;
mod code;
mod completions;
mod delete;
mod doctor;
mod fork;
mod inspect;
mod list;
mod log;
mod man;
mod resume;
mod run;
mod show;
mod signal;

use ::run::RunId;

use crate::{report::Error, session::Session};

/// The commands, in the order in which help shows them.
#[derive(clap::Subcommand)]
pub enum Command {
    Run(run::Args),
    Code(code::Args),
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
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Carries out a command that needs no store; `None` if it does.
pub fn plain(command: &Command) -> Result<Option<u8>, Error> {
    match command {
        Command::Completions(args) => Ok(Some(completions::run(args))),
        Command::Man(args) => man::run(args).map(Some),
        _ => Ok(None),
    }
}

/// Carries out a command, and gives its exit code.
pub async fn run(session: &Session, command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(args) => run::run(session, args).await,
        Command::Code(args) => code::run(session, args).await,
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
        Command::Doctor(args) => doctor::run(session, args).await,
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Man(args) => man::run(&args),
    }
}

/// Reads what may one day be a snapshot file too.
fn run_or_snapshot(text: &str) -> Result<RunId, Error> {
    if text.ends_with(".snap") {
        return Err(Error::not_yet("taking up a snapshot file", "name the run itself: quicksave list"));
    }
    text.parse()
        .map_err(|bad: ::run::id::BadRunId| Error::usage(bad.to_string(), "see what there is with: quicksave list"))
}
