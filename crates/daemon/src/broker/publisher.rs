//! Publishes events without holding anybody up: what is published is queued, and sent again until it is acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::client::{ClientError, Connection, refused};
use super::{MAX_LINE, Place, held};

/// What waits to be acknowledged at most: events, and their bytes.
const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;

/// What is sent at one time, in bytes.
const CHUNK: usize = 64 << 10;

/// An event that the daemon did not acknowledge.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// Its type.
    pub kind: String,
    /// Its payload, as JSON.
    pub data: String,
    /// Where it comes from.
    pub from: Option<String>,
    /// How many listeners it took to cause it.
    pub hops: u32,
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

    /// Queues an event. `Err` gives it back: there is no room, or it is too long.
    pub fn publish(&self, event: Unsent) -> Result<(), Unsent> {
        let mut queue = held(&self.shared.queue);
        let bytes = event.kind.len() + event.data.len();
        if bytes + 2_048 > MAX_LINE || queue.events.len() >= MAX_EVENTS || queue.bytes + bytes > MAX_BYTES {
            return Err(event);
        }
        queue.bytes += bytes;
        queue.events.push_back(event);
        drop(queue);
        self.shared.more.notify_one();
        Ok(())
    }

    /// Waits until everything is acknowledged. What is not within `patience` is given back, and not sent any more.
    pub async fn flush(&self, patience: Duration) -> Vec<Unsent> {
        let all = async {
            loop {
                let less = self.shared.less.notified();
                if held(&self.shared.queue).events.is_empty() {
                    return;
                }
                less.await;
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
        let mut queue = held(&self.shared.queue);
        queue.first += queue.events.len() as u64;
        queue.sent = 0;
        queue.bytes = 0;
        queue.events.drain(..).collect()
    }

    /// Why the daemon could not be reached the last time.
    pub fn failure(&self) -> Option<String> {
        held(&self.shared.queue).failure.clone()
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
        held(&this.queue).sent = 0;
        match this.connected().await {
            Ok(()) => pause = Duration::from_millis(10),
            Err(error) => {
                held(&this.queue).failure = Some(error.to_string());
                drop(this);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

impl Shared {
    /// Sends and reads acknowledgements, over one connection, until nothing was published for a while.
    async fn connected(&self) -> Result<(), ClientError> {
        let mut connection = Connection::open(&self.place, &self.who).await?;
        loop {
            let (lines, open) = self.take();
            if !lines.is_empty() {
                connection.send(&lines).await?;
                continue;
            }
            tokio::select! {
                line = connection.line(), if open => self.acknowledge(&line?)?,
                () = self.more.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(500)), if !open => return Ok(()),
            }
        }
    }

    /// The next lines to send; and whether any is not acknowledged.
    fn take(&self) -> (Vec<u8>, bool) {
        let mut queue = held(&self.queue);
        let mut lines = Vec::new();
        while lines.len() < CHUNK
            && let Some(event) = queue.events.get(queue.sent)
        {
            let id = queue.first + queue.sent as u64;
            let head = json!({ "t": "publish", "id": id, "type": event.kind, "from": event.from, "hops": event.hops });
            let head = head.to_string();
            lines.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
            lines.extend_from_slice(b",\"data\":");
            lines.extend_from_slice(event.data.as_bytes());
            lines.extend_from_slice(b"}\n");
            queue.sent += 1;
        }
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
