//! The one thread that writes: it commits everything that is waiting in one transaction, and syncs once for all.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use futures::future::{Either, Future, ready};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::schema::io_error;
use crate::StoreError;

/// The most calls in one transaction.
const BATCH: usize = 256;

/// Why a step did not do its work.
pub(super) enum Failure {
    /// It may not be done. What the step changed before it said so stays; most change nothing.
    Refused(StoreError),
    /// The database failed; the transaction has to be undone.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// What a step gives. A step may be done again, if the transaction that it was in was undone for another's sake.
pub(super) type Step<T> = Result<T, Failure>;

/// A step and who waits for it.
trait Job: Send {
    fn run(&mut self, db: &Connection) -> Result<(), rusqlite::Error>;
    /// Whether it did something that has to be synced before the caller hears of it.
    fn needs_sync(&self) -> bool;
    fn fail(&mut self, error: rusqlite::Error);
    fn fail_sync(&mut self, error: io::Error);
    fn reply(self: Box<Self>);
}

struct Task<T, W, F> {
    durable: bool,
    what: W,
    step: F,
    outcome: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: Fn() -> String + Send, F: FnMut(&Connection) -> Step<T> + Send> Job for Task<T, W, F> {
    fn run(&mut self, db: &Connection) -> Result<(), rusqlite::Error> {
        self.outcome = Some(match (self.step)(db) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn needs_sync(&self) -> bool {
        self.durable && matches!(self.outcome, Some(Ok(_)))
    }

    fn fail(&mut self, error: rusqlite::Error) {
        self.outcome = Some(Err(io_error((self.what)(), error)));
    }

    fn fail_sync(&mut self, source: io::Error) {
        self.outcome = Some(Err(StoreError::Io { what: (self.what)(), source }));
    }

    fn reply(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Nobody may wait any more.
            let _ = self.caller.send(outcome);
        }
    }
}

/// A step that was handed over.
pub(super) struct Submitted<T> {
    reply: Option<oneshot::Receiver<Result<T, StoreError>>>,
}

fn ended() -> StoreError {
    let source = io::Error::other("the thread that writes has ended; open the store again");
    StoreError::Io { what: "cannot write to the database".into(), source }
}

impl<T> Submitted<T> {
    pub(super) fn into_future(self) -> impl Future<Output = Result<T, StoreError>> {
        match self.reply {
            None => Either::Left(ready(Err(ended()))),
            Some(reply) => Either::Right(async { reply.await.unwrap_or_else(|_| Err(ended())) }),
        }
    }

    /// Waits on this thread, asynchronous or not.
    pub(super) fn wait_at_most(self, time: Duration) {
        let Some(mut reply) = self.reply else { return };
        let deadline = Instant::now() + time;
        let mut pause = Duration::from_micros(5);
        while matches!(reply.try_recv(), Err(oneshot::error::TryRecvError::Empty)) && Instant::now() < deadline {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }
}

pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Box<dyn Job>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(db: Connection, path: &Path, durable: bool) -> Result<Self, StoreError> {
        let (jobs, queue) = channel();
        let log = durable.then(|| Log { path: path.to_owned(), file: None });
        let thread = std::thread::Builder::new().name("sqlite-writer".into()).spawn(move || work(db, &queue, log));
        let failed = |source| StoreError::Io { what: "cannot start the thread that writes".into(), source };
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Some(thread.map_err(failed)?) })
    }

    /// Hands a step over. If `durable`, its caller hears of it once it is synced.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        durable: bool,
        what: impl Fn() -> String + Send + 'static,
        step: impl FnMut(&Connection) -> Step<T> + Send + 'static,
    ) -> Submitted<T> {
        let (caller, reply) = oneshot::channel();
        let task = Task { durable, what, step, outcome: None, caller };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(task)).is_ok());
        Submitted { reply: sent.then_some(reply) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread ends, and with it the connection.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(db: Connection, queue: &Receiver<Box<dyn Job>>, mut log: Option<Log>) {
    let mut lost = false;
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(BATCH - 1));
        if let Err(error) = commit(&db, &mut batch) {
            match batch.as_mut_slice() {
                [only] => only.fail(error),
                // Whose fault it was shows when each has a transaction of its own.
                several => {
                    for job in several {
                        if let Err(error) = commit(&db, std::slice::from_mut(job)) {
                            job.fail(error);
                        }
                    }
                }
            }
        }
        let (mut later, now): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| log.is_some() && job.needs_sync());
        now.into_iter().for_each(Job::reply);
        if later.is_empty() {
            continue;
        }
        let synced =
            if lost { Err(io::Error::other("an earlier sync failed")) } else { log.as_mut().map_or(Ok(()), Log::sync) };
        if let Err(error) = synced {
            // The system drops what it could not write, and a second sync would not say so.
            lost = true;
            for job in &mut later {
                let cause =
                    format!("{error}; what was written before may be lost: check the disk, open the store again");
                job.fail_sync(io::Error::new(error.kind(), cause));
            }
        }
        later.into_iter().for_each(Job::reply);
    }
}

fn commit(db: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), rusqlite::Error> {
    let simple = |statement| db.prepare_cached(statement)?.execute([]).map(drop);
    simple("BEGIN IMMEDIATE")?;
    let done = batch.iter_mut().try_for_each(|job| job.run(db)).and_then(|()| simple("COMMIT"));
    if done.is_err() && !db.is_autocommit() {
        let _ = simple("ROLLBACK");
    }
    done
}

/// SQLite's write-ahead log. What was committed is in it until it is in the main file, which SQLite syncs itself.
/// While our connection is open the log is neither removed nor replaced.
struct Log {
    /// The main file.
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    fn sync(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut name = self.path.clone().into_os_string();
                name.push("-wal");
                let file = File::open(name)?;
                // Its name, and that of the main file.
                if let Some(folder) = self.path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                none.insert(file)
            }
        };
        file.sync_data()
    }
}
