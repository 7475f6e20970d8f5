//! Several processes on one folder. The other process is this test binary, told by its environment what to do.

use std::{
    io::{BufRead, BufReader, ErrorKind, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use store::{CheckpointStore, Durability, FileStore, JournalStore, StoreError};
use store_tests::{block_on, driver, run_id};

const TASK: &str = "STORE_TESTS_TASK";
const HOME: &str = "STORE_TESTS_HOME";

struct Other {
    child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(task: &str, home: &Path) -> Self {
        // Files of that process end at some kilobytes if it is `limited`: as on a full disk, a write is cut short.
        let limit = if task == "limited" { "trap '' 25; ulimit -f 40; " } else { "" };
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
            .env(TASK, task)
            .env(HOME, home)
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

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it does nothing any more; a signal takes effect some time after it was sent.
    fn stop(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.child.id());
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "started by the other tests"]
fn the_other_process() {
    let (Ok(task), Ok(home)) = (std::env::var(TASK), std::env::var(HOME)) else { return };
    let store = FileStore::open(Path::new(&home), Durability::Process).unwrap();
    println!();
    block_on(async {
        match task.as_str() {
            "append" => append(&store).await,
            "churn" => churn(&store).await,
            "race" => race(&store).await,
            "limited" => limited(&store).await,
            _ => panic!("unknown task {task}"),
        }
    });
}

/// Drives a run: appends numbered lines until it is fenced out.
async fn append(store: &FileStore) {
    let run = run_id("r");
    let owner = driver("the other process");
    let lease = match store.create(&run, &owner).await {
        Ok(lease) => lease,
        Err(_) => store.acquire(&run, &owner, false).await.unwrap(),
    };
    let mut at = store.len(&run).await.unwrap();
    println!("READY {}", lease.fence);
    for i in 0..u64::MAX {
        let line = format!("line {i} {}\n", "x".repeat((i % 500) as usize));
        match store.append(&lease, at, line.clone().into()).await {
            Ok(()) => at += line.len() as u64,
            Err(StoreError::Fenced { .. }) => {
                println!("FENCED {at}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        if i % 1000 == 0 {
            println!("AT {at}");
        }
        if at > 50_000_000 {
            panic!("nobody has taken over");
        }
    }
}

/// Takes the lease as often as it can, and says its fence each time.
async fn race(store: &FileStore) {
    let run = run_id("r");
    println!("READY");
    for i in 0..300 {
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

/// Appends until there is no more room, and goes on when there is.
async fn limited(store: &FileStore) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("limited")).await.unwrap();
    let line = "a line of the journal\n".repeat(100);
    let mut at = 0;
    let error = loop {
        match store.append(&lease, at, line.clone().into()).await {
            Ok(()) => at += line.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, StoreError::Io { source, .. } if source.kind() == ErrorKind::FileTooLarge), "{error}");
    assert!(error.to_string().contains("cannot append to journal"), "{error}");
    // The part of the line that found room was cut off again.
    assert_eq!(store.len(&run).await.unwrap(), at);
    assert!(store.append(&lease, at, line.clone().into()).await.is_err());
    store.append(&lease, at, "short\n".into()).await.unwrap();
    store.truncate(&lease, 0).await.unwrap();
    store.append(&lease, 0, line.into()).await.unwrap();
    store.save("key", "short".into(), true).await.unwrap();
    assert!(store.save("key", vec![b'x'; 100_000].into(), true).await.is_err());
    assert_eq!(store.load("key").await.unwrap(), Some("short".into()));
    assert_eq!(CheckpointStore::list(store, "").await.unwrap(), ["key"]);
    println!("DONE {at}");
}

/// Does everything that leaves something half done when it is killed.
async fn churn(store: &FileStore) {
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
        store.save("runs/c/value/x", vec![b'x'; 100_000].into(), false).await.unwrap();
        store.save("state/p/default", vec![b'y'; 100_000].into(), false).await.unwrap();
        drop(store.acquire(&run, &driver("churn"), true).await.unwrap());
        drop(lease);
        JournalStore::delete(store, &run).await.unwrap();
    }
}

fn home() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), Durability::Process).unwrap();
    (folder, store)
}

#[test]
fn a_killed_driver_frees_its_run() {
    let (folder, store) = home();
    let run = run_id("r");
    let mut fence = 0;
    for _ in 0..10 {
        let mut other = Other::start("append", folder.path());
        let theirs: u64 = other.wait_for("READY").parse().unwrap();
        assert!(theirs > fence);
        other.wait_for("AT");
        block_on(async {
            let refused = store.acquire(&run, &driver("we"), false).await;
            assert!(matches!(refused, Err(StoreError::Held { owner, .. }) if owner.pid == other.child.id()));
            assert!(matches!(JournalStore::delete(&store, &run).await, Err(StoreError::Held { .. })));
            assert_eq!(store.owner(&run).await.unwrap().unwrap().pid, other.child.id());
        });
        let at: u64 = other.wait_for("AT").parse().unwrap();
        other.child.kill().unwrap();
        other.child.wait().unwrap();
        block_on(async {
            assert_eq!(store.owner(&run).await.unwrap(), None);
            assert!(store.len(&run).await.unwrap() >= at, "an append that was acknowledged is gone");
            let lease = store.acquire(&run, &driver("we"), false).await.unwrap();
            assert!(lease.fence > theirs);
            fence = lease.fence;
        });
    }
}

#[test]
fn a_driver_that_hangs_is_fenced_out() {
    for _ in 0..25 {
        let (folder, store) = home();
        let run = run_id("r");
        let mut other = Other::start("append", folder.path());
        other.wait_for("AT");
        // Stopped anywhere, often between its look at the lease and the end of its write.
        other.stop();
        let (len, lease) = block_on(async {
            let lease = store.acquire(&run, &driver("we"), true).await.unwrap();
            assert!(lease.fence > 1);
            let len = store.len(&run).await.unwrap();
            store.append(&lease, len, "ours\n".into()).await.unwrap();
            (len, lease)
        });
        other.signal(Signal::CONT);
        let theirs: u64 = other.wait_for("FENCED").parse().unwrap();
        // Everything that they were told is written is there; the append that was refused may be.
        assert!(theirs <= len, "they have written up to {theirs}, we went on at {len}");
        block_on(async {
            store.append(&lease, len + 5, "and ours\n".into()).await.unwrap();
            let journal = store.read(&run, 0, u64::MAX).await.unwrap();
            assert!(journal.ends_with(b"ours\nand ours\n") && journal.len() as u64 == len + 14);
            let whole = journal[..len as usize].split_inclusive(|b| *b == b'\n');
            assert!(whole.enumerate().all(|(i, line)| line.starts_with(format!("line {i} ").as_bytes())));
            assert_eq!(store.owner(&run).await.unwrap(), Some(driver("we")));
        });
    }
}

#[test]
fn a_write_without_room_leaves_nothing() {
    let (folder, store) = home();
    let mut other = Other::start("limited", folder.path());
    let at: u64 = other.wait_for("DONE").parse().unwrap();
    assert!(at > 10_000);
    assert_eq!(block_on(store.len(&run_id("r"))).unwrap(), 2200);
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 2, "a half-written file is left");
}

