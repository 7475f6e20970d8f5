//! S3.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures::future::join_all;
use store::{
    CheckpointStore, Clock, Expect, SaveOptions, StoreError,
    s3::{S3Credentials, S3Options, S3Store},
};
use store_tests::{
    Fixture, block_on,
    servers::s3::{KEY_ID, S3Server, SECRET},
};

use crate::{assert_failed, noise, proxy::Proxy};

/// On the service of these tests, or on the one whose address `QUICKSAVE_TEST_S3` names (with the bucket and the key of
/// these tests): below a prefix of its own, so the longest keys do not fit there.
async fn s3() -> Fixture<S3Store> {
    if let Ok(endpoint) = std::env::var("QUICKSAVE_TEST_S3") {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let options = S3Options { endpoint: Some(endpoint), prefix, ..S3Server::options_by(0) };
        let open = || S3Store::open(options.clone()).unwrap();
        return Fixture::new(open()).with_other(open());
    }
    let server = S3Server::start();
    Fixture::new(server.store()).with_other(server.store()).keeping(server)
}

store_tests::checkpoint_suite!(s3_suite, s3);

fn impatient(port: u16) -> S3Options {
    S3Options {
        patience: Duration::from_millis(600),
        answer_timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_millis(400),
        ..S3Server::options_by(port)
    }
}

#[test]
fn nothing_is_lost_when_the_service_stops_and_comes_back() {
    block_on(async {
        let mut server = S3Server::start();
        let store = server.store();
        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                for i in 0..200 {
                    store.save(&format!("k/{i}"), noise(2000, i), true).await.unwrap();
                }
            }
        });
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            server.stop();
            tokio::time::sleep(Duration::from_millis(60)).await;
            server.go();
        }
        writer.await.unwrap();
        for i in 0..200 {
            assert_eq!(store.load(&format!("k/{i}")).await.unwrap(), Some(noise(2000, i)));
        }
        server.stop();
        let hasty = S3Store::open(impatient(server.port())).unwrap();
        assert_failed(hasty.load("k/1").await, true, &[KEY_ID, SECRET, "Signature"]);
        assert_failed(hasty.save("k/1", "x".into(), true).await, true, &[KEY_ID, SECRET, "Signature"]);
        assert_failed(hasty.list("").await, true, &[KEY_ID, SECRET, "Signature"]);
        assert_failed(hasty.delete("k/1").await, true, &[KEY_ID, SECRET, "Signature"]);
        server.go();
        assert_eq!(hasty.load("k/1").await.unwrap(), Some(noise(2000, 1)));
    });
}

#[test]
fn a_service_that_asks_for_patience_gets_it() {
    block_on(async {
        let server = S3Server::start();
        let store = server.store();
        server.objects().slow_downs.store(4, SeqCst);
        store.save("k", "x".into(), true).await.unwrap();
        assert_eq!(server.objects().slow_downs.load(SeqCst), 0);
        server.objects().slow_downs.store(u64::MAX, SeqCst);
        let hasty = S3Store::open(impatient(server.port())).unwrap();
        let error = assert_failed(hasty.load("k").await, true, &[KEY_ID, SECRET]);
        assert!(error.contains("SlowDown"), "{error}");
    });
}

#[test]
fn a_slow_way_is_waited_for_but_not_for_ever() {
    block_on(async {
        let server = S3Server::start();
        let proxy = Proxy::to(server.port()).await;
        let store = S3Store::open(S3Server::options_by(proxy.port())).unwrap();
        store.save("k", "x".into(), true).await.unwrap();
        proxy.delay(Duration::from_millis(700));
        assert_eq!(store.load("k").await.unwrap(), Some("x".into()));
        let hasty = S3Store::open(impatient(proxy.port())).unwrap();
        assert_failed(hasty.load("k").await, true, &["Signature"]);
    });
}

