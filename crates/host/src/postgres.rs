//! Queries of programs to Postgres servers: what the module `pg` does.
//!
//! A query of a pool is one effect: it is performed on any connection of the pool, and its rows are recorded. If the
//! process dies after the server did it and before its result was recorded, it is done again: at least once. A session
//! (the client that `pool.connect()` gives) is one connection of this process; it ends with the process, and so does
//! the transaction in it.

mod address;
mod connect;
mod values;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use executor::CallContext;
use futures::TryStreamExt;
use run::{EffectClass, Failure, Outcome, Payload, RunId};
use serde::Deserialize;
use serde_json::{Value, json as tree};
use tokio::sync::Semaphore;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::args::{self, json, size};
use crate::fetch::Resolve;
use crate::gate::{Gate, Pass, Vouch};
use crate::permissions::{Access, Decision};
use crate::process::Facts;
use address::{Address, Connection};
use connect::failure;
use values::{Column, Parameter};

pub(crate) use address::recorded;

/// Connections to one server as one user, sessions left aside; as in node-postgres.
const POOL: usize = 10;

/// Pools that are kept, and sessions that are open; beyond that all pools begin anew, and the oldest session ends.
const MAX_POOLS: usize = 64;
const MAX_SESSIONS: usize = 64;

/// Takes back what a session may have left behind, but what is prepared: the client knows of that.
const CLEAN: &str = "ROLLBACK; CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// The connections that programs use.
pub(crate) struct Postgres {
    gate: Arc<Gate>,
    resolver: Arc<dyn Resolve>,
    pools: Mutex<HashMap<Address, Arc<Pool>>>,
    sessions: Mutex<HashMap<u64, Session>>,
    /// Begins the names of this process's sessions, so that those of another are not taken for them.
    token: u64,
    count: AtomicU64,
    limit: usize,
}

struct Pool {
    idle: Mutex<Vec<Client>>,
    free: Semaphore,
}

#[derive(Clone)]
struct Session {
    run: RunId,
    address: Address,
    client: Arc<tokio::sync::Mutex<Client>>,
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    connection: Connection,
    #[serde(default)]
    session: Option<String>,
    text: String,
    #[serde(default)]
    values: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Release {
    session: String,
    #[serde(default)]
    destroy: bool,
}

/// To open a session changes nothing that anybody sees.
pub(crate) fn class(op: &str) -> EffectClass {
    if op == "pg.connect" { EffectClass::Read } else { EffectClass::Write }
}

impl Postgres {
    pub(crate) fn new(gate: Arc<Gate>, resolver: Arc<dyn Resolve>, limit: usize) -> Self {
        let token = RandomState::new().hash_one(std::process::id());
        let (pools, sessions, count) = Default::default();
        Self { gate, resolver, pools, sessions, token, count, limit }
    }

    /// Performs `pg.query`, `pg.connect` or `pg.release`.
    pub(crate) async fn perform(&self, facts: &Facts, context: &CallContext, op: &str, args: &Payload) -> Outcome {
        match op {
            "pg.query" => {
                let query: Query = args::read(op, args)?;
                match &query.session {
                    Some(session) => self.in_session(context, session, &query).await,
                    None => self.in_pool(facts, context, &query).await,
                }
            }
            "pg.connect" => {
                #[derive(Deserialize)]
                struct Args {
                    connection: Connection,
                }
                let Args { connection } = args::read(op, args)?;
                self.open(facts, context, &connection).await
            }
            "pg.release" => {
                self.release(context, args::read(op, args)?).await;
                json(&Value::Null)
            }
            op => Err(crate::unknown(op)),
        }
    }

    async fn in_pool(&self, facts: &Facts, context: &CallContext, query: &Query) -> Outcome {
        let (address, _vouch) = self.permitted(facts, context, &query.connection).await?;
        let pool = self.pool(&address);
        let _permit = pool.free.acquire().await.map_err(|_| closed())?;
        let client = self.client(&pool, &address).await?;
        let result = perform(&client, query, &address, true, self.limit).await;
        // Only a query that came to its end leaves a connection that others can use: this is not reached when the
        // effect is withdrawn.
        pool.put(client);
        result
    }

