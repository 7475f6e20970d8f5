//! Messages to a run: recorded first, then the run is driven on, here or by whoever has it.

use std::time::Duration;

use daemon::broker::ClientError;
use executor::{ExecError, Executor, Request, Retry};
use run::{RunId, Status};
use serde_json::json;
use store::{Owner, StoreError};

use crate::{
    drive, handoff,
    output::{self, error_line},
    report::{Error, exit},
    screen::Terminal,
    session::Session,
};

/// How long to wait until another process has taken a message.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// Leaves `request` for `run`, and has the run driven on: by the daemon, if one runs; by whoever drives it; or here.
pub async fn send(
    session: &Session,
    run: &RunId,
    request: &Request,
    why: &str,
    answered: Option<u64>,
) -> Result<u8, Error> {
    session.reader().post(run, request).await?;
    if let Some(mut daemon) = handoff::able(session).await {
        match daemon.take(run).await {
            Ok(_) => return Ok(daemon.tell(session, run)),
            // Who has it gets the message.
            Err(ClientError::Refused { code, .. }) if code == "held" => {}
            Err(error) => tracing::warn!("{error}; the run goes on here"),
        }
    }
    let screen = Terminal::answering(&session.globals, answered);
    let executor = session.driver(why, screen.clone())?;
    loop {
        match executor.resume(run, why, Retry::No, false).await {
            Ok(opened) => {
                let code = drive::drive_opened(session, run, opened, &screen).await?;
                tell_caller(session, &executor, run).await;
                return Ok(code);
            }
            Err(ExecError::Store(StoreError::Held { owner, .. })) => {
                if let Handed::Over(taken) = hand_over(&executor, run, request).await? {
                    return Ok(handed_over(session, run, &owner, taken));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says how the run goes on that waits for this one.
async fn tell_caller(session: &Session, executor: &Executor, run: &RunId) {
    let Ok(summary) = executor.summary(run).await else { return };
    let ended = summary.status().is_final();
    let Some(parent) = summary.parent.filter(|_| ended) else { return };
    let waits = executor.summary(&parent).await.is_ok_and(|caller| caller.status() == Status::Waiting);
    if waits && !session.globals.quiet {
        let again = session.globals.again();
        error_line(format!(
            "run {parent}, which called it, waits for it; go on with: quicksave resume {parent}{again}"
        ));
    }
}

/// What became of a message to a run that somebody else drives.
pub enum Handed {
    /// The other process has it; whether it has already taken it.
    Over(bool),
    /// The other process is gone and has left it.
    Back,
}

/// Waits until the run's driver has taken the message, or is gone.
pub async fn hand_over(executor: &Executor, run: &RunId, request: &Request) -> Result<Handed, Error> {
    let journals = &executor.parts().journals;
    let body = request.to_bytes();
    let began = tokio::time::Instant::now();
    loop {
        let waiting = journals.messages(run).await?;
        if !waiting.iter().any(|message| message.body == body) {
            return Ok(Handed::Over(true));
        }
        if executor.owner(run).await?.is_none() {
            return Ok(Handed::Back);
        }
        if began.elapsed() >= PATIENCE {
            return Ok(Handed::Over(false));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Says who has the message.
pub fn handed_over(session: &Session, run: &RunId, owner: &Owner, taken: bool) -> u8 {
    if session.globals.json {
        output::json(&json!({ "runId": run, "status": "running", "handedTo": owner.to_string(), "taken": taken }));
    } else if !session.globals.quiet {
        let when = if taken { "has it" } else { "will take it when its program next waits" };
        error_line(format!("recorded; run {run} is driven by {owner}, which {when}"));
    }
    exit::COMPLETED
}
