//! Copying between stores, and checking them.

use bytes::Bytes;
use run::{
    Hash,
    entry::{Body, Entry},
    journal::{Chain, encode},
};
use store::{
    Durability, MemoryStore, StoreError, StoreUrl, Stores,
    check::{RunCheck, check},
    copy::{CopyError, copy},
};
use store_tests::{block_on, driver, run_id};

use super::{fresh_schema, server_url};

async fn open(url: &str) -> Stores {
    url.parse::<StoreUrl>().unwrap().open(Durability::Process).await.unwrap()
}

/// Lines as the executor writes them, under fence `fence`.
fn journal(count: u64, fence: u64) -> Bytes {
    let (mut chain, mut bytes) = (Chain::default(), Vec::new());
    for ts in 0..count {
        let body = Body::Cancel { reason: "x".repeat(ts as usize % 700) };
        encode(&Entry { ts, fence, body }, &mut chain, &mut bytes);
    }
    bytes.into()
}

/// Runs with blobs, messages and fences, and keys of other kinds.
async fn fill(stores: &Stores) {
    let (store, keep) = (stores.journals().unwrap(), &stores.checkpoints);
    for i in 0..6u64 {
        let run = run_id(&format!("r{i}"));
        let mut lease = store.create(&run, &driver("a")).await.unwrap();
        for _ in 0..i * 2 {
            drop(lease);
            lease = store.acquire(&run, &driver("a"), false).await.unwrap();
        }
        store.append(&lease, 0, journal(i * 1000, lease.fence)).await.unwrap();
        for n in 0..i {
            let value = Bytes::from(vec![n as u8; 100_000]);
            keep.save(&format!("runs/{run}/value/{}", Hash::of(&value)), value, true).await.unwrap();
            store.post(&run, format!("message {n}").into()).await.unwrap();
        }
    }
    keep.save("runs/unborn/x", "x".into(), true).await.unwrap();
    for code in ["code", "other code"] {
        keep.save(&format!("code/{}", Hash::of(code.as_bytes())), code.into(), true).await.unwrap();
    }
}

/// Everything there is to see.
async fn content(stores: &Stores) -> Vec<String> {
    let (store, keep) = (stores.journals().unwrap(), &stores.checkpoints);
    let mut seen = Vec::new();
    for file in store.list().await.unwrap() {
        let journal = store.read(&file.run, 0, u64::MAX).await.unwrap();
        let bodies: Vec<_> = store.messages(&file.run).await.unwrap().into_iter().map(|m| m.body).collect();
        seen.push(format!("{} {} {} {bodies:?}", file.run, file.len, Hash::of(&journal)));
    }
    for key in keep.list("").await.unwrap() {
        seen.push(format!("{key} {}", Hash::of(&keep.load(&key).await.unwrap().unwrap())));
    }
    seen.sort();
    seen
}

async fn checked(stores: &Stores) -> (Vec<RunCheck>, u64) {
    let mut runs = Vec::new();
    let sum = check(stores, |run| runs.push(run.clone())).await.unwrap();
    runs.sort_by(|a, b| a.run.cmp(&b.run));
    (runs, sum.bad_runs + sum.bad_keys.len() as u64)
}

#[test]
fn everything_goes_from_store_to_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    block_on(async {
        let first = open(&format!("file:{}", path("files"))).await;
        fill(&first).await;
        let expected = content(&first).await;
        assert_eq!(expected.len(), 6 + 15 + 3);
        // What else lies in a home is not the store's.
        for beside in ["quicksave.toml", "state/p/default"] {
            first.checkpoints.save(beside, "x".into(), true).await.unwrap();
        }
        let mut from = first;
        let others = [
            format!("sqlite:{}", path("db")),
            format!("{}?schema={}", server_url(), fresh_schema().schema),
            "memory:".into(),
            format!("file:{}", path("back")),
        ];
        for url in others {
            let to = open(&url).await;
            let mut last = None;
            let copied = copy(&from, &to, &driver("copy"), |progress| last = Some(progress.clone())).await.unwrap();
            assert!(copied.failed.is_empty(), "{:?}", copied.failed);
            assert_eq!(last.as_ref(), Some(&copied.progress));
            assert_eq!((copied.progress.runs_done, copied.progress.keys_done), (6, 3));
            assert_eq!(content(&to).await, expected, "{url}");
            let (runs, bad) = checked(&to).await;
            assert_eq!((runs.len(), bad), (6, 0), "{runs:?}");
            assert_eq!(runs.iter().map(|run| run.lines).collect::<Vec<_>>(), [0, 1000, 2000, 3000, 4000, 5000]);
            // The next driver's fence is not below those in the journal.
            let lease = to.journals().unwrap().acquire(&run_id("r5"), &driver("a"), false).await.unwrap();
            assert!(lease.fence > 11, "{}", lease.fence);
            drop(lease);
            // Again: everything is found.
            let again = copy(&from, &to, &driver("copy"), |_| {}).await.unwrap();
            assert!(again.failed.is_empty() && again.progress.bytes == 0, "{again:?}");
            from = to;
        }
    });
}

