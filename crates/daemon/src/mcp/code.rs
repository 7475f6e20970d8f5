//! The tools `code_*`: snippets as durable runs, and what there is of runs.

use std::time::Duration;

use executor::{ExecError, Executor, Finished, Request, Retry, Terms};
use rmcp::model::{CallToolResponse, CallToolResult, JsonObject, Tool, ToolAnnotations};
use run::{RunId, Status, Summary, entry::Waiting};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::server::{Call, Shape, Taken};
use super::{photons, results};
use crate::{shapes, supervisor};

/// The longest snippet, in bytes.
const LONGEST: usize = 1 << 20;

/// The tools, in the order in which they are listed.
pub const NAMES: [&str; 6] =
    ["code_run", "code_list_runs", "code_get_run", "code_resume_run", "code_delete_run", "code_save_as_photon"];

/// What the tools are to clients.
pub fn tools() -> Vec<Tool> {
    let run_id = json!({ "type": "string", "description": "The run's id.", "pattern": "^[A-Za-z0-9_-]{1,128}$" });
    let hints = ToolAnnotations::new;
    let all = [
        (
            "Run TypeScript as a durable run and get its result. `await`, `import` and `return` work at the top level. \
             Each connected server and each photon is a namespace: `await github.search_repos({...})`; \
             `ncp.find(query)` finds tools. A crash of this server loses nothing: the run goes on without repeating a \
             finished call. Gives {runId, status, result, logs, error}.",
            json!({
                "type": "object",
                "properties": {
                    "code": { "type": "string", "description": "TypeScript; `return` gives the result." },
                    "timeout": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "The longest time the run may take, in milliseconds, waits included."
                    }
                },
                "required": ["code"]
            }),
            hints().read_only(false).destructive(true).open_world(true),
        ),
        (
            "List runs, newest first.",
            json!({
                "type": "object",
                "properties": {
                    "limit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 20 },
                    "status": {
                        "type": "string",
                        "enum": ["running", "waiting", "paused", "completed", "failed", "cancelled", "timed_out", "corrupt"]
                    }
                }
            }),
            hints().read_only(true).open_world(false),
        ),
        (
            "Get what is known of a run: parameters, status, result or error, what it waits for.",
            json!({ "type": "object", "properties": { "runId": run_id }, "required": ["runId"] }),
            hints().read_only(true).open_world(false),
        ),
        (
            "Go on with a run that waits or was interrupted. `answer` answers its question (`askId` names one of \
             several); `signal` and `value` send it a signal; `retry` takes a failed run up from its last checkpoint.",
            json!({
                "type": "object",
                "properties": {
                    "runId": run_id,
                    "answer": { "description": "The answer: text, number, true or false, an option, a form's fields." },
                    "askId": { "type": "string" },
                    "signal": { "type": "string" },
                    "value": { "description": "What the signal carries." },
                    "retry": { "type": "boolean", "default": false }
                },
                "required": ["runId"]
            }),
            hints().read_only(false).destructive(true).open_world(true),
        ),
        (
            "Delete a run with its log.",
            json!({ "type": "object", "properties": { "runId": run_id }, "required": ["runId"] }),
            hints().read_only(false).destructive(true).idempotent(true).open_world(false),
        ),
        (
            "Save the code of a run that completed as a photon, which is a tool once a person has enabled it. \
             Constants at the snippet's top level (`const owner = \"octocat\"`) become parameters with these defaults.",
            json!({
                "type": "object",
                "properties": {
                    "runId": run_id,
                    "name": { "type": "string", "description": "The photon's name.", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$" },
                    "description": { "type": "string" }
                },
                "required": ["runId", "name"]
            }),
            hints().read_only(false).destructive(false).open_world(false),
        ),
    ];
    let tool = |(name, (description, schema, hints)): (&'static str, (&'static str, Value, ToolAnnotations))| {
        let schema: JsonObject = match schema {
            Value::Object(map) => map,
            _ => JsonObject::default(),
        };
        Tool::new(name, description, schema).with_annotations(hints)
    };
    NAMES.into_iter().zip(all).map(tool).collect()
}

#[derive(Deserialize)]
struct RunArgs {
    code: String,
    #[serde(default)]
    timeout: Option<u64>,
}

