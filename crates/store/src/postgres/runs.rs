//! Runs, their journals and messages, as rows.

use bytes::Bytes;
use futures::FutureExt;
use run::RunId;

use super::client::{Client, Failure, Param, token};
use crate::{
    Message, Owner, RunFile, StoreError,
    sql::{self, PIECE, elsewhere, fenced, int},
};

/// The row of a lease: which run, and which of its leases.
#[derive(Clone, Copy)]
pub(super) struct LeaseRow {
    id: i64,
    token: i64,
}

fn not_found(run: &RunId) -> StoreError {
    StoreError::NotFound(run.clone())
}

fn held(run: &RunId, owner: Option<&str>) -> StoreError {
    StoreError::Held { run: run.clone(), owner: Box::new(sql::owner_from_text(owner)) }
}

pub(super) async fn create(client: &Client, run: &RunId, owner: &str, session: i64) -> Result<LeaseRow, StoreError> {
    let token = token();
    // A row of that name with our token is that of an earlier try.
    let insert = "WITH made AS (
            INSERT INTO runs (name, fence, token, holder, owner) VALUES ($1, 1, $2, $3, $4)
            ON CONFLICT (name) DO NOTHING RETURNING id
        )
        SELECT id FROM made UNION ALL SELECT id FROM runs WHERE name = $1 AND token = $2";
    let rows = client.query(&format!("make run {run}"), insert, &[&run.as_str(), &token, &session, &owner]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Exists(run.clone()))?;
    Ok(LeaseRow { id: row.get(0), token })
}

pub(super) async fn acquire(
    client: &Client,
    run: &RunId,
    owner: &str,
    session: i64,
    take_over: bool,
) -> Result<(i64, LeaseRow), StoreError> {
    let token = token();
    let acquire = "SELECT o_state, o_id, o_fence, o_owner FROM acquire_run($1, $2, $3, $4, $5)";
    let params = [&run.as_str() as Param<'_>, &session, &token, &owner, &take_over];
    // A fence must not go back.
    let rows = client.query_durably(&format!("take the lease of run {run}"), acquire, &params).await?;
    let row = rows.first().ok_or_else(|| not_found(run))?;
    match row.get(0) {
        0 => Err(not_found(run)),
        1 => Err(held(run, row.get(3))),
        _ => Ok((row.get(2), LeaseRow { id: row.get(1), token })),
    }
}

pub(super) async fn release(client: &Client, row: LeaseRow) -> Result<(), StoreError> {
    let update = "UPDATE runs SET holder = NULL WHERE id = $1 AND token = $2";
    client.execute("give a lease back", update, &[&row.id, &row.token]).await
}

pub(super) async fn owner(client: &Client, run: &RunId) -> Result<Option<Owner>, StoreError> {
    let select = "SELECT holder IS NOT NULL AND is_alive(holder), owner FROM runs WHERE name = $1";
    let rows = client.query(&format!("look up who drives run {run}"), select, &[&run.as_str()]).await?;
    let row = rows.first().ok_or_else(|| not_found(run))?;
    Ok(row.get::<_, bool>(0).then(|| sql::owner_from_text(row.get(1))))
}

fn gone(run: &RunId) -> StoreError {
    fenced(run, "another process has taken it over, or it was deleted")
}

const GROW: &str = "UPDATE runs SET len = len + $4, version = version + ($4 > 0)::int
    WHERE id = $1 AND token = $2 AND len = $3 RETURNING id";
const INSERT: &str = "INSERT INTO chunks (run, at, bytes) VALUES ($1, $2, $3)";

/// One statement for all, so that it costs one round trip.
const APPEND: &str = "WITH grown AS (
        UPDATE runs SET len = len + $4, version = version + 1 WHERE id = $1 AND token = $2 AND len = $3 RETURNING id
    )
    INSERT INTO chunks (run, at, bytes) SELECT id, $3, $5 FROM grown";

