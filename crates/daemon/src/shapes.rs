//! The JSON shapes of `--json` and of `code.list_runs` and its kin; the seeds' where they have one.

use std::borrow::Cow;

use executor::{ExecError, Executor, Finished, RunInfo};
use run::{
    Json, Payload, RunId, Status, Summary,
    entry::{Value as Held, Waiting},
    program::ProgramError,
    status::OpenAsk,
    time::iso,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::Owner;

/// What `run`, `resume`, `answer` and their kin give.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome<'a> {
    /// The run.
    pub run_id: &'a RunId,
    /// How it stands.
    pub status: Status,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a Json>,
    /// Of a program that gives bytes: in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<String>,
    /// Why it failed or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// What the program chose with `sys.exit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<&'a str>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<Vec<Value>>,
}

impl<'a> Outcome<'a> {
    /// How driving `run` ended.
    pub fn new(run: &'a RunId, finished: &'a Finished) -> Self {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let mut outcome = Self {
            run_id: run,
            status: status(finished),
            result: None,
            result_bytes: None,
            error: None,
            exit_code: None,
            stack: None,
            waiting_for: None,
        };
        match finished {
            Finished::Completed(payload) => {
                outcome.result = Some(&payload.json);
                outcome.result_bytes = payload.bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
            }
            Finished::Failed(error) => {
                outcome.exit_code = exit_code(error);
                outcome.error = Some(match outcome.exit_code {
                    Some(code) => format!("exit code {code}").into(),
                    None => error.message.as_str().into(),
                });
                outcome.stack = error.stack.as_deref();
            }
            Finished::Cancelled(reason) => outcome.error = Some(reason.as_str().into()),
            Finished::Waiting(waiting) => outcome.waiting_for = Some(waiting_for(waiting)),
            Finished::Left => {}
        }
        outcome
    }
}

/// The exit code that a program chose for itself (`sys.exit`), which is then no failure to report.
pub fn exit_code(error: &ProgramError) -> Option<u8> {
    if error.kind == "exit" { error.message.parse().ok() } else { None }
}

/// The word for an end.
pub fn status(finished: &Finished) -> Status {
    match finished {
        Finished::Completed(_) => Status::Completed,
        Finished::Failed(error) if error.kind == "timed_out" => Status::TimedOut,
        Finished::Failed(_) => Status::Failed,
        Finished::Cancelled(_) => Status::Cancelled,
        Finished::Waiting(_) => Status::Waiting,
        Finished::Left => Status::Running,
    }
}

/// What a run waits for: an ask with the whole question, a timer with an ISO time.
pub fn waiting_for(waiting: &[Waiting]) -> Vec<Value> {
    waiting
        .iter()
        .map(|one| match one {
            Waiting::Ask { id, ask, message, spec } => {
                json!({ "kind": "ask", "id": id, "ask": ask, "message": message, "spec": spec })
            }
            Waiting::Signal { name } => json!({ "kind": "signal", "name": name }),
            Waiting::Timer { due } => json!({ "kind": "timer", "due": iso(*due) }),
            Waiting::Call { n, op } => json!({ "kind": "call", "n": n, "op": op }),
            Waiting::Run { n, run } => json!({ "kind": "run", "n": n, "runId": run }),
        })
        .collect()
}

fn open_ask(ask: &OpenAsk) -> Value {
    json!({ "kind": "ask", "id": ask.id, "ask": ask.ask.kind, "message": ask.ask.message, "spec": ask.ask.spec.value() })
}

/// Seed 000's `list_runs`; runs whose journal is damaged have an `error` and perhaps no `startedAt`.
pub fn list(runs: Vec<RunInfo>, limit: Option<usize>, status: Option<Status>) -> Value {
    let wanted = choose(runs, limit, status);
    let runs: Vec<Value> = wanted.iter().map(listed).collect();
    json!({ "runs": runs })
}

/// The first `limit` of the runs with `status`.
pub fn choose(runs: Vec<RunInfo>, limit: Option<usize>, status: Option<Status>) -> Vec<RunInfo> {
    let wanted = |info: &RunInfo| status.is_none_or(|status| info.status == status);
    runs.into_iter().filter(wanted).take(limit.unwrap_or(usize::MAX)).collect()
}