    async fn open(&self, facts: &Facts, context: &CallContext, connection: &Connection) -> Outcome {
        let (address, _vouch) = self.permitted(facts, context, connection).await?;
        let pool = self.pool(&address);
        let client = self.client(&pool, &address).await?;
        let n = self.count.fetch_add(1, Relaxed);
        let client = Arc::new(tokio::sync::Mutex::new(client));
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = sessions.keys().min().copied()
        {
            sessions.remove(&oldest);
        }
        sessions.insert(n, Session { run: context.run.clone(), address, client });
        json(&tree!({ "session": format!("{:016x}-{n}", self.token) }))
    }

    async fn in_session(&self, context: &CallContext, name: &str, query: &Query) -> Outcome {
        let found = self.number(name).and_then(|n| lock(&self.sessions).get(&n).cloned());
        let Some(session) = found.filter(|session| session.run == context.run) else { return Err(gone()) };
        let client = session.client.lock().await;
        if client.is_closed() {
            return Err(gone());
        }
        perform(&client, query, &session.address, false, self.limit).await
    }

    async fn release(&self, context: &CallContext, release: Release) {
        let Some(n) = self.number(&release.session) else { return };
        let session = {
            let mut sessions = lock(&self.sessions);
            match sessions.get(&n) {
                Some(session) if session.run == context.run => sessions.remove(&n),
                _ => None,
            }
        };
        let Some(Session { address, client, .. }) = session else { return };
        // Whoever still waits for it keeps it; then it ends with them.
        let Some(client) = Arc::into_inner(client).map(tokio::sync::Mutex::into_inner) else { return };
        if release.destroy || client.is_closed() {
            return;
        }
        for statement in CLEAN.split("; ") {
            if client.batch_execute(statement).await.is_err() {
                return;
            }
        }
        self.pool(&address).put(client);
    }

    /// The number of a session of this process.
    fn number(&self, name: &str) -> Option<u64> {
        let (token, n) = name.split_once('-')?;
        if token == format!("{:016x}", self.token) { n.parse().ok() } else { None }
    }

    /// Where the program wants to connect to, if it may.
    async fn permitted(
        &self,
        facts: &Facts,
        context: &CallContext,
        connection: &Connection,
    ) -> Result<(Address, Option<Vouch>), Failure> {
        let granted = |name: &str| self.gate.permissions().decide(&Access::Env(name.into())) == Decision::Granted;
        let address = connection.address(|name| facts.env.get(name).filter(|_| granted(name)).cloned())?;
        let access = Access::Net { host: address.host.clone(), port: address.port };
        let vouch = match self.gate.pass(&context.run, access, None).await? {
            Pass::Granted => None,
            Pass::Vouched => Some(self.gate.vouch(&address.host, address.port)),
        };
        tracing::debug!(run = %context.run, n = context.n, host = address.host, port = address.port, "pg");
        Ok((address, vouch))
    }

    fn pool(&self, address: &Address) -> Arc<Pool> {
        let mut pools = lock(&self.pools);
        if pools.len() >= MAX_POOLS && !pools.contains_key(address) {
            pools.clear();
        }
        let new = || Arc::new(Pool { idle: Mutex::default(), free: Semaphore::new(POOL) });
        pools.entry(address.clone()).or_insert_with(new).clone()
    }

