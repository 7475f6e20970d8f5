//! `quicksave run`

use std::path::PathBuf;

use ::run::RunId;
use serde_json::Value;

use crate::{dags, drive, handoff, output, report::Error, screen::Terminal, script, session::Session, source};

/// Run a program: a Neutron script, or the default export of a module
///
/// The default export of a TypeScript or JavaScript module is a generator, a function, or a class. The run survives the
/// death of this process: `quicksave resume RUN` goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// The program (.nt, .ts, .mts, .cts, .js, .mjs, .cjs, .dag.json)
    file: PathBuf,
    /// The method, where the program has several; for a Neutron script, what `sys.args()` gives
    #[arg(value_name = "METHOD|ARGUMENT")]
    rest: Vec<String>,
    /// A parameter; its value is JSON if it can be read as JSON (5, true, "5"), else text
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = source::pair)]
    param: Vec<(String, Value)>,
    /// The parameters as a JSON object; -p goes before it
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "RUN")]
    id: Option<RunId>,
    /// Hand the run to the daemon, print its id, and return; the daemon's permissions and limits hold
    #[arg(long)]
    detach: bool,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let mut taker = match args.detach {
        true => Some(taker(session).await?),
        false => None,
    };
    let params = source::params(args.params.as_deref(), &args.param)?;
    let new = if script::is_script(&args.file) {
        if !params.is_empty() {
            let next = "give what sys.args() shall give behind the file: quicksave run FILE.nt ARGUMENT…";
            return Err(Error::usage("a Neutron script has no parameters", next));
        }
        let (new, warnings) = script::file(&args.file, &args.rest, args.id)?;
        crate::warn(&session.globals, &warnings);
        new
    } else if dags::is_document(&args.file) {
        if let Some(more) = args.rest.first() {
            let next = "a DAG has no methods; give what its state begins with by -p NAME=VALUE";
            return Err(Error::usage(format!("{more:?} is one argument too many"), next));
        }
        let (new, warnings) = dags::file(&args.file, params, args.id)?;
        if !session.globals.quiet {
            warnings.iter().for_each(|warning| output::error_line(format!("warning: {}", output::tame(warning))));
        }
        new
    } else {
        let mut rest = args.rest.into_iter();
        let method = rest.next();
        if let Some(more) = rest.next() {
            let next = "name one method, and give parameters with -p NAME=VALUE";
            return Err(Error::usage(format!("{more:?} is one argument too many"), next));
        }
        source::file(&args.file, method, params, args.id)?
    };
    let screen = Terminal::new(&session.globals);
    let executor = session.driver("run", screen.clone())?;
    let driver = executor.start(new).await?;
    if let Some(daemon) = &mut taker {
        let run = driver.run().clone();
        // Recorded, and free for the daemon.
        drop(driver);
        return hand_over(session, daemon, &run).await;
    }
    drive::drive(session, driver, &screen).await
}

/// The daemon that a new run is handed to.
async fn taker(session: &Session) -> Result<handoff::Daemon, Error> {
    if session.globals.grants() {
        let next = "give them to the daemon: quicksave daemon start --allow-…; or leave --detach out";
        return Err(Error::usage("with --detach what was given to the daemon holds, not the permissions here", next));
    }
    let mut daemon = handoff::connect(session).await?;
    daemon.same_store(session).await?;
    Ok(daemon)
}

async fn hand_over(session: &Session, daemon: &mut handoff::Daemon, run: &RunId) -> Result<u8, Error> {
    if let Err(error) = daemon.take(run).await {
        output::error_line(format!("run {run} was begun, and is resumable: quicksave resume {run}"));
        return Err(error.into());
    }
    if session.globals.json {
        output::json(&serde_json::json!({ "runId": run, "status": "running" }));
    } else {
        output::line(run.as_str());
    }
    Ok(crate::report::exit::COMPLETED)
}
