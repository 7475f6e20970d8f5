//! Runs, their journals and messages, as rows.

use bytes::Bytes;
use run::RunId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    blobs,
    drivers::Drivers,
    writer::{Failure, Step},
};
use crate::{
    Message, Owner, RunFile, StoreError,
    sql::{self, PIECE, elsewhere, fenced, int},
};

/// The row of a lease: which run, and which of its leases.
#[derive(Clone, Copy)]
pub(super) struct LeaseRow {
    id: i64,
    pub(super) fence: i64,
}

/// Who has the lease, if anybody.
struct Driven {
    id: i64,
    fence: i64,
    holder: Option<String>,
    owner: Option<String>,
}

impl Driven {
    fn find(db: &Connection, run: &RunId) -> Step<Self> {
        let mut find = db.prepare_cached("SELECT id, fence, holder, owner FROM runs WHERE name = ?1")?;
        let row = |row: &Row| Ok(Self { id: row.get(0)?, fence: row.get(1)?, holder: row.get(2)?, owner: row.get(3)? });
        let found = find.query_row([run.as_str()], row).optional()?;
        Ok(found.ok_or_else(|| StoreError::NotFound(run.clone()))?)
    }

    /// The owner, if it lives.
    fn owner(&self, run: &RunId, drivers: &Drivers) -> Step<Option<Owner>> {
        let Some(holder) = &self.holder else { return Ok(None) };
        let alive = drivers.is_alive(holder).map_err(|source| StoreError::Io {
            what: format!("cannot see whether the driver of run {run} lives"),
            source,
        })?;
        Ok(alive.then(|| sql::owner_from_text(self.owner.as_deref())))
    }
}

pub(super) fn create(db: &Connection, run: &RunId, owner: &str, holder: &str) -> Step<LeaseRow> {
    let insert = "INSERT INTO runs (name, fence, holder, owner) VALUES (?1, 1, ?2, ?3) ON CONFLICT DO NOTHING";
    if db.prepare_cached(insert)?.execute([run.as_str(), holder, owner])? == 0 {
        return Err(StoreError::Exists(run.clone()).into());
    }
    Ok(LeaseRow { id: db.last_insert_rowid(), fence: 1 })
}

pub(super) fn acquire(db: &Connection, run: &RunId, owner: &str, drivers: &Drivers, take_over: bool) -> Step<LeaseRow> {
    let found = Driven::find(db, run)?;
    if !take_over && let Some(owner) = found.owner(run, drivers)? {
        return Err(StoreError::Held { run: run.clone(), owner: Box::new(owner) }.into());
    }
    let lease = LeaseRow { id: found.id, fence: found.fence.saturating_add(1) };
    let update = "UPDATE runs SET fence = ?2, holder = ?3, owner = ?4 WHERE id = ?1";
    db.prepare_cached(update)?.execute(params![lease.id, lease.fence, drivers.name()?, owner])?;
    Ok(lease)
}

pub(super) fn release(db: &Connection, lease: LeaseRow) -> Step<()> {
    let update = "UPDATE runs SET holder = NULL WHERE id = ?1 AND fence = ?2";
    db.prepare_cached(update)?.execute([lease.id, lease.fence])?;
    Ok(())
}

pub(super) fn owner(db: &Connection, run: &RunId, drivers: &Drivers) -> Step<Option<Owner>> {
    Driven::find(db, run)?.owner(run, drivers)
}

/// The journal's length, if the lease is still the run's.
pub(super) fn current(db: &Connection, run: &RunId, lease: LeaseRow) -> Step<i64> {
    let mut find = db.prepare_cached("SELECT len FROM runs WHERE id = ?1 AND fence = ?2")?;
    let len = find.query_row([lease.id, lease.fence], |row| row.get(0)).optional()?;
    Ok(len.ok_or_else(|| fenced(run, "another process has taken it over, or it was deleted"))?)
}

pub(super) fn append(db: &Connection, run: &RunId, lease: LeaseRow, at: u64, lines: &[u8]) -> Step<()> {
    let grow = "UPDATE runs SET len = len + ?4, version = version + (?4 > 0) WHERE id = ?1 AND fence = ?2 AND len = ?3";
    let row = params![lease.id, lease.fence, int(at), int(lines.len() as u64)];
    if db.prepare_cached(grow)?.execute(row)? == 0 {
        let len = current(db, run, lease)?;
        return Err(elsewhere(run, len, at).into());
    }
    let mut insert = db.prepare_cached("INSERT INTO chunks (run, at, bytes) VALUES (?1, ?2, ?3)")?;
    for (i, piece) in lines.chunks(PIECE).enumerate() {
        insert.execute(params![lease.id, int(at) + int((i * PIECE) as u64), piece])?;
    }
    Ok(())
}