#[test]
fn a_copy_goes_on_and_touches_nothing_that_differs() {
    block_on(async {
        let (from, to) = (open("memory:").await, open("memory:").await);
        fill(&from).await;
        let expected = content(&from).await;
        let there = to.journals().unwrap();
        // The half of a journal, as an interrupted copy leaves it.
        let whole = from.journals().unwrap().read(&run_id("r3"), 0, u64::MAX).await.unwrap();
        let lease = there.create(&run_id("r3"), &driver("copy")).await.unwrap();
        there.append(&lease, 0, whole.slice(..whole.len() / 2)).await.unwrap();
        drop(lease);
        // Another run of the same name; a run that is driven there; one that is driven here.
        let other = there.create(&run_id("r1"), &driver("x")).await.unwrap();
        there.append(&other, 0, "another\n".into()).await.unwrap();
        drop(other);
        let driven = there.create(&run_id("r2"), &driver("x")).await.unwrap();
        let driving = from.journals().unwrap().acquire(&run_id("r4"), &driver("y"), false).await.unwrap();
        to.checkpoints.save("runs/unborn/x", "mine".into(), true).await.unwrap();
        let copied = copy(&from, &to, &driver("copy"), |_| {}).await.unwrap();
        let mut failed: Vec<_> = copied.failed.iter().map(|(name, error)| (name.as_str(), error)).collect();
        failed.sort_by_key(|(name, _)| *name);
        let [("run r1", a), ("run r2", b), ("run r4", c), ("runs/unborn/x", d)] = failed[..] else {
            panic!("{failed:?}")
        };
        assert!(matches!((a, d), (CopyError::Differs(_), CopyError::Differs(_))), "{a} {d}");
        for held in [b, c] {
            assert!(matches!(held, CopyError::Store(StoreError::Held { .. })), "{held}");
        }
        assert_eq!(there.read(&run_id("r1"), 0, 100).await.unwrap(), "another\n");
        assert_eq!(there.read(&run_id("r3"), 0, u64::MAX).await.unwrap(), whole);
        // What was in the way is gone.
        drop((driven, driving));
        there.delete(&run_id("r1")).await.unwrap();
        to.checkpoints.delete("runs/unborn/x").await.unwrap();
        let copied = copy(&from, &to, &driver("copy"), |_| {}).await.unwrap();
        assert!(copied.failed.is_empty(), "{:?}", copied.failed);
        assert_eq!(content(&to).await, expected);
    });
}

#[test]
fn damage_is_found() {
    block_on(async {
        let stores = open("memory:").await;
        fill(&stores).await;
        let (store, keep) = (stores.journals().unwrap(), &stores.checkpoints);
        let run = run_id("r4");
        let good = store.read(&run, 0, u64::MAX).await.unwrap();
        let lease = store.acquire(&run, &driver("a"), false).await.unwrap();
        // A torn end is no damage.
        store.append(&lease, good.len() as u64, "{\"t\":\"ca".into()).await.unwrap();
        let (runs, bad) = checked(&stores).await;
        assert_eq!((bad, runs[4].torn, runs[4].lines, runs[4].len), (0, 8, 4000, good.len() as u64 + 8));
        let mut damaged = good.to_vec();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        store.truncate(&lease, 0).await.unwrap();
        store.append(&lease, 0, damaged.into()).await.unwrap();
        let value = keep.list("runs/r2/value/").await.unwrap().remove(0);
        keep.save(&value, "other bytes".into(), true).await.unwrap();
        keep.save(&format!("code/{}", Hash::of(b"code")), "other".into(), true).await.unwrap();
        let (runs, bad) = checked(&stores).await;
        assert_eq!(bad, 3);
        let damage = runs[4].damage.as_deref().unwrap();
        assert!(damage.starts_with("line "), "{damage}");
        assert!(runs[4].lines > 1500 && runs[4].lines < 3500);
        assert_eq!(runs[2].bad_blobs.len(), 1);
        assert_eq!(runs[2].bad_blobs[0].0, value);
        assert!(runs.iter().enumerate().all(|(i, run)| run.is_good() != [2, 4].contains(&i)));
    });
}

#[test]
fn stores_of_checkpoints_hold_no_runs() {
    block_on(async {
        let from = open("memory:").await;
        let to = Stores {
            name: "redis:".into(),
            journals: None,
            checkpoints: std::sync::Arc::new(MemoryStore::new()),
            is_folder: false,
        };
        from.checkpoints.save("a/b", "x".into(), true).await.unwrap();
        assert_eq!(copy(&from, &to, &driver("copy"), |_| {}).await.unwrap().progress.keys_done, 1);
        drop(from.journals().unwrap().create(&run_id("r"), &driver("a")).await.unwrap());
        let refused = copy(&from, &to, &driver("copy"), |_| {}).await.unwrap_err();
        assert!(refused.to_string().contains("checkpoints only"), "{refused}");
        assert_eq!(to.checkpoints.load("a/b").await.unwrap(), Some("x".into()));
    });
}
