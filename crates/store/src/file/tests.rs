//! What only files have: names and modes on the disk, links, full and read-only disks, leftovers.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use super::*;
use crate::{CheckpointStore, SaveOptions};

fn home() -> (TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), Durability::Disk).unwrap();
    (folder, store)
}

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn owner() -> Owner {
    Owner { host: "h".into(), pid: 7, what: "quicksave run".into(), since: 1 }
}

/// Without a runtime on purpose: the store works there too.
fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// Every file and folder below `folder`, with its mode.
fn tree(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o777;
            names.push(format!("{} {mode:o}", path.strip_prefix(folder).unwrap().display()));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    names.sort();
    names
}

#[test]
fn the_layout_is_the_documented_one() {
    let (folder, store) = home();
    assert_eq!(tree(folder.path()), Vec::<String>::new());
    let lease = wait(store.create(&id("r1"), &owner())).unwrap();
    wait(store.append(&lease, 0, "{\"t\":\"start\"}\n".into())).unwrap();
    wait(store.sync(&lease)).unwrap();
    assert_eq!(tree(folder.path()), ["runs 700", "runs/r1.jsonl 600"]);
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(text("runs/r1.jsonl"), "{\"t\":\"start\"}\n");
    wait(store.save("runs/r1/value/ab", "x".into(), true)).unwrap();
    wait(store.save("code/cd", "x".into(), true)).unwrap();
    wait(store.post(&id("r1"), "x".into())).unwrap();
    drop(wait(store.acquire(&id("r1"), &owner(), true)).unwrap());
    let tree = tree(folder.path());
    let expected = [
        "code 700",
        "code/cd 600",
        "runs 700",
        "runs/r1.d 700",
        "runs/r1.d/blobs 700",
        "runs/r1.d/blobs/value 700",
        "runs/r1.d/blobs/value/ab 600",
        "runs/r1.d/inbox 700",
        "runs/r1.d/inbox/*",
        "runs/r1.d/lease 600",
        "runs/r1.jsonl 600",
    ];
    assert_eq!(tree.len(), expected.len(), "{tree:?}");
    for (found, expected) in tree.iter().zip(expected) {
        assert!(expected.strip_suffix('*').map_or(found == expected, |start| found.starts_with(start)), "{found}");
    }
    let lease_file = r#"{"fence":2,"host":"h","pid":7,"what":"quicksave run","since":1,"disk":true}"#;
    assert_eq!(text("runs/r1.d/lease"), format!("{lease_file}\n"));
    assert_eq!(text("runs/r1.jsonl"), "{\"t\":\"start\"}\n");
}

#[test]
fn logs_of_others_are_listed_driven_and_deleted() {
    let (folder, store) = home();
    let runs = folder.path().join("runs");
    std::fs::create_dir(&runs).unwrap();
    std::fs::write(runs.join("run_lr1x2_ab12cd.jsonl"), "{\"t\":\"start\"}\n").unwrap();
    for other in ["notes.txt", "a.b.jsonl", ".jsonl", "r.jsonl.bak", "~1-2-3.jsonl"] {
        std::fs::write(runs.join(other), "x").unwrap();
    }
    std::fs::create_dir(runs.join("folder.jsonl")).unwrap();
    let listed = wait(JournalStore::list(&store)).unwrap();
    assert_eq!(listed.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["run_lr1x2_ab12cd"]);
    let run = id("run_lr1x2_ab12cd");
    assert_eq!(wait(store.owner(&run)).unwrap(), None);
    assert!(!runs.join("run_lr1x2_ab12cd.d").exists(), "looking makes nothing");
    let lease = wait(store.acquire(&run, &owner(), false)).unwrap();
    wait(store.append(&lease, 14, "{\"t\":\"resume\"}\n".into())).unwrap();
    drop(lease);
    wait(JournalStore::delete(&store, &run)).unwrap();
    assert!(!runs.join("run_lr1x2_ab12cd.d").exists());
    assert_eq!(std::fs::read_dir(&runs).unwrap().count(), 6);
}

#[test]
fn links_are_not_followed() {
    let (folder, store) = home();
    let (runs, secret) = (folder.path().join("runs"), folder.path().join("secret"));
    std::fs::create_dir(&runs).unwrap();
    std::fs::write(&secret, "secret\n").unwrap();
    symlink(&secret, runs.join("r.jsonl")).unwrap();
    assert_eq!(wait(JournalStore::list(&store)).unwrap(), []);
    let run = id("r");
    let refused = wait(store.read(&run, 0, 100)).unwrap_err().to_string();
    assert!(refused.contains("symbolic link") && refused.contains("r.jsonl"), "{refused}");
    assert!(wait(store.acquire(&run, &owner(), true)).is_err());
    assert!(matches!(wait(store.create(&run, &owner())), Err(StoreError::Exists(_))));
    // The link goes, not what it leads to.
    wait(JournalStore::delete(&store, &run)).unwrap();
    // Nor are links to folders and lease files.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, runs.join("s.d")).unwrap();
    assert!(wait(store.create(&id("s"), &owner())).is_err());
    assert!(!runs.join("s.jsonl").exists());
    drop(wait(store.create(&id("t"), &owner())).unwrap());
    std::fs::create_dir(runs.join("t.d")).unwrap();
    symlink(&secret, runs.join("t.d/lease")).unwrap();
    assert!(wait(store.acquire(&id("t"), &owner(), false)).is_err());
    symlink(&secret, folder.path().join("key")).unwrap();
    assert!(wait(store.load("key")).is_err());
    assert!(!wait(CheckpointStore::list(&store, "")).unwrap().contains(&"key".to_owned()));
    wait(store.save("key", "new".into(), false)).unwrap();
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret\n");
}

