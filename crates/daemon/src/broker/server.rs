//! The server: who may connect, how many, and what all connections share.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use super::locks::{Asker, Table, Told};
use super::log::{EventLog, LogLimits};
use super::place::{DaemonLock, Place, PlaceError};
use super::{connection, held, protocol};

/// What a broker may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clients at one time.
    pub connections: usize,
    /// Bytes that wait to be sent to one client, beyond which it is not read from until it reads.
    pub output: usize,
    /// How long a client may take to say who it is.
    pub hello: Duration,
    /// The log of events.
    pub log: LogLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_024, output: 256 << 10, hello: Duration::from_secs(5), log: LogLimits::default() }
    }
}

/// The answer to a request: what is told beside `ok`, or a code and a message.
pub type Answer = Result<Value, (&'static str, String)>;

/// What a daemon does beside carrying events. Called on the runtime that [`Broker::start`] was given.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Takes a run on.
    async fn take(&self, run: &str) -> Answer;
    /// Does something else; `data` is JSON.
    async fn call(&self, op: &str, data: Value) -> Answer;
    /// Says how the daemon is.
    async fn status(&self) -> Value;
    /// Begins to end.
    fn stop(&self);
}

/// What there is now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Clients.
    pub connections: usize,
    /// Those of them that listen.
    pub subscribers: usize,
    /// Locks that are held.
    pub locks: usize,
}

/// A broker that runs.
pub struct Broker {
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What all connections share.
pub(super) struct Shared {
    pub log: Arc<EventLog>,
    pub limits: Limits,
    pub service: Arc<dyn Service>,
    pub io: tokio::runtime::Handle,
    pub end: watch::Receiver<bool>,
    pub subscribers: AtomicUsize,
    place: Place,
    lock: DaemonLock,
    locks: Mutex<Table>,
    connections: Mutex<HashMap<u64, mpsc::Sender<Vec<u8>>>>,
    numbers: AtomicU64,
}

/// Lines from elsewhere that wait for a client.
const INBOX: usize = 1_024;
/// How often waits and leases of locks are looked at.
const TICK: Duration = Duration::from_millis(20);
/// How often the log is put on disk.
const SYNC: Duration = Duration::from_secs(1);

impl Broker {
    /// Begins to listen at `place`, which `lock` shows to be ours. `io` runs the requests that `service` answers.
    pub fn start(
        place: Place,
        lock: DaemonLock,
        log: Arc<EventLog>,
        service: Arc<dyn Service>,
        limits: Limits,
        io: tokio::runtime::Handle,
    ) -> Result<Self, PlaceError> {
        more_files(limits.connections);
        let bad = |what: &str, source| PlaceError::Io { what: what.into(), source };
        let listener = place.bind(&lock)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| bad("cannot start the broker's runtime", e))?;
        let (end, ended) = watch::channel(false);
        let first = first_token(&place.file("tokens"), super::now() * 1_000)
            .map_err(|e| bad("cannot write down where the tokens of locks begin", e))?;
        let locks = place.folder().parent().unwrap_or(place.folder()).join("locks");
        let shared = Arc::new(Shared {
            log,
            limits,
            service,
            io,
            end: ended,
            subscribers: AtomicUsize::new(0),
            place,
            lock,
            locks: Mutex::new(Table::new(locks, first)),
            connections: Mutex::default(),
            numbers: AtomicU64::new(1),
        });
        let served = shared.clone();
        let thread = std::thread::Builder::new().name("broker".into());
        let thread = thread.spawn(move || runtime.block_on(serve(listener, served)));
        let thread = thread.map_err(|e| bad("cannot start the broker's thread", e))?;
        Ok(Self { shared, end, thread: Some(thread) })
    }

    /// What there is now.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Tells what there is, for as long as it is kept.
    pub fn counter(&self) -> impl Fn() -> Counts + Send + Sync + use<> {
        // Not strongly: the service, which asks, is held by what it asks about.
        let shared = Arc::downgrade(&self.shared);
        move || shared.upgrade().map(|shared| shared.counts()).unwrap_or_default()
    }

    /// Whether the folder of its place is still the one that was locked.
    pub fn is_in_place(&self) -> bool {
        self.shared.lock.is_in_place(&self.shared.place)
    }

