//! The SQL back-ends: what every store must do, and what may happen to a database.

mod copies;
mod many;
mod postgres;
mod processes;
mod sqlite;
mod suites;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use store::{CheckpointStore, Expect, PostgresOptions, PostgresStore, SaveOptions};
use store_tests::{
    block_on,
    servers::{Postgres, PostgresSetup},
};

/// One server for all tests that do nothing to it. It ends with this process.
fn server_url() -> String {
    static SERVER: Mutex<Option<Postgres>> = Mutex::new(None);
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    server.get_or_insert_with(|| Postgres::start(PostgresSetup::default())).url()
}

/// A schema of one's own.
fn fresh_schema() -> PostgresOptions {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let schema = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    PostgresOptions { schema, connections: 6, ..PostgresOptions::default() }
}

async fn connect(url: &str, options: &PostgresOptions) -> PostgresStore {
    PostgresStore::connect(url, options.clone()).await.unwrap()
}

/// Saved, loaded, replaced under a condition, and removed.
fn hundred_megabytes(store: &impl CheckpointStore) {
    let value = |n: u32| -> bytes::Bytes { (0..25_000_000u32).flat_map(|i| (i ^ n).to_le_bytes()).collect() };
    let first = value(1);
    block_on(async {
        let version = store.save_with("big", first.clone(), SaveOptions::default()).await.unwrap();
        assert!(store.load("big").await.unwrap() == Some(first));
        let second = value(2);
        let how = SaveOptions { expect: Expect::Version(version), ..SaveOptions::default() };
        store.save_with("big", second.clone(), how).await.unwrap();
        assert!(store.load("big").await.unwrap() == Some(second));
        store.delete("big").await.unwrap();
        assert_eq!(store.load("big").await.unwrap(), None);
    });
}