#[test]
fn a_pipe_does_not_hang() {
    let (folder, store) = home();
    let runs = folder.path().join("runs");
    std::fs::create_dir(&runs).unwrap();
    use rustix::fs::{CWD, Mode};
    rustix::fs::mkfifoat(CWD, runs.join("r.jsonl"), Mode::RUSR | Mode::WUSR).unwrap();
    assert!(wait(store.read(&id("r"), 0, 100)).is_err());
    assert!(wait(store.acquire(&id("r"), &owner(), false)).is_err());
    assert_eq!(wait(JournalStore::list(&store)).unwrap(), []);
}

#[test]
fn lost_lease_files_are_read_as_the_first() {
    let (folder, store) = home();
    for (i, content) in ["", "{", "null", "\0\0\0\0", "{\"fence\":-1}"].into_iter().enumerate() {
        let run = id(&format!("r{i}"));
        drop(wait(store.create(&run, &owner())).unwrap());
        assert_eq!(wait(store.acquire(&run, &owner(), false)).unwrap().fence, 2);
        let path = folder.path().join(format!("runs/{run}.d/lease"));
        std::fs::write(&path, content).unwrap();
        assert_eq!(wait(store.acquire(&run, &owner(), false)).unwrap().fence, 2, "{content:?}");
        // A power cut took it away, or the folder with it.
        std::fs::remove_file(&path).unwrap();
        assert_eq!(wait(store.acquire(&run, &owner(), false)).unwrap().fence, 2);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert_eq!(wait(store.acquire(&run, &owner(), false)).unwrap().fence, 2);
    }
}

#[test]
fn a_second_link_to_the_journal_does_not_keep_a_driver_in() {
    let (folder, store) = home();
    let lease = wait(store.create(&id("r"), &owner())).unwrap();
    std::fs::hard_link(folder.path().join("runs/r.jsonl"), folder.path().join("backup")).unwrap();
    let _new = wait(store.acquire(&id("r"), &owner(), true)).unwrap();
    let refused = wait(store.append(&lease, 0, "x\n".into()));
    assert!(matches!(refused, Err(StoreError::Fenced { .. })));
}

#[test]
fn a_take_over_that_was_cut_short_is_finished_by_the_next_lease() {
    let (folder, store) = home();
    let old = wait(store.create(&id("r"), &owner())).unwrap();
    wait(store.append(&old, 0, "one\n".into())).unwrap();
    // What a taker leaves that dies after it has marked the journal.
    let journal = folder.path().join("runs/r.jsonl");
    disk::seal(&std::fs::File::open(&journal).unwrap()).unwrap();
    disk::make_folder(&folder.path().join("runs/r.d")).unwrap();
    std::fs::write(folder.path().join("runs/r.d/journal.new"), "on").unwrap();
    for _ in 0..2 {
        let refused = wait(store.append(&old, 4, "two\n".into()));
        assert!(matches!(refused, Err(StoreError::Fenced { .. })));
    }
    drop(old);
    let new = wait(store.acquire(&id("r"), &owner(), false)).unwrap();
    assert_eq!(tree(folder.path()), ["runs 700", "runs/r.d 700", "runs/r.d/lease 600", "runs/r.jsonl 600"]);
    wait(store.append(&new, 4, "2\n".into())).unwrap();
    assert_eq!(wait(store.read(&id("r"), 0, 100)).unwrap(), "one\n2\n");
}

#[test]
fn the_first_driver_is_named_where_attributes_are_missing_too() {
    let (folder, store) = home();
    let run = id("r");
    let lease = wait(store.create(&run, &owner())).unwrap();
    let journal = std::fs::File::open(folder.path().join("runs/r.jsonl")).unwrap();
    rustix::fs::fremovexattr(&journal, "user.quicksave.owner").unwrap();
    assert_eq!(wait(store.owner(&run)).unwrap().unwrap().what, "an unknown process");
    // What `create` writes in place of the attribute.
    let written = r#"{"fence":1,"host":"h","pid":7,"what":"quicksave run","since":1,"disk":false}"#;
    std::fs::create_dir(folder.path().join("runs/r.d")).unwrap();
    std::fs::write(folder.path().join("runs/r.d/lease"), written).unwrap();
    assert_eq!(wait(store.owner(&run)).unwrap(), Some(owner()));
    drop(lease);
    assert_eq!(wait(store.acquire(&run, &owner(), false)).unwrap().fence, 2);
}