    /// Says goodbye to all clients and ends; the log is on disk then.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.end.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            // Where the home was removed another daemon may have its place.
            if self.is_in_place() {
                let _ = std::fs::remove_file(self.shared.place.socket());
            }
            if let Err(error) = self.shared.log.sync() {
                tracing::warn!(%error, "the log of events is not on disk");
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: std::os::unix::net::UnixListener, shared: Arc<Shared>) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the daemon's socket cannot be used"),
    };
    tokio::spawn(tick(shared.clone()));
    tokio::spawn(sync(shared.clone()));
    let mut end = shared.end.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(stream, &shared),
                Err(error) => {
                    // Too many open files, mostly: those that are open go on meanwhile.
                    tracing::warn!(%error, "a client could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            _ = end.wait_for(|end| *end) => break,
        }
    }
    // Clients are told, and their locks released; one that does not read is not waited for.
    let until = Instant::now() + Duration::from_secs(2);
    while !held(&shared.connections).is_empty() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn admit(stream: UnixStream, shared: &Arc<Shared>) {
    let mine = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == mine => {}
        _ => return tracing::warn!("a client of another user was refused"),
    }
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
    let (send, inbox) = mpsc::channel(INBOX);
    {
        let mut connections = held(&shared.connections);
        if connections.len() >= shared.limits.connections {
            let most = shared.limits.connections;
            let refusal = protocol::refusal(None, "busy", &format!("{most} clients are connected: try again later"));
            let _ = stream.try_write(&refusal);
            return;
        }
        connections.insert(number, send);
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        if let Err(error) = connection::serve(stream, number, inbox, &shared).await {
            tracing::debug!(number, %error, "a client is gone");
        }
        held(&shared.connections).remove(&number);
        held(&shared.locks).gone(number, Instant::now());
        shared.tell();
    });
}

impl Shared {
    fn counts(&self) -> Counts {
        Counts {
            connections: held(&self.connections).len(),
            subscribers: self.subscribers.load(Ordering::Relaxed),
            locks: held(&self.locks).held(),
        }
    }

    /// Sends a line to a connection, from elsewhere. One that does not read what it asked for is closed: nothing that it
    /// is told may be missing.
    pub(super) fn send(&self, connection: u64, line: Vec<u8>) {
        let mut connections = held(&self.connections);
        if connections.get(&connection).is_some_and(|inbox| inbox.try_send(line).is_err()) {
            connections.remove(&connection);
        }
    }

    /// Does something with the locks, and tells who is concerned.
    pub(super) fn with_locks<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        let done = work(&mut held(&self.locks));
        self.tell();
        done
    }

    fn tell(&self) {
        let all = held(&self.locks).told();
        for (Asker { connection, id }, told) in all {
            let line = match told {
                Told::Locked { name, token } => {
                    protocol::line(json!({ "t": "locked", "id": id, "name": name, "token": token }))
                }
                Told::TimedOut { name } => {
                    protocol::refusal(id, "timeout", &format!("the lock {name:?} was not free in time"))
                }
                Told::Expired { name, token } => protocol::line(json!({ "t": "lost", "name": name, "token": token })),
                Told::Failed { name, cause } => {
                    protocol::refusal(id, "failed", &format!("the lock {name:?} cannot be used: {cause}"))
                }
            };
            self.send(connection, line);
        }
    }
}

async fn tick(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TICK).await;
        if !held(&shared.locks).idle() {
            shared.with_locks(|locks| locks.tick(Instant::now()));
        }
    }
}

async fn sync(shared: Arc<Shared>) {
    let mut gone = false;
    loop {
        tokio::time::sleep(SYNC).await;
        let of = shared.clone();
        let looked = tokio::task::spawn_blocking(move || (of.log.sync(), of.lock.is_in_place(&of.place))).await;
        let Ok((synced, in_place)) = looked else { continue };
        if let Err(error) = synced {
            tracing::warn!(%error, "the log of events is not on disk");
        }
        // Nobody can reach it there any more, and another one may begin.
        if !in_place && !std::mem::replace(&mut gone, true) {
            tracing::error!("the daemon ends: its folder {} was removed", shared.place.folder().display());
            shared.service.stop();
        }
    }
}

/// Where tokens begin: behind all that an earlier daemon gave, even if the clock was set back meanwhile. The file at `path`
/// says where that one began; none gives a billion.
fn first_token(path: &Path, now: u64) -> std::io::Result<u64> {
    let before = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let first = before.map_or(now, |before| now.max(before.saturating_add(1_000_000_000)));
    let mut aside = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    writeln!(aside, "{first}")?;
    aside.as_file().sync_all()?;
    aside.persist(path).map_err(|e| e.error)?;
    Ok(first)
}

/// Raises the number of files that this process may open, as far as it may.
fn more_files(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections as u64 + 1_024;
    let possible = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < possible) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: limit.maximum });
    }
}