#[derive(Deserialize, Default)]
struct ListArgs {
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct OneArgs {
    #[serde(rename = "runId", alias = "run_id")]
    run: String,
}

#[derive(Deserialize)]
struct ResumeArgs {
    #[serde(rename = "runId", alias = "run_id")]
    run: String,
    #[serde(default, deserialize_with = "present")]
    answer: Option<Value>,
    #[serde(default, rename = "askId", alias = "ask_id")]
    ask: Option<String>,
    #[serde(default)]
    signal: Option<String>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    retry: bool,
}

#[derive(Deserialize)]
struct SaveArgs {
    #[serde(rename = "runId", alias = "run_id")]
    run: String,
    name: String,
    #[serde(default)]
    description: Option<String>,
}

/// An answer of `null` is none that was left out.
fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}

/// Carries out the tool `name`, which is one of [`NAMES`]. An `Err` is for the caller, who can mend it.
pub async fn call(call: &Call<'_>, name: &str, args: JsonObject) -> Result<CallToolResponse, CallToolResult> {
    let args = Value::Object(args);
    match name {
        "code_run" => start(call, read(name, args).map_err(results::error)?).await,
        "code_resume_run" => resume(call, read(name, args).map_err(results::error)?).await,
        name => simple(call, name, args).await.map(CallToolResponse::from),
    }
}

async fn simple(call: &Call<'_>, name: &str, args: Value) -> Result<CallToolResult, CallToolResult> {
    let executor = call.executor();
    match name {
        "code_list_runs" => {
            let ListArgs { limit, status } = read(name, args).map_err(results::error)?;
            let status = status.map(|status| status.parse::<Status>()).transpose().map_err(results::error)?;
            let runs = executor.list().await.map_err(failed)?;
            Ok(results::value(shapes::list(runs, Some(limit.unwrap_or(20).min(1000)), status)))
        }
        "code_get_run" => {
            let OneArgs { run } = read(name, args).map_err(results::error)?;
            let shown = shapes::show(executor, &id(&run).map_err(results::error)?).await.map_err(failed)?;
            let len = shown.shape.to_string().len();
            if len > results::LONGEST {
                let next = "read its log, in pieces, from the resource";
                return Err(results::error(format!("run {run} has {len} bytes to show: {next} run://{run}/log")));
            }
            Ok(results::value(shown.shape))
        }
        "code_delete_run" => {
            let OneArgs { run } = read(name, args).map_err(results::error)?;
            let run = id(&run).map_err(results::error)?;
            // What could still go on is ended first, by whoever follows it.
            let status = executor.summary(&run).await.map(|summary| summary.status());
            if let Ok(status) = status
                && !status.is_final()
            {
                return Err(results::error(format!("run {run} is {status}: only runs that have ended are deleted")));
            }
            executor.delete(&run).await.map_err(failed)?;
            Ok(results::value(json!({ "runId": run, "deleted": true })))
        }
        "code_save_as_photon" => {
            let SaveArgs { run, name, description } = read(name, args).map_err(results::error)?;
            photons::save(call, &id(&run).map_err(results::error)?, &name, description.as_deref()).await
        }
        name => Err(results::error(format!("{name} is not a tool"))),
    }
}

fn read<T: DeserializeOwned>(name: &str, args: Value) -> Result<T, String> {
    serde_json::from_value(args).map_err(|e| format!("{name}: {e}"))
}

/// Reads a run's id.
fn id(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|e: run::id::BadRunId| e.to_string())
}

fn failed(error: ExecError) -> CallToolResult {
    results::exec_error(&error)
}

async fn start(call: &Call<'_>, args: RunArgs) -> Result<CallToolResponse, CallToolResult> {
    let RunArgs { code, timeout } = args;
    if code.len() > LONGEST {
        return Err(results::error(format!("the code has {} bytes; at most {LONGEST} are taken", code.len())));
    }
    let run = call.fresh_id();
    let mut new = call.shared().snippet(code, run.clone()).await.map_err(|e| results::error(e.to_string()))?;
    new.caller = Some(call.caller());
    if let Some(timeout) = timeout {
        let mut params = new.params.value();
        // Whoever takes the run up again finds it there.
        params["timeout"] = timeout.into();
        new.params = params.into();
    }
    let mut followed = call.follow(&run);
    let supervisor = call.shared().supervisor();
    let running = supervisor.start_on(new, Terms::within(timeout.map(Duration::from_millis))).await.map_err(failed)?;
    Ok(call.see(&running, &mut followed, &[], &of_code).await)
}

