//! Leases: one driver at a time, and fences that only grow.

use futures::future::join_all;
use store::{JournalStore, Lease, StoreError};

use crate::{Fixture, driver, run_id};

fn is_fenced<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Fenced { run, .. }) if *run == run_id("r"))
}

/// Through the same handle and through another.
pub async fn a_second_driver_is_refused_and_told_who_drives(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let first = store.create(&run, &driver("first")).await.unwrap();
    for _ in 0..2 {
        for handle in [&*store, store.other()] {
            let refused = handle.acquire(&run, &driver("second"), false).await.map(drop);
            let Err(error @ StoreError::Held { .. }) = &refused else { panic!("{refused:?}") };
            assert!(error.can_retry());
            assert!(error.to_string().contains("driven by first (process"), "{error}");
            assert!(matches!(error, StoreError::Held { owner, .. } if **owner == driver("first")));
            assert_eq!(handle.owner(&run).await.unwrap(), Some(driver("first")));
        }
    }
    store.append(&first, 0, "still mine\n".into()).await.unwrap();
}

/// Without any call.
pub async fn a_dropped_lease_frees_the_run(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    store.sync(&lease).await.unwrap();
    drop(lease);
    assert_eq!(store.other().owner(&run).await.unwrap(), None);
    let lease = store.other().acquire(&run, &driver("b"), false).await.unwrap();
    assert_eq!(store.owner(&run).await.unwrap(), Some(driver("b")));
    drop(lease);
    assert_eq!(store.owner(&run).await.unwrap(), None);
}

/// A lease ends with its last clone.
pub async fn a_clone_keeps_the_lease(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    let clone = lease.clone();
    drop(lease);
    let refused = store.other().acquire(&run, &driver("b"), false).await;
    assert!(matches!(refused, Err(StoreError::Held { .. })));
    store.append(&clone, 0, "one\n".into()).await.unwrap();
    drop(clone);
    store.other().acquire(&run, &driver("b"), false).await.unwrap();
}

/// With every lease, whichever way it is taken.
pub async fn fences_grow(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let mut lease: Lease = store.create(&run, &driver("a")).await.unwrap();
    let mut fence = lease.fence;
    for i in 0..20 {
        if i % 3 == 0 {
            lease = store.acquire(&run, &driver("b"), true).await.unwrap();
        } else {
            drop(lease);
            lease = store.other().acquire(&run, &driver("b"), false).await.unwrap();
        }
        assert!(lease.fence > fence, "{} after {fence}", lease.fence);
        fence = lease.fence;
    }
}

/// Whatever the old driver tries changes nothing.
pub async fn a_take_over_fences_the_old_driver_out(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let old = store.create(&run, &driver("old")).await.unwrap();
    store.append(&old, 0, "one\n".into()).await.unwrap();
    store.post(&run, "hello".into()).await.unwrap();
    let message = store.messages(&run).await.unwrap().remove(0);
    let new = store.other().acquire(&run, &driver("new"), true).await.unwrap();
    assert_eq!(store.owner(&run).await.unwrap(), Some(driver("new")));
    for _ in 0..2 {
        assert!(is_fenced(&store.append(&old, 4, "two\n".into()).await));
        assert!(is_fenced(&store.sync(&old).await));
        assert!(is_fenced(&store.truncate(&old, 0).await));
        assert!(is_fenced(&store.acknowledge(&old, &message.id).await));
    }
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n");
    assert_eq!(store.messages(&run).await.unwrap(), [message]);
    store.other().append(&new, 4, "2\n".into()).await.unwrap();
    store.other().sync(&new).await.unwrap();
    // At the position where the old driver would be right, too.
    assert!(is_fenced(&store.append(&old, 6, "two\n".into()).await));
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n2\n");
}

/// Nobody has to be there to be taken over.
pub async fn a_take_over_of_a_free_run(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    drop(store.create(&run, &driver("a")).await.unwrap());
    let lease = store.acquire(&run, &driver("b"), true).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    assert_eq!(store.other().owner(&run).await.unwrap(), Some(driver("b")));
}

/// A driver that learns late that it has lost the run drops its lease; the new one stays.
pub async fn the_old_lease_does_not_free_the_new_one(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let old = store.create(&run, &driver("old")).await.unwrap();
    let new = store.other().acquire(&run, &driver("new"), true).await.unwrap();
    drop(old);
    assert_eq!(store.owner(&run).await.unwrap(), Some(driver("new")));
    let third = store.acquire(&run, &driver("third"), false).await;
    assert!(matches!(third, Err(StoreError::Held { .. })));
    store.other().append(&new, 0, "one\n".into()).await.unwrap();
}

