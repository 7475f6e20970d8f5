//! The store that fails on purpose: it fails where it should, and only there.

use std::{io::ErrorKind, time::Duration};

use run::RunId;
use store::{CheckpointStore, Durability, FileStore, JournalStore, Lease, MemoryStore, StoreError};
use store_tests::{Death, Fault, Faulty, Fixture, Plan, block_on, driver, run_id};

async fn faultless() -> Fixture<Faulty<MemoryStore>> {
    let store = Faulty::new(MemoryStore::new(), Plan::new(0));
    Fixture::new(store.clone()).with_other(store)
}

store_tests::journal_suite!(faultless_journal, faultless);
store_tests::checkpoint_suite!(faultless_checkpoints, faultless);
store_tests::both_suite!(faultless_both, faultless);

fn io_kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    match result {
        Err(StoreError::Io { source, what }) => {
            assert!(what.contains("seed"), "{what}");
            Some(source.kind())
        }
        _ => None,
    }
}

async fn start(store: &Faulty<impl JournalStore>) -> (RunId, Lease) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    store.sync(&lease).await.unwrap();
    (run, lease)
}

#[test]
fn single_faults() {
    block_on(async {
        let plan = Plan::new(1)
            .at_write(3, Fault::Refuse(ErrorKind::PermissionDenied))
            .at_write(4, Fault::LoseReply)
            .at_write(5, Fault::Delay(Duration::from_millis(20)))
            .at_write(6, Fault::Tear)
            .at_sync(2, Fault::Refuse(ErrorKind::Other));
        let store = Faulty::new(MemoryStore::new(), plan);
        let (run, lease) = start(&store).await;
        assert_eq!(io_kind(store.append(&lease, 4, "two\n".into()).await), Some(ErrorKind::PermissionDenied));
        assert_eq!(store.len(&run).await.unwrap(), 4);
        assert_eq!(io_kind(store.append(&lease, 4, "two\n".into()).await), Some(ErrorKind::Other));
        assert_eq!(store.len(&run).await.unwrap(), 8);
        let before = std::time::Instant::now();
        store.append(&lease, 8, "three\n".into()).await.unwrap();
        assert!(before.elapsed() >= Duration::from_millis(20));
        let long = "a long line of which a part is written\n".repeat(1000);
        assert_eq!(io_kind(store.append(&lease, 14, long.clone().into()).await), Some(ErrorKind::Other));
        let len = store.len(&run).await.unwrap();
        assert!(14 < len && len < 14 + long.len() as u64, "{len}");
        assert_eq!(io_kind(store.sync(&lease).await), Some(ErrorKind::Other));
        store.sync(&lease).await.unwrap();
        let counts = store.counts();
        assert_eq!((counts.writes, counts.syncs, counts.failed), (6, 3, 4));
        store.truncate(&lease, 14).await.unwrap();
        store.append(&lease, 14, "four\n".into()).await.unwrap();
    });
}

#[test]
fn a_full_disk_until_it_is_freed() {
    block_on(async {
        let store = Faulty::new(MemoryStore::new(), Plan::new(1).at_write(3, Fault::Full));
        let (run, lease) = start(&store).await;
        for _ in 0..3 {
            assert_eq!(io_kind(store.append(&lease, 4, "two\n".into()).await), Some(ErrorKind::StorageFull));
            assert_eq!(io_kind(store.save("k", "x".into(), true).await), Some(ErrorKind::StorageFull));
            assert_eq!(io_kind(store.post(&run, "x".into()).await), Some(ErrorKind::StorageFull));
            assert_eq!(io_kind(store.create(&run_id("s"), &driver("a")).await), Some(ErrorKind::StorageFull));
        }
        store.truncate(&lease, 4).await.unwrap();
        store.sync(&lease).await.unwrap();
        assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n");
        store.free();
        store.append(&lease, 4, "two\n".into()).await.unwrap();
        store.fill();
        assert_eq!(io_kind(store.append(&lease, 8, "x\n".into()).await), Some(ErrorKind::StorageFull));
    });
}

