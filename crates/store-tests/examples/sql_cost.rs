//! What a store costs, by its address: `cargo run --release --example sql_cost [ADDRESS]`. Without one: a SQLite file in
//! the current folder, and a Postgres server that is started for it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use store::{Durability, StoreUrl, Stores};
use store_tests::{
    block_on, driver, run_id,
    servers::{Postgres, PostgresSetup},
};

const LINE: usize = 200;

fn per(what: &str, n: u32, time: Duration) {
    let each = time.as_secs_f64() * 1e6 / f64::from(n);
    println!("  {what:<44} {each:>10.1} µs  {:>9.0}/s", f64::from(n) / time.as_secs_f64());
}

fn line() -> Bytes {
    let mut line = vec![b'x'; LINE];
    line[LINE - 1] = b'\n';
    line.into()
}

/// `runs` drivers at once, each appending `n` lines, and syncing each if `sync`.
async fn appends(stores: &Stores, runs: u32, n: u32, sync: bool) {
    let store = stores.journals().unwrap();
    let mut leases = Vec::new();
    for i in 0..runs {
        let name = run_id(&format!("a{runs}-{sync}-{i}"));
        leases.push(store.create(&name, &driver("cost")).await.unwrap());
    }
    let start = Instant::now();
    let tasks = leases.into_iter().map(|lease| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..n {
                store.append(&lease, u64::from(i) * LINE as u64, line()).await.unwrap();
                if sync {
                    store.sync(&lease).await.unwrap();
                }
            }
        })
    });
    futures::future::join_all(tasks).await;
    per(&format!("append{}, {runs} at once", if sync { " + sync" } else { "" }), runs * n, start.elapsed());
}

async fn measure(url: &str, durability: Durability) {
    let url: StoreUrl = url.parse().unwrap();
    println!("{url} {durability:?}");
    let stores = url.open(durability).await.unwrap();
    let store = stores.journals().unwrap();
    let start = Instant::now();
    for i in 0..200 {
        drop(store.create(&run_id(&format!("c{i}")), &driver("cost")).await.unwrap());
    }
    per("create, lease given back", 200, start.elapsed());
    let start = Instant::now();
    for i in 0..200 {
        drop(store.acquire(&run_id(&format!("c{i}")), &driver("cost"), false).await.unwrap());
    }
    per("acquire, lease given back", 200, start.elapsed());
    let start = Instant::now();
    for _ in 0..1000 {
        store.messages(&run_id("c0")).await.unwrap();
    }
    per("messages, none there", 1000, start.elapsed());
    for (runs, n) in [(1, 1000), (16, 200), (64, 100)] {
        appends(&stores, runs, n, false).await;
        appends(&stores, runs, n, true).await;
    }
    for (what, len, n) in [("1 KB", 1000, 100), ("200 KB", 200_000, 30), ("19 MB", 19_000_000, 3)] {
        let value = Bytes::from(vec![7; len]);
        let start = Instant::now();
        for _ in 0..n {
            stores.checkpoints.save("k", value.clone(), true).await.unwrap();
        }
        per(&format!("save {what}, durable"), n, start.elapsed());
        let start = Instant::now();
        for _ in 0..n {
            assert_eq!(stores.checkpoints.load("k").await.unwrap().unwrap().len(), len);
        }
        per(&format!("load {what}"), n, start.elapsed());
    }
}

fn main() {
    if let Some(url) = std::env::args().nth(1) {
        return block_on(measure(&url, Durability::Disk));
    }
    let folder = tempfile::tempdir_in(".").unwrap();
    for durability in [Durability::Disk, Durability::Process] {
        let path = folder.path().join(format!("{durability:?}.db"));
        block_on(measure(&format!("sqlite:{}", path.display()), durability));
    }
    let server = Postgres::start(PostgresSetup { fsync: true, ..PostgresSetup::default() });
    block_on(measure(&server.url(), Durability::Disk));
}