#[test]
fn fences_are_given_once() {
    let (folder, store) = home();
    block_on(async { drop(store.create(&run_id("r"), &driver("we")).await.unwrap()) });
    let mut others: Vec<_> = (0..3).map(|_| Other::start("race", folder.path())).collect();
    let mut fences = Vec::new();
    for other in &mut others {
        let mut last = 0;
        for line in other.says.by_ref() {
            let line = line.unwrap();
            if let Some(fence) = line.strip_prefix("FENCE ") {
                let fence: u64 = fence.parse().unwrap();
                assert!(fence > last);
                last = fence;
                fences.push(fence);
            } else if line == "DONE" {
                break;
            }
        }
    }
    assert!(fences.len() > 150);
    let count = fences.len();
    fences.sort_unstable();
    fences.dedup();
    assert_eq!(fences.len(), count, "a fence was given twice");
    let journal = block_on(store.read(&run_id("r"), 0, u64::MAX)).unwrap();
    let written: Vec<u64> =
        String::from_utf8(journal.into()).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert!(written.is_sorted_by(|a, b| a < b), "an older driver wrote after a newer one");
}

#[test]
fn a_crash_anywhere_leaves_a_usable_store() {
    let (folder, store) = home();
    for round in 0..40u64 {
        let mut other = Other::start("churn", folder.path());
        other.wait_for("READY");
        std::thread::sleep(Duration::from_micros(500 + round * 137));
        other.child.kill().unwrap();
        other.child.wait().unwrap();
        block_on(async {
            for file in JournalStore::list(&store).await.unwrap() {
                assert_eq!(file.run, run_id("c"));
                let lease = store.acquire(&file.run, &driver("we"), false).await.unwrap();
                let journal = store.read(&file.run, 0, 100).await.unwrap();
                assert!(journal.is_empty() || journal == "line\n", "{journal:?}");
                store.append(&lease, file.len, "ours\n".into()).await.unwrap();
                for message in store.messages(&file.run).await.unwrap() {
                    assert_eq!(message.body, "message");
                    store.acknowledge(&lease, &message.id).await.unwrap();
                }
                drop(lease);
                JournalStore::delete(&store, &file.run).await.unwrap();
            }
            for key in CheckpointStore::list(&store, "").await.unwrap() {
                assert_eq!(store.load(&key).await.unwrap().unwrap().len(), 100_000, "{key}");
            }
        });
    }
    store.sweep(Duration::ZERO).unwrap();
    let aside = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().as_encoded_bytes().starts_with(b"~")).count()
    };
    assert_eq!(aside(folder.path()) + aside(&folder.path().join("runs")) + aside(&folder.path().join("state/p")), 0);
}
