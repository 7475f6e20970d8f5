//! What may happen to a Postgres server and the way to it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures::future::join_all;
use store::{Durability, JournalStore, PostgresOptions, PostgresStore, StoreError, StoreUrl, postgres::Tls};
use store_tests::{
    block_on, driver, run_id,
    servers::{Postgres, PostgresSetup},
};

use super::{connect, fresh_schema, server_url};

/// Each test that does something to its server has one of its own.
fn own_server() -> Postgres {
    Postgres::start(PostgresSetup::default())
}

fn patient(schema: &str) -> PostgresOptions {
    let patience = Duration::from_secs(30);
    PostgresOptions { schema: schema.into(), connections: 6, patience, ..PostgresOptions::default() }
}

#[test]
fn many_may_make_the_tables_at_once() {
    let url = server_url();
    block_on(async {
        for _ in 0..5 {
            let options = fresh_schema();
            let stores = join_all((0..8).map(|_| connect(&url, &options))).await;
            for (i, store) in stores.iter().enumerate() {
                drop(store.create(&run_id(&format!("r{i}")), &driver("a")).await.unwrap());
            }
            assert_eq!(JournalStore::list(&stores[0]).await.unwrap().len(), 8);
        }
    });
}

#[test]
fn schemas_are_apart() {
    let url = server_url();
    block_on(async {
        let (one, two) = (connect(&url, &fresh_schema()).await, connect(&url, &fresh_schema()).await);
        let lease = one.create(&run_id("r"), &driver("a")).await.unwrap();
        drop(two.create(&run_id("r"), &driver("b")).await.unwrap());
        assert!(matches!(two.append(&lease, 0, "x\n".into()).await, Err(StoreError::Fenced { .. })));
        one.append(&lease, 0, "x\n".into()).await.unwrap();
    });
}

