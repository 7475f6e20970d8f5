//! Publishes events without holding anybody up: what is published is sent at once where the connection takes it, and again
//! until it is acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::EmittedAt;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::client::{ClientError, Connection, refused};
use super::{MAX_LINE, Place, held};

/// What waits to be acknowledged at most: events, and their bytes.
const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;

/// What is sent at one time, in bytes.
const CHUNK: usize = 64 << 10;

/// How long a connection is kept over which nothing is published.
const IDLE: Duration = Duration::from_secs(10);

/// An event to be published.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// Its type.
    pub kind: String,
    /// Its payload, as JSON on one line.
    pub data: String,
    /// Where it comes from.
    pub from: Option<String>,
    /// How many listeners it took to cause it.
    pub hops: u32,
    /// Which of the events of `from` it is: sent twice it is published once.
    pub at: Option<EmittedAt>,
}

/// Publishes. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    place: Place,
    who: String,
    queue: Mutex<Queue>,
    more: Notify,
    less: Notify,
}

#[derive(Default)]
struct Queue {
    /// In order; the first `sent` of them are on their way.
    events: VecDeque<Unsent>,
    bytes: usize,
    sent: usize,
    /// The number of the first.
    first: u64,
    /// The connection, if it is open; and what it did not take of the last event that is on its way.
    wire: Option<Arc<UnixStream>>,
    rest: Vec<u8>,
    /// Lines are on their way to the connection: nothing may get between them.
    sending: bool,
    /// Why the last attempt failed.
    failure: Option<String>,
}

impl Publisher {
    /// Will publish to the daemon of `place`, by a task on `io`.
    pub fn start(place: &Place, who: &str, io: &tokio::runtime::Handle) -> Self {
        let queue = Mutex::new(Queue { first: 1, ..Queue::default() });
        let shared = Shared { place: place.clone(), who: who.into(), queue, more: Notify::new(), less: Notify::new() };
        let this = Self { shared: Arc::new(shared) };
        io.spawn(work(Arc::downgrade(&this.shared)));
        this
    }

    /// Publishes an event, in the order of the calls. `Err` gives it back: there is no room.
    pub fn publish(&self, event: Unsent) -> Result<(), Unsent> {
        let mut queue = held(&self.shared.queue);
        let bytes = event.kind.len() + event.data.len();
        if queue.events.len() >= MAX_EVENTS || queue.bytes + bytes > MAX_BYTES {
            return Err(event);
        }
        queue.bytes += bytes;
        queue.events.push_back(event);
        // From here: no other thread need wake for it. Its acknowledgement is read by the task.
        if !queue.send_at_once() {
            drop(queue);
            self.shared.more.notify_one();
        }
        Ok(())
    }

    /// Whether an event can be published at all: lines have a longest length.
    pub fn fits(kind: &str, data: &str) -> bool {
        kind.len() + data.len() + 2_048 <= MAX_LINE
    }

    /// Waits until everything is acknowledged; `false` if it is not within `patience`.
    pub async fn flush(&self, patience: Duration) -> bool {
        let all = async {
            loop {
                let mut less = std::pin::pin!(self.shared.less.notified());
                // Before the look: what is acknowledged behind it is told.
                less.as_mut().enable();
                if held(&self.shared.queue).events.is_empty() {
                    return;
                }
                less.await;
            }
        };
        tokio::time::timeout(patience, all).await.is_ok()
    }

    /// Gives up what is not acknowledged.
    pub fn forget(&self) {
        let mut queue = held(&self.shared.queue);
        queue.first += queue.events.len() as u64;
        (queue.sent, queue.bytes) = (0, 0);
        queue.events.clear();
    }

    /// Why the daemon could not be reached the last time.
    pub fn failure(&self) -> Option<String> {
        held(&self.shared.queue).failure.clone()
    }
}

