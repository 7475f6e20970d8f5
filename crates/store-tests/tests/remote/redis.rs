//! Redis.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use store::{
    CheckpointStore, Durability, Expect, SaveOptions, StoreError,
    redis::{MAX_VALUE, RedisOptions, RedisStore},
};
use store_tests::{
    Fixture, block_on,
    servers::{Certificate, DURABLE, RedisServer},
};

use crate::{assert_failed, noise, proxy::Proxy};

async fn redis() -> Fixture<RedisStore> {
    let server = RedisServer::start(DURABLE);
    Fixture::new(server.store()).with_other(server.store()).keeping(server)
}

store_tests::checkpoint_suite!(redis_suite, redis);

fn impatient() -> RedisOptions {
    RedisOptions {
        patience: Duration::from_millis(600),
        answer_timeout: Duration::from_millis(400),
        connect_timeout: Duration::from_millis(400),
        ..RedisOptions::default()
    }
}

#[test]
fn nothing_is_lost_when_the_server_is_killed_and_started_again() {
    block_on(async {
        let mut server = RedisServer::start(DURABLE);
        let store = server.store();
        let mut expected = Vec::new();
        for round in 0..3 {
            for i in 0..50 {
                let (key, bytes) = (format!("runs/r{round}/value/{i}"), noise(100 * i, i as u64));
                store.save(&key, bytes.clone(), i % 2 == 0).await.unwrap();
                expected.push((key, bytes));
            }
            server.kill();
            // A call that is made while there is no server waits for it.
            let waiting = tokio::spawn({
                let store = store.clone();
                async move { store.save(&format!("late/{round}"), "late".into(), true).await }
            });
            tokio::time::sleep(Duration::from_millis(150)).await;
            server.go();
            waiting.await.unwrap().unwrap();
            for (key, bytes) in &expected {
                assert_eq!(store.load(key).await.unwrap().as_ref(), Some(bytes), "{key}");
            }
        }
        assert_eq!(store.list("").await.unwrap().len(), 153);
    });
}

#[test]
fn a_server_that_is_away_is_an_error_after_which_a_retry_helps() {
    block_on(async {
        let mut server = RedisServer::start(DURABLE);
        let store = RedisServer::store_by(server.port(), impatient());
        store.save("k", "x".into(), true).await.unwrap();
        server.kill();
        for _ in 0..2 {
            assert_failed(store.save("k", "y".into(), true).await, true, &[]);
            assert_failed(store.load("k").await, true, &[]);
            assert_failed(store.list("").await, true, &[]);
            assert_failed(store.delete("k").await, true, &[]);
        }
        server.go();
        assert_eq!(store.load("k").await.unwrap(), Some("x".into()));
    });
}