/// Runs drivers that append and sync until `stop` says so, while `trouble` does something to the server; then looks
/// whether everything is there that they were told is there.
fn undisturbed(server: &mut Postgres, trouble: impl FnOnce(&mut Postgres) + Send) {
    let url = server.url();
    let stop = AtomicBool::new(false);
    let stop = &stop;
    std::thread::scope(|scope| {
        let drivers = scope.spawn(move || {
            block_on(async {
                let store = connect(&url, &patient("trouble")).await;
                let store = &store;
                let work = (0..6).map(|i| async move {
                    let run = run_id(&format!("r{i}"));
                    let lease = store.create(&run, &driver("a")).await.unwrap();
                    // So that a crash does not take the run itself.
                    store.sync(&lease).await.unwrap();
                    let (mut expected, mut crashes) = (String::new(), 0);
                    while !stop.load(Ordering::Relaxed) {
                        let line = format!("{run} {}\n", expected.len());
                        let at = expected.len() as u64;
                        let done = match store.append(&lease, at, line.clone().into()).await {
                            Ok(()) => store.sync(&lease).await,
                            error => error,
                        };
                        match done {
                            Ok(()) => expected += &line,
                            // A crash of the server took what was not synced: then that has to be said.
                            Err(StoreError::Fenced { .. }) => {
                                crashes += 1;
                                let end = store.len(&run).await.unwrap();
                                assert!(end == at || end == at + line.len() as u64, "{end} at {at}");
                                store.truncate(&lease, at).await.unwrap();
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    (run, expected, crashes)
                });
                for (run, expected, crashes) in join_all(work).await {
                    assert!(!expected.is_empty(), "{run} did not go on");
                    assert!(store.read(&run, 0, u64::MAX).await.unwrap() == expected.as_bytes(), "{run}");
                    assert!(crashes < 5);
                }
            });
        });
        std::thread::sleep(Duration::from_millis(300));
        trouble(server);
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        drivers.join().unwrap();
    });
}

#[test]
fn a_restart_of_the_server_loses_nothing() {
    undisturbed(&mut own_server(), |server| {
        for _ in 0..2 {
            server.restart();
            std::thread::sleep(Duration::from_millis(300));
        }
    });
}

#[test]
fn a_crash_of_the_server_loses_nothing_that_was_synced() {
    undisturbed(&mut own_server(), |server| {
        for _ in 0..3 {
            server.crash();
            server.restart();
            std::thread::sleep(Duration::from_millis(400));
        }
    });
}

#[test]
fn cut_connections_lose_nothing() {
    undisturbed(&mut own_server(), |server| {
        let mut cut = 0;
        for _ in 0..8 {
            cut += server.cut_connections();
            std::thread::sleep(Duration::from_millis(120));
        }
        assert!(cut > 8, "{cut}");
    });
}

#[test]
fn a_slow_server_is_waited_for_or_named() {
    let server = own_server();
    block_on(async {
        let store = connect(&server.url(), &patient("slow")).await;
        let hasty = PostgresOptions {
            answer_timeout: Duration::from_millis(300),
            patience: Duration::from_millis(300),
            ..patient("slow")
        };
        let hasty = connect(&server.url(), &hasty).await;
        let lease = store.create(&run_id("r"), &driver("a")).await.unwrap();
        hasty.len(&run_id("r")).await.unwrap();
        server.pause();
        let start = Instant::now();
        let error = hasty.len(&run_id("r")).await.unwrap_err();
        assert!(
            error.can_retry() && error.to_string().contains("cannot look at run r on postgres://127.0.0.1"),
            "{error}"
        );
        assert!(start.elapsed() < Duration::from_secs(2));
        let append = store.append(&lease, 0, "x\n".into());
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.resume();
        append.await.unwrap();
        assert_eq!(hasty.read(&run_id("r"), 0, 10).await.unwrap(), "x\n");
    });
}

#[test]
fn errors_name_the_server_and_no_password() {
    let mut server = own_server();
    let url = format!("postgres://app:hunter2@127.0.0.1:{}/postgres", server.port());
    let hasty = PostgresOptions { patience: Duration::from_millis(200), ..PostgresOptions::default() };
    block_on(async {
        let refused = async |url: &str, options: &PostgresOptions| {
            let error = PostgresStore::connect(url, options.clone()).await.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            error
        };
        let store = connect(&url, &hasty).await;
        assert!(!format!("{store:?}").contains("hunter2"));
        let missing = refused(&url.replace("/postgres?", "/nothing").replace("/postgres", "/nothing"), &hasty).await;
        assert!(matches!(missing, StoreError::Io { .. } | StoreError::BadUrl { .. }), "{missing}");
        let schema = PostgresOptions { schema: "a; drop".into(), ..hasty.clone() };
        assert!(matches!(refused(&url, &schema).await, StoreError::BadUrl { .. }));
        server.sql(
            "CREATE SCHEMA later AUTHORIZATION app; CREATE TABLE later.format AS SELECT 2 AS version; \
            GRANT ALL ON later.format TO app",
        );
        let later = refused(&url, &PostgresOptions { schema: "later".into(), ..hasty.clone() }).await;
        assert!(later.to_string().contains("version 2") && !later.can_retry(), "{later}");
        let tls = PostgresOptions { tls: Tls::On { authorities: None }, ..hasty.clone() };
        let plain = refused(&url, &tls).await;
        assert!(!plain.can_retry() && plain.to_string().contains("TLS"), "{plain}");
        server.stop();
        for error in [refused(&url, &hasty).await, store.len(&run_id("r")).await.unwrap_err()] {
            assert!(error.can_retry(), "{error}");
            assert!(error.to_string().contains(&format!("127.0.0.1:{}/postgres", server.port())), "{error}");
        }
    });
}

#[test]
fn leases_are_renewed_and_sockets_do() {
    let server = own_server();
    let options = PostgresOptions { lease: Duration::from_secs(1), ..PostgresOptions::default() };
    block_on(async {
        let (one, two) = (connect(&server.socket_url(), &options).await, connect(&server.url(), &options).await);
        let lease = one.create(&run_id("r"), &driver("one")).await.unwrap();
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(matches!(two.acquire(&run_id("r"), &driver("two"), false).await, Err(StoreError::Held { .. })));
        }
        // A pause of the server longer than the lease ends it only if somebody else is quicker afterwards.
        server.sql("UPDATE quicksave.drivers SET expires = now() - interval '1 minute'");
        let taken = two.acquire(&run_id("r"), &driver("two"), false).await.unwrap();
        assert!(matches!(one.append(&lease, 0, "x\n".into()).await, Err(StoreError::Fenced { .. })));
        two.append(&taken, 0, "y\n".into()).await.unwrap();
    });
}

#[test]
fn tls_checks_the_servers_certificate() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Some((certificate.clone(), key));
    let server = Postgres::start(PostgresSetup { tls, ..PostgresSetup::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    let url = |host: &str, rest: &str| format!("postgres://app@{host}:{}/postgres?{rest}", server.port());
    let open = async |text: String| text.parse::<StoreUrl>().unwrap().open(Durability::Disk).await;
    block_on(async {
        let trusted = format!("sslmode=require&sslrootcert={}", file.display());
        let store = open(url("localhost", &trusted)).await.unwrap();
        let journals = store.journals().unwrap();
        drop(journals.create(&run_id("r"), &driver("a")).await.unwrap());
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'app'";
        assert_eq!(server.sql(encrypted), "t");
        // Signed by nobody that the machine trusts; and another name than in the certificate.
        for wrong in [url("localhost", "sslmode=require"), url("127.0.0.1", &trusted)] {
            let error = open(wrong).await.err().unwrap();
            assert!(error.to_string().contains("certificate") && !error.can_retry(), "{error}");
        }
    });
}

#[test]
fn a_hundred_megabytes_are_kept() {
    let store = block_on(connect(&server_url(), &fresh_schema()));
    super::hundred_megabytes(&store);
}