fn listed(info: &RunInfo) -> Value {
    let mut shape = Map::new();
    shape.insert("runId".into(), info.run.as_str().into());
    if info.started_at > 0 {
        shape.insert("startedAt".into(), iso(info.started_at).into());
    }
    if let Some(at) = info.completed_at {
        shape.insert("completedAt".into(), iso(at).into());
    }
    shape.insert("status".into(), info.status.word().into());
    if !info.tool.is_empty() {
        shape.insert("tool".into(), info.tool.as_str().into());
    }
    if let Some(photon) = &info.photon {
        shape.insert("photon".into(), photon.as_str().into());
    }
    if let Some(instance) = &info.instance {
        shape.insert("instance".into(), instance.as_str().into());
    }
    if let Some(parent) = &info.parent {
        shape.insert("parent".into(), parent.as_str().into());
    }
    if let Some(error) = &info.error {
        shape.insert("error".into(), error.as_str().into());
    }
    shape.into()
}

/// One run, for people and as JSON.
pub struct Shown {
    /// As JSON.
    pub shape: Value,
    /// What the journal says.
    pub summary: Summary,
    /// Who drives it.
    pub driver: Option<Owner>,
}

/// Seed 000's `get_run`, and what else is known of the run.
pub async fn show(executor: &Executor, run: &RunId) -> Result<Shown, ExecError> {
    let summary = executor.summary(run).await?;
    let driver = executor.owner(run).await?;
    let mut shape = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            shape.insert(key.into(), value);
        }
    };
    put("runId", Some(run.as_str().into()));
    put("tool", Some(summary.tool.as_str().into()));
    put("photon", summary.photon.clone().map(Value::from));
    put("instance", summary.instance.clone().map(Value::from));
    put("parent", summary.parent.as_ref().map(|parent| parent.as_str().into()));
    put("method", summary.origin.as_ref().and_then(|origin| origin.method.clone()).map(Value::from));
    put("params", value(executor, run, summary.params.as_ref()).await?);
    put("startedAt", Some(iso(summary.started_at).into()));
    put("updatedAt", Some(iso(summary.updated_at).into()));
    put("completedAt", summary.completed_at.map(|at| iso(at).into()));
    put("status", Some(summary.status().word().into()));
    put("result", value(executor, run, summary.result.as_ref()).await?);
    let exits = summary.error_kind.as_deref() == Some("exit");
    put("error", summary.error.clone().map(|error| if exits { format!("exit code {error}") } else { error }.into()));
    put("stack", summary.stack.clone().map(Value::from));
    if let Some(last) = &summary.last_checkpoint {
        let state = value(executor, run, Some(&last.state)).await?;
        put("lastCheckpoint", Some(json!({ "id": last.id, "state": state, "at": iso(last.ts) })));
    }
    let waiting = waiting(&summary);
    put("waitingFor", (!waiting.is_empty()).then(|| waiting.into()));
    put("effects", Some(effects(&summary).into()));
    let fork = summary.origin.as_ref().and_then(|origin| origin.fork.as_ref());
    put("forkOf", fork.map(|fork| json!({ "runId": fork.run, "checkpoint": fork.checkpoint })));
    put(
        "driver",
        driver.as_ref().map(
            |owner| json!({ "host": owner.host, "pid": owner.pid, "what": owner.what, "since": iso(owner.since) }),
        ),
    );
    Ok(Shown { shape: shape.into(), summary, driver })
}

/// What the journal says the run waits for; logs of the photon ecosystem only have asks.
fn waiting(summary: &Summary) -> Vec<Value> {
    match summary.status() {
        Status::Waiting if summary.waiting_for.is_empty() => summary.open_asks.iter().map(open_ask).collect(),
        Status::Waiting => waiting_for(&summary.waiting_for),
        _ => Vec::new(),
    }
}

/// How many effects of each kind, without the entries that are about the run itself.
fn effects(summary: &Summary) -> Map<String, Value> {
    let own = ["start", "answer", "return", "error", "cancel", "resume", "wait", "snapshot", "fork"];
    let counts = summary.counts.iter().filter(|(kind, _)| !own.contains(&kind.as_str()));
    counts.map(|(kind, count)| (kind.clone(), (*count).into())).collect()
}

async fn value(executor: &Executor, run: &RunId, value: Option<&Held>) -> Result<Option<Value>, ExecError> {
    let Some(value) = value else { return Ok(None) };
    Ok(Some(fetch(executor, run, value).await?.json.value()))
}

/// A value, also if it lies beside the journal (`docs/format.md`).
pub async fn fetch(executor: &Executor, run: &RunId, value: &Held) -> Result<Payload, ExecError> {
    let at = match value {
        Held::Inline(payload) => return Ok(payload.clone()),
        Held::Beside(at) => at,
    };
    let key = format!("runs/{run}/value/{}", at.hash);
    let blob = executor.parts().keep.load(&key).await?.filter(|blob| run::Hash::of(blob) == at.hash);
    let payload = blob.and_then(|blob| Payload::from_blob(&blob));
    payload.ok_or_else(|| ExecError::Missing { run: run.clone(), what: "a value", key })
}
