//! What programs may ask about runs: `runs.list`, `runs.get`, `runs.delete`, in the shapes of the command line.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use executor::{CallContext, ExecError, Executor};
use host::Operations;
use run::{EffectClass, Failure, Outcome, Payload, RunId, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shapes;

/// Answers from the executor that drives the asking run.
#[derive(Default)]
pub struct Runs {
    executor: OnceLock<Executor>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    run_id: Option<String>,
    limit: Option<usize>,
    status: Option<String>,
}

impl Runs {
    /// Begins to answer.
    pub fn serve(&self, executor: Executor) {
        let _ = self.executor.set(executor);
    }

    async fn answer(&self, context: &CallContext, op: &str, args: &Payload) -> Result<Value, Failure> {
        let executor = self.executor.get().ok_or_else(|| Failure::new("Error", "runs are not known here"))?;
        let bad = |message: String| Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message);
        let asked: Option<Asked> = args.json.to().map_err(|e| bad(format!("{op}: {e}")))?;
        let asked = asked.unwrap_or_default();
        let status = asked.status.map(|status| status.parse::<Status>()).transpose().map_err(bad)?;
        if op == "runs.list" {
            let runs = executor.list().await.map_err(failure)?;
            return Ok(shapes::list(runs, asked.limit, status));
        }
        let id = asked.run_id.ok_or_else(|| bad(format!("{op}: runId is missing")))?;
        let run: RunId = id.parse().map_err(|e: run::id::BadRunId| bad(e.to_string()))?;
        match op {
            "runs.get" => Ok(shapes::show(executor, &run).await.map_err(failure)?.shape),
            "runs.delete" if run == context.run => {
                Err(bad(format!("run {run} cannot delete itself: it would lose what it does next")))
            }
            "runs.delete" => {
                check_ended(executor, &run).await?;
                executor.delete(&run).await.map_err(failure)?;
                Ok(json!({ "runId": run, "deleted": true }))
            }
            op => Err(bad(format!("{op:?} is not an operation on runs"))),
        }
    }
}

/// A program may remove what has ended, and nothing that could still go on.
async fn check_ended(executor: &Executor, run: &RunId) -> Result<(), Failure> {
    let status = match executor.summary(run).await {
        Ok(summary) => summary.status(),
        // A damaged journal is of no use to anybody.
        Err(ExecError::Corrupt { .. }) => return Ok(()),
        Err(error) => return Err(failure(error)),
    };
    if status.is_final() {
        return Ok(());
    }
    let message = format!(
        "run {run} is {status}: a program may delete runs that have ended. End it with: quicksave cancel {run}"
    );
    Err(Failure::with_code("PermissionDenied", "EPERM", message))
}

fn failure(error: ExecError) -> Failure {
    let code = match &error {
        ExecError::Store(store::StoreError::NotFound(_)) => "ENOENT",
        ExecError::Store(store::StoreError::Held { .. }) => "EBUSY",
        _ => "ERR_RUNS",
    };
    Failure::with_code("Error", code, error.to_string())
}

#[async_trait]
impl Operations for Runs {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        if op == "runs.delete" { EffectClass::Write } else { EffectClass::Read }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        self.answer(&context, &op, &args).await.map(Payload::from)
    }
}
