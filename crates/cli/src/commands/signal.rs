//! `quicksave signal`

use ::run::RunId;
use executor::Request;
use serde_json::Value;

use crate::{message, report::Error, session::Session, source};

/// Send a message to a run, and drive it on
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
    /// The message's name, for which the program waits
    name: String,
    /// What it carries: JSON if it can be read as JSON, else text [default: null]
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let summary = session.reader().summary(&args.run).await?;
    if summary.status().is_final() {
        let what = format!("run {} takes no signals: it is {}", args.run, summary.status());
        return Err(Error::usage(what, format!("see: quicksave show {}", args.run)));
    }
    let value = args.value.as_deref().map_or(Value::Null, source::value);
    let request = Request::Signal { name: args.name, value: value.into() };
    message::send(session, &args.run, &request, "signal", None).await
}
