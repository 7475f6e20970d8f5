//! `quicksave resume`

use ::run::RunId;
use daemon::broker::ClientError;
use executor::Retry;

use crate::{
    commands::{Named, named},
    drive, handoff, repl,
    report::Error,
    screen::Terminal,
    script,
    session::Session,
};

/// Go on with a run, or from a snapshot file, exactly where it was
///
/// A run that has ended gives its recorded result or error again; with --retry one that failed or was cancelled goes
/// on from its last checkpoint. Permissions are not kept with a run: give them again. If a daemon runs, and no permissions
/// are given, the run goes on there. A snapshot file (.snap, saved by
/// a Neutron program) becomes a new run each time.
#[derive(clap::Args)]
pub struct Args {
    /// The run, or a file
    #[arg(value_name = "RUN|FILE.snap")]
    run: String,
    /// With a file: what `sys.args()` gives from here on [default: as it was]
    #[arg(value_name = "ARGUMENT")]
    args: Vec<String>,
    /// With a file: the new run's id [default: made from the time]
    #[arg(long, value_name = "RUN", conflicts_with_all = ["retry", "take_over"])]
    id: Option<RunId>,
    /// Go on from the last checkpoint of a run that failed or was cancelled
    #[arg(long)]
    retry: bool,
    /// Take the run from a process that hangs; that one cannot write to it any more
    #[arg(long)]
    take_over: bool,
    /// Drive it here, though a daemon runs
    #[arg(long)]
    here: bool,
    /// Go on with today's file instead of the code that the run began with
    #[arg(long, value_name = "new")]
    code: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let run = match named(&args.run)? {
        Named::File(file) if args.retry || args.take_over => {
            let what = format!("{} is a file: each resume of it is a new run", file.display());
            return Err(Error::usage(what, "leave --retry and --take-over out"));
        }
        Named::File(file) => {
            if let Some(restored) = repl::saved(&file)? {
                return tokio::task::block_in_place(|| repl::run(session, Some(restored)));
            }
            let new = script::snapshot(&file, &args.args, args.id)?;
            let screen = Terminal::new(&session.globals);
            let driver = session.driver("resume", screen.clone())?.start(new).await?;
            return drive::drive(session, driver, &screen).await;
        }
        Named::Run(_) if !args.args.is_empty() || args.id.is_some() => {
            return Err(Error::usage("a run has its arguments and its id", "leave them out, or start a new run"));
        }
        Named::Run(run) => run,
    };
    if args.code.is_some() {
        let next = format!("go on with the code it began with: quicksave resume {run}; or start a new run");
        return Err(Error::not_yet("resuming with new code", next));
    }
    if !args.retry
        && !args.take_over
        && !args.here
        && let Some(mut daemon) = handoff::able(session).await
    {
        match daemon.take(&run).await {
            Ok(true) => return Ok(daemon.tell(session, &run)),
            // It has ended, or somebody drives it: that is told as ever.
            Ok(false) => {}
            Err(ClientError::Refused { code, .. }) if code != "failed" => {}
            Err(error) => tracing::warn!("{error}; the run goes on here"),
        }
    }
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("resume", screen.clone())?;
    let (why, retry) = if args.retry { ("retry", Retry::FromLastCheckpoint) } else { ("resume", Retry::No) };
    let opened = executor.resume(&run, why, retry, args.take_over).await?;
    drive::drive_opened(session, &run, opened, &screen).await
}
