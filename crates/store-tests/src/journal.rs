//! Journals: made, appended to, read, listed, deleted.

use bytes::Bytes;
use futures::future::join_all;
use store::{JournalStore, StoreError};

use crate::{Fixture, driver, run_id};

/// `create` makes a journal without content, under fence 1.
pub async fn a_new_journal_is_empty(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    assert_eq!((lease.run.clone(), lease.fence), (run.clone(), 1));
    for store in [&*store, store.other()] {
        assert_eq!(store.len(&run).await.unwrap(), 0);
        assert_eq!(store.read(&run, 0, 100).await.unwrap(), "");
        assert_eq!(store.list().await.unwrap().len(), 1);
        assert_eq!(store.messages(&run).await.unwrap(), []);
    }
    store.sync(&lease).await.unwrap();
}

/// A second `create` is refused, whether or not somebody drives the run.
pub async fn a_run_is_made_once(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "a\n".into()).await.unwrap();
    for lease in [Some(lease), None] {
        let again = store.other().create(&run, &driver("b")).await;
        assert!(matches!(again, Err(StoreError::Exists(id)) if id == run));
        drop(lease);
    }
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "a\n");
    let racers = join_all((0..8).map(|_| async { store.create(&run_id("s"), &driver("c")).await })).await;
    assert_eq!(racers.iter().filter(|made| made.is_ok()).count(), 1);
}

/// Every call names the run that is not there, and makes none.
pub async fn an_unknown_run_is_not_found(store: Fixture<impl JournalStore>) {
    fn gone<T>(result: Result<T, StoreError>) {
        assert!(matches!(result, Err(StoreError::NotFound(id)) if id == run_id("nobody")));
    }
    let run = run_id("nobody");
    gone(store.acquire(&run, &driver("a"), false).await);
    gone(store.acquire(&run, &driver("a"), true).await);
    gone(store.owner(&run).await);
    gone(store.read(&run, 0, 1).await);
    gone(store.len(&run).await);
    gone(store.delete(&run).await);
    gone(store.post(&run, "hello".into()).await);
    assert_eq!(store.messages(&run).await.unwrap(), []);
    assert_eq!(store.list().await.unwrap(), []);
    // Nothing that the calls did stands in its way.
    assert_eq!(store.create(&run, &driver("a")).await.unwrap().fence, 1);
}

/// Positions count bytes from 0; a read gives what is there.
pub async fn appends_are_read_back_by_position(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    store.append(&lease, 4, "two\nthree\n".into()).await.unwrap();
    store.append(&lease, 14, Bytes::new()).await.unwrap();
    store.sync(&lease).await.unwrap();
    store.sync(&lease).await.unwrap();
    let reads = [
        (0, u64::MAX, "one\ntwo\nthree\n"),
        (0, 3, "one"),
        (4, 4, "two\n"),
        (13, 5, "\n"),
        (14, 5, ""),
        (15, 5, ""),
        (u64::MAX, u64::MAX, ""),
        (3, 0, ""),
    ];
    for store in [&*store, store.other()] {
        assert_eq!(store.len(&run).await.unwrap(), 14);
        for (from, max, expected) in reads {
            assert_eq!(store.read(&run, from, max).await.unwrap(), expected, "{max} bytes from {from}");
        }
    }
    drop(lease);
    let lease = store.other().acquire(&run, &driver("b"), false).await.unwrap();
    store.other().append(&lease, 14, "four\n".into()).await.unwrap();
    assert_eq!(store.read(&run, 14, 100).await.unwrap(), "four\n");
}

/// A journal is bytes, not text.
pub async fn any_bytes_are_kept(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    let bytes: Bytes = (0..=255).chain([0, 0, 10, 13, 10]).collect();
    store.append(&lease, 0, bytes.clone()).await.unwrap();
    assert_eq!(store.other().read(&run, 0, 1000).await.unwrap(), bytes);
}

/// Whoever is wrong about the journal's end does not know what is in it.
pub async fn an_append_elsewhere_than_at_the_end_is_refused(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    for at in [0, 3, 5, u64::MAX] {
        let refused = store.append(&lease, at, "two\n".into()).await;
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    }
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n");
    store.append(&lease, 4, "two\n".into()).await.unwrap();
}

/// Some megabytes at once.
pub async fn long_appends_and_reads(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    let long: Bytes = (0..5_000_001u32).map(|i| (i % 251) as u8).collect();
    store.append(&lease, 0, long.clone()).await.unwrap();
    store.append(&lease, long.len() as u64, "end\n".into()).await.unwrap();
    store.sync(&lease).await.unwrap();
    assert!(store.read(&run, 0, long.len() as u64).await.unwrap() == long);
    assert!(store.read(&run, 1_234_567, 2_000_000).await.unwrap() == long[1_234_567..3_234_567]);
    assert_eq!(store.read(&run, 5_000_001, 100).await.unwrap(), "end\n");
}

/// `truncate` cuts off, and never makes a journal longer.
pub async fn a_torn_tail_is_cut_off(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\ntwo\nthr".into()).await.unwrap();
    let refused = store.truncate(&lease, 12).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    store.truncate(&lease, 11).await.unwrap();
    store.truncate(&lease, 8).await.unwrap();
    store.sync(&lease).await.unwrap();
    assert_eq!(store.other().read(&run, 0, 100).await.unwrap(), "one\ntwo\n");
    store.append(&lease, 8, "more\n".into()).await.unwrap();
    assert_eq!(store.other().read(&run, 0, 100).await.unwrap(), "one\ntwo\nmore\n");
    store.truncate(&lease, 0).await.unwrap();
    assert_eq!(store.len(&run).await.unwrap(), 0);
}