    async fn client(&self, pool: &Pool, address: &Address) -> Result<Client, Failure> {
        loop {
            let idle = lock(&pool.idle).pop();
            match idle {
                Some(client) if client.is_closed() => {}
                Some(client) => return Ok(client),
                None => return connect::connect(&self.gate, &*self.resolver, address).await,
            }
        }
    }
}

impl Pool {
    fn put(&self, client: Client) {
        let mut idle = lock(&self.idle);
        if !client.is_closed() && idle.len() < POOL {
            idle.push(client);
        }
    }
}

/// Performs a query and reads all its rows. `pooled`: nobody else may find a transaction open afterwards.
async fn perform(client: &Client, query: &Query, address: &Address, pooled: bool, limit: usize) -> Outcome {
    let Query { text, values, .. } = query;
    let failed = |error: tokio_postgres::Error| failure(&error, &address.place());
    let statement = match client.prepare(text).await {
        Err(error) if values.is_empty() && is_of_many(&error) => {
            let result = many(client, text, limit).await;
            if pooled {
                client.batch_execute("ROLLBACK").await.map_err(failed)?;
            }
            return result.map_err(failed)?;
        }
        prepared => prepared.map_err(failed)?,
    };
    let command = values::command(text);
    if pooled && values::OF_SESSIONS.contains(&&*command) {
        let text = format!(
            "{command} over a pool would be on any connection: use `const client = await pool.connect()` for a transaction"
        );
        return Err(Failure::with_code("Error", "PG_TRANSACTION", text));
    }
    let (needed, given) = (statement.params().len(), values.len());
    if needed != given {
        let text = format!("the query needs {needed} values, and {given} are given");
        return Err(Failure::with_code("DatabaseError", "08P01", text));
    }
    // Before anything is done, as it may be done only once.
    let columns: Vec<Column> = statement.columns().iter().map(Column::of).collect::<Result<_, _>>()?;
    let stream = client.query_raw(&statement, values.iter().map(|value| Parameter(value.as_deref()))).await;
    let mut stream = std::pin::pin!(stream.map_err(failed)?);
    let (mut rows, mut bytes): (Vec<Vec<Value>>, usize) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        bytes += row.raw_size_bytes();
        if bytes > limit {
            return Err(too_long(limit));
        }
        rows.push(columns.iter().enumerate().map(|(i, column)| column.read(&row, i)).collect::<Result<_, _>>()?);
    }
    let counted = values::COUNTED.contains(&&*command);
    let count = if counted { stream.rows_affected() } else { None };
    let fields: Vec<Value> = columns.iter().map(Column::shown).collect();
    json(&tree!({ "command": command, "rowCount": count, "fields": fields, "rows": rows }))
}

/// Several statements in one text, without values: a list of results, whose values are texts.
async fn many(client: &Client, text: &str, limit: usize) -> Result<Outcome, tokio_postgres::Error> {
    let (mut results, mut rows, mut fields, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for message in client.simple_query(text).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                fields = columns.iter().map(|column| tree!({ "name": column.name(), "type": 25 })).collect();
            }
            SimpleQueryMessage::Row(row) => {
                let values: Vec<Option<&str>> = (0..row.len()).map(|i| row.get(i)).collect();
                bytes += values.iter().flatten().map(|value| value.len()).sum::<usize>();
                rows.push(tree!(values));
            }
            SimpleQueryMessage::CommandComplete(count) => {
                let (rows, fields) = (std::mem::take(&mut rows), std::mem::take(&mut fields));
                results.push(tree!({ "command": null, "rowCount": count, "fields": fields, "rows": rows }));
            }
            _ => {}
        }
    }
    Ok(if bytes > limit { Err(too_long(limit)) } else { json(&results) })
}

/// Whether the server would take the text only without preparing it.
fn is_of_many(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.code().code() == "42601" && db.message().contains("multiple commands"))
}

fn too_long(limit: usize) -> Failure {
    let text = format!("the rows are longer than one value may be ({}): ask for fewer with LIMIT", size(limit));
    Failure::with_code("Error", "PG_TOO_LONG", text)
}

fn gone() -> Failure {
    let text = "the session of this client is gone, and with it its transaction: a session ends with the process (a run \
                that was resumed) or when the server closes it; call pool.connect() again and begin anew, or use \
                pool.query, which needs no session";
    Failure::with_code("Error", "PG_SESSION_GONE", text)
}

fn closed() -> Failure {
    Failure::with_code("Error", "PG_CLOSED", "the pool was closed: try again")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after each statement, so a panic elsewhere leaves nothing torn.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
