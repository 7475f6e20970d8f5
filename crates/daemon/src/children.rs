//! Photons called by runs: each such call is a run of its own, named after its caller, so that a call that is made again
//! after a crash finds its run and goes on with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bundler::tools::Visibility;
use executor::{CallContext, ExecError, Executor, Finished, waits_for};
use run::{Body, Failure, Outcome, RunId, id::MAX_RUN_ID};
use serde_json::{Map, Value};

use crate::calls::{Call, CallError, Calls};
use crate::supervisor::Running;
use crate::tools::{ToolInfo, ToolSource};

/// Runs that were called by runs of this process.
pub struct Children {
    calls: Calls,
    running: Mutex<HashMap<RunId, Vec<Running>>>,
}

impl Children {
    /// Calls through `calls`.
    pub fn new(calls: Calls) -> Arc<Self> {
        Arc::new(Self { calls, running: Mutex::default() })
    }

    /// What the photons are called through.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Calls a photon for a run, and gives what the call's run gives.
    pub async fn call(&self, context: &CallContext, call: Call) -> Outcome {
        let what =
            format!("{}{}", call.photon, call.method.as_ref().map_or_else(String::new, |name| format!(".{name}")));
        let id = self.id(context).await?;
        let (parent, caller) = (Some(context.run.clone()), context.caller.clone());
        let call = Call { parent, caller, id: None, internal: false, ..call };
        let ended = match self.calls.start_once(&id, call).await {
            Ok(Ok(running)) => {
                self.lock().entry(context.run.clone()).or_default().push(running.clone());
                let ended = running.ended().await;
                self.forget(&context.run, &id);
                ended
            }
            Ok(Err(finished)) => Ok(finished),
            Err(CallError::Exec(ExecError::Store(store::StoreError::Held { .. }))) => return Err(waits_for(&id)),
            Err(error) => return Err((&error).into()),
        };
        let failed =
            |message: &str| Failure::with_code("Error", "ERR_CALL_FAILED", format!("{what} {message} (run {id})"));
        match ended {
            Ok(Finished::Completed(payload)) => Ok(payload),
            Ok(Finished::Failed(error)) => Err(failed(&format!("failed: {}", error.message))),
            Ok(Finished::Cancelled(reason)) if reason.is_empty() => Err(failed("was cancelled")),
            Ok(Finished::Cancelled(reason)) => Err(failed(&format!("was cancelled: {reason}"))),
            Ok(Finished::Waiting(_) | Finished::Left) => Err(waits_for(&id)),
            Err(error) => Err(failed(&format!("could not be driven: {error}"))),
        }
    }

    /// The name of a call's run: `{caller}_{effect}`; with `r{k}` behind it if the caller was sent back to a checkpoint
    /// k times before it made the call, since it is another call then.
    async fn id(&self, context: &CallContext) -> Result<RunId, Failure> {
        let executor = self.calls.supervisor().executor();
        let failed = |error: ExecError| Failure::with_code("Error", "ERR_RUNS", error.to_string());
        let again = match sent_back(executor, context).await.map_err(failed)? {
            0 => String::new(),
            times => format!("r{times}"),
        };
        let id = format!("{}_{}{again}", context.run, context.n);
        id.parse().map_err(|_| {
            let message = format!(
                "calls are nested too deep: the name of the next run would be longer than {MAX_RUN_ID} characters ({id})"
            );
            Failure::with_code("RangeError", "ERR_TOO_DEEP", message)
        })
    }

    fn forget(&self, parent: &RunId, child: &RunId) {
        let mut running = self.lock();
        if let Some(children) = running.get_mut(parent) {
            children.retain(|running| running.run != *child);
            if children.is_empty() {
                running.remove(parent);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Vec<Running>>> {
        // Each holder does small steps that leave the map whole.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often the run was sent back to a checkpoint before it asked for this effect.
async fn sent_back(executor: &Executor, context: &CallContext) -> Result<usize, ExecError> {
    let bytes = executor.parts().journals.read(&context.run, 0, u64::MAX).await?;
    // Hardly any run was: then there is nothing to count.
    let mark: &[u8] = b"\"backTo\":";
    if !bytes.windows(mark.len()).any(|window| window == mark) {
        return Ok(0);
    }
    let (mut times, mut then) = (0, 0);
    for entry in executor.entries(&context.run, 0).await?.0 {
        match entry.body {
            Body::Resume { back_to: Some(_), .. } => times += 1,
            Body::Call { n, .. } if n == context.n => then = times,
            _ => {}
        }
    }
    Ok(then)
}

#[async_trait]
impl ToolSource for Children {
    fn names(&self) -> Vec<String> {
        self.calls.catalog().names()
    }

    async fn list(&self, name: &str) -> Result<Vec<ToolInfo>, Failure> {
        let (catalog, wanted) = (self.calls.catalog().clone(), name.to_owned());
        let found = tokio::task::spawn_blocking(move || catalog.find(&wanted)).await;
        let entry =
            found.map_err(|e| Failure::new("Error", e.to_string()))?.map_err(|e| Failure::from(&CallError::from(e)))?;
        let photon = entry
            .photon()
            .map_err(|cause| Failure::from(&CallError::Broken { name: entry.name.clone(), cause: cause.clone() }))?;
        let public = photon.tools.iter().filter(|tool| tool.visibility == Visibility::Public);
        let info = public.map(|tool| ToolInfo {
            source: entry.name.clone(),
            name: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: tool.input_schema.clone(),
            output_schema: tool.output_schema.clone(),
        });
        Ok(info.collect())
    }

    async fn call(&self, context: &CallContext, name: &str, tool: &str, args: Map<String, Value>) -> Outcome {
        let call = Call { photon: name.to_owned(), method: Some(tool.to_owned()), args, ..Call::default() };
        Children::call(self, context, call).await
    }

    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        for child in self.lock().remove(run).into_iter().flatten() {
            match how {
                // Nobody wants its result any more.
                Ok(Finished::Completed(_) | Finished::Failed(_) | Finished::Cancelled(_)) => {
                    child.control().cancel(format!("run {run}, which called it, has ended"));
                }
                // It is taken up again with its caller.
                Ok(Finished::Waiting(_) | Finished::Left) | Err(_) => child.control().leave(),
            }
        }
    }
}