/// Every journal once, with its length, and a version that changes when the journal does, and only then.
pub async fn a_listing_shows_every_journal_and_its_changes(store: Fixture<impl JournalStore>) {
    assert_eq!(store.list().await.unwrap(), []);
    let mut leases = Vec::new();
    for i in 0..20 {
        let lease = store.create(&run_id(&format!("r{i:02}")), &driver("a")).await.unwrap();
        store.append(&lease, 0, vec![b'x'; i].into()).await.unwrap();
        leases.push(lease);
    }
    let listed = async || {
        let mut runs = store.other().list().await.unwrap();
        runs.sort_by(|a, b| a.run.cmp(&b.run));
        runs
    };
    let first = listed().await;
    assert_eq!(first.len(), 20);
    for (i, run) in first.iter().enumerate() {
        assert_eq!((run.run.as_str(), run.len), (format!("r{i:02}").as_str(), i as u64));
    }
    assert_eq!(listed().await, first);
    let mut seen = vec![first[7].version];
    for at in 7..12 {
        store.append(&leases[7], at, "y".into()).await.unwrap();
        let now = listed().await;
        assert!(!seen.contains(&now[7].version), "a change does not show");
        seen.push(now[7].version);
        assert_eq!((&now[6], &now[8]), (&first[6], &first[8]));
    }
}

/// Neither content nor messages nor the fence of a deleted run reach a new one of the same name.
pub async fn a_deleted_run_leaves_nothing(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    for _ in 0..3 {
        let lease = store.create(&run, &driver("a")).await.unwrap();
        assert_eq!(lease.fence, 1);
        assert_eq!(store.len(&run).await.unwrap(), 0);
        assert_eq!(store.messages(&run).await.unwrap(), []);
        store.append(&lease, 0, "one\n".into()).await.unwrap();
        drop(lease);
        let lease = store.acquire(&run, &driver("b"), false).await.unwrap();
        store.post(&run, "hello".into()).await.unwrap();
        drop(lease);
        store.other().delete(&run).await.unwrap();
        assert_eq!(store.list().await.unwrap(), []);
        assert_eq!(store.messages(&run).await.unwrap(), []);
        for gone in [store.len(&run).await.map(drop), store.delete(&run).await, store.owner(&run).await.map(drop)] {
            assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
        }
    }
}

/// Hostile ids cannot be made (`RunId` refuses them); the odd ones that can are runs of their own.
pub async fn ids_of_every_form_are_different_runs(store: Fixture<impl JournalStore>) {
    let long = "a".repeat(run::id::MAX_RUN_ID);
    let ids = ["-", "_", "--help", "0", "a", "A", "jsonl", "CON", "runs", "lease", "20260306_0ha4u8k3x9q2", &long];
    for id in ids {
        let lease = store.create(&run_id(id), &driver(id)).await.unwrap();
        store.append(&lease, 0, Bytes::copy_from_slice(id.as_bytes())).await.unwrap();
        store.post(&run_id(id), "hello".into()).await.unwrap();
    }
    let mut listed: Vec<_> = store.list().await.unwrap().into_iter().map(|run| run.run.to_string()).collect();
    listed.sort();
    let mut expected: Vec<_> = ids.into_iter().map(str::to_owned).collect();
    expected.sort();
    assert_eq!(listed, expected);
    for id in ids {
        assert_eq!(store.read(&run_id(id), 0, 1000).await.unwrap(), id.as_bytes());
        store.delete(&run_id(id)).await.unwrap();
    }
    assert_eq!(store.list().await.unwrap(), []);
}

/// Concurrent appends under one lease cannot overwrite each other.
pub async fn one_of_many_appends_at_one_place_wins(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    for round in 0..20u64 {
        let tries = join_all((0..8).map(|i| {
            let append = store.append(&lease, round * 2, format!("{i}\n").into());
            tokio::spawn(append)
        }));
        let results: Vec<_> = tries.await.into_iter().map(|done| done.unwrap()).collect();
        let won: Vec<_> = results.iter().enumerate().filter(|(_, done)| done.is_ok()).map(|(i, _)| i).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        assert_eq!(store.read(&run, round * 2, 10).await.unwrap(), format!("{}\n", won[0]));
    }
}

/// Many runs, each appended to and synced by its own driver, at the same time.
pub async fn many_runs_at_once(store: Fixture<impl JournalStore>) {
    let runs: Vec<_> = (0..24).map(|i| run_id(&format!("r{i}"))).collect();
    let store = &store;
    join_all(runs.iter().map(|run| async move {
        let lease = store.create(run, &driver("a")).await.unwrap();
        let mut at = 0;
        for i in 0..20 {
            let line = format!("{run} {i}\n");
            store.append(&lease, at, line.clone().into()).await.unwrap();
            at += line.len() as u64;
            store.sync(&lease).await.unwrap();
        }
    }))
    .await;
    for run in &runs {
        let expected: String = (0..20).map(|i| format!("{run} {i}\n")).collect();
        assert_eq!(store.other().read(run, 0, 10_000).await.unwrap(), expected);
    }
}

/// Reading while another appends gives a prefix of what was appended.
pub async fn a_reader_never_sees_what_was_not_written(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    let line: Bytes = "0123456789abcdef\n".repeat(200).into();
    let write = async {
        for i in 0..100 {
            store.append(&lease, i * line.len() as u64, line.clone()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        for _ in 0..100 {
            let seen = store.other().read(&run, 0, u64::MAX).await.unwrap();
            assert!(seen.chunks(17).all(|chunk| b"0123456789abcdef\n".starts_with(chunk)));
            tokio::task::yield_now().await;
        }
    };
    futures::join!(write, read);
}
