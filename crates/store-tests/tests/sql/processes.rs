//! Several processes on one database. The other process is this test binary, told by its environment what to do.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use store::{Durability, StoreError, StoreUrl, Stores, check::check};
use store_tests::{block_on, driver, run_id};

use super::{fresh_schema, server_url};

const TASK: &str = "STORE_TESTS_TASK";
const STORE: &str = "STORE_TESTS_STORE";

struct Other {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(task: &str, store: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::the_other_process", "--ignored", "--nocapture"])
            .env(TASK, task)
            .env(STORE, store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, says }
    }

    /// The rest of the next line that begins with `word`; others are the test harness's.
    fn wait_for(&mut self, word: &str) -> String {
        loop {
            let line = self.says.next().expect("the other process goes on").unwrap();
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn open(url: &str) -> Stores {
    url.parse::<StoreUrl>().unwrap().open(Durability::Disk).await.unwrap()
}

#[test]
#[ignore = "started by the other tests"]
fn the_other_process() {
    let (Ok(task), Ok(url)) = (std::env::var(TASK), std::env::var(STORE)) else { return };
    println!();
    block_on(async {
        let stores = open(&url).await;
        match task.as_str() {
            "append" => append(&stores).await,
            "churn" => churn(&stores).await,
            "race" => race(&stores).await,
            _ => panic!("unknown task {task}"),
        }
    });
}

/// Drives a run: appends numbered lines, and says after each sync how far it is.
async fn append(stores: &Stores) {
    let (store, run, owner) = (stores.journals().unwrap(), run_id("r"), driver("the other process"));
    let lease = match store.create(&run, &owner).await {
        Ok(lease) => lease,
        Err(_) => store.acquire(&run, &owner, false).await.unwrap(),
    };
    let mut at = store.len(&run).await.unwrap();
    println!("READY {}", lease.fence);
    for i in 0..1_000_000 {
        let line = format!("line {i} {}\n", "x".repeat(i % 500));
        store.append(&lease, at, line.clone().into()).await.unwrap();
        at += line.len() as u64;
        println!("AT {at}");
    }
}

/// Does everything that leaves something half done when it is killed.
async fn churn(stores: &Stores) {
    let (store, keep) = (stores.journals().unwrap(), &stores.checkpoints);
    println!("READY");
    loop {
        let run = run_id("c");
        let lease = match store.create(&run, &driver("churn")).await {
            Err(StoreError::Exists(_)) => store.acquire(&run, &driver("churn"), true).await,
            lease => lease,
        };
        let lease = lease.unwrap();
        let len = store.len(&run).await.unwrap();
        store.append(&lease, len, "line\n".into()).await.unwrap();
        store.post(&run, "message".into()).await.unwrap();
        keep.save("runs/c/x", vec![b'x'; 100_000].into(), false).await.unwrap();
        keep.save("state/p/default", vec![b'y'; 3_000_000].into(), false).await.unwrap();
        drop(store.acquire(&run, &driver("churn"), true).await.unwrap());
        drop(lease);
        store.delete(&run).await.unwrap();
    }
}

/// Takes the lease as often as it can, and says its fence each time.
async fn race(stores: &Stores) {
    let (store, run) = (stores.journals().unwrap(), run_id("r"));
    println!("READY");
    for i in 0..150 {
        match store.acquire(&run, &driver("racer"), i % 7 == 0).await {
            Ok(lease) => {
                println!("FENCE {}", lease.fence);
                let len = store.len(&run).await.unwrap();
                let _ = store.append(&lease, len, format!("{}\n", lease.fence).into()).await;
            }
            Err(StoreError::Held { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    println!("DONE");
}

/// `patience`: how long after its death a driver may be taken to be alive.
fn a_killed_driver_frees_its_run(url: &str, rounds: usize, patience: Duration) {
    let (stores, run) = (block_on(open(url)), run_id("r"));
    let store = stores.journals().unwrap();
    let mut fence = 0;
    for _ in 0..rounds {
        let mut other = Other::start("append", url);
        let theirs: u64 = other.wait_for("READY").parse().unwrap();
        assert!(theirs > fence);
        other.wait_for("AT");
        block_on(async {
            let refused = store.acquire(&run, &driver("we"), false).await;
            assert!(matches!(refused, Err(StoreError::Held { owner, .. }) if owner.pid == other.child.id()));
            assert!(matches!(store.delete(&run).await, Err(StoreError::Held { .. })));
            assert_eq!(store.owner(&run).await.unwrap().unwrap().pid, other.child.id());
        });
        let at: u64 = other.wait_for("AT").parse().unwrap();
        other.kill();
        block_on(async {
            let start = Instant::now();
            let lease = loop {
                match store.acquire(&run, &driver("we"), false).await {
                    Err(StoreError::Held { .. }) if start.elapsed() < patience => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    lease => break lease.unwrap(),
                }
            };
            assert!(store.len(&run).await.unwrap() >= at, "an append that was acknowledged is gone");
            assert!(lease.fence > theirs);
            fence = lease.fence;
            let journal = store.read(&run, 0, u64::MAX).await.unwrap();
            assert!(journal.ends_with(b"\n"), "half an append");
        });
    }
}

#[test]
fn a_killed_driver_frees_its_run_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("db").display());
    a_killed_driver_frees_its_run(&url, 10, Duration::ZERO);
}

#[test]
fn a_killed_driver_frees_its_run_in_postgres() {
    let url = format!("{}?lease=1&schema={}", server_url(), fresh_schema().schema);
    a_killed_driver_frees_its_run(&url, 3, Duration::from_secs(3));
}

fn fences_are_given_once(url: &str) {
    let stores = block_on(open(url));
    let store = stores.journals().unwrap();
    block_on(async { drop(store.create(&run_id("r"), &driver("we")).await.unwrap()) });
    let mut others: Vec<_> = (0..3).map(|_| Other::start("race", url)).collect();
    let mut fences = Vec::new();
    for other in &mut others {
        for line in other.says.by_ref() {
            let line = line.unwrap();
            if let Some(fence) = line.strip_prefix("FENCE ") {
                fences.push(fence.parse::<u64>().unwrap());
            } else if line == "DONE" {
                break;
            }
        }
    }
    assert!(fences.len() > 60, "{}", fences.len());
    let count = fences.len();
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), count, "a fence was given twice");
    let journal = block_on(store.read(&run_id("r"), 0, u64::MAX)).unwrap();
    let journal = String::from_utf8(journal.into()).unwrap();
    let written: Vec<u64> = journal.lines().map(|line| line.parse().unwrap()).collect();
    assert!(written.is_sorted_by(|a, b| a < b), "an older driver wrote after a newer one");
}

#[test]
fn fences_are_given_once_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    fences_are_given_once(&format!("sqlite:{}", folder.path().join("db").display()));
}

#[test]
fn fences_are_given_once_in_postgres() {
    fences_are_given_once(&format!("{}?schema={}", server_url(), fresh_schema().schema));
}

fn a_crash_anywhere_leaves_a_usable_store(url: &str, rounds: u64) {
    let stores = block_on(open(url));
    let (store, keep) = (stores.journals().unwrap(), &stores.checkpoints);
    for round in 0..rounds {
        let mut other = Other::start("churn", url);
        other.wait_for("READY");
        std::thread::sleep(Duration::from_micros(500 + round * 1370));
        other.kill();
        block_on(async {
            for file in store.list().await.unwrap() {
                assert_eq!(file.run, run_id("c"));
                let lease = store.acquire(&file.run, &driver("we"), true).await.unwrap();
                let len = store.len(&file.run).await.unwrap();
                let journal = store.read(&file.run, 0, 100).await.unwrap();
                assert!(journal.is_empty() || journal == "line\n", "{journal:?}");
                store.append(&lease, len, "ours\n".into()).await.unwrap();
                for message in store.messages(&file.run).await.unwrap() {
                    assert_eq!(message.body, "message");
                    store.acknowledge(&lease, &message.id).await.unwrap();
                }
                drop(lease);
                store.delete(&file.run).await.unwrap();
            }
            for key in keep.list("").await.unwrap() {
                let len = keep.load(&key).await.unwrap().unwrap().len();
                assert!(len == 100_000 || len == 3_000_000, "{key}: {len}");
            }
            let sum = check(&stores, |_| {}).await.unwrap();
            assert_eq!((sum.bad_runs, sum.bad_keys.len()), (0, 0));
        });
    }
}

#[test]
fn a_crash_anywhere_leaves_a_usable_sqlite_file() {
    let folder = tempfile::tempdir().unwrap();
    a_crash_anywhere_leaves_a_usable_store(&format!("sqlite:{}", folder.path().join("db").display()), 25);
}

#[test]
fn a_crash_anywhere_leaves_a_usable_postgres_schema() {
    a_crash_anywhere_leaves_a_usable_store(&format!("{}?schema={}", server_url(), fresh_schema().schema), 10);
}
