//! `quicksave show`

use ::run::{RunId, Status};
use executor::ExecError;
use serde_json::{Value, json};

use crate::{
    output::{self, cut, tame},
    report::{Error, exit},
    session::Session,
    shapes::{self, Shown},
};

/// Show what is known of a run
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
}

/// The longest value on one line, in characters.
const WIDE: usize = 300;

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let shown = match shapes::show(&session.reader(), &args.run).await {
        Ok(shown) => shown,
        Err(error @ ExecError::Corrupt { .. }) if session.globals.json => {
            let error = Error::from(error);
            output::json(&json!({ "runId": args.run, "status": Status::Corrupt, "error": error.to_string() }));
            return Ok(error.show(false));
        }
        Err(error) => return Err(error.into()),
    };
    if session.globals.json {
        output::json(&shown.shape);
    } else {
        for line in lines(&args.run, &shown) {
            output::line(line);
        }
    }
    Ok(exit::COMPLETED)
}

fn lines(run: &RunId, shown: &Shown) -> Vec<String> {
    let Some(shape) = shown.shape.as_object() else { return Vec::new() };
    let mut lines = Vec::new();
    for (key, value) in shape {
        let text = match (key.as_str(), value) {
            ("waitingFor", Value::Array(list)) => {
                lines.extend(list.iter().map(|one| format!("{:15} {}", "waits for", cut(&wait(one), WIDE))));
                continue;
            }
            ("effects", Value::Object(counts)) => {
                let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
                if counts.is_empty() { "none".into() } else { counts.join(", ") }
            }
            ("driver", _) => shown.driver.as_ref().map(ToString::to_string).unwrap_or_default(),
            ("lastCheckpoint", last) => format!("{} {} {}", text(&last["id"]), text(&last["at"]), last["state"]),
            ("forkOf", from) => format!("{} at {}", text(&from["runId"]), text(&from["checkpoint"])),
            ("stack", Value::String(stack)) => {
                lines.extend(stack.lines().map(|line| format!("{:15} {}", "", tame(line))));
                continue;
            }
            (_, value) => text(value),
        };
        lines.push(format!("{:15} {}", label(key), cut(&tame(&text), WIDE)));
    }
    if shown.summary.status() == Status::Running && shown.driver.is_none() {
        lines.push(format!("{:15} nobody: it was interrupted; go on with: quicksave resume {run}", "driver"));
    }
    lines
}

fn label(key: &str) -> &str {
    match key {
        "runId" => "run",
        "startedAt" => "started",
        "updatedAt" => "last entry",
        "completedAt" => "ended",
        "lastCheckpoint" => "checkpoint",
        "forkOf" => "fork of",
        "parent" => "called by",
        key => key,
    }
}

fn wait(one: &Value) -> String {
    let key = |key: &str| tame(&text(&one[key]));
    match one["kind"].as_str() {
        Some("ask") => format!("an answer to {} ({}): {}", key("id"), key("ask"), key("message")),
        Some("signal") => format!("the signal {}", key("name")),
        Some("timer") => key("due"),
        Some("run") => format!("run {}", key("runId")),
        Some("call") => format!("a word on call {} ({})", key("n"), key("op")),
        _ => one.to_string(),
    }
}

/// A text without quotes, anything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
