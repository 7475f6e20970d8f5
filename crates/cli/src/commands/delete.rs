//! `quicksave delete`

use ::run::RunId;
use serde_json::json;

use crate::{
    output::{self, error_line},
    report::{Error, exit},
    session::Session,
};

/// Remove runs with all that belongs to them
#[derive(clap::Args)]
pub struct Args {
    /// The runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<RunId>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let executor = session.reader();
    let (mut deleted, mut refused, mut code) = (Vec::new(), Vec::new(), exit::COMPLETED);
    for run in args.runs {
        match executor.delete(&run).await {
            Ok(()) => deleted.push(run),
            // The others are removed all the same.
            Err(error) => {
                let error = Error::from(error);
                refused.push(json!({ "runId": run, "error": error.to_string() }));
                code = code.max(error.show(false));
            }
        }
    }
    if session.globals.json {
        output::json(&json!({ "deleted": deleted, "refused": refused }));
    } else if !session.globals.quiet {
        deleted.iter().for_each(|run| error_line(format!("run {run} was deleted")));
    }
    Ok(code)
}
