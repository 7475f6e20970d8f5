//! Handing over what journals hold: to the listeners of this process, or in the daemon to its log.

use std::collections::HashSet;
use std::time::Duration;

use executor::ExecError;
use run::RunId;
use store::StoreError;

use super::{EVENT, Events, Going, How, PATIENCE, Way, append, delivery, event, listeners, name, notify, tell};
use crate::broker::{Unsent, held};
use crate::calls::Calls;
use crate::outbox::{Mark, Outbox};

/// How often the daemon looks for events that were not published.
const LOOK: Duration = Duration::from_secs(1);

impl Events {
    /// Hands events to the listeners here as they come; for a process that stays. Does not end. It begins with those that
    /// earlier processes left of runs which were begun `by` such a process.
    pub async fn keep_settling(&self, by: &str) {
        if let (Some(outbox), Some(calls)) = (&self.outbox, self.calls.get()) {
            for mark in outbox.all().unwrap_or_default() {
                let summary = calls.supervisor().executor().summary(&mark.run).await;
                if summary.is_ok_and(|run| run.origin.is_some_and(|origin| origin.by.as_deref() == Some(by))) {
                    self.adopt(&mark.run);
                }
            }
        }
        loop {
            self.settle().await;
            self.arrived.notified().await;
        }
    }

    /// Waits until what was published is with the daemon, or, without one, with the listeners here: their runs have
    /// ended then, or wait. What a daemon does not take now it finds later.
    pub async fn settle(&self) {
        let Way::Out { place, publisher, .. } = &self.way else { return };
        if let Some(publisher) = publisher.get()
            && !publisher.flush(PATIENCE).await
        {
            let mut runs = held(&self.runs);
            runs.values_mut().filter(|going| going.how == How::Live).for_each(|going| going.how = How::Behind);
            publisher.forget();
            let why = publisher.failure().unwrap_or_else(|| "it does not answer".into());
            tracing::warn!("the daemon has not taken all events: {why}");
        }
        let daemon = place.running().is_some();
        let mut more = true;
        while std::mem::take(&mut more) {
            let all: Vec<(RunId, Going)> = {
                let mut runs = held(&self.runs);
                let here = |how| how == How::Here || how == How::Behind && !daemon;
                runs.retain(|_, going| !going.left || here(going.how));
                for going in runs.values_mut().filter(|going| here(going.how)) {
                    going.how = How::Here;
                }
                runs.iter().filter(|(_, going)| going.how == How::Here).map(|(run, at)| (run.clone(), *at)).collect()
            };
            for (run, going) in all {
                match self.settle_run(&run, going).await {
                    Ok(moved) => more |= moved,
                    Err(error) => {
                        held(&self.runs).remove(&run);
                        tracing::warn!(%run, "events were not delivered; they are when a daemon runs: {error}");
                    }
                }
            }
        }
    }

    /// Hands the events of a run to the listeners here, up to the end of its journal; `false` if there was nothing to do.
    async fn settle_run(&self, run: &RunId, going: Going) -> Result<bool, String> {
        let Some(calls) = self.calls.get() else { return Ok(false) };
        let executor = calls.supervisor().executor();
        let mut marks = Vec::new();
        if let Some(outbox) = self.outbox.as_ref().filter(|_| going.left) {
            for mark in outbox.of(run).map_err(|e| e.to_string())? {
                marks.extend(outbox.claim(mark).map_err(|e| e.to_string())?);
            }
            // Taken up elsewhere: whoever leaves it then finds the marks.
            if executor.owner(run).await.map_err(|e| e.to_string())?.is_some() {
                held(&self.runs).remove(run);
                return Ok(true);
            }
        }
        let mut from = going.from;
        loop {
            let (emits, next) = executor.emits(run, EVENT, from).await.map_err(|e| e.to_string())?;
            for emit in &emits {
                if let Some(event) = event(run, emit.at, &emit.data) {
                    self.deliver(calls, event).await?;
                }
            }
            if next == from {
                break;
            }
            from = next;
            self.set(run, |going| going.from = next);
        }
        if let Some(outbox) = self.outbox.as_ref().filter(|_| going.left) {
            marks.iter().for_each(|mark| outbox.done(mark));
        }
        let mut runs = held(&self.runs);
        let over = runs.get(run).is_some_and(|now| now.left && going.left);
        if over {
            runs.remove(run);
        }
        Ok(over || from != going.from)
    }

