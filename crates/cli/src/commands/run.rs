//! `quicksave run`

use std::path::PathBuf;

use ::run::RunId;
use daemon::{Call, Handed, Prepared, middleware};

use crate::{
    dags, drive, handoff, output,
    report::Error,
    screen::Terminal,
    script,
    session::{Session, Work},
    source::{self, Program},
};

/// Run a program: a Neutron script, the default export of a module, or a method of a photon
///
/// A name that is no file is that of a photon: `quicksave run notes add -p text=milk`.
///
/// The default export of a TypeScript or JavaScript module is a generator, a function, or a class. The run survives the
/// death of this process: `quicksave resume RUN` goes on where it was.
#[derive(clap::Args)]
pub struct Args {
    /// The program (.nt, .ts, .mts, .cts, .js, .mjs, .cjs, .dag.json), or the name of a photon
    #[arg(value_name = "FILE|PHOTON")]
    file: PathBuf,
    /// The method, where the program has several; for a Neutron script, what `sys.args()` gives
    #[arg(value_name = "METHOD|ARGUMENT")]
    rest: Vec<String>,
    /// A parameter. The method's types decide what its value is; where there are none, it is JSON if it can be read as
    /// JSON (5, true, "5"), else text
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = source::pair)]
    param: Vec<(String, String)>,
    /// The parameters as a JSON object; -p goes before it
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// Of a photon: which one; each has a state of its own [default: default]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Of a photon: calls of a method with the same key are one run; the later ones get its result
    #[arg(long, value_name = "KEY", conflicts_with = "id")]
    key: Option<String>,
    /// The run's id [default: made from the time]
    #[arg(long, value_name = "RUN")]
    id: Option<RunId>,
    /// Hand the run to the daemon, print its id when it has begun, and return; the daemon's permissions and limits hold
    #[arg(long)]
    detach: bool,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let mut taker = match args.detach {
        true => Some(taker(session).await?),
        false => None,
    };
    if args.instance.is_some() && (script::is_script(&args.file) || dags::is_document(&args.file)) {
        return Err(Error::usage("only photons have instances", "leave --instance out"));
    }
    let params = || source::params(args.params.as_deref(), &args.param);
    let screen = Terminal::new(&session.globals);
    let work = session.work("run", screen.clone())?;
    let new = if script::is_script(&args.file) {
        if !params()?.is_empty() {
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
        let (new, warnings) = dags::file(&args.file, params()?, args.id)?;
        if !session.globals.quiet {
            warnings.iter().for_each(|warning| output::error_line(format!("warning: {}", output::tame(warning))));
        }
        new
    } else {
        if let Some(more) = args.rest.get(1) {
            let next = "name one method, and give parameters with -p NAME=VALUE";
            return Err(Error::usage(format!("{more:?} is one argument too many"), next));
        }
        let call = Call {
            method: args.rest.first().cloned(),
            instance: args.instance.clone(),
            args: source::params(args.params.as_deref(), &[])?,
            texts: args.param.clone(),
            id: args.id,
            key: args.key.clone(),
            ..Call::default()
        };
        match source::photon_name(&args.file) {
            Some(photon) => {
                let prepared = work.calls.prepare(Call { photon, ..call }).await?;
                match taker.is_some() || attended(&prepared) {
                    true => return called(session, &work, prepared, &screen, taker).await,
                    false => prepared.new,
                }
            }
            None => {
                let program = source::file(&args.file, call)?;
                // Those beside it listen to its events.
                if daemon::catalog::name_of(&args.file).is_some() {
                    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty());
                    session.events.also(folder.unwrap_or(std::path::Path::new(".")).to_owned());
                }
                match program {
                    Program::Call(prepared) if taker.is_some() || attended(&prepared) => {
                        return called(session, &work, *prepared, &screen, taker).await;
                    }
                    Program::Call(prepared) => prepared.new,
                    Program::Run(new) => new,
                }
            }
        }
    };
    let driver = work.calls.supervisor().executor().start(new).await?;
    if let Some(daemon) = &mut taker {
        let run = driver.run().clone();
        // Recorded, and free for the daemon.
        drop(driver);
        return hand_over(session, daemon, &run).await;
    }
    let code = drive::drive(session, driver, &screen).await;
    work.leave().await;
    code
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
    Ok(handed(session, run.as_str()))
}

fn handed(session: &Session, run: &str) -> u8 {
    if session.globals.json {
        output::json(&serde_json::json!({ "runId": run, "status": "running" }));
    } else {
        output::line(run);
    }
    crate::report::exit::COMPLETED
}

/// Whether something is to be done around the call.
fn attended(prepared: &Prepared) -> bool {
    prepared.key.is_some() || middleware::asked_for(&prepared.tool.tags)
}

/// A call around which its tags ask for something, or one that the daemon makes.
async fn called(
    session: &Session,
    work: &Work,
    prepared: Prepared,
    screen: &Terminal,
    taker: Option<handoff::Daemon>,
) -> Result<u8, Error> {
    if let Some(mut daemon) = taker {
        let run = daemon.call(&Handed::from(&prepared)).await?;
        return Ok(handed(session, &run));
    }
    let running = work.calls.start_prepared(prepared).await?;
    let code = drive::follow(session, running, screen).await;
    work.leave().await;
    code
}
