//! Attending to a call whose run has begun: another attempt where it failed, and what is noted of its end.

use std::sync::Arc;
use std::time::Duration;

use bundler::tools::Tags;
use executor::{Control, ExecError, Finished};
use run::{Payload, RunId};
use serde_json::Value;
use tokio::sync::watch;

use super::cache::Kept;
use super::ledger::Breaker;
use super::retries::{Claim, Pending};
use super::{Guards, Middleware, Subject, Work};
use crate::calls::CallError;
use crate::supervisor::{Ended, Running};

/// How often it is looked whether a call is to be left.
const LOOK: Duration = Duration::from_millis(50);

/// A call whose run has begun.
pub(super) struct Attended {
    pub run: RunId,
    pub tags: Tags,
    pub subject: Subject,
    /// Under what its result is kept.
    pub key: Option<String>,
    pub began: u64,
}

/// A call with attempts to come, whose process has ended. Who has this may make them, and nobody else.
pub struct Left {
    pending: Pending,
    claim: Claim,
}

impl Left {
    /// Its run.
    pub fn run(&self) -> &RunId {
        &self.pending.run
    }
}

impl Middleware {
    /// What is to be done when the run has ended: another attempt, keeping its result, giving back what it holds.
    pub(super) fn accompany(&self, running: Running, guards: Guards, call: Attended, work: Arc<dyn Work>) -> Running {
        let tags = &call.tags;
        let outlives = tags.retryable.is_some()
            || tags.circuit_breaker.is_some()
            || tags.fallback.is_some()
            || tags.logged.is_some()
            || call.key.is_some()
            || !guards.holds.is_empty();
        if !outlives {
            return running;
        }
        let (tell, ended) = watch::channel(None);
        let outer = Running::new(running.run.clone(), running.control().clone(), ended);
        let this = self.clone();
        tokio::spawn(async move {
            let control = running.control().clone();
            let ended = this.attempts(&call, running.ended().await, &control, &*work, 1, None).await;
            let ended = this.finish(call, ended).await;
            drop(guards);
            let _ = tell.send(Some(ended));
        });
        outer
    }

    /// The calls that failed and were to be tried again by a process that has ended.
    pub async fn left(&self) -> Vec<Left> {
        let retries = self.retries.clone();
        let left = tokio::task::spawn_blocking(move || retries.left()).await.unwrap_or_default();
        left.into_iter().map(|(pending, claim)| Left { pending, claim }).collect()
    }

    /// Goes on with such a call. Returns when it has ended, waits or is left.
    pub async fn go_on(&self, left: Left, work: Arc<dyn Work>) {
        let Left { pending, claim } = left;
        let Pending { run, photon, name, tags, cache, began, attempt, due } = pending;
        tracing::info!(%run, attempt, "will be tried again");
        let call = Attended { run, tags, subject: Subject { photon, name, args: Value::Null }, key: cache, began };
        self.clock.sleep(Duration::from_millis(due.saturating_sub(self.clock.now()))).await;
        let ended = match work.again(&call.run).await {
            Ok(next) => next.ended().await,
            // Somebody drives it: whether it needs another attempt is seen later.
            Err(CallError::Exec(ExecError::Store(store::StoreError::Held { .. }))) => return,
            Err(error) => {
                tracing::warn!(run = %call.run, "cannot be tried again: {error}");
                return claim.over();
            }
        };
        let ended = self.attempts(&call, ended, &Arc::default(), &*work, attempt + 1, Some(claim)).await;
        let _ = self.finish(call, ended).await;
    }

