//! Checkpoint stores: saves under a condition, and times to live.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use store::{CheckpointStore, Expect, SaveOptions, StoreError, Version};

use crate::Fixture;

fn expecting(expect: Expect) -> SaveOptions {
    SaveOptions { expect, durable: false, ttl: None }
}

fn is_conflict<T>(result: &Result<T, StoreError>, version: Option<&Version>) -> bool {
    matches!(result, Err(StoreError::Conflict { key, found }) if key == "k/e/y" && found.as_ref() == version)
}

/// The version that a save gives back is the one that is loaded, until other bytes are there.
pub async fn a_version_names_the_bytes(store: Fixture<impl CheckpointStore>) {
    assert_eq!(store.load_versioned("k/e/y").await.unwrap(), None);
    let mut seen = Vec::new();
    for bytes in ["one", "", "two", "longer than the others"] {
        let version = store.save_with("k/e/y", bytes.into(), SaveOptions::default()).await.unwrap();
        assert!(!seen.contains(&version));
        for handle in [&*store, store.other()] {
            assert_eq!(handle.load_versioned("k/e/y").await.unwrap(), Some((bytes.into(), version.clone())));
        }
        seen.push(version);
    }
    store.save("k/e/y", "plain".into(), false).await.unwrap();
    let (bytes, version) = store.other().load_versioned("k/e/y").await.unwrap().unwrap();
    assert!(bytes == "plain" && !seen.contains(&version));
    store.delete("k/e/y").await.unwrap();
    assert_eq!(store.other().load_versioned("k/e/y").await.unwrap(), None);
}

/// Whoever has not seen the newest bytes changes nothing, and learns what is there.
pub async fn a_stale_writer_is_refused(store: Fixture<impl CheckpointStore>) {
    let save = async |handle: &_, bytes: &'static str, expect| {
        CheckpointStore::save_with(handle, "k/e/y", bytes.into(), expecting(expect)).await
    };
    let first = save(&*store, "one", Expect::Absent).await.unwrap();
    let second = save(store.other(), "two", Expect::Version(first.clone())).await.unwrap();
    for handle in [&*store, store.other()] {
        for expect in [Expect::Version(first.clone()), Expect::Version(Version::new("never seen")), Expect::Absent] {
            let refused = save(handle, "late", expect).await;
            assert!(is_conflict(&refused, Some(&second)), "{refused:?}");
            assert!(refused.is_err_and(|error| !error.can_retry() && error.to_string().contains("k/e/y")));
        }
    }
    assert_eq!(store.load("k/e/y").await.unwrap(), Some("two".into()));
    let third = save(&*store, "three", Expect::Version(second)).await.unwrap();
    let fourth = save(&*store, "four", Expect::Anything).await.unwrap();
    assert!(is_conflict(&save(&*store, "late", Expect::Version(third)).await, Some(&fourth)));
    store.delete("k/e/y").await.unwrap();
    assert!(is_conflict(&save(&*store, "late", Expect::Version(fourth)).await, None));
    save(store.other(), "five", Expect::Absent).await.unwrap();
    assert_eq!(store.list("").await.unwrap(), ["k/e/y"]);
}

/// Eight at once; the others are refused, and what the winner wrote is there.
pub async fn one_of_many_writers_wins(store: Fixture<impl CheckpointStore>) {
    let mut expect = Expect::Absent;
    for round in 0..10 {
        let tries = (0..8).map(|i| {
            let (handle, expect) = (if i % 2 == 0 { &*store } else { store.other() }, expect.clone());
            async move { handle.save_with("k/e/y", format!("{round} {i}").into(), expecting(expect)).await }
        });
        let mut won = Vec::new();
        for (i, done) in join_all(tries).await.into_iter().enumerate() {
            match done {
                Ok(version) => won.push((i, version)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(won.len(), 1);
        let (i, version) = won.remove(0);
        let found = store.load_versioned("k/e/y").await.unwrap();
        assert_eq!(found, Some((format!("{round} {i}").into(), version.clone())));
        expect = Expect::Version(version);
    }
}

/// Load, add, save if nothing has changed; again if it has.
pub async fn no_update_is_lost(store: Fixture<impl CheckpointStore>) {
    join_all((0..6).map(|i| {
        let handle = if i % 2 == 0 { &*store } else { store.other() };
        async move {
            for _ in 0..5 {
                loop {
                    let found = handle.load_versioned("k/e/y").await.unwrap();
                    let (count, expect) = match &found {
                        None => (0, Expect::Absent),
                        Some((bytes, version)) => (bytes.len(), Expect::Version(version.clone())),
                    };
                    let more = Bytes::from(vec![b'x'; count + 1]);
                    match handle.save_with("k/e/y", more, expecting(expect)).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => tokio::time::sleep(Duration::from_millis(i)).await,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    }))
    .await;
    assert_eq!(store.load("k/e/y").await.unwrap().unwrap().len(), 30);
}

/// As if it was deleted; other keys stay, and so do saves without a time to live.
pub async fn a_key_lives_as_long_as_it_is_told_to(store: Fixture<impl CheckpointStore>) {
    let living = |time| SaveOptions { ttl: Some(time), ..SaveOptions::default() };
    let short = Duration::from_millis(1500);
    store.save_with("t/long", "x".into(), living(Duration::from_secs(3600))).await.unwrap();
    store.save_with("t/plain", "x".into(), living(short)).await.unwrap();
    store.save("t/plain", "x".into(), true).await.unwrap();
    store.save_with("t/renewed", "x".into(), living(short)).await.unwrap();
    store.save_with("t/renewed", "x".into(), SaveOptions::default()).await.unwrap();
    let version = store.save_with("t/short", "x".into(), living(short)).await.unwrap();
    assert_eq!(store.other().load("t/short").await.unwrap(), Some("x".into()));
    assert_eq!(store.other().list("t/s").await.unwrap(), ["t/short"]);
    let start = Instant::now();
    while store.other().load("t/short").await.unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "the key is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A store may count in whole seconds, but never shortens the time.
    assert!(start.elapsed() > Duration::from_millis(1000), "{:?}", start.elapsed());
    assert_eq!(store.load_versioned("t/short").await.unwrap(), None);
    assert_eq!(store.list("t/").await.unwrap(), ["t/long", "t/plain", "t/renewed"]);
    let late = store.save_with("t/short", "y".into(), expecting(Expect::Version(version))).await;
    assert!(matches!(late, Err(StoreError::Conflict { found: None, .. })), "{late:?}");
    store.save_with("t/short", "y".into(), expecting(Expect::Absent)).await.unwrap();
    assert_eq!(store.load("t/short").await.unwrap(), Some("y".into()));
}
