//! The tables, and how connections are opened.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use run::time::Millis;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::blobs;
use crate::StoreError;

/// Written into the file's header (`PRAGMA application_id`), so that other databases are told apart: "qsav".
const OURS: i32 = 0x7173_6176;

/// The newest form of the tables that this release knows (`PRAGMA user_version`).
const VERSION: i32 = 1;

/// How long to wait for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(30);

const STATEMENTS: usize = 64;

// Ids are never used again, so that a lease or version of something deleted says nothing about what comes later.
const TABLES: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        len INTEGER NOT NULL DEFAULT 0,
        version INTEGER NOT NULL DEFAULT 0,
        fence INTEGER NOT NULL,
        holder TEXT,
        owner TEXT
    ) STRICT;
    CREATE TABLE chunks (
        run INTEGER NOT NULL,
        at INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (run, at)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX messages_of_run ON messages (run);
    CREATE TABLE blobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        len INTEGER NOT NULL,
        expires INTEGER,
        bytes BLOB
    ) STRICT;
    CREATE INDEX mortal ON blobs (expires) WHERE expires IS NOT NULL;
    CREATE TABLE pieces (
        blob INTEGER NOT NULL,
        n INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (blob, n)
    ) STRICT;
";

/// Opens the file for writing, and makes it and its tables if they are not there. Two processes may do so at once.
pub(super) fn open(path: &Path, now: Millis) -> Result<Connection, StoreError> {
    let opening = || format!("cannot open database {}", path.display());
    make_file(path).map_err(|source| StoreError::Io { what: opening(), source })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match prepare(path, now) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(cause)) => {
                let source = io::Error::new(io::ErrorKind::InvalidData, cause);
                return Err(StoreError::Io { what: opening(), source });
            }
            // SQLite does not wait by itself while another process switches the log on.
            Err(error) if is_busy(&error) && Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(io_error(opening(), error)),
        }
    }
}

fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // SQLite gives its other files the mode of this one.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn prepare(path: &Path, now: Millis) -> Result<Result<Connection, &'static str>, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = connect(path, flags)?;
    let number = |db: &Connection, name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (number(&db, "application_id")?, number(&db, "user_version")?);
    let empty = number(&db, "schema_version")? == 0;
    if application != OURS && !(application == 0 && version == 0 && empty) {
        return Ok(Err("it is the database of another program; choose another file"));
    }
    if version > VERSION {
        return Ok(Err("a newer release has written it; use that release"));
    }
    // FULL while the tables are made: whether the file has a log must not be lost.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    if version < VERSION {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        if number(&transaction, "user_version")? == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", OURS)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
    }
    db.pragma_update(None, "synchronous", "NORMAL")?;
    // A long value makes the log long; it need not stay so.
    db.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    blobs::drop_expired(&transaction, now)?;
    transaction.commit()?;
    Ok(Ok(db))
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = connect(path, flags)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let mut db = Connection::open_with_flags(path, flags)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    let mut since = None;
    // Shorter pauses than SQLite's own: commits of other processes take a fraction of a millisecond.
    db.busy_handler(Some(move |tries: i32| {
        if tries == 0 {
            since = Some(Instant::now());
        }
        std::thread::sleep(Duration::from_micros(50 * (tries.clamp(0, 39) as u64 + 1)));
        since.is_none_or(|since: Instant| since.elapsed() < PATIENCE)
    }))?;
    Ok(db)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Says what was being done, and whether trying again can help.
pub(super) fn io_error(what: String, error: rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => io::ErrorKind::TimedOut,
        Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => io::ErrorKind::PermissionDenied,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => io::ErrorKind::InvalidData,
        Some(ErrorCode::TooBig) => io::ErrorKind::FileTooLarge,
        _ => io::ErrorKind::Other,
    };
    StoreError::Io { what, source: io::Error::new(kind, error) }
}
