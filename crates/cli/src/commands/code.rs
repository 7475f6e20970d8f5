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
    let screen = Terminal::new(&session.globals);
    let work = session.work("code", screen.clone())?;
    let new = source::snippet(&args.code, &work.tools.names(), args.id, &session.permissions()?)?;
    let driver = work.calls.supervisor().executor().start(new).await?;
    let code = drive::drive(session, driver, &screen).await;
    work.leave().await;
    code
}
