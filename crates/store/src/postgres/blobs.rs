//! Keyed bytes, as rows: short values in one, long ones in pieces.

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt, stream::FuturesOrdered};

use tokio_postgres::Row;

use super::client::{Client, Failure, Param, token};
use crate::{
    Expect, SaveOptions, StoreError, Version,
    sql::{PIECE, int},
};

/// Statements under way at once while a long value is stored.
const UNDER_WAY: usize = 8;

/// A row's id and token are the version of its value: each save makes a new row.
fn version(id: i64, token: i64) -> Version {
    Version::new(format!("{id}-{token:016x}"))
}

fn parse(version: &Version) -> Option<(i64, i64)> {
    let (id, token) = version.as_str().split_once('-')?;
    Some((id.parse().ok()?, u64::from_str_radix(token, 16).ok()? as i64))
}

const SAVE: &str = "SELECT o_state, o_id, o_token FROM save_blob($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) async fn save(client: &Client, key: &str, bytes: Bytes, how: &SaveOptions) -> Result<Version, StoreError> {
    let token = token();
    let ttl = how.ttl.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let (expect, id, seen) = match &how.expect {
        Expect::Anything => (0, 0, 0),
        Expect::Absent => (1, 0, 0),
        // A version that this store never gave is nobody's.
        Expect::Version(version) => parse(version).map_or((2, -1, 0), |(id, token)| (2, id, token)),
    };
    if ttl.is_some() {
        client.execute("remove what has expired", "SELECT drop_expired()::text", &[]).await?;
    }
    let call = client.call(format!("save {key}"), bytes.len(), how.durable, |connection, _| {
        let (key, bytes) = (key.to_owned(), bytes.clone());
        async move {
            let len = int(bytes.len() as u64);
            let inline = (bytes.len() <= PIECE).then_some(&bytes[..]);
            let save = connection.prepare_cached(SAVE).await?;
            let params = [&key as Param<'_>, &inline, &len, &ttl, &token, &expect, &id, &seen];
            if inline.is_some() {
                let row = connection.query_one(&save, &params).await?;
                return Ok(saved(&key, &row)?.1);
            }
            let insert = connection.prepare_cached("INSERT INTO pieces (blob, n, bytes) VALUES ($1, $2, $3)").await?;
            let transaction = connection.transaction().await?;
            let row = transaction.query_one(&save, &params).await?;
            let (id, saved) = saved(&key, &row)?;
            // An earlier try whose reply was lost may have stored them.
            if row.get::<_, i32>(0) == 1 {
                pieces(&transaction, &insert, id, &bytes).await?;
            }
            transaction.commit().await?;
            Ok(saved)
        }
        .boxed()
    });
    call.await
}

/// The row that `save_blob` made, and its version.
fn saved(key: &str, row: &Row) -> Result<(i64, Version), StoreError> {
    let (state, id): (i32, Option<i64>) = (row.get(0), row.get(1));
    let found = id.map(|id| (id, version(id, row.get(2))));
    match found {
        Some(saved) if state > 0 => Ok(saved),
        found => Err(StoreError::Conflict { key: key.into(), found: found.map(|(_, version)| version) }),
    }
}

/// Sends pieces without waiting for each.
async fn pieces(
    transaction: &deadpool_postgres::Transaction<'_>,
    insert: &tokio_postgres::Statement,
    id: i64,
    bytes: &[u8],
) -> Result<(), Failure> {
    let mut under_way = FuturesOrdered::new();
    for (n, piece) in bytes.chunks(PIECE).enumerate() {
        under_way.push_back(async move { transaction.execute(insert, &[&id, &(n as i64), &piece]).await });
        if under_way.len() >= UNDER_WAY {
            under_way.try_next().await?;
        }
    }
    while under_way.try_next().await?.is_some() {}
    Ok(())
}

pub(super) async fn load(client: &Client, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
    let call = client.call(format!("load {key}"), 64 << 20, false, |connection, _| {
        let key = key.to_owned();
        async move {
            let find = "SELECT id, token, len, bytes FROM blobs
                WHERE key = $1 AND (expires IS NULL OR expires > clock_timestamp())";
            let find = connection.prepare_cached(find).await?;
            loop {
                let Some(row) = connection.query_opt(&find, &[&key]).await? else { return Ok(None) };
                let (id, len): (i64, i64) = (row.get(0), row.get(2));
                let version = version(id, row.get(1));
                if let Some(bytes) = row.get::<_, Option<&[u8]>>(3) {
                    return Ok(Some((Bytes::copy_from_slice(bytes), version)));
                }
                let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
                let select = "SELECT bytes FROM pieces WHERE blob = $1 ORDER BY n";
                let select = connection.prepare_cached(select).await?;
                let rows = connection.query_raw(&select, [id]).await?;
                futures::pin_mut!(rows);
                while let Some(row) = rows.try_next().await? {
                    bytes.extend_from_slice(row.get(0));
                }
                // The pieces are of one value. If they are gone, another value was stored meanwhile.
                if bytes.len() as i64 == len {
                    return Ok(Some((bytes.into(), version)));
                }
            }
        }
        .boxed()
    });
    call.await
}

pub(super) async fn delete(client: &Client, key: &str) -> Result<(), StoreError> {
    let delete = "WITH gone AS (DELETE FROM blobs WHERE key = $1 RETURNING id)
        DELETE FROM pieces WHERE blob IN (SELECT id FROM gone)";
    client.execute(&format!("delete {key}"), delete, &[&key]).await
}

pub(super) async fn list(client: &Client, (from, to): (String, String)) -> Result<Vec<String>, StoreError> {
    let select = "SELECT key FROM blobs WHERE key >= $1 AND key < $2
        AND (expires IS NULL OR expires > clock_timestamp()) ORDER BY key";
    let rows = client.query("list keys", select, &[&from, &to]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