/// The result of a run whose tool is not known to matter.
pub fn of_code(run: &RunId, finished: &Finished, logs: Option<String>) -> CallToolResult {
    results::of_code(run, finished, logs)
}

async fn resume(call: &Call<'_>, args: ResumeArgs) -> Result<CallToolResponse, CallToolResult> {
    let run = id(&args.run).map_err(results::error)?;
    let executor = call.executor();
    let summary = executor.summary(&run).await.map_err(failed)?;
    let mut answered = Vec::new();
    let ended = summary.status().is_final();
    let answers = args.answer.is_some();
    match (args.answer, args.signal) {
        (Some(_), Some(_)) => return Err(results::error("give an answer or a signal, not both")),
        (Some(_), _) | (_, Some(_)) if ended => {
            return Err(results::error(format!("run {run} waits for nothing: it is {}", summary.status())));
        }
        (Some(answer), None) => {
            let (asking, its) = asking(call.executor(), &run, &summary).await.map_err(failed)?;
            let request = answer_to(&asking, &its, args.ask.as_deref(), answer).map_err(results::error)?;
            if let Request::Answer { n: Some(n), .. } = &request
                && asking == run
            {
                answered.push(*n);
            }
            executor.post(&asking, &request).await.map_err(failed)?;
        }
        (None, Some(name)) => {
            let request = Request::Signal { name, value: args.value.into() };
            executor.post(&run, &request).await.map_err(failed)?;
        }
        (None, None) => {}
    }
    let why = if answers { "answer" } else { "resume" };
    let retry = if args.retry { Retry::FromLastCheckpoint } else { Retry::No };
    take_up(call, &run, &summary, why, retry, &answered, &of_code).await
}

/// Runs that call runs that call runs are looked through to this depth.
const DEPTH: usize = 32;

/// The run whose question it is: this one, or one that it called and waits for.
async fn asking(executor: &Executor, run: &RunId, summary: &Summary) -> Result<(RunId, Summary), ExecError> {
    let (mut run, mut summary) = (run.clone(), summary.clone());
    for _ in 0..DEPTH {
        let called = summary.waiting_for.iter().find_map(|one| match one {
            Waiting::Run { run, .. } => Some(run.clone()),
            _ => None,
        });
        let Some(called) = called.filter(|_| summary.open_asks.is_empty()) else { break };
        summary = executor.summary(&called).await?;
        run = called;
    }
    Ok((run, summary))
}

/// Takes a run up and follows it to where it stops; `result` says what is given then.
pub async fn take_up(
    call: &Call<'_>,
    run: &RunId,
    summary: &Summary,
    why: &str,
    retry: Retry,
    answered: &[u64],
    result: &Shape<'_>,
) -> Result<CallToolResponse, CallToolResult> {
    match call.take_up(run, why, retry, supervisor::time_limit(summary)).await.map_err(failed)? {
        Taken::Here(running, mut followed) => Ok(call.see(&running, &mut followed, answered, result).await),
        Taken::Ended(finished) => Ok(result(run, &finished, None).into()),
        Taken::Elsewhere(owner) => {
            let shape = json!({ "runId": run, "status": "running", "handedTo": owner.to_string() });
            Ok(results::value(shape).into())
        }
    }
}

/// The answer, checked against the question. A text is also read as it would be typed: `"yes"`, `"3"`.
fn answer_to(run: &RunId, summary: &Summary, id: Option<&str>, answer: Value) -> Result<Request, String> {
    let open = &summary.open_asks;
    let Some(ask) = open.iter().find(|ask| id.is_none_or(|id| ask.id == id)) else {
        let ids: Vec<&str> = open.iter().map(|ask| ask.id.as_str()).collect();
        return Err(match ids.is_empty() {
            true => format!("run {run} has no open question: it is {}", summary.status()),
            false => format!("run {run} has no such question; open are: {}", ids.join(", ")),
        });
    };
    let checked = host::answers::check(&ask.ask, answer.clone()).or_else(|expected| match &answer {
        Value::String(typed) => host::answers::parse(&ask.ask, typed),
        _ => Err(expected),
    });
    let wrong = |expected| format!("that does not answer {:?}: {expected}", ask.ask.message);
    let value = checked.map_err(wrong)?;
    Ok(Request::Answer { n: ask.n, id: Some(ask.id.clone()), value: value.into() })
}