    /// From how the run has ended to an end that counts, by attempts from the one with the number `next` on.
    async fn attempts(
        &self,
        call: &Attended,
        mut ended: Ended,
        control: &Arc<Control>,
        work: &dyn Work,
        next: u64,
        mut claim: Option<Claim>,
    ) -> Ended {
        let Some(retry) = call.tags.retryable.clone() else { return ended };
        for attempt in next..=retry.count {
            match &ended {
                Ok(Finished::Failed(error)) if error.kind == "error" => {
                    tracing::info!(run = %call.run, attempt, of = retry.count, "trying again: {}", error.message);
                }
                _ => break,
            }
            claim = self.note(call, attempt, self.clock.now().saturating_add(retry.delay_ms), claim).await;
            tokio::select! {
                () = self.clock.sleep(Duration::from_millis(retry.delay_ms)) => {}
                // What was noted says when it goes on.
                () = left(control) => return Ok(Finished::Left),
            }
            match work.again(&call.run).await {
                Ok(again) => ended = followed(again, control).await,
                Err(error) => {
                    tracing::warn!(run = %call.run, "cannot be tried again: {error}");
                    break;
                }
            }
        }
        match (&ended, claim) {
            (Ok(Finished::Left), _) | (_, None) => {}
            (_, Some(claim)) => claim.over(),
        }
        ended
    }

    /// Writes down that an attempt comes. Where that fails the attempt comes all the same, if this process lives.
    async fn note(&self, call: &Attended, attempt: u64, due: u64, claim: Option<Claim>) -> Option<Claim> {
        let pending = Pending {
            run: call.run.clone(),
            photon: call.subject.photon.clone(),
            name: call.subject.name.clone(),
            tags: call.tags.clone(),
            cache: call.key.clone(),
            began: call.began,
            attempt,
            due,
        };
        let retries = self.retries.clone();
        let noted = tokio::task::spawn_blocking(move || {
            let claim = match claim {
                Some(claim) => Some(claim),
                None => retries.claim(&pending.run)?,
            };
            claim.map(|claim| claim.note(&pending).map(|()| claim)).transpose()
        });
        match noted.await.map_err(std::io::Error::other).and_then(|noted| noted) {
            Ok(claim) => claim,
            Err(error) => {
                tracing::warn!(run = %call.run, "it could not be written down that it is tried again: {error}");
                None
            }
        }
    }

    /// Notes how a call ended, and gives what its caller is told.
    async fn finish(&self, call: Attended, ended: Ended) -> Ended {
        let Attended { run, tags, subject, key, began } = call;
        let good = match &ended {
            Ok(Finished::Completed(_)) => true,
            Ok(Finished::Failed(_)) => false,
            // It waits, was cancelled or left: nothing is known of it.
            _ => return ended,
        };
        let now = self.clock.now();
        if let Some(level) = &tags.logged {
            let (took, name) = (now.saturating_sub(began), &subject.name);
            let how = if good { "completed" } else { "failed" };
            match level.as_str() {
                "error" => tracing::error!(%run, "{name} {how} in {took} ms"),
                "warn" | "warning" => tracing::warn!(%run, "{name} {how} in {took} ms"),
                "debug" => tracing::debug!(%run, "{name} {how} in {took} ms"),
                _ => tracing::info!(%run, "{name} {how} in {took} ms"),
            }
        }
        if let Some(tag) = tags.circuit_breaker.clone() {
            let noted =
                self.remember(subject.file("breaker"), move |breaker: &mut Breaker| breaker.note(&tag, good, now));
            if let Err(refusal) = noted.await {
                tracing::warn!(%run, "{refusal}");
            }
        }
        match (&ended, key, &tags.fallback) {
            (Ok(Finished::Completed(payload)), Some(key), _) if payload.bytes.is_none() => {
                let ttl = tags.cached.as_ref().map_or(0, |cached| cached.ttl_ms);
                let kept = Kept { run: run.clone(), until: now.saturating_add(ttl), value: payload.json.clone() };
                self.keep(subject.photon.clone(), key, kept).await;
                ended
            }
            (Ok(Finished::Failed(error)), _, Some(value)) => {
                tracing::warn!(%run, "{} failed, and its fallback is given: {}", subject.name, error.message);
                Ok(Finished::Completed(Payload::from(value.clone())))
            }
            _ => ended,
        }
    }
}

/// Done when the call is to be left.
async fn left(control: &Control) {
    while !control.leaving() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits for another attempt; who cancels the first one cancels this one.
async fn followed(next: Running, first: &Arc<Control>) -> Ended {
    let control = next.control().clone();
    let ended = next.ended();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => return ended,
            () = tokio::time::sleep(LOOK) => {
                if first.leaving() {
                    control.leave();
                }
                if let Some(reason) = first.cancelled() {
                    control.cancel(reason);
                }
            }
        }
    }
}