pub(super) async fn append(
    client: &Client,
    run: &RunId,
    row: LeaseRow,
    at: u64,
    lines: Bytes,
) -> Result<(), StoreError> {
    let (begin, len) = (int(at), int(lines.len() as u64));
    let call = client.call(format!("append to run {run}"), lines.len(), false, |connection, attempt| {
        let (run, lines) = (run.clone(), lines.clone());
        async move {
            let done = if (1..=PIECE).contains(&lines.len()) {
                let statement = connection.prepare_cached(APPEND).await?;
                connection.execute(&statement, &[&row.id, &row.token, &begin, &len, &&lines[..]]).await? > 0
            } else {
                let transaction = connection.transaction().await?;
                let grown = transaction.execute(GROW, &[&row.id, &row.token, &begin, &len]).await? > 0;
                if grown {
                    let insert = transaction.prepare(INSERT).await?;
                    for (i, piece) in lines.chunks(PIECE).enumerate() {
                        let at = begin + int((i * PIECE) as u64);
                        transaction.execute(&insert, &[&row.id, &at, &piece]).await?;
                    }
                }
                transaction.commit().await?;
                grown
            };
            if done {
                return Ok(());
            }
            let find = "SELECT len FROM runs WHERE id = $1 AND token = $2";
            let found = connection.query_opt(find, &[&row.id, &row.token]).await?.ok_or_else(|| gone(&run))?;
            let end: i64 = found.get(0);
            // Nobody else appends under our lease: an earlier try was done, and its reply was lost.
            if !attempt.is_first && end == begin.saturating_add(len) {
                return Ok(());
            }
            Err(Failure::Refused(elsewhere(&run, end, at)))
        }
        .boxed()
    });
    call.await
}

