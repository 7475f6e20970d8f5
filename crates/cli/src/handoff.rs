//! A daemon that runs for this home takes runs on.

use ::run::RunId;
use daemon::{
    CALL, Handed,
    broker::{ClientError, Connection, Place},
};
use serde_json::json;

use crate::{
    output::{self, error_line},
    report::{Error, exit},
    session::Session,
};

/// How this command is named to the daemon.
pub fn who() -> String {
    format!("quicksave (process {})", std::process::id())
}

/// Tells the daemon, if one runs, that a person has interrupted `run`: it is not to go on by itself.
pub async fn interrupted(session: &Session, run: &RunId) {
    let Ok(mut daemon) = connect(session).await else { return };
    if daemon.same_store(session).await.is_ok() {
        let told = daemon.connection.value(json!({ "t": "call", "op": "left", "data": { "run": run } })).await;
        if let Err(error) = told {
            tracing::debug!(%error, "the daemon was not told of the interruption");
        }
    }
}

/// The daemon of this home.
pub struct Daemon {
    connection: Connection,
    /// Its process.
    pub pid: u64,
}

/// Connects to the daemon, which must be there.
pub async fn connect(session: &Session) -> Result<Daemon, Error> {
    let connection = Connection::open(&Place::new(&session.home), &who()).await.map_err(Error::Daemon)?;
    let pid = connection.hello["pid"].as_u64().unwrap_or_default();
    Ok(Daemon { connection, pid })
}

/// The daemon that can take this command's runs on: one runs, with the same store, and nothing was granted here that it
/// may not know of.
pub async fn able(session: &Session) -> Option<Daemon> {
    if session.globals.alone || session.globals.grants() {
        return None;
    }
    let mut daemon = match connect(session).await {
        Ok(daemon) => daemon,
        Err(Error::Daemon(ClientError::NoDaemon)) => return None,
        Err(error) => {
            tracing::warn!("{error}; this command does its work itself");
            return None;
        }
    };
    daemon.same_store(session).await.ok()?;
    Some(daemon)
}

impl Daemon {
    /// Whether the daemon's runs are ours.
    pub async fn same_store(&mut self, session: &Session) -> Result<(), Error> {
        let status = self.connection.value(json!({ "t": "status" })).await.map_err(Error::Daemon)?;
        let (theirs, ours) = (status["store"].as_str().unwrap_or_default(), session.store());
        if theirs == ours {
            return Ok(());
        }
        Err(Error::usage(
            format!("the daemon keeps runs in {theirs}, and this command in {ours}"),
            "give both the same --store",
        ))
    }

    /// Asks it to take `run` on. `false` if the run needs nobody to drive it.
    pub async fn take(&mut self, run: &RunId) -> Result<bool, ClientError> {
        let taken = self.connection.value(json!({ "t": "take", "run": run })).await?;
        Ok(taken["driven"] == true)
    }

    /// Has it make a call; gives the run, which has begun then.
    pub async fn call(&mut self, call: &Handed) -> Result<String, ClientError> {
        let made = self.connection.value(json!({ "t": "call", "op": CALL, "data": call })).await?;
        Ok(made["runId"].as_str().unwrap_or_default().to_owned())
    }

    /// Says that it drives the run.
    pub fn tell(&self, session: &Session, run: &RunId) -> u8 {
        let owner = format!("the daemon (process {})", self.pid);
        if session.globals.json {
            output::json(&json!({ "runId": run, "status": "running", "handedTo": owner, "taken": true }));
        } else if !session.globals.quiet {
            let again = session.globals.again();
            error_line(format!("run {run} goes on in {owner}; see: quicksave log -f {run}{again}"));
        }
        exit::COMPLETED
    }
}
