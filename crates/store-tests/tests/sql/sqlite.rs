//! What may happen to a SQLite file.

use std::{fs, path::Path, time::Duration};

use bytes::Bytes;
use store::{CheckpointStore, Clock, Durability, JournalStore, SaveOptions, SqliteStore, StoreError};
use store_tests::{block_on, driver, run_id};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Durability::Disk).unwrap()
}

#[test]
fn many_may_make_it_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let store = open(path);
                    block_on(async { drop(store.create(&run_id(&format!("r{i}")), &driver("a")).await.unwrap()) });
                });
            }
        });
        assert_eq!(block_on(JournalStore::list(&open(&path))).unwrap().len(), 8);
    }
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let refused = |text: &str| {
        let before = fs::read(&path).unwrap();
        let error = SqliteStore::open(&path, Durability::Disk).err().unwrap();
        assert!(error.to_string().contains(text) && error.to_string().contains("db"), "{error}");
        assert!(!error.can_retry());
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    fs::write(&path, "this is a letter, not a database: ".repeat(200)).unwrap();
    refused("not a database");
    fs::remove_file(&path).unwrap();
    drop(open(&path));
    let good = fs::read(&path).unwrap();
    // Where the file's header says whose it is, and which form its tables have.
    for (at, text) in [(68, "another program"), (60, "newer release")] {
        let mut changed = good.clone();
        changed[at + 3] = changed[at + 3].wrapping_add(1);
        fs::write(&path, changed).unwrap();
        refused(text);
    }
    fs::write(&path, &good).unwrap();
    drop(open(&path));
    // Nothing can be made there.
    let error = SqliteStore::open(Path::new("/proc/self/db"), Durability::Disk).err().unwrap();
    assert!(error.to_string().contains("/proc/self/db"), "{error}");
}

#[test]
fn the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("db"));
    let _lease = block_on(store.create(&run_id("r"), &driver("a"))).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["db", "db-drivers", "db-shm", "db-wal"]);
}

/// What was synced is there, whatever a power cut leaves of what came later.
#[test]
fn a_power_cut_takes_only_what_was_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cut) = (folder.path().join("db"), folder.path().join("cut"));
    let store = open(&path);
    let run = run_id("r");
    let log = |path: &Path| path.with_file_name(format!("{}-wal", path.file_name().unwrap().to_str().unwrap()));
    block_on(async {
        let lease = store.create(&run, &driver("a")).await.unwrap();
        let (mut at, mut expected, mut synced) = (0, String::new(), (0, 0));
        for round in 0..20u64 {
            for i in 0..5 {
                let line = format!("{round} {i} {}\n", "x".repeat((round * 37 + i * 911) as usize % 5000));
                store.append(&lease, at, line.clone().into()).await.unwrap();
                at += line.len() as u64;
                expected += &line;
                if i == 2 {
                    store.sync(&lease).await.unwrap();
                    synced = (at, fs::metadata(log(&path)).unwrap().len() as usize);
                }
            }
            let (main, whole) = (fs::read(&path).unwrap(), fs::read(log(&path)).unwrap());
            // SQLite writes the log from front to back; its end is what may be missing.
            for share in 0..4 {
                let from = synced.1 + (whole.len() - synced.1) * share / 4;
                fs::write(&cut, &main).unwrap();
                let mut left = whole[..from].to_vec();
                left.resize(from + 4096 * share, 0);
                fs::write(log(&cut), &left).unwrap();
                let after = open(&cut);
                let journal = after.read(&run, 0, u64::MAX).await.unwrap();
                assert!(expected.as_bytes().starts_with(&journal), "round {round}");
                assert!(journal.is_empty() || journal.ends_with(b"\n"), "half an append");
                assert!(journal.len() as u64 >= synced.0, "round {round}: {} of {}", journal.len(), synced.0);
                drop(after);
                for name in ["cut", "cut-wal", "cut-shm"] {
                    let _ = fs::remove_file(folder.path().join(name));
                }
            }
        }
    });
}

#[test]
fn expired_keys_are_removed() {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let time = Arc::new(AtomicU64::new(1000));
    let now = time.clone();
    let clock = Clock::new(move || now.load(Ordering::Relaxed));
    let store = SqliteStore::open_with(&path, Durability::Process, clock.clone()).unwrap();
    let long: Bytes = vec![7; 3_000_000].into();
    block_on(async {
        let how = SaveOptions { ttl: Some(Duration::from_millis(500)), ..SaveOptions::default() };
        store.save_with("a/b", long.clone(), how).await.unwrap();
        for (at, there) in [(1499, true), (1500, false)] {
            time.store(at, Ordering::Relaxed);
            assert_eq!(store.load("a/b").await.unwrap().is_some(), there);
            assert_eq!(CheckpointStore::list(&store, "").await.unwrap().len(), usize::from(there));
        }
    });
    drop(store);
    // Opening removes it for good: even a clock that goes back finds nothing.
    drop(SqliteStore::open_with(&path, Durability::Process, clock).unwrap());
    let early = SqliteStore::open_with(&path, Durability::Process, Clock::new(|| 0)).unwrap();
    assert_eq!(block_on(early.load("a/b")).unwrap(), None);
}

#[test]
fn a_lease_outlives_its_store_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let other = open(&path);
    block_on(async {
        let store = open(&path);
        let lease = store.create(&run_id("r"), &driver("a")).await.unwrap();
        drop(store);
        let refused = other.acquire(&run_id("r"), &driver("b"), false).await;
        assert!(matches!(refused, Err(StoreError::Held { .. })));
        // Any handle of the same file may use it.
        other.append(&lease, 0, "x\n".into()).await.unwrap();
        drop(lease);
        other.acquire(&run_id("r"), &driver("b"), false).await.unwrap();
    });
}

#[test]
fn a_hundred_megabytes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("db"));
    super::hundred_megabytes(&store);
    let log = folder.path().join("db-wal");
    block_on(store.save("small", "x".into(), true)).unwrap();
    assert!(fs::metadata(log).unwrap().len() < 70 << 20, "the log stays long");
}