#[test]
fn cut_connections_are_made_again() {
    block_on(async {
        let server = S3Server::start();
        let proxy = Proxy::to(server.port()).await;
        let store = S3Store::open(S3Server::options_by(proxy.port())).unwrap();
        let writers = (0..4).map(|w| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..60 {
                    store.save(&format!("w{w}/{i}"), noise(3000, i), true).await.unwrap();
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(15)).await;
            proxy.cut();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for w in 0..4 {
            for i in 0..60 {
                assert_eq!(store.load(&format!("w{w}/{i}")).await.unwrap(), Some(noise(3000, i)));
            }
        }
        assert!(proxy.connections() > 8, "nothing was cut");
    });
}

/// The save was done, its answer was lost: the same save again is no conflict.
#[test]
fn a_lost_answer_does_not_make_a_writer_conflict_with_itself() {
    block_on(async {
        let server = S3Server::start();
        let proxy = Proxy::to(server.port()).await;
        let store = S3Store::open(S3Server::options_by(proxy.port())).unwrap();
        // The conditions are tried by now.
        store
            .save_with("other", "x".into(), SaveOptions { expect: Expect::Absent, ..Default::default() })
            .await
            .unwrap();
        let mut expect = Expect::Absent;
        for (round, len) in [10, 10, 40_000_000, 10].into_iter().enumerate() {
            proxy.lose_answers(1);
            let how = SaveOptions { expect, ..SaveOptions::default() };
            let version = store.save_with("k", noise(len, round as u64), how).await.unwrap();
            assert_eq!(proxy.losses(), 0);
            assert_eq!(server.store().load_versioned("k").await.unwrap().unwrap().1, version);
            assert!(server.store().load("k").await.unwrap() == Some(noise(len, round as u64)));
            expect = Expect::Version(version);
        }
    });
}

#[test]
fn a_long_value_goes_in_parts() {
    block_on(async {
        let server = S3Server::start();
        let proxy = Proxy::to(server.port()).await;
        let store = S3Store::open(S3Server::options_by(proxy.port())).unwrap();
        let long = noise(100_000_000, 1);
        let saving = tokio::spawn({
            let (store, long) = (store.clone(), long.clone());
            async move { store.save("long", long, true).await }
        });
        // In the middle of it.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            proxy.cut();
        }
        saving.await.unwrap().unwrap();
        assert!(store.load("long").await.unwrap() == Some(long));
        assert_eq!(server.objects().uploads(), 0);
        let stale = SaveOptions { expect: Expect::Absent, ..SaveOptions::default() };
        let refused = store.save_with("long", noise(20_000_000, 2), stale).await;
        assert!(matches!(refused, Err(StoreError::Conflict { found: Some(_), .. })), "{refused:?}");
        assert_eq!(server.objects().uploads(), 0, "a refused upload is removed");
    });
}

#[test]
fn many_keys() {
    block_on(async {
        let server = S3Server::start();
        let store = S3Store::open(S3Options { prefix: "a/b".into(), ..S3Server::options_by(server.port()) }).unwrap();
        join_all((0..16).map(|w| {
            let store = store.clone();
            async move {
                for i in (w..10_000).step_by(16) {
                    store.save(&format!("runs/r{}/value/{i}", i % 100), format!("{i}").into(), false).await.unwrap();
                }
            }
        }))
        .await;
        server.store().save("elsewhere", "x".into(), true).await.unwrap();
        assert_eq!(store.list("").await.unwrap().len(), 10_000);
        let keys = store.list("runs/r7/").await.unwrap();
        assert_eq!(keys.len(), 100);
        assert_eq!(store.load(&keys[3]).await.unwrap(), Some(keys[3].rsplit('/').next().unwrap().to_owned().into()));
        assert!(server.objects().names().iter().all(|name| name.starts_with("a/b/runs/") || name == "elsewhere"));
    });
}

#[test]
fn a_service_that_heeds_no_conditions_is_not_trusted_with_them() {
    block_on(async {
        let server = S3Server::start();
        server.objects().heedless.store(1, SeqCst);
        let store = server.store();
        for expect in [Expect::Absent, Expect::Version(store::Version::new("\"x\""))] {
            let how = SaveOptions { expect, ..SaveOptions::default() };
            let error = assert_failed(store.save_with("k", "x".into(), how).await, false, &[]);
            assert!(error.contains("does not heed conditions"), "{error}");
        }
        store.save("k", "x".into(), true).await.unwrap();
        assert_eq!(store.list("").await.unwrap(), ["k"]);
    });
}

