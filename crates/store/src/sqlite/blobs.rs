//! Keyed bytes, as rows: short values in one, long ones in pieces.

use bytes::Bytes;
use run::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Step;
use crate::{
    Expect, Version,
    sql::{PIECE, int},
};

/// Longer values are kept in pieces, so that listings do not read past them.
const INLINE: usize = 64 << 10;

/// A row's id is the version of its value: each save makes a new row.
fn version(id: i64) -> Version {
    Version::new(id.to_string())
}

pub(super) fn save(
    db: &Connection,
    key: &str,
    bytes: &[u8],
    expect: &Expect,
    expires: Option<Millis>,
    now: Millis,
) -> Step<Version> {
    if *expect != Expect::Anything {
        let find = "SELECT id FROM blobs WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";
        let found = db.prepare_cached(find)?.query_row(params![key, int(now)], |row| row.get(0)).optional()?;
        expect.check(key, found.map(version).as_ref())?;
    }
    if expires.is_some() {
        drop_expired(db, now)?;
    }
    delete(db, key)?;
    let (inline, pieces) = if bytes.len() <= INLINE { (Some(bytes), &[][..]) } else { (None, bytes) };
    let insert = "INSERT INTO blobs (key, len, expires, bytes) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(insert)?.execute(params![key, int(bytes.len() as u64), expires.map(int), inline])?;
    let id = db.last_insert_rowid();
    let mut insert = db.prepare_cached("INSERT INTO pieces (blob, n, bytes) VALUES (?1, ?2, ?3)")?;
    for (n, piece) in pieces.chunks(PIECE).enumerate() {
        insert.execute(params![id, n as i64, piece])?;
    }
    Ok(version(id))
}

pub(super) fn load(db: &Connection, key: &str, now: Millis) -> Result<Option<(Bytes, Version)>, rusqlite::Error> {
    let find = "SELECT id, len, bytes FROM blobs WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found = db.prepare_cached(find)?.query_row(params![key, int(now)], row).optional()?;
    let Some((id, len, inline)): Option<(i64, i64, Option<Vec<u8>>)> = found else { return Ok(None) };
    if let Some(bytes) = inline {
        return Ok(Some((bytes.into(), version(id))));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    let mut select = db.prepare_cached("SELECT bytes FROM pieces WHERE blob = ?1 ORDER BY n")?;
    let mut rows = select.query([id])?;
    while let Some(row) = rows.next()? {
        bytes.extend_from_slice(row.get_ref(0)?.as_blob()?);
    }
    Ok(Some((bytes.into(), version(id))))
}

pub(super) fn delete(db: &Connection, key: &str) -> Result<(), rusqlite::Error> {
    let delete = "DELETE FROM blobs WHERE key = ?1 RETURNING id, bytes IS NULL";
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?));
    let gone: Option<(i64, bool)> = db.prepare_cached(delete)?.query_row([key], row).optional()?;
    if let Some((id, true)) = gone {
        db.prepare_cached("DELETE FROM pieces WHERE blob = ?1")?.execute([id])?;
    }
    Ok(())
}

pub(super) fn delete_range(db: &Connection, (from, to): &(String, String)) -> Result<(), rusqlite::Error> {
    let pieces =
        "DELETE FROM pieces WHERE blob IN (SELECT id FROM blobs WHERE key >= ?1 AND key < ?2 AND bytes IS NULL)";
    db.prepare_cached(pieces)?.execute([from, to])?;
    db.prepare_cached("DELETE FROM blobs WHERE key >= ?1 AND key < ?2")?.execute([from, to])?;
    Ok(())
}

pub(super) fn list(
    db: &Connection,
    (from, to): &(String, String),
    now: Millis,
) -> Result<Vec<String>, rusqlite::Error> {
    let select =
        "SELECT key FROM blobs WHERE key >= ?1 AND key < ?2 AND (expires IS NULL OR expires > ?3) ORDER BY key";
    db.prepare_cached(select)?.query_map(params![from, to, int(now)], |row| row.get(0))?.collect()
}

/// Removes what nobody can see any more.
pub(super) fn drop_expired(db: &Connection, now: Millis) -> Result<(), rusqlite::Error> {
    let pieces = "DELETE FROM pieces WHERE blob IN (SELECT id FROM blobs WHERE expires <= ?1)";
    db.prepare_cached(pieces)?.execute([int(now)])?;
    db.prepare_cached("DELETE FROM blobs WHERE expires <= ?1")?.execute([int(now)])?;
    Ok(())
}
