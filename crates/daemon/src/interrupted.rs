//! Taking up what a killed process left.

use std::time::Duration;

use executor::{ExecError, Retry};
use run::{Status, Summary, entry::Value};
use store::StoreError;

use crate::{Running, Supervisor};

/// Takes up the runs that were being driven when their process ended and that nobody drives now: all of them, or those
/// that `by` began (`Config::begun_by`). One that cannot be taken up is said to be so, and hinders no other.
pub async fn resume_interrupted(supervisor: &Supervisor, by: Option<&str>) -> Result<Vec<Running>, ExecError> {
    let executor = supervisor.executor();
    let mut taken = Vec::new();
    let all = executor.list().await?;
    for info in all.into_iter().filter(|info| info.status == Status::Running) {
        let run = info.run;
        if supervisor.get(&run).is_some() {
            continue;
        }
        // A run that is removed meanwhile needs nothing.
        let Ok(summary) = executor.summary(&run).await else { continue };
        let Some(origin) = &summary.origin else { continue };
        if by.is_some_and(|by| origin.by.as_deref() != Some(by)) {
            continue;
        }
        match supervisor.resume_within(&run, "restart", Retry::No, time_limit(&summary)).await {
            Ok(Ok(running)) => taken.push(running),
            Ok(Err(_)) => {}
            Err(ExecError::Store(StoreError::Held { .. } | StoreError::NotFound(_))) => {}
            Err(error) => tracing::warn!(%run, "an interrupted run was not taken up: {error}"),
        }
    }
    Ok(taken)
}

/// The time that a snippet was given with it (`timeout` of code mode, in milliseconds).
pub(crate) fn time_limit(summary: &Summary) -> Option<Duration> {
    let Some(Value::Inline(params)) = summary.params.as_ref().filter(|_| summary.tool == "code") else { return None };
    params.json.value().get("timeout")?.as_u64().map(Duration::from_millis)
}