pub(super) fn truncate(db: &Connection, run: &RunId, lease: LeaseRow, len: u64) -> Step<()> {
    let end = current(db, run, lease)?;
    let len = int(len);
    if len > end {
        return Err(fenced(run, format!("the journal ends at byte {end}, before {len}")).into());
    }
    if len == end {
        return Ok(());
    }
    db.execute("DELETE FROM chunks WHERE run = ?1 AND at >= ?2", [lease.id, len])?;
    let cut = "UPDATE chunks SET bytes = substr(bytes, 1, ?2 - at)
        WHERE run = ?1 AND at = (SELECT max(at) FROM chunks WHERE run = ?1) AND at + length(bytes) > ?2";
    db.execute(cut, [lease.id, len])?;
    db.execute("UPDATE runs SET len = ?2, version = version + 1 WHERE id = ?1", [lease.id, len])?;
    Ok(())
}

pub(super) fn read(db: &Connection, run: &RunId, from: u64, max: u64) -> Step<Bytes> {
    let mut find = db.prepare_cached("SELECT id, len FROM runs WHERE name = ?1")?;
    let found: Option<(i64, i64)> = find.query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (id, len) = found.ok_or_else(|| StoreError::NotFound(run.clone()))?;
    let end = (len as u64).min(from.saturating_add(max));
    let from = from.min(end);
    let mut bytes = Vec::with_capacity((end - from) as usize);
    if from < end {
        // The first row may begin before `from`.
        let select = "SELECT at, bytes FROM chunks WHERE run = ?1 AND at < ?3
            AND at >= (SELECT max(at) FROM chunks WHERE run = ?1 AND at <= ?2) ORDER BY at";
        let mut select = db.prepare_cached(select)?;
        let mut rows = select.query([id, int(from), int(end)])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            let piece = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let skip = from.saturating_sub(at as u64).min(piece.len() as u64) as usize;
            let keep = (end.saturating_sub(at as u64)).min(piece.len() as u64) as usize;
            bytes.extend_from_slice(&piece[skip..keep.max(skip)]);
        }
    }
    Ok(bytes.into())
}

pub(super) fn len(db: &Connection, run: &RunId) -> Step<u64> {
    let mut find = db.prepare_cached("SELECT len FROM runs WHERE name = ?1")?;
    let len: Option<i64> = find.query_row([run.as_str()], |row| row.get(0)).optional()?;
    Ok(len.ok_or_else(|| StoreError::NotFound(run.clone()))? as u64)
}

pub(super) fn list(db: &Connection) -> Step<Vec<RunFile>> {
    let mut select = db.prepare_cached("SELECT name, len, id, version FROM runs")?;
    let mut rows = select.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let Ok(run) = name.parse() else { continue };
        let (len, id, version): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        runs.push(RunFile { run, len: len as u64, version: (id as u128) << 64 | version as u128 });
    }
    Ok(runs)
}

pub(super) fn delete(db: &Connection, run: &RunId, drivers: &Drivers) -> Step<()> {
    let found = match Driven::find(db, run) {
        // What was saved for a run that never began goes all the same.
        Err(missing @ Failure::Refused(_)) => {
            blobs::delete_range(db, &sql::keys_of_run(run))?;
            return Err(missing);
        }
        found => found?,
    };
    if let Some(owner) = found.owner(run, drivers)? {
        return Err(StoreError::Held { run: run.clone(), owner: Box::new(owner) }.into());
    }
    db.execute("DELETE FROM chunks WHERE run = ?1", [found.id])?;
    db.execute("DELETE FROM messages WHERE run = ?1", [found.id])?;
    db.execute("DELETE FROM runs WHERE id = ?1", [found.id])?;
    blobs::delete_range(db, &sql::keys_of_run(run))?;
    Ok(())
}

pub(super) fn post(db: &Connection, run: &RunId, body: &[u8]) -> Step<()> {
    let insert = "INSERT INTO messages (run, body) SELECT id, ?2 FROM runs WHERE name = ?1";
    if db.prepare_cached(insert)?.execute(params![run.as_str(), body])? == 0 {
        return Err(StoreError::NotFound(run.clone()).into());
    }
    Ok(())
}

pub(super) fn messages(db: &Connection, run: &RunId) -> Step<Vec<Message>> {
    let select = "SELECT id, body FROM messages WHERE run = (SELECT id FROM runs WHERE name = ?1) ORDER BY id";
    let mut select = db.prepare_cached(select)?;
    let row = |row: &Row| {
        let body: Vec<u8> = row.get(1)?;
        Ok(Message { id: sql::message_name(row.get(0)?), body: body.into() })
    };
    let messages: Result<_, rusqlite::Error> = select.query_map([run.as_str()], row)?.collect();
    Ok(messages?)
}

pub(super) fn acknowledge(db: &Connection, run: &RunId, lease: LeaseRow, number: Option<i64>) -> Step<()> {
    current(db, run, lease)?;
    if let Some(number) = number {
        db.prepare_cached("DELETE FROM messages WHERE id = ?1 AND run = ?2")?.execute([number, lease.id])?;
    }
    Ok(())
}
