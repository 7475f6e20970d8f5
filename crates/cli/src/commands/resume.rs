//! `quicksave resume`

use executor::Retry;

use crate::{commands::run_or_snapshot, drive, report::Error, screen::Terminal, session::Session};

/// Go on with a run exactly where it was
///
/// A run that has ended gives its recorded result or error again; with --retry one that failed or was cancelled goes
/// on from its last checkpoint. Permissions are not kept with a run: give them again.
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: String,
    /// Go on from the last checkpoint of a run that failed or was cancelled
    #[arg(long)]
    retry: bool,
    /// Take the run from a process that hangs; that one cannot write to it any more
    #[arg(long)]
    take_over: bool,
    /// Go on with today's file instead of the code that the run began with
    #[arg(long, value_name = "new")]
    code: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let run = run_or_snapshot(&args.run)?;
    if args.code.is_some() {
        let next = format!("go on with the code it began with: quicksave resume {run}; or start a new run");
        return Err(Error::not_yet("resuming with new code", next));
    }
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("resume", screen.clone())?;
    let (why, retry) = if args.retry { ("retry", Retry::FromLastCheckpoint) } else { ("resume", Retry::No) };
    let opened = executor.resume(&run, why, retry, args.take_over).await?;
    drive::drive_opened(session, &run, opened, &screen).await
}