#[test]
fn a_value_may_look_like_an_error() {
    block_on(async {
        let server = S3Server::start();
        let store = server.store();
        let value = "<Error><Code>NoSuchKey</Code><Message>x</Message></Error>";
        store.save("k", value.into(), true).await.unwrap();
        assert_eq!(store.load("k").await.unwrap(), Some(value.into()));
    });
}

#[test]
fn damage_is_seen() {
    block_on(async {
        let server = S3Server::start();
        let store = server.store();
        store.save("k", noise(5000, 1), true).await.unwrap();
        for change in [|bytes: &mut Vec<u8>| bytes[17] ^= 1, |bytes: &mut Vec<u8>| bytes.truncate(4000)] {
            server.objects().damage("k", change);
            let error = assert_failed(store.load("k").await, false, &[]);
            assert!(error.contains("hash differs"), "{error}");
        }
    });
}

#[test]
fn times_to_live_follow_the_given_clock() {
    block_on(async {
        let server = S3Server::start();
        let now = Arc::new(AtomicU64::new(1_000_000));
        let clock = Clock::new({
            let now = now.clone();
            move || now.load(SeqCst)
        });
        let store = S3Store::open(S3Options { clock, ..S3Server::options_by(server.port()) }).unwrap();
        let living = SaveOptions { ttl: Some(Duration::from_secs(10)), ..SaveOptions::default() };
        store.save_with("a/k", "x".into(), living).await.unwrap();
        store.save("a/l", "x".into(), true).await.unwrap();
        now.fetch_add(9_999, SeqCst);
        assert_eq!(store.list("a/").await.unwrap(), ["a/k", "a/l"]);
        now.fetch_add(1, SeqCst);
        assert_eq!(store.list("a/").await.unwrap(), ["a/l"]);
        assert_eq!(store.load("a/k").await.unwrap(), None);
        store.delete("a/k").await.unwrap();
        assert_eq!(server.objects().names(), ["a/l"]);
    });
}

#[test]
fn refusals_say_what_to_do_and_show_no_credentials() {
    block_on(async {
        let server = S3Server::start();
        let options = || S3Server::options_by(server.port());
        let secrets = [SECRET, "Signature=", "wrong-secret"];
        let wrong = S3Credentials::new(KEY_ID, "wrong-secret", Some("token-of-tests".into()));
        let wrong = S3Store::open(S3Options { credentials: Some(wrong), ..options() }).unwrap();
        let error = assert_failed(wrong.save("k", "x".into(), true).await, false, &secrets);
        assert!(error.contains("credentials") && !error.contains("token-of-tests"), "{error}");
        assert!(!format!("{wrong:?} {:?}", options()).contains(SECRET));
        let nobody = S3Store::open(S3Options { credentials: None, ..options() }).unwrap();
        assert_failed(nobody.load("k").await, false, &secrets);
        let nowhere = S3Store::open(S3Options { bucket: "nowhere".into(), ..options() }).unwrap();
        for result in
            [nowhere.check().await, nowhere.save("k", "x".into(), true).await, nowhere.load("k").await.map(drop)]
        {
            let error = assert_failed(result, false, &secrets);
            assert!(error.contains("NoSuchBucket") && error.contains("nowhere"), "{error}");
        }
        for (endpoint, prefix) in [
            ("http://u:wrong-secret@host", ""),
            ("nonsense", ""),
            ("ftp://host", ""),
            ("http://host", "a b/"),
            ("http://host", "a//"),
        ] {
            let bad = S3Options { endpoint: Some(endpoint.into()), prefix: prefix.into(), ..options() };
            assert_failed(S3Store::open(bad), false, &secrets);
        }
        server.store().check().await.unwrap();
    });
}