/// Waits for the server's disk if the lease is still good and the journal not shorter than `end`. A server that crashes
/// loses what it had not written, and breaks connections, but another one may have asked for the sync.
pub(super) async fn sync(client: &Client, run: &RunId, row: LeaseRow, end: u64) -> Result<(), StoreError> {
    let look = "SELECT 1 FROM runs WHERE id = $1 AND token = $2 AND len >= $3";
    let params = [&row.id as Param<'_>, &row.token, &int(end)];
    let rows = client.query_durably(&format!("sync run {run}"), look, &params).await?;
    if !rows.is_empty() {
        return Ok(());
    }
    let rows = client.query(&format!("sync run {run}"), look, &[&row.id, &row.token, &0i64]).await?;
    if rows.is_empty() { Err(gone(run)) } else { Err(fenced(run, "the server crashed and lost the journal's end")) }
}

pub(super) async fn truncate(client: &Client, run: &RunId, row: LeaseRow, len: u64) -> Result<(), StoreError> {
    let cut = int(len);
    let call = client.call(format!("cut run {run} off"), 0, false, |connection, _| {
        let run = run.clone();
        async move {
            let transaction = connection.transaction().await?;
            let find = "SELECT len FROM runs WHERE id = $1 AND token = $2 FOR UPDATE";
            let found = transaction.query_opt(find, &[&row.id, &row.token]).await?.ok_or_else(|| gone(&run))?;
            let end: i64 = found.get(0);
            if cut > end {
                return Err(Failure::Refused(fenced(&run, format!("the journal ends at byte {end}, before {len}"))));
            }
            if cut == end {
                return Ok(());
            }
            transaction.execute("DELETE FROM chunks WHERE run = $1 AND at >= $2", &[&row.id, &cut]).await?;
            let shorten = "UPDATE chunks SET bytes = substring(bytes FROM 1 FOR ($2::bigint - at)::int)
                WHERE run = $1 AND at = (SELECT max(at) FROM chunks WHERE run = $1) AND at + length(bytes) > $2";
            transaction.execute(shorten, &[&row.id, &cut]).await?;
            let update = "UPDATE runs SET len = $2, version = version + 1 WHERE id = $1";
            transaction.execute(update, &[&row.id, &cut]).await?;
            Ok(transaction.commit().await?)
        }
        .boxed()
    });
    call.await
}

pub(super) async fn read(client: &Client, run: &RunId, from: u64, max: u64) -> Result<Bytes, StoreError> {
    // The first row may begin before `from`. One statement, so that all rows are of one moment.
    let select = "SELECT r.len, c.at, c.bytes FROM runs r LEFT JOIN chunks c ON c.run = r.id AND c.at < $3
            AND c.at >= (SELECT max(b.at) FROM chunks b WHERE b.run = r.id AND b.at <= $2)
        WHERE r.name = $1 ORDER BY c.at";
    let until = from.saturating_add(max);
    let params = [&run.as_str() as Param<'_>, &int(from), &int(until)];
    let rows = client.query(&format!("read run {run}"), select, &params).await?;
    let len: i64 = rows.first().ok_or_else(|| not_found(run))?.get(0);
    let end = until.min(len as u64);
    let from = from.min(end);
    let mut bytes = Vec::with_capacity((end - from) as usize);
    for row in &rows {
        let (Some(at), Some(piece)) = (row.get::<_, Option<i64>>(1), row.get::<_, Option<&[u8]>>(2)) else { continue };
        let skip = from.saturating_sub(at as u64).min(piece.len() as u64) as usize;
        let keep = end.saturating_sub(at as u64).min(piece.len() as u64) as usize;
        bytes.extend_from_slice(&piece[skip..keep.max(skip)]);
    }
    Ok(bytes.into())
}

pub(super) async fn len(client: &Client, run: &RunId) -> Result<u64, StoreError> {
    let select = "SELECT len FROM runs WHERE name = $1";
    let rows = client.query(&format!("look at run {run}"), select, &[&run.as_str()]).await?;
    Ok(rows.first().ok_or_else(|| not_found(run))?.get::<_, i64>(0) as u64)
}

pub(super) async fn list(client: &Client) -> Result<Vec<RunFile>, StoreError> {
    let rows = client.query("list the runs", "SELECT name, len, id, version FROM runs", &[]).await?;
    let file = |row: &tokio_postgres::Row| {
        let (id, version): (i64, i64) = (row.get(2), row.get(3));
        let run = row.get::<_, &str>(0).parse().ok()?;
        Some(RunFile { run, len: row.get::<_, i64>(1) as u64, version: (id as u128) << 64 | version as u128 })
    };
    Ok(rows.iter().filter_map(file).collect())
}

pub(super) async fn delete(client: &Client, run: &RunId) -> Result<(), StoreError> {
    let call = client.call(format!("delete run {run}"), 0, true, |connection, attempt| {
        let run = run.clone();
        async move {
            let (from, to) = sql::keys_of_run(&run);
            let delete = connection.prepare_cached("SELECT o_state, o_owner FROM delete_run($1, $2, $3)").await?;
            let row = connection.query_one(&delete, &[&run.as_str(), &from, &to]).await?;
            match row.get(0) {
                // An earlier try may have done it.
                0 if attempt.is_first => Err(Failure::Refused(not_found(&run))),
                1 => Err(Failure::Refused(held(&run, row.get(1)))),
                _ => Ok(()),
            }
        }
        .boxed()
    });
    call.await
}

pub(super) async fn post(client: &Client, run: &RunId, body: &[u8]) -> Result<(), StoreError> {
    let token = token();
    // The lock keeps the run from being deleted meanwhile. The token tells that an earlier try was done.
    let insert = "WITH found AS (SELECT id FROM runs WHERE name = $1 FOR KEY SHARE),
        posted AS (
            INSERT INTO messages (run, token, body) SELECT id, $2, $3 FROM found ON CONFLICT (run, token) DO NOTHING
        )
        SELECT id FROM found";
    let doing = format!("leave a message for run {run}");
    let rows = client.query_durably(&doing, insert, &[&run.as_str(), &token, &body]).await?;
    if rows.is_empty() { Err(not_found(run)) } else { Ok(()) }
}

pub(super) async fn messages(client: &Client, run: &RunId) -> Result<Vec<Message>, StoreError> {
    let select = "SELECT m.id, m.body FROM messages m JOIN runs r ON r.id = m.run WHERE r.name = $1 ORDER BY m.id";
    let rows = client.query(&format!("read the messages of run {run}"), select, &[&run.as_str()]).await?;
    let message = |row: &tokio_postgres::Row| Message {
        id: sql::message_name(row.get(0)),
        body: Bytes::copy_from_slice(row.get(1)),
    };
    Ok(rows.iter().map(message).collect())
}

pub(super) async fn acknowledge(
    client: &Client,
    run: &RunId,
    row: LeaseRow,
    number: Option<i64>,
) -> Result<(), StoreError> {
    let delete = "WITH ours AS (SELECT id FROM runs WHERE id = $1 AND token = $2),
        gone AS (DELETE FROM messages WHERE id = $3 AND run IN (SELECT id FROM ours))
        SELECT id FROM ours";
    let doing = format!("remove a message of run {run}");
    let rows = client.query(&doing, delete, &[&row.id, &row.token, &number.unwrap_or(-1)]).await?;
    if rows.is_empty() { Err(gone(run)) } else { Ok(()) }
}
