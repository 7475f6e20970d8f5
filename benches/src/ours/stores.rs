//! Rows on checkpoint stores: what a save and a load cost.

use std::{
    any::Any,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use serde_json::json;
use store::{CheckpointStore, StoreUrl, file::Durability, s3::S3Store};
use store_tests::servers::{DURABLE, Postgres, PostgresSetup, RedisServer, S3Server};
use tokio::runtime::Runtime;

use super::library;
use crate::measure::{Measure, median};

/// Names the bucket of a service that is there already.
const S3_ADDRESS: &str = "QUICKSAVE_BENCH_S3";

/// A back-end that is open. Its server, if it has one, ends with it.
pub struct BackEnd {
    store: Arc<dyn CheckpointStore>,
    io: Runtime,
    _server: Box<dyn Any>,
}

impl BackEnd {
    /// Opens `memory`, `file`, `sqlite`, `postgres`, `redis` or `s3`; what needs a server is given one. Says what to
    /// install if there is none.
    pub fn open(name: &str, scratch: &Path) -> Result<Self, String> {
        let folder = scratch.join(format!("store-{name}"));
        let (url, server): (String, Box<dyn Any>) = match name {
            "memory" => ("memory:".into(), Box::new(())),
            "file" => (format!("file:{}", folder.display()), Box::new(())),
            "sqlite" => (format!("sqlite:{}", folder.display()), Box::new(())),
            "postgres" => {
                let setup = PostgresSetup { fsync: true, ..PostgresSetup::default() };
                let server = started(move || Postgres::start(setup))?;
                (server.url(), Box::new(server))
            }
            "redis" => {
                let server = started(|| RedisServer::start(DURABLE))?;
                (format!("redis://127.0.0.1:{}", server.port()), Box::new(server))
            }
            "s3" => match std::env::var(S3_ADDRESS) {
                Ok(url) => (url, Box::new(())),
                Err(_) => {
                    let service = S3Process::start()?;
                    let store = S3Store::open(S3Server::options_by(service.port)).map_err(|e| e.to_string())?;
                    return Ok(Self { store: Arc::new(store), io: library::runtime()?, _server: Box::new(service) });
                }
            },
            other => return Err(format!("there is no back-end {other}")),
        };
        let io = library::runtime()?;
        let url: StoreUrl = url.parse().map_err(|e: store::StoreError| e.to_string())?;
        let store = io.block_on(url.open(Durability::Disk)).map_err(|e| e.to_string())?.checkpoints;
        Ok(Self { store, io, _server: server })
    }

    /// The times of a durable save and of a load of a state of `size` bytes, the middle of some. A copy of the bytes is
    /// part of both: who saves has just made them, and who loads may change them.
    pub fn measure(&self, size: usize) -> Result<(Measure, Measure), String> {
        let bytes = state(size);
        let rounds = if size > 1_000_000 { 5 } else { 50 };
        let (mut saves, mut loads) = (Vec::new(), Vec::new());
        self.io.block_on(async {
            for round in 0..=rounds {
                let key = format!("bench/{size}/{}", round % 3);
                let started = Instant::now();
                self.store.save(&key, Bytes::copy_from_slice(&bytes), true).await.map_err(|e| e.to_string())?;
                let saved = started.elapsed();
                let started = Instant::now();
                let loaded = self.store.load(&key).await.map_err(|e| e.to_string())?;
                let loaded = loaded.map(|loaded| loaded.to_vec());
                // The first finds nothing warm.
                if round > 0 {
                    saves.push(saved);
                    loads.push(started.elapsed());
                }
                if loaded.as_deref() != Some(&bytes[..]) {
                    return Err("what was loaded is not what was saved".to_owned());
                }
            }
            Ok(())
        })?;
        Ok((median(&saves), median(&loads)))
    }
}

/// A server. The panic of one that is not installed is an error here.
fn started<T>(start: impl FnOnce() -> T) -> Result<T, String> {
    // On this thread: servers end with the thread that started them.
    catch_unwind(AssertUnwindSafe(start)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        said.or_else(|| panic.downcast_ref::<&str>().map(|&said| said.into())).unwrap_or("it did not start".into())
    })
}

/// The S3 service of the stores' tests in a process of its own (`bench --serve-s3`), so that it takes no part of ours.
struct S3Process {
    port: u16,
    child: Child,
}

impl S3Process {
    fn start() -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("the S3 service could not be started: {e}");
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("--serve-s3").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let mut line = String::new();
        if let Some(said) = child.stdout.take() {
            BufReader::new(said).read_line(&mut line).map_err(failed)?;
        }
        let port = line.trim().parse().map_err(|_| format!("the S3 service said {line:?} and no port"))?;
        Ok(Self { port, child })
    }
}

impl Drop for S3Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves S3 until standard input ends, which it does with whoever started this; says the port on standard output.
pub fn serve_s3() -> Result<(), String> {
    let server = S3Server::start();
    println!("{}", server.port());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(|e| e.to_string())?;
    Ok(())
}

/// A state as JSON text of about `size` bytes, the same each time: records of a number, two texts and a list.
pub fn state(size: usize) -> Bytes {
    let mut text = String::from(r#"{"items":["#);
    for id in 0.. {
        let item = json!({
            "id": id, "name": format!("item {id}"), "tags": ["a", "b"], "score": f64::from(id) / 7.0,
            "done": id % 2 == 0,
        });
        let item = item.to_string();
        if id > 0 {
            if text.len() + item.len() + 3 > size {
                break;
            }
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push_str("]}");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_json_of_about_that_size() {
        for size in [1_000, 200_000] {
            let bytes = state(size);
            assert!((size * 9 / 10..=size).contains(&bytes.len()), "{}", bytes.len());
            let value: serde_json::Value = serde_json::from_slice(&bytes).expect("it is JSON");
            assert!(value["items"].as_array().is_some_and(|items| items.len() > 5));
        }
    }

    #[test]
    fn memory_gives_back_what_it_was_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BackEnd::open("memory", folder.path()).expect("memory is always there");
        assert!(store.measure(1_000).is_ok());
        assert!(BackEnd::open("paper", folder.path()).is_err());
    }
}
