//! Runs as resources: `run://{runId}` what is known of it, `run://{runId}/log` its journal.

use executor::{ExecError, Executor};
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use run::{RunId, time::iso};

use super::results;
use crate::shapes;

const SCHEME: &str = "run://";

/// What is read of a journal at one time, in bytes; a longer line is read whole up to [`results::LONGEST`].
const PIECE: u64 = 1 << 20;

/// All runs, newest first.
pub async fn list(executor: &Executor) -> Result<Vec<Resource>, ErrorData> {
    let runs = executor.list().await.map_err(internal)?;
    let resource = |info: executor::RunInfo| {
        let tool = if info.tool.is_empty() { "a run" } else { &info.tool };
        let begun = if info.started_at > 0 { format!(", begun {}", iso(info.started_at)) } else { String::new() };
        Resource::new(format!("{SCHEME}{}", info.run), info.run.to_string())
            .with_description(format!("{tool}: {}{begun}", info.status))
            .with_mime_type("application/json")
    };
    Ok(runs.into_iter().map(resource).collect())
}

/// The forms of addresses.
pub fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(format!("{SCHEME}{{runId}}"), "run")
            .with_description("What is known of a run: parameters, status, result, what it waits for")
            .with_mime_type("application/json"),
        ResourceTemplate::new(format!("{SCHEME}{{runId}}/log{{?from}}"), "run log")
            .with_description(
                "The journal of a run, an entry a line. A long one comes in pieces: `_meta.next` of a piece is the \
                 address of the next",
            )
            .with_mime_type("application/jsonl"),
    ]
}

/// Reads `run://…`.
pub async fn read(executor: &Executor, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let unknown = || ErrorData::resource_not_found(format!("{uri:?} is no resource: run://RUN or run://RUN/log"), None);
    let rest = uri.strip_prefix(SCHEME).ok_or_else(unknown)?;
    let (name, part) = rest.split_once('/').map_or((rest, None), |(name, part)| (name, Some(part)));
    let run: RunId = name.parse().map_err(|_| unknown())?;
    let Some(part) = part else {
        let shown = shapes::show(executor, &run).await.map_err(|e| missing(uri, e))?;
        let text = shown.shape.to_string();
        if text.len() > results::LONGEST {
            let message = format!("run {run} has {} bytes to show; read its log in pieces: {uri}/log", text.len());
            return Err(ErrorData::invalid_params(message, None));
        }
        let contents = ResourceContents::text(text, uri).with_mime_type("application/json");
        return Ok(ReadResourceResult::new(vec![contents]));
    };
    let from = match part {
        "log" => 0,
        part => part.strip_prefix("log?from=").and_then(|from| from.parse().ok()).ok_or_else(unknown)?,
    };
    log(executor, &run, uri, from).await
}

/// The lines of a journal from byte `from` on, as they lie there.
async fn log(executor: &Executor, run: &RunId, uri: &str, from: u64) -> Result<ReadResourceResult, ErrorData> {
    let journals = &executor.parts().journals;
    let mut most = PIECE;
    let (bytes, whole) = loop {
        let bytes = journals.read(run, from, most).await.map_err(|e| missing(uri, e.into()))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole > 0 || (bytes.len() as u64) < most {
            break (bytes, whole);
        }
        if most >= results::LONGEST as u64 {
            let message = format!("the line at byte {from} of run {run} is too long to be read here");
            return Err(ErrorData::invalid_params(message, None));
        }
        most = (most * 4).min(results::LONGEST as u64);
    };
    // The last line of a run that is being driven may not be whole yet.
    let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    let mut contents = ResourceContents::text(text, uri).with_mime_type("application/jsonl");
    if bytes.len() as u64 == most {
        let mut meta = rmcp::model::MetaObject::new();
        meta.0.insert("next".into(), format!("{SCHEME}{run}/log?from={}", from + whole as u64).into());
        contents = contents.with_meta(meta);
    }
    Ok(ReadResourceResult::new(vec![contents]))
}

fn missing(uri: &str, error: ExecError) -> ErrorData {
    match &error {
        ExecError::Store(store::StoreError::NotFound(_)) => {
            ErrorData::resource_not_found(format!("there is no run {uri}"), None)
        }
        _ => internal(error),
    }
}

fn internal(error: ExecError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