    /// Publishes what killed processes did not. For the daemon; does not end.
    pub(crate) async fn keep_publishing(&self) {
        let Some(outbox) = &self.outbox else { return };
        let mut told: HashSet<RunId> = HashSet::new();
        loop {
            let marks = outbox.all().unwrap_or_else(|error| {
                tracing::warn!(%error, "it cannot be looked up which events were left");
                Vec::new()
            });
            told.retain(|run| marks.iter().any(|mark| mark.run == *run));
            for mark in marks {
                let run = mark.run.clone();
                if let Err(error) = self.catch_up(outbox, mark).await
                    && told.insert(run.clone())
                {
                    tracing::warn!(%run, "events were not published; it is tried again: {error}");
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Publishes what the journal of a run that nobody drives holds behind a mark, and takes the mark away.
    async fn catch_up(&self, outbox: &Outbox, mark: Mark) -> Result<(), String> {
        let (Way::Log(log), Some(calls)) = (&self.way, self.calls.get()) else { return Ok(()) };
        let Some(log) = log.get() else { return Ok(()) };
        let executor = calls.supervisor().executor();
        let run = mark.run.clone();
        // Twice: only a claim that was there before nobody drove the run shows that nobody counts on the mark.
        let driven = async || match executor.owner(&run).await {
            Ok(owner) => Ok(owner.is_some()),
            Err(ExecError::Store(StoreError::NotFound(_))) => Ok(false),
            Err(error) => Err(error.to_string()),
        };
        if driven().await? {
            return Ok(());
        }
        let Some(mark) = outbox.claim(mark).map_err(|e| e.to_string())? else { return Ok(()) };
        if driven().await? {
            return Ok(());
        }
        let mut from = mark.from;
        loop {
            let (emits, next) = match executor.emits(&run, EVENT, from).await {
                // It was removed, and its events with it.
                Err(ExecError::Store(StoreError::NotFound(_))) => break,
                emits => emits.map_err(|e| e.to_string())?,
            };
            let events = emits.iter().filter_map(|emit| event(&run, emit.at, &emit.data));
            if !events.into_iter().all(|event| append(log, &event)) {
                return Err("they cannot be kept".into());
            }
            if next == from {
                break;
            }
            from = next;
        }
        let log = log.clone();
        let synced = tokio::task::spawn_blocking(move || log.sync()).await.map_err(|e| e.to_string())?;
        synced.map_err(|e| e.to_string())?;
        outbox.done(&mark);
        Ok(())
    }

    /// Hands an event to all listeners. An error may pass: then it is handed to them again.
    async fn deliver(&self, calls: &Calls, event: Unsent) -> Result<(), String> {
        let mut catalogs = held(&self.also).clone();
        catalogs.push(calls.catalog().clone());
        let kind = event.kind.clone();
        let listeners = tokio::task::spawn_blocking(move || listeners(&catalogs, &kind)).await;
        let Some(what) = event.from.as_deref().zip(event.at).map(|(from, at)| name(from, at)) else { return Ok(()) };
        for entry in listeners.unwrap_or_default() {
            let Some(id) = delivery(event.hops + 1, &what, &entry.name) else { continue };
            match notify(calls, entry.clone(), &id, &event.kind, &event.data).await {
                Ok(Some(running)) => tell(&entry.name, &id, running.ended().await),
                Ok(None) => {}
                Err(error) if error.passes => return Err(format!("{}: {}", entry.name, error.why)),
                Err(error) => tracing::warn!(photon = entry.name, "an event was not delivered: {}", error.why),
            }
        }
        Ok(())
    }
}
