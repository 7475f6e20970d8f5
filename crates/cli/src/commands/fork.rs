//! `quicksave fork`

use ::run::RunId;

use crate::{drive, output::error_line, report::Error, screen::Terminal, session::Session};

/// Start a new run that goes on from a checkpoint of another, and drive it
///
/// What the other run did up to there is not done again. Both runs then go their own way.
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
    /// The checkpoint: its last occurrence, or NAME#2 for the second
    #[arg(long, value_name = "CHECKPOINT")]
    at: String,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("fork", screen.clone())?;
    let driver = executor.fork(&args.run, &args.at).await?;
    if !session.globals.quiet {
        error_line(format!("run {} goes on from {} at {}", driver.run(), args.run, args.at));
    }
    drive::drive(session, driver, &screen).await
}
