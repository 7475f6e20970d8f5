//! Listens to events, over as many connections as it takes: after each it goes on behind the last number it saw.

use std::time::Duration;

use run::time::Millis;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::{ClientError, Connection, refused};
use super::{Event, Place};

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard {
    /// An event.
    Event(Message),
    /// Events behind `after` are not kept any more; it goes on with `first`.
    Lagged {
        /// The last one that was heard.
        after: u64,
        /// The oldest that is there.
        first: u64,
    },
}

/// An event, read.
#[derive(Deserialize, Debug, Clone)]
pub struct Message {
    /// Its number.
    pub seq: u64,
    /// When the daemon got it.
    pub ts: Millis,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The run or program that it comes from.
    #[serde(default)]
    pub from: Option<String>,
    /// How many listeners it took to cause it.
    #[serde(default)]
    pub hops: u32,
    /// When `from` began, if the event has a name (`at`).
    #[serde(default)]
    pub begun: Millis,
    /// Which of the events of `from` it is.
    #[serde(default)]
    pub at: Option<u64>,
    /// Its payload.
    pub data: Box<RawValue>,
}

impl Message {
    /// Reads a line of the log.
    pub fn read(event: &Event) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(&event.line)
    }
}

/// Listens.
pub struct Subscriber {
    place: Place,
    who: String,
    types: Vec<String>,
    after: Option<u64>,
    connection: Option<Connection>,
}

/// The longest pause before the next attempt to connect.
const PAUSE: Duration = Duration::from_secs(2);

impl Subscriber {
    /// Will listen to `types` (see [`super::Filter`]) behind the number `after`, or to what is new.
    pub fn new(place: &Place, who: &str, types: Vec<String>, after: Option<u64>) -> Self {
        Self { place: place.clone(), who: who.into(), types, after, connection: None }
    }

    /// The number of the last event that was heard.
    pub fn after(&self) -> Option<u64> {
        self.after
    }

    /// Connects, if it is not connected.
    pub async fn connect(&mut self) -> Result<(), ClientError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let mut connection = Connection::open(&self.place, &self.who).await?;
        let last = connection.hello["seq"].as_u64();
        let after = self.after.or(last);
        connection.request(json!({ "t": "subscribe", "types": self.types, "after": after })).await?;
        // From here on nothing is missed, even if the connection breaks before the first event.
        self.after = after;
        self.connection = Some(connection);
        Ok(())
    }

    /// The next event. While the daemon is away it is waited for. An error is final: the daemon refuses.
    pub async fn next(&mut self) -> Result<Heard, ClientError> {
        let mut pause = Duration::from_millis(10);
        loop {
            match self.try_next().await {
                Err(error) if error.can_retry() => {
                    self.connection = None;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE);
                }
                heard => return heard,
            }
        }
    }

    /// The next event, or why there is none now.
    pub async fn try_next(&mut self) -> Result<Heard, ClientError> {
        self.connect().await?;
        let Some(connection) = &mut self.connection else { return Err(ClientError::NoDaemon) };
        loop {
            let line = match connection.ready_unasked() {
                Some(line) => line,
                None => connection.line().await?,
            };
            if let Ok(message) = serde_json::from_slice::<Message>(&line) {
                self.after = Some(message.seq);
                return Ok(Heard::Event(message));
            }
            let line: Value = serde_json::from_slice(&line).map_err(std::io::Error::other)?;
            match line["t"].as_str() {
                Some("lagged") => {
                    let number = |field: &str| line[field].as_u64().unwrap_or_default();
                    return Ok(Heard::Lagged { after: number("after"), first: number("first") });
                }
                Some("error") => return Err(refused(&line)),
                Some("bye") => {
                    self.connection = None;
                    return Err(ClientError::NoDaemon);
                }
                _ => {}
            }
        }
    }
}
