//! `quicksave run`

use std::path::PathBuf;

use ::run::RunId;
use serde_json::Value;

use crate::{drive, report::Error, screen::Terminal, session::Session, source};

/// Run a program: the default export of a TypeScript or JavaScript file
///
/// The default export is an async generator function, an async function, or a class with methods. The run survives the
/// death of this process: `quicksave resume RUN` goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// The program (.ts, .mts, .cts, .js, .mjs, .cjs)
    file: PathBuf,
    /// The method, where the program has several
    method: Option<String>,
    /// A parameter; its value is JSON if it can be read as JSON (5, true, "5"), else text
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = source::pair)]
    param: Vec<(String, Value)>,
    /// The parameters as a JSON object; -p goes before it
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "RUN")]
    id: Option<RunId>,
    /// Hand the run to the daemon and return
    #[arg(long)]
    detach: bool,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    if args.detach {
        let next = format!(
            "run it in the background meanwhile: quicksave run {} &",
            crate::args::quote(&args.file.to_string_lossy())
        );
        return Err(Error::not_yet("--detach needs the daemon, which", next));
    }
    let params = source::params(args.params.as_deref(), &args.param)?;
    let new = source::file(&args.file, args.method, params, args.id)?;
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("run", screen.clone())?;
    let driver = executor.start(new).await?;
    drive::drive(session, driver, &screen).await
}
