//! What the file store costs, beside the bare system calls: `cargo run --release --example cost [FOLDER]`.
//! The folder should be on the disk that is meant; the default is the current one.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use store::{Durability, FileStore, JournalStore};
use store_tests::{driver, run_id};

const LINE: usize = 200;

fn per(what: &str, n: u32, time: Duration) {
    println!(
        "{what:<56} {:>10.1} µs  {:>9.0}/s",
        time.as_secs_f64() * 1e6 / f64::from(n),
        f64::from(n) / time.as_secs_f64()
    );
}

fn line() -> Bytes {
    let mut line = vec![b'x'; LINE];
    line[LINE - 1] = b'\n';
    line.into()
}

fn bare(folder: &Path, n: u32) {
    let mut file = std::fs::File::create(folder.join("bare")).unwrap();
    let start = Instant::now();
    for _ in 0..n {
        file.write_all(&line()).unwrap();
    }
    per("bare write", n, start.elapsed());
    let start = Instant::now();
    for _ in 0..n / 10 {
        file.write_all(&line()).unwrap();
        file.sync_data().unwrap();
    }
    per("bare write + fdatasync", n / 10, start.elapsed());
}

async fn sequential(store: &FileStore, n: u32) {
    let start = Instant::now();
    let leases: Vec<_> = {
        let mut leases = Vec::new();
        for i in 0..n / 10 {
            leases.push(store.create(&run_id(&format!("c{i}")), &driver("cost")).await.unwrap());
        }
        leases
    };
    per("create", n / 10, start.elapsed());
    let start = Instant::now();
    for lease in &leases[..100] {
        store.append(lease, 0, line()).await.unwrap();
        store.sync(lease).await.unwrap();
    }
    per("first append + sync of a run", 100, start.elapsed());
    let mut time = Duration::ZERO;
    for i in 0..100 {
        let start = Instant::now();
        let lease = store.create(&run_id(&format!("d{i}")), &driver("cost")).await.unwrap();
        store.append(&lease, 0, line()).await.unwrap();
        store.sync(&lease).await.unwrap();
        time += start.elapsed();
    }
    per("create + first append + sync", 100, time);
    let lease = store.create(&run_id("seq"), &driver("cost")).await.unwrap();
    let mut at = 0;
    let start = Instant::now();
    for _ in 0..n {
        store.append(&lease, at, line()).await.unwrap();
        at += LINE as u64;
    }
    per("append", n, start.elapsed());
    store.sync(&lease).await.unwrap();
    let start = Instant::now();
    for _ in 0..n / 10 {
        store.append(&lease, at, line()).await.unwrap();
        at += LINE as u64;
        store.sync(&lease).await.unwrap();
    }
    per("append + sync", n / 10, start.elapsed());
    // In turns, since what a sync costs depends on who else uses the disk.
    let mut file = std::fs::File::create(store.home().join("bare")).unwrap();
    let here = store.clone().syncing_here();
    let (mut bare, mut ours, mut inline) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..n / 10 {
        let start = Instant::now();
        file.write_all(&line()).unwrap();
        file.sync_data().unwrap();
        bare += start.elapsed();
        let start = Instant::now();
        store.append(&lease, at, line()).await.unwrap();
        at += LINE as u64;
        store.sync(&lease).await.unwrap();
        ours += start.elapsed();
        let start = Instant::now();
        here.append(&lease, at, line()).await.unwrap();
        at += LINE as u64;
        here.sync(&lease).await.unwrap();
        inline += start.elapsed();
    }
    per("in turns: bare write + fdatasync", n / 10, bare);
    per("in turns: append + sync", n / 10, ours);
    per("in turns: append + sync, syncing here", n / 10, inline);
    let start = Instant::now();
    for _ in 0..n {
        store.sync(&lease).await.unwrap();
    }
    per("sync of nothing new", n, start.elapsed());
    let start = Instant::now();
    for _ in 0..n {
        store.messages(&lease.run).await.unwrap();
    }
    per("messages, no inbox", n, start.elapsed());
    drop((lease, leases));
    let start = Instant::now();
    for i in 0..100 {
        store.acquire(&run_id(&format!("c{i}")), &driver("cost"), false).await.unwrap();
    }
    per("acquire", 100, start.elapsed());
    let start = Instant::now();
    for i in 0..1000 {
        store.owner(&run_id(&format!("c{i}"))).await.unwrap();
    }
    per("owner", 1000, start.elapsed());
}

async fn concurrent(store: &FileStore, runs: u32, n: u32) {
    let mut leases = Vec::new();
    for i in 0..runs {
        leases.push(store.create(&run_id(&format!("k{runs}-{i}")), &driver("cost")).await.unwrap());
    }
    let start = Instant::now();
    let tasks = leases.into_iter().map(|lease| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..n {
                store.append(&lease, u64::from(i) * LINE as u64, line()).await.unwrap();
                store.sync(&lease).await.unwrap();
            }
        })
    });
    futures::future::join_all(tasks).await;
    per(&format!("append + sync, {runs} runs at once"), runs * n, start.elapsed());
}

async fn listing(store: &FileStore, n: u32) {
    std::fs::create_dir_all(store.home().join("runs")).unwrap();
    for i in 0..n {
        std::fs::write(store.home().join(format!("runs/list{i}.jsonl")), "x\n").unwrap();
    }
    let start = Instant::now();
    let found = store.list().await.unwrap().len();
    println!("{:<56} {:>10.1} ms", format!("list {found} runs"), start.elapsed().as_secs_f64() * 1e3);
}

fn main() {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    bare(folder.path(), 10_000);
    for durability in [Durability::Disk, Durability::Process] {
        println!("{durability:?}");
        let store = FileStore::open(&folder.path().join(format!("{durability:?}")), durability).unwrap();
        // On a thread of the runtime, as the executor's tasks are.
        runtime.block_on(async {
            let inner = store.clone();
            tokio::spawn(async move { sequential(&inner, 10_000).await }).await.unwrap();
            for runs in [4, 16, 64] {
                concurrent(&store, runs, 100).await;
            }
        });
    }
    let store = FileStore::open(&folder.path().join("list"), Durability::Disk).unwrap();
    runtime.block_on(listing(&store, 10_000));
    runtime.block_on(listing(&store, 0));
    bare(folder.path(), 10_000);
}
