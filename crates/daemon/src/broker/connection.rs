//! One client: reads its lines, does what they ask, and sends it what lies behind its place in the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use super::Filter;
use super::locks::Asker;
use super::log::NewEvent;
use super::protocol::{self, MAX_LINE, Published, Request, VERSION};
use super::server::{Answer, Shared};

/// What is read, or taken out of the log, at one time, in bytes.
const CHUNK: usize = 64 << 10;

/// Requests of one client that are being answered elsewhere.
const MAX_PENDING: usize = 64;

struct Client<'a> {
    number: u64,
    shared: &'a Arc<Shared>,
    name: Option<String>,
    input: BytesMut,
    output: BytesMut,
    subscription: Option<Subscription>,
    pending: Arc<AtomicUsize>,
    /// What is still to be sent is sent, and then the connection is closed.
    closing: bool,
}

struct Subscription {
    filter: Filter,
    cursor: u64,
}

/// Serves one client until it is gone.
pub(super) async fn serve(
    stream: UnixStream,
    number: u64,
    mut inbox: mpsc::Receiver<Vec<u8>>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let mut client = Client {
        number,
        shared,
        name: None,
        input: BytesMut::with_capacity(CHUNK),
        output: BytesMut::new(),
        subscription: None,
        pending: Arc::default(),
        closing: false,
    };
    let served = client.serve(&stream, &mut inbox).await;
    if client.subscription.is_some() {
        shared.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
    served
}

impl Client<'_> {
    async fn serve(&mut self, stream: &UnixStream, inbox: &mut mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
        let mut news = self.shared.log.watch();
        let mut end = self.shared.end.clone();
        let silent = tokio::time::sleep(self.shared.limits.hello);
        tokio::pin!(silent);
        loop {
            self.fill(&mut news)?;
            self.flush(stream)?;
            if self.closing && self.output.is_empty() {
                return Ok(());
            }
            let room = self.output.len() < self.shared.limits.output;
            let last = self.shared.log.last();
            let behind = self.output.len() < CHUNK && self.subscription.as_ref().is_some_and(|s| s.cursor < last);
            tokio::select! {
                ready = stream.readable(), if room && !self.closing => {
                    ready?;
                    if !self.receive(stream)? {
                        return Ok(());
                    }
                    // Others take their turn.
                    tokio::task::yield_now().await;
                }
                ready = stream.writable(), if !self.output.is_empty() => ready?,
                _ = news.changed(), if self.subscription.is_some() && self.output.is_empty() => {}
                // Long stretches that it does not want are gone through in steps.
                () = tokio::task::yield_now(), if behind && !self.closing => {}
                line = inbox.recv(), if room => match line {
                    Some(line) => self.output.extend_from_slice(&line),
                    None => return Ok(()),
                },
                () = &mut silent, if self.name.is_none() && !self.closing => {
                    self.refuse(None, "hello", "say who you are first: {\"t\":\"hello\",\"v\":1}");
                    self.closing = true;
                }
                _ = async { end.wait_for(|end| *end).await.is_ok() }, if !self.closing => {
                    self.say(json!({ "t": "bye" }));
                    self.closing = true;
                }
                // Who does not read its goodbye is not waited for.
                () = tokio::time::sleep(Duration::from_secs(1)), if self.closing => return Ok(()),
            }
        }
    }

    /// Takes events out of the log, as long as there is room for them.
    fn fill(&mut self, news: &mut watch::Receiver<u64>) -> io::Result<()> {
        let Some(subscription) = self.subscription.as_mut().filter(|_| !self.closing) else { return Ok(()) };
        let last = *news.borrow_and_update();
        if subscription.cursor < last && self.output.len() < CHUNK {
            let read = self.shared.log.read(subscription.cursor, &subscription.filter, CHUNK)?;
            if let Some(first) = read.lost {
                let lost = json!({ "t": "lagged", "after": subscription.cursor, "first": first });
                self.output.extend_from_slice(&protocol::line(lost));
            }
            for event in &read.events {
                self.output.extend_from_slice(&event.line);
            }
            subscription.cursor = read.cursor;
        }
        Ok(())
    }

    fn flush(&mut self, stream: &UnixStream) -> io::Result<()> {
        while !self.output.is_empty() {
            match stream.try_write(&self.output) {
                Ok(sent) => self.output.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // What one burst needed is not kept for ever.
        if self.output.capacity() > 4 * CHUNK {
            self.output = BytesMut::new();
        }
        Ok(())
    }

    /// Reads what is there; `false` if the client has closed.
    fn receive(&mut self, stream: &UnixStream) -> io::Result<bool> {
        self.input.reserve(CHUNK);
        match stream.try_read_buf(&mut self.input) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
        let Some(end) = self.input.iter().rposition(|byte| *byte == b'\n') else {
            if self.input.len() > MAX_LINE {
                self.refuse(None, "too-long", &format!("a line has at most {MAX_LINE} bytes"));
                self.closing = true;
            }
            return Ok(true);
        };
        let lines = self.input.split_to(end + 1).freeze();
        self.lines(&lines);
        Ok(true)
    }

    fn lines(&mut self, lines: &[u8]) {
        let mut batch = Batch::default();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            if self.closing {
                return;
            }
            let (id, request) = if line.len() > MAX_LINE {
                (None, Err(format!("a line has at most {MAX_LINE} bytes")))
            } else {
                protocol::read(line)
            };
            match request {
                Ok(Request::Publish(published)) if self.name.is_some() => {
                    batch.events.push(published);
                    batch.id = id.or(batch.id);
                }
                Ok(request) => {
                    self.publish(&mut batch);
                    self.request(id, request);
                }
                Err(message) => {
                    self.publish(&mut batch);
                    self.refuse(id, "bad-request", &message);
                    // It speaks another language.
                    self.closing |= self.name.is_none();
                }
            }
        }
        self.publish(&mut batch);
    }

    /// Puts what was published into the log, and acknowledges all of it by its last number.
    fn publish(&mut self, batch: &mut Batch<'_>) {
        let Batch { events, id } = std::mem::take(batch);
        if events.is_empty() {
            return;
        }
        let new: Vec<NewEvent<'_>> = events.iter().map(Published::event).collect();
        match (self.shared.log.append(&new), id) {
            (Ok(seq), Some(id)) => {
                let ack = format!("{{\"t\":\"ack\",\"id\":{id},\"seq\":{seq}}}\n");
                self.output.extend_from_slice(ack.as_bytes());
            }
            (Ok(_), None) => {}
            (Err(error), id) => {
                tracing::error!(%error, "events could not be kept");
                self.refuse(id, "log", &format!("the events could not be kept: {error}"));
                // What follows must not be kept before these: they are published again over another connection.
                self.closing = true;
            }
        }
    }

    fn request(&mut self, id: Option<u64>, request: Request<'_>) {
        if self.name.is_none() && !matches!(request, Request::Hello { .. }) {
            self.refuse(id, "hello", "say who you are first: {\"t\":\"hello\",\"v\":1}");
            self.closing = true;
            return;
        }
        let now = Instant::now();
        let asker = Asker { connection: self.number, id };
        match request {
            Request::Hello { v, client } => self.hello(id, v, client),
            // Published in a batch, or refused above.
            Request::Publish(_) => {}
            Request::Subscribe { types, after } => self.subscribe(id, &types, after),
            Request::Unsubscribe => {
                if self.subscription.take().is_some() {
                    self.shared.subscribers.fetch_sub(1, Ordering::Relaxed);
                }
                self.say(json!({ "t": "ok", "id": id }));
            }
            Request::Lock { name, wait, lease } => {
                let (wait, lease) = (wait.map(Duration::from_millis), lease.map(Duration::from_millis));
                if let Err(busy) = self.shared.with_locks(|locks| locks.lock(&name, asker, wait, lease, now)) {
                    self.refuse(id, "busy", &busy);
                }
            }
            Request::Unlock { name, token } => {
                let done = self.shared.with_locks(|locks| locks.unlock(&name, self.number, token, now));
                self.done(id, done);
            }
            Request::Renew { name, token } => {
                let done = self.shared.with_locks(|locks| locks.renew(&name, self.number, token, now));
                self.done(id, done);
            }
            Request::Take { run } => {
                let service = self.shared.service.clone();
                self.elsewhere(id, async move { service.take(&run).await });
            }
            Request::Call { op, data } => {
                let service = self.shared.service.clone();
                let data: Value = serde_json::from_str(data).unwrap_or_default();
                self.elsewhere(id, async move { service.call(&op, data).await });
            }
            Request::Status => {
                let service = self.shared.service.clone();
                self.elsewhere(id, async move { Ok(service.status().await) });
            }
            Request::Stop => {
                self.say(json!({ "t": "ok", "id": id }));
                self.shared.service.stop();
            }
            Request::Ping => self.say(json!({ "t": "ok", "id": id })),
        }
    }

    fn hello(&mut self, id: Option<u64>, v: u32, client: String) {
        if v != VERSION {
            let message =
                format!("this daemon speaks version {VERSION} of the protocol, not {v}: use the same release");
            self.refuse(id, "version", &message);
            self.closing = true;
            return;
        }
        self.name = Some(client);
        let (_, _, first) = self.shared.log.size();
        self.say(json!({
            "t": "hello",
            "v": VERSION,
            "id": id,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "seq": self.shared.log.last(),
            "first": first,
        }));
    }

    fn subscribe(&mut self, id: Option<u64>, types: &[String], after: Option<u64>) {
        let filter = match Filter::new(types) {
            Ok(filter) => filter,
            Err(message) => return self.refuse(id, "bad-request", &message),
        };
        let last = self.shared.log.last();
        // A number that was never given is of another log: everything that comes is new.
        let cursor = after.unwrap_or(last).min(last);
        if self.subscription.replace(Subscription { filter, cursor }).is_none() {
            self.shared.subscribers.fetch_add(1, Ordering::Relaxed);
        }
        self.say(json!({ "t": "subscribed", "id": id, "after": cursor, "seq": last }));
    }

    /// Has a request answered on the other runtime.
    fn elsewhere(&mut self, id: Option<u64>, answer: impl Future<Output = Answer> + Send + 'static) {
        if self.pending.fetch_add(1, Ordering::Relaxed) >= MAX_PENDING {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            self.refuse(id, "busy", &format!("{MAX_PENDING} requests are being answered: wait for some of them"));
            return;
        }
        let (shared, pending, number) = (self.shared.clone(), self.pending.clone(), self.number);
        self.shared.io.spawn(async move {
            let line = match answer.await {
                Ok(value) => protocol::line(json!({ "t": "ok", "id": id, "value": value })),
                Err((code, message)) => protocol::refusal(id, code, &message),
            };
            pending.fetch_sub(1, Ordering::Relaxed);
            shared.send(number, line);
        });
    }

    fn done(&mut self, id: Option<u64>, done: Result<(), String>) {
        match done {
            Ok(()) => self.say(json!({ "t": "ok", "id": id })),
            Err(message) => self.refuse(id, "not-owner", &message),
        }
    }

    fn say(&mut self, value: Value) {
        self.output.extend_from_slice(&protocol::line(value));
    }

    fn refuse(&mut self, id: Option<u64>, code: &str, message: &str) {
        self.output.extend_from_slice(&protocol::refusal(id, code, message));
    }
}

#[derive(Default)]
struct Batch<'a> {
    events: Vec<Published<'a>>,
    /// The number of the last one that has one.
    id: Option<u64>,
}
