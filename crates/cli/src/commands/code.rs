//! `quicksave code`

use ::run::RunId;

use crate::{drive, report::Error, screen::Terminal, session::Session, source};

/// Run a snippet: `await`, `import` and `return` at its top level
#[derive(clap::Args)]
pub struct Args {
    /// TypeScript, or - for standard input
    code: String,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "RUN")]
    id: Option<RunId>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let new = source::snippet(&args.code, args.id, &session.permissions()?)?;
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("code", screen.clone())?;
    let driver = executor.start(new).await?;
    drive::drive(session, driver, &screen).await
}
