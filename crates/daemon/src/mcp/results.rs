//! How runs end, as results of tools.

use executor::{ExecError, Finished};
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use run::RunId;
use serde_json::{Map, Value, json};

use super::outputs::Output;
use crate::shapes::Outcome;

/// The longest result that is given whole, in bytes of JSON; a longer one is read from the run's resource.
pub const LONGEST: usize = 4 << 20;

/// A value as the whole result.
pub fn value(value: Value) -> CallToolResult {
    CallToolResult::structured(value)
}

/// Something that the caller can mend.
pub fn error(message: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message.into())])
}

/// An error of driving or reading a run, and what to do.
pub fn exec_error(cause: &ExecError) -> CallToolResult {
    let next = match cause {
        ExecError::Store(store::StoreError::NotFound(_)) => "; code_list_runs lists the runs that there are",
        ExecError::Store(store::StoreError::Held { .. }) => "; it goes on there, and code_get_run tells how it ends",
        ExecError::Store(store::StoreError::Io { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) =>
        {
            "; too many runs are under way: wait until some have ended, or allow the server more open files (ulimit -n)"
        }
        _ => "",
    };
    error(format!("{cause}{next}"))
}

/// How a run of code mode ended: everything in one object.
pub fn of_code(run: &RunId, finished: &Finished, logs: Option<String>) -> CallToolResult {
    let mut shape = outcome(run, finished);
    if let (Some(logs), Some(map)) = (logs, shape.as_object_mut()) {
        map.insert("logs".into(), logs.into());
    }
    let text = shape.to_string();
    if text.len() > LONGEST {
        shape["result"] = too_long(run, text.len()).into();
    }
    structured(shape, failed(finished))
}

/// How a run of a photon's method ended: its result, or what is wrong. `output` is what the tool is said to give.
pub fn of_tool(run: &RunId, finished: &Finished, output: Option<&Output>) -> CallToolResult {
    let about = about(run);
    let Finished::Completed(payload) = finished else {
        let result = structured(outcome(run, finished), failed(finished));
        return result.with_meta(Some(about));
    };
    let text = payload.json.get();
    if text.len() > LONGEST {
        let next = too_long(run, text.len());
        let mut result = CallToolResult::success(vec![ContentBlock::text(next.clone())]);
        result.structured_content = output.map(|_| json!({ "runId": run, "status": "completed", "next": next }));
        return result.with_meta(Some(about));
    }
    let value = payload.json.value();
    let shown = match &value {
        Value::String(text) => text.clone(),
        // A method that gives nothing has said all by ending well.
        Value::Null => String::new(),
        value => value.to_string(),
    };
    let mut result = CallToolResult::success(vec![ContentBlock::text(shown)]);
    result.structured_content = match output {
        // Types are not checked when a program runs. What is not of its type is given as a run's result, as any other.
        Some(output) if !output.fits(&value) => Some(outcome(run, finished)),
        // Clients of older protocols take objects only.
        _ => Some(value).filter(Value::is_object),
    };
    result.with_meta(Some(about))
}

/// What a call that follows no run to its end gives: the run goes on, or waits.
pub fn waiting(run: &RunId, waiting_for: Vec<Value>) -> CallToolResult {
    structured(with_next(json!({ "runId": run, "status": "waiting", "waitingFor": waiting_for })), false)
        .with_meta(Some(about(run)))
}

fn outcome(run: &RunId, finished: &Finished) -> Value {
    let shape = serde_json::to_value(Outcome::new(run, finished)).unwrap_or_else(|e| json!({ "error": e.to_string() }));
    if matches!(finished, Finished::Left) {
        let mut shape = shape;
        shape["next"] = "the server is being shut down; the run goes on when it starts again".into();
        return shape;
    }
    if matches!(finished, Finished::Waiting(_)) { with_next(shape) } else { shape }
}

/// How a run that waits is given what it waits for.
fn with_next(mut shape: Value) -> Value {
    let kinds: Vec<&str> =
        shape["waitingFor"].as_array().into_iter().flatten().filter_map(|one| one["kind"].as_str()).collect();
    let next = match kinds.first() {
        Some(&"ask") => "ask the user, then call code_resume_run with runId and answer",
        Some(&"run") => "code_get_run tells what the run that it called asks; code_resume_run with this runId answers",
        Some(&"signal") => "code_resume_run with runId, signal and value sends it",
        Some(&"call") => "a person must decide: quicksave answer RUN --call N",
        _ => "code_resume_run with runId goes on when the time has come",
    };
    shape["next"] = next.into();
    shape
}

fn failed(finished: &Finished) -> bool {
    matches!(finished, Finished::Failed(_) | Finished::Cancelled(_))
}

fn structured(shape: Value, failed: bool) -> CallToolResult {
    if failed { CallToolResult::structured_error(shape) } else { CallToolResult::structured(shape) }
}

fn about(run: &RunId) -> MetaObject {
    let mut map = Map::new();
    map.insert("runId".into(), run.as_str().into());
    MetaObject(map)
}

fn too_long(run: &RunId, len: usize) -> String {
    format!("the result has {len} bytes, which is more than a tool may give; read it from the resource run://{run}")
}