/// Eight at once, again and again.
pub async fn one_of_many_drivers_gets_the_lease(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    drop(store.create(&run, &driver("a")).await.unwrap());
    let mut fence = 1;
    for _ in 0..10 {
        let mut leases = Vec::new();
        let tries = (0..8).map(|i| {
            let handle = if i % 2 == 0 { &*store } else { store.other() };
            async { handle.acquire(&run_id("r"), &driver("b"), false).await }
        });
        for result in join_all(tries).await {
            match result {
                Ok(lease) => leases.push(lease),
                Err(StoreError::Held { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(leases.len(), 1);
        assert!(leases[0].fence > fence);
        fence = leases[0].fence;
    }
}

/// Each gets a fence of its own; only the last can append.
pub async fn take_overs_at_once_have_different_fences(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    drop(store.create(&run, &driver("a")).await.unwrap());
    let taken = join_all((0..8).map(|i| {
        let handle = if i % 2 == 0 { &*store } else { store.other() };
        async { handle.acquire(&run_id("r"), &driver("b"), true).await.unwrap() }
    }));
    let mut leases = taken.await;
    leases.sort_by_key(|lease| lease.fence);
    assert!(leases.windows(2).all(|pair| pair[0].fence < pair[1].fence));
    let last = leases.pop().unwrap();
    for lease in &leases {
        assert!(is_fenced(&store.append(lease, 0, "no\n".into()).await));
    }
    store.append(&last, 0, "yes\n".into()).await.unwrap();
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "yes\n");
}

/// What the old driver was told is written is there; the one append that was refused may be.
pub async fn a_take_over_in_the_middle_of_appends_loses_none(store: Fixture<impl JournalStore>) {
    for round in 0..10 {
        let run = run_id(&format!("r{round}"));
        let old = store.create(&run, &driver("old")).await.unwrap();
        let (sender, mut ready) = tokio::sync::watch::channel(0u64);
        let appending = async {
            for i in 0.. {
                match store.append(&old, i * 2, "o\n".into()).await {
                    Ok(()) => sender.send_replace(i),
                    Err(StoreError::Fenced { .. }) => return i,
                    Err(error) => panic!("{error}"),
                };
                tokio::task::yield_now().await;
            }
            unreachable!()
        };
        let taking = async {
            ready.wait_for(|i| *i > 20 * round).await.unwrap();
            let new = store.other().acquire(&run, &driver("new"), true).await.unwrap();
            let len = store.other().len(&run).await.unwrap();
            store.other().append(&new, len, "n\n".into()).await.unwrap();
            len
        };
        let (acknowledged, len) = futures::join!(appending, taking);
        assert!(len == acknowledged * 2 || len == acknowledged * 2 + 2, "{acknowledged} appends, {len} bytes");
        let expected = "o\n".repeat(len as usize / 2) + "n\n";
        assert_eq!(store.read(&run, 0, u64::MAX).await.unwrap(), expected);
    }
}

/// A mistake of the caller, not a crash.
pub async fn another_stores_lease_is_refused(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    let strange = Lease { handle: std::sync::Arc::new(()), ..lease.clone() };
    assert!(is_fenced(&store.append(&strange, 0, "one\n".into()).await));
    assert!(is_fenced(&store.sync(&strange).await));
    assert!(is_fenced(&store.truncate(&strange, 0).await));
    assert!(is_fenced(&store.acknowledge(&strange, "x").await));
    store.append(&lease, 0, "one\n".into()).await.unwrap();
}

/// Though the fence begins anew, and may be the same.
pub async fn a_lease_of_a_deleted_run_says_nothing_to_the_next(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let old = store.create(&run, &driver("old")).await.unwrap();
    drop(store.acquire(&run, &driver("b"), true).await.unwrap());
    store.other().delete(&run).await.unwrap();
    assert!(is_fenced(&store.append(&old, 0, "one\n".into()).await));
    let new = store.other().create(&run, &driver("c")).await.unwrap();
    assert_eq!(new.fence, old.fence);
    assert!(is_fenced(&store.append(&old, 0, "one\n".into()).await));
    assert!(is_fenced(&store.truncate(&old, 0).await));
    store.other().append(&new, 0, "1\n".into()).await.unwrap();
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "1\n");
}

/// Until its driver is gone.
pub async fn a_driven_run_is_not_deleted(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    for handle in [&*store, store.other()] {
        let refused = handle.delete(&run).await;
        assert!(matches!(refused, Err(StoreError::Held { owner, .. }) if *owner == driver("a")));
    }
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n");
    drop(lease);
    store.delete(&run).await.unwrap();
}