impl Queue {
    /// Sends the newest event if it is the only one to be sent and the connection takes it.
    fn send_at_once(&mut self) -> bool {
        let Some(wire) = self.wire.as_ref().filter(|_| !self.sending && self.rest.is_empty()) else { return false };
        if self.sent + 1 != self.events.len() {
            return false;
        }
        let mut line = Vec::new();
        self.line(self.sent, &mut line);
        let Ok(taken) = wire.try_write(&line) else { return false };
        self.sent += 1;
        self.rest = line.split_off(taken);
        self.rest.is_empty()
    }

    /// What was on its way is to be sent again.
    fn disconnected(&mut self, ended: Result<(), ClientError>) {
        (self.wire, self.sent, self.sending) = (None, 0, false);
        self.rest.clear();
        self.failure = ended.err().map(|error| error.to_string()).or(self.failure.take());
    }

    fn line(&self, at: usize, out: &mut Vec<u8>) {
        let Some(event) = self.events.get(at) else { return };
        let id = self.first + at as u64;
        let mut head = json!({ "t": "publish", "id": id, "type": event.kind, "from": event.from, "hops": event.hops });
        if let Some(EmittedAt { begun, position }) = event.at {
            head["begun"] = begun.into();
            head["at"] = position.into();
        }
        let head = head.to_string();
        out.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(event.data.as_bytes());
        out.extend_from_slice(b"}\n");
    }
}

/// Sends, until nobody publishes any more.
async fn work(shared: std::sync::Weak<Shared>) {
    let mut pause = Duration::from_millis(10);
    loop {
        let Some(this) = shared.upgrade() else { return };
        if held(&this.queue).events.is_empty() {
            // Not for ever: whoever published may be gone.
            let _ = tokio::time::timeout(Duration::from_millis(500), this.more.notified()).await;
            continue;
        }
        let ended = this.connected().await;
        let failed = ended.is_err();
        held(&this.queue).disconnected(ended);
        drop(this);
        if failed {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        } else {
            pause = Duration::from_millis(10);
        }
    }
}

impl Shared {
    /// Sends and reads acknowledgements, over one connection, until nothing was published for a while.
    async fn connected(&self) -> Result<(), ClientError> {
        let mut connection = Connection::open(&self.place, &self.who).await?;
        held(&self.queue).wire = Some(connection.wire());
        loop {
            let (lines, open) = self.take();
            if !lines.is_empty() {
                connection.send(&lines).await?;
                continue;
            }
            tokio::select! {
                line = connection.line() => self.acknowledge(&line?)?,
                () = self.more.notified() => {}
                () = tokio::time::sleep(IDLE), if !open => {
                    let mut queue = held(&self.queue);
                    if queue.events.is_empty() {
                        queue.wire = None;
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The next lines to send; and whether any is not acknowledged.
    fn take(&self) -> (Vec<u8>, bool) {
        let mut queue = held(&self.queue);
        let mut lines = std::mem::take(&mut queue.rest);
        while lines.len() < CHUNK && queue.sent < queue.events.len() {
            queue.line(queue.sent, &mut lines);
            queue.sent += 1;
        }
        queue.sending = !lines.is_empty();
        (lines, !queue.events.is_empty())
    }

    fn acknowledge(&self, line: &[u8]) -> Result<(), ClientError> {
        let line: Value = serde_json::from_slice(line).map_err(std::io::Error::other)?;
        let id = line["id"].as_u64();
        match line["t"].as_str() {
            Some("ack") => self.done(id.unwrap_or_default()),
            // It will never take this one; the others go on.
            Some("error") if line["code"] == "bad-request" => {
                tracing::warn!("an event was refused: {}", line["message"]);
                self.done(id.unwrap_or_default());
            }
            Some("error") => return Err(refused(&line)),
            Some("bye") => return Err(ClientError::NoDaemon),
            _ => {}
        }
        Ok(())
    }

    fn done(&self, id: u64) {
        let mut queue = held(&self.queue);
        while queue.first <= id && queue.sent > 0 {
            if let Some(event) = queue.events.pop_front() {
                queue.bytes -= event.kind.len() + event.data.len();
            }
            queue.first += 1;
            queue.sent -= 1;
        }
        drop(queue);
        self.less.notify_waiters();
    }
}
