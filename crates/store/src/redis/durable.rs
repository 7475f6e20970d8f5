//! What the server promises of its disk.

use std::{collections::HashMap, io, time::Duration};

use ::redis::{InfoDict, Value, cmd};

use super::{Connection, Failure, Inner};
use crate::{Durability, StoreError};

/// What a server that does not know `WAITAOF` has to be set to.
const SETTINGS: [(&str, &str); 3] =
    [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")];

impl Inner {
    /// Whether a durable save has to wait for the server's disk.
    pub(super) fn waits(&self, durable: bool) -> bool {
        durable && self.options.durability == Durability::Disk
    }

    /// That the server is there, and can do what it is used for.
    pub(super) async fn check(&self, connection: &mut Connection) -> Result<(), Failure> {
        cmd("PING").query_async::<String>(&mut connection.wire).await?;
        if self.options.durability == Durability::Disk {
            self.check_disk(connection).await?;
            let memory: InfoDict = cmd("INFO").arg("memory").query_async(&mut connection.wire).await?;
            let policy: String = memory.get("maxmemory_policy").unwrap_or_default();
            if memory.get::<u64>("maxmemory").unwrap_or(0) > 0 && policy.starts_with("allkeys") {
                return Err(self.refuse(&format!(
                    "it drops keys when its memory is full (maxmemory-policy {policy}); set it to noeviction"
                )));
            }
        }
        Ok(())
    }

    /// That a durable save can be kept, before it is done.
    pub(super) async fn check_disk(&self, connection: &mut Connection) -> Result<(), Failure> {
        if connection.waits_for_disk != Some(false) && self.knows_waitaof(connection).await? {
            let info: InfoDict = cmd("INFO").arg("persistence").query_async(&mut connection.wire).await?;
            if info.get::<u8>("aof_enabled") != Some(1) {
                return Err(self.refuse("it keeps no log of what is written; set appendonly yes"));
            }
            connection.waits_for_disk = Some(true);
            return Ok(());
        }
        connection.waits_for_disk = Some(false);
        let mut settings = ::redis::pipe();
        for (setting, _) in SETTINGS {
            settings.cmd("CONFIG").arg("GET").arg(setting);
        }
        let found = match settings.query_async::<Vec<HashMap<String, String>>>(&mut connection.wire).await {
            Ok(found) => found,
            Err(error) if super::failure::ends_connection(&error) => return Err(error.into()),
            Err(_) => return Err(self.refuse("it is older than 7.2 and does not show its settings (CONFIG GET)")),
        };
        for ((setting, wanted), found) in SETTINGS.into_iter().zip(found) {
            let found = found.get(setting).map_or("unknown", String::as_str);
            if found != wanted {
                return Err(self.refuse(&format!("{setting} is {found}; a server older than 7.2 needs {wanted}")));
            }
        }
        Ok(())
    }

    async fn knows_waitaof(&self, connection: &mut Connection) -> Result<bool, Failure> {
        match cmd("COMMAND").arg("INFO").arg("WAITAOF").query_async(&mut connection.wire).await {
            Ok(Value::Array(commands)) => Ok(commands.iter().any(|command| !matches!(command, Value::Nil))),
            Err(error) if super::failure::ends_connection(&error) => Err(error.into()),
            _ => Ok(false),
        }
    }

    /// Waits until everything that was written on this connection is on the server's disk.
    pub(super) async fn wait_for_disk(&self, connection: &mut Connection) -> Result<(), Failure> {
        // Without WAITAOF the settings were looked at: the answer to the save came after its sync.
        if connection.waits_for_disk != Some(true) {
            return Ok(());
        }
        // Shorter than the client's own time for an answer, so that the server's word comes first.
        let wait =
            self.options.answer_timeout.saturating_sub(self.options.answer_timeout / 5).max(Duration::from_millis(1));
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let mut waitaof = cmd("WAITAOF");
        let (synced, _): (u64, u64) = waitaof.arg(1).arg(0).arg(wait).query_async(&mut connection.wire).await?;
        if synced > 0 {
            return Ok(());
        }
        let cause = format!("the server has not put the value on its disk within {wait} ms");
        let what = format!("cannot save on the Redis server {}", self.place);
        Err(StoreError::Io { what, source: io::Error::new(io::ErrorKind::TimedOut, cause) }.into())
    }

    fn refuse(&self, cause: &str) -> Failure {
        let cause = format!("{cause}; or give up on surviving a power cut (--durability process)");
        let what = format!("the Redis server {} cannot promise that checkpoints survive a power cut", self.place);
        StoreError::Io { what, source: io::Error::new(io::ErrorKind::Unsupported, cause) }.into()
    }
}
