//! Many runs, many entries: nothing is lost. `RUNS` and `ENTRIES` set how many (`RUNS=10000 ENTRIES=100`).

use futures::{StreamExt, stream};
use store::{Durability, JournalStore, SqliteStore};
use store_tests::{block_on, driver, run_id};

use super::{connect, fresh_schema, server_url};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn many(store: &impl JournalStore) {
    let (runs, entries) = (number("RUNS", 400), number("ENTRIES", 20));
    let line = |run: u64, i: u64| format!("{{\"run\":{run},\"entry\":{i},\"x\":\"{}\"}}\n", "y".repeat(100));
    let drive = |run: u64| async move {
        let lease = store.create(&run_id(&format!("r{run}")), &driver("many")).await.unwrap();
        let mut at = 0;
        for i in 0..entries {
            let line = line(run, i);
            let len = line.len() as u64;
            store.append(&lease, at, line.into()).await.unwrap();
            at += len;
        }
        store.sync(&lease).await.unwrap();
    };
    let start = std::time::Instant::now();
    stream::iter(0..runs).for_each_concurrent(64, drive).await;
    println!("{runs} runs of {entries} entries written in {:?}", start.elapsed());
    let start = std::time::Instant::now();
    assert_eq!(store.list().await.unwrap().len() as u64, runs);
    println!("listed in {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let look = |run: u64| async move {
        let journal = store.read(&run_id(&format!("r{run}")), 0, u64::MAX).await.unwrap();
        let expected: String = (0..entries).map(|i| line(run, i)).collect();
        assert!(journal == expected.as_bytes(), "run {run}");
    };
    stream::iter(0..runs).for_each_concurrent(64, look).await;
    println!("read in {:?}", start.elapsed());
}

#[test]
fn many_runs_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("db"), Durability::Disk).unwrap();
    block_on(many(&store));
}

#[test]
fn many_runs_in_postgres() {
    block_on(async { many(&connect(&server_url(), &fresh_schema()).await).await });
}