async fn dies<S: JournalStore + CheckpointStore>(inner: S, death: Death, seed: u64) {
    let store = Faulty::new(inner, Plan::new(seed).at_write(8, Fault::Die(death)));
    let (run, lease) = start(&store).await;
    store.save("durable", "1".into(), true).await.unwrap();
    store.save("durable", "2".into(), false).await.unwrap();
    store.save("volatile", "1".into(), false).await.unwrap();
    let unsynced = store.create(&run_id("unsynced"), &driver("a")).await.unwrap();
    store.append(&lease, 4, "two\n".into()).await.unwrap();
    // The eighth write.
    assert!(io_kind(store.append(&lease, 8, "three\n".into()).await).is_some());
    assert!(store.is_dead());
    let dead = [
        store.append(&lease, 8, "x\n".into()).await,
        store.sync(&lease).await,
        store.len(&run).await.map(drop),
        store.load("durable").await.map(drop),
        store.save("k", "x".into(), true).await,
        store.append(&unsynced, 0, "x\n".into()).await,
        store.acquire(&run, &driver("b"), true).await.map(drop),
    ];
    assert!(dead.into_iter().all(|result| io_kind(result) == Some(ErrorKind::Other)));

    let again = store.reopen(Plan::new(seed)).await.unwrap();
    let journal = again.read(&run, 0, 100).await.unwrap();
    let value = again.load("durable").await.unwrap().unwrap();
    match death {
        Death::Process => {
            assert!(journal.starts_with(b"one\ntwo\n") && b"one\ntwo\nthree\n".starts_with(&journal));
            assert_eq!(value, "2");
            assert_eq!(again.load("volatile").await.unwrap(), Some("1".into()));
            assert_eq!(again.len(&run_id("unsynced")).await.unwrap(), 0);
        }
        Death::PowerCut => {
            assert_eq!(journal, "one\n");
            assert_eq!(value, "1");
            assert_eq!(again.load("volatile").await.unwrap(), None);
            assert!(matches!(again.len(&run_id("unsynced")).await, Err(StoreError::NotFound(_))));
        }
    }
    // The dead process's lease is free, though it is still held here, and the next one is newer.
    let new = again.acquire(&run, &driver("b"), false).await.unwrap();
    assert!(new.fence > lease.fence);
    assert!(again.append(&lease, journal.len() as u64, "x\n".into()).await.is_err());
    again.append(&new, journal.len() as u64, "four\n".into()).await.unwrap();
}

#[test]
fn death_leaves_what_it_should() {
    for seed in 0..12 {
        for death in [Death::Process, Death::PowerCut] {
            block_on(dies(MemoryStore::new(), death, seed));
            let folder = tempfile::tempdir().unwrap();
            block_on(dies(FileStore::open(folder.path(), Durability::Process).unwrap(), death, seed));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let play = |seed| {
        block_on(async {
            let store = Faulty::new(MemoryStore::new(), Plan::random(seed, 60, 15));
            let mut answers = Vec::new();
            let run = run_id("r");
            let mut lease = store.create(&run, &driver("a")).await.ok();
            for i in 0..60 {
                if lease.is_none() {
                    lease = store.acquire(&run, &driver("a"), true).await.ok();
                }
                if let Some(lease) = &lease {
                    let at = store.len(&run).await.unwrap_or(0);
                    let done = store.append(lease, at, format!("line {i}\n").into()).await;
                    answers.push(format!("{:?}", done.map_err(|error| error.to_string())));
                }
            }
            (answers, store.counts(), store.inner().len(&run).await.unwrap_or(0))
        })
    };
    let mut different = std::collections::HashSet::new();
    for seed in 0..20 {
        let first = play(seed);
        assert_eq!(first, play(seed), "seed {seed}");
        different.insert(format!("{first:?}"));
    }
    assert!(different.len() > 10);
}