#[test]
fn a_removed_journal_stops_its_driver() {
    let (folder, store) = home();
    let lease = wait(store.create(&id("r"), &owner())).unwrap();
    std::fs::remove_dir_all(folder.path().join("runs")).unwrap();
    assert!(matches!(wait(store.append(&lease, 0, "x\n".into())), Err(StoreError::Fenced { .. })));
    drop(lease);
    // And the store makes its folders again.
    wait(store.create(&id("r"), &owner())).unwrap();
}

#[test]
fn the_rest_of_a_deletion_does_not_reach_the_next_run() {
    let (folder, store) = home();
    drop(wait(store.create(&id("r"), &owner())).unwrap());
    drop(wait(store.acquire(&id("r"), &owner(), false)).unwrap());
    wait(store.post(&id("r"), "old".into())).unwrap();
    std::fs::remove_file(folder.path().join("runs/r.jsonl")).unwrap();
    let lease = wait(store.create(&id("r"), &owner())).unwrap();
    assert_eq!(lease.fence, 1);
    assert_eq!(wait(store.messages(&id("r"))).unwrap(), []);
    drop(lease);
    std::fs::remove_file(folder.path().join("runs/r.jsonl")).unwrap();
    assert!(matches!(wait(JournalStore::delete(&store, &id("r"))), Err(StoreError::NotFound(_))));
    assert_eq!(tree(folder.path()), ["runs 700"]);
}

#[test]
fn leftovers_are_swept_and_nothing_else() {
    let (folder, store) = home();
    drop(wait(store.create(&id("r"), &owner())).unwrap());
    wait(store.save("state/p/default", "x".into(), false)).unwrap();
    let before = tree(folder.path());
    let left = ["runs/~12-0-abcdef01", "state/p/~9-1-00000000"];
    for name in left {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    std::fs::create_dir_all(folder.path().join("runs/~13-0-abcdef01/blobs")).unwrap();
    assert_eq!(wait(CheckpointStore::list(&store, "")).unwrap(), ["state/p/default"]);
    assert_eq!(wait(JournalStore::list(&store)).unwrap().len(), 1);
    assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), 0);
    std::fs::write(folder.path().join("runs/~mine"), "x").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(store.sweep(Duration::ZERO).unwrap(), 3);
    std::fs::remove_file(folder.path().join("runs/~mine")).unwrap();
    assert_eq!(tree(folder.path()), before);
}

#[test]
fn a_home_that_cannot_be_used_is_named() {
    let (folder, _) = home();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = FileStore::open(&file, Durability::Disk).unwrap_err().to_string();
    assert!(error.contains("file as home"), "{error}");
    // As on a read-only disk, for root too: nothing can be made in a folder of /proc.
    let store = FileStore::open(Path::new("/proc/self"), Durability::Disk).unwrap();
    let errors = [
        wait(store.create(&id("r"), &owner())).map(drop).unwrap_err().to_string(),
        wait(store.save("k", "x".into(), true)).unwrap_err().to_string(),
    ];
    assert!(errors[0].contains("cannot make folder /proc/self/runs: "), "{errors:?}");
    assert!(errors[1].contains("cannot save /proc/self/k: "), "{errors:?}");
    assert_eq!(wait(JournalStore::list(&store)).unwrap(), []);
}

#[test]
fn a_key_that_is_a_folder_is_no_value() {
    let (_folder, store) = home();
    wait(store.save("a/b", "x".into(), true)).unwrap();
    assert_eq!(wait(store.load("a")).unwrap(), None);
    assert_eq!(wait(store.load("a/b/c")).unwrap(), None);
    for key in ["a", "a/b/c"] {
        let error = wait(store.save(key, "x".into(), true)).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
    }
    assert_eq!(wait(CheckpointStore::list(&store, "")).unwrap(), ["a/b"]);
}

#[test]
fn expired_keys_are_gone_and_swept() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let (folder, store) = home();
    let time = Arc::new(AtomicU64::new(1000));
    let now = time.clone();
    let store = store.with_clock(Clock::new(move || now.load(Ordering::Relaxed)));
    let how = SaveOptions { ttl: Some(Duration::from_millis(500)), ..SaveOptions::default() };
    wait(store.save_with("a/b", "x".into(), how)).unwrap();
    for (at, there) in [(1499, true), (1500, false)] {
        time.store(at, Ordering::Relaxed);
        assert_eq!(wait(store.load("a/b")).unwrap().is_some(), there);
        assert_eq!(wait(CheckpointStore::list(&store, "")).unwrap().len(), usize::from(there));
        assert!(folder.path().join("a/b").exists());
        assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), u64::from(!there));
    }
    assert!(!folder.path().join("a/b").exists());
}