#[test]
fn a_slow_server_is_waited_for() {
    block_on(async {
        let server = RedisServer::start(DURABLE);
        let (store, hasty) = (server.store(), RedisServer::store_by(server.port(), impatient()));
        for store in [&store, &hasty] {
            store.save("k", "x".into(), true).await.unwrap();
        }
        server.pause();
        let error = assert_failed(hasty.load("k").await, true, &[]);
        assert!(error.contains("timed out"), "{error}");
        let waiting = tokio::spawn(async move { (store.load("k").await, store.save("k2", "y".into(), true).await) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.resume();
        let (loaded, saved) = waiting.await.unwrap();
        assert_eq!(loaded.unwrap(), Some("x".into()));
        saved.unwrap();
        assert_eq!(hasty.load("k2").await.unwrap(), Some("y".into()));
    });
}

#[test]
fn cut_connections_are_made_again() {
    block_on(async {
        let server = RedisServer::start(DURABLE);
        let proxy = Proxy::to(server.port()).await;
        let store = RedisServer::store_by(proxy.port(), RedisOptions::default());
        let writers = (0..4).map(|w| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..100 {
                    store.save(&format!("w{w}/{i}"), noise(3000, i), false).await.unwrap();
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        for _ in 0..15 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            proxy.cut();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for w in 0..4 {
            for i in 0..100 {
                assert_eq!(store.load(&format!("w{w}/{i}")).await.unwrap(), Some(noise(3000, i)));
            }
        }
        assert!(proxy.connections() > 4, "nothing was cut");
    });
}

/// The save was done, its answer was lost: the same save again is no conflict.
#[test]
fn a_lost_answer_does_not_make_a_writer_conflict_with_itself() {
    block_on(async {
        let server = RedisServer::start(&[]);
        let proxy = Proxy::to(server.port()).await;
        let options = || RedisOptions { durability: Durability::Process, ..RedisOptions::default() };
        let store = RedisServer::store_by(proxy.port(), options());
        let mut expect = Expect::Absent;
        for (round, len) in [10, 10, 9_000_000, 10, 9_000_000].into_iter().enumerate() {
            store.list("").await.unwrap();
            // The answer to the very save, or the last of the commands of a long one.
            proxy.lose_answers(1);
            let how = SaveOptions { expect, ..SaveOptions::default() };
            let version = store.save_with("k", noise(len, round as u64), how).await.unwrap();
            assert_eq!(proxy.losses(), 0);
            let other = RedisServer::store_by(server.port(), options());
            assert_eq!(other.load_versioned("k").await.unwrap(), Some((noise(len, round as u64), version.clone())));
            expect = Expect::Version(version);
        }
    });
}

#[test]
fn a_long_value_is_kept_and_one_too_long_refused() {
    block_on(async {
        let server = RedisServer::start(DURABLE);
        let store = server.store();
        let long = noise(100_000_000, 1);
        store.save("long", long.clone(), true).await.unwrap();
        assert!(store.load("long").await.unwrap() == Some(long));
        assert_eq!(store.list("").await.unwrap(), ["long"]);
        assert!(server.say("KEYS *~*").starts_with("*0"), "chunks are left");
        // The memory of these zeros is never touched.
        let error = assert_failed(store.save("longer", vec![0; MAX_VALUE + 1].into(), true).await, false, &[]);
        assert!(error.contains("536870912"), "{error}");
        store.delete("long").await.unwrap();
        assert_eq!(store.load("long").await.unwrap(), None);
    });
}

#[test]
fn long_values_are_replaced_as_a_whole() {
    block_on(async {
        let server = RedisServer::start(&[]);
        let options = || RedisOptions { durability: Durability::Process, ..RedisOptions::default() };
        let (writer, reader) =
            (RedisServer::store_by(server.port(), options()), RedisServer::store_by(server.port(), options()));
        let value = |n: u8| Bytes::from(vec![n; 13_000_000 + usize::from(n)]);
        writer.save("k", value(0), false).await.unwrap();
        let write = tokio::spawn(async move {
            for n in 1..8 {
                writer.save("k", value(n), false).await.unwrap();
            }
        });
        let mut seen = 0;
        while !write.is_finished() {
            let bytes = reader.load("k").await.unwrap().expect("the key is never missing");
            assert!(bytes == value(bytes[0]));
            seen += 1;
        }
        write.await.unwrap();
        assert!(seen > 0);
    });
}

#[test]
fn many_keys() {
    block_on(async {
        let server = RedisServer::start(&[]);
        let options = RedisOptions { durability: Durability::Process, ..RedisOptions::default() };
        let store = RedisServer::store_by(server.port(), options);
        join_all((0..16).map(|w| {
            let store = store.clone();
            async move {
                for i in (w..10_000).step_by(16) {
                    store.save(&format!("runs/r{}/value/{i}", i % 100), format!("{i}").into(), false).await.unwrap();
                }
            }
        }))
        .await;
        assert_eq!(store.list("").await.unwrap().len(), 10_000);
        let keys = store.list("runs/r7/").await.unwrap();
        assert_eq!(keys.len(), 100);
        assert!(keys.is_sorted());
        for key in keys {
            let number = key.rsplit('/').next().unwrap().to_owned();
            assert_eq!(store.load(&key).await.unwrap(), Some(number.into()));
        }
    });
}

#[test]
fn what_a_server_cannot_promise_is_refused() {
    block_on(async {
        for (args, named) in [
            (&["--appendonly", "no"][..], "appendonly"),
            (&["--appendonly", "yes", "--appendfsync", "everysec"], "appendfsync"),
            (&["--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"], "rewrite"),
            (&["--appendonly", "yes", "--appendfsync", "always", "--rename-command", "CONFIG", "\"\""], "settings"),
        ] {
            let server = RedisServer::start(args);
            let store = server.store();
            // From 7.2 on a server can be asked to wait for its disk, whatever its settings are.
            let waits = server.say("COMMAND INFO WAITAOF").contains("waitaof") && args[1] == "yes";
            let checked = store.check().await;
            let saved = store.save("k", "x".into(), true).await;
            if waits {
                checked.unwrap();
                saved.unwrap();
            } else {
                let error = assert_failed(checked, false, &[]);
                assert!(error.contains(named) && error.contains("--durability process"), "{error}");
                assert_failed(saved, false, &[]);
                assert_eq!(store.load("k").await.unwrap(), None);
            }
            store.save("k", "y".into(), false).await.unwrap();
            let options = RedisOptions { durability: Durability::Process, ..RedisOptions::default() };
            let lenient = RedisServer::store_by(server.port(), options);
            lenient.check().await.unwrap();
            lenient.save("k", "z".into(), true).await.unwrap();
            assert_eq!(store.load("k").await.unwrap(), Some("z".into()));
        }
        let evicting = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
        let server = RedisServer::start(&[DURABLE, &evicting].concat());
        let error = assert_failed(server.store().check().await, false, &[]);
        assert!(error.contains("allkeys-lru"), "{error}");
    });
}

#[test]
fn a_full_server_says_so() {
    block_on(async {
        let args = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
        let server = RedisServer::start(&[DURABLE, &args].concat());
        let store = server.store();
        let mut refused = None;
        for i in 0..50 {
            match store.save(&format!("k/{i}"), noise(200_000, i), true).await {
                Ok(()) => {}
                Err(error) => refused = Some(error),
            }
        }
        let error = assert_failed(refused.map_or(Ok(()), Err), false, &[]);
        assert!(error.contains("memory is full"), "{error}");
    });
}

#[test]
fn no_error_shows_a_password() {
    block_on(async {
        let (user, password) = ("user-of-tests", "pass.word-7");
        let acl = format!("+@all ~* &* on >{password}");
        let mut args = vec!["--user", user];
        args.extend(acl.split(' '));
        let mut server = RedisServer::start(&[DURABLE, &args, &["--requirepass", "another-one"]].concat());
        let secrets = [user, password, "wrong-password"];
        let open = |secret: &str| {
            RedisStore::open(&format!("redis://{user}:{secret}@127.0.0.1:{}/0", server.port()), impatient()).unwrap()
        };
        let (store, wrong) = (open(password), open("wrong-password"));
        store.save("k", "x".into(), true).await.unwrap();
        let error = assert_failed(wrong.save("k", "x".into(), true).await, false, &secrets);
        assert!(error.contains("password of the store's address"), "{error}");
        assert!(!format!("{store:?}").contains(password));
        let none = RedisServer::store_by(server.port(), impatient());
        assert_failed(none.load("k").await, false, &secrets);
        server.kill();
        assert_failed(store.load("k").await, true, &secrets);
        for url in
            ["redis//x:pass.word-7@host", "rediss://x:pass.word-7@", "redis://x:pass.word-7@host:99999999", "nonsense"]
        {
            let refused = RedisStore::open(url, RedisOptions::default());
            let refused = refused.and_then(|_| Err::<(), _>(StoreError::BadKey("opened".into())));
            assert_failed(refused, false, &secrets);
        }
    });
}

#[test]
fn keys_of_others_are_left_alone() {
    block_on(async {
        let server = RedisServer::start(DURABLE);
        let with = |prefix: &str| {
            RedisServer::store_by(server.port(), RedisOptions { prefix: prefix.into(), ..RedisOptions::default() })
        };
        let (one, two, odd) = (with("one:"), with("on"), with("o[n]*e?\\:"));
        server.say("SET one:foreign text");
        server.say("SET other text");
        one.save("k", "1".into(), true).await.unwrap();
        two.save("k", "2".into(), true).await.unwrap();
        odd.save("k", "3".into(), true).await.unwrap();
        assert_eq!(one.list("").await.unwrap(), ["foreign", "k"]);
        assert_eq!(two.list("").await.unwrap(), ["k"]);
        assert_eq!(odd.list("").await.unwrap(), ["k"]);
        assert_eq!(odd.load("k").await.unwrap(), Some("3".into()));
        assert_failed(one.load("foreign").await, false, &[]);
        assert_failed(one.save("foreign", "x".into(), true).await, false, &[]);
        assert!(server.say("GET one:foreign").contains("text"));
    });
}

#[test]
fn over_tls() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, other) = (Certificate::of("localhost"), Certificate::of("localhost"));
        certificate.write(&folder.path().join("cert.pem"));
        std::fs::write(folder.path().join("key.pem"), &certificate.key).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let args = ["--tls-port", "PORT", "--port", "0", "--tls-cert-file", &cert, "--tls-key-file", &key];
        let args = [DURABLE, &args, &["--tls-auth-clients", "no"]].concat();
        let server = RedisServer::start(&args);
        let open = |authority: &Certificate| {
            let authorities = authority.pem.clone().into_bytes();
            let options = RedisOptions { authorities: Some(authorities), ..impatient() };
            RedisStore::open(&format!("rediss://localhost:{}", server.port()), options).unwrap()
        };
        let store = open(&certificate);
        store.check().await.unwrap();
        store.save("k", noise(9_000_000, 1), true).await.unwrap();
        assert!(store.load("k").await.unwrap() == Some(noise(9_000_000, 1)));
        assert_failed(open(&other).load("k").await, false, &[]);
        let plain = RedisServer::store_by(server.port(), impatient());
        plain.load("k").await.unwrap_err();
    });
}
