//! State of photons.

use host::LocalHost;
use serde_json::json;
use std::sync::Arc;

use crate::support::{call, code, fails, value};

fn host(home: &std::path::Path) -> Arc<LocalHost> {
    Arc::new(LocalHost::builder(home).build())
}

#[tokio::test]
async fn a_state_comes_back_and_ten_before_it_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let host = host(home.path());
    let place = json!({"photon": "counter", "instance": "default"});
    assert!(value(&host, "state.load", place.clone()).await.is_null());
    for n in 0..15 {
        let save = json!({"photon": "counter", "instance": "default", "state": {"n": n}});
        call(&host, "state.save", save.clone()).await.unwrap();
        // Repeated after a crash: no second backup.
        call(&host, "state.save", save).await.unwrap();
    }
    call(&host, "state.save", json!({"photon": "counter", "instance": "default.1", "state": 1})).await.unwrap();
    call(&host, "state.save", json!({"photon": "counter", "instance": "default.1", "state": 2})).await.unwrap();
    assert_eq!(value(&host, "state.load", place).await, json!({"n": 14}));
    let folder = home.path().join("state/counter");
    assert_eq!(std::fs::read_to_string(folder.join("default")).unwrap(), r#"{"n":14}"#);
    let mut kept: Vec<_> = std::fs::read_dir(folder.join("backups")).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept.len(), 11, "{kept:?}");
    let newest = std::fs::read_to_string(folder.join("backups/default.000014.json")).unwrap();
    assert_eq!(newest, r#"{"n":13}"#);
}

#[tokio::test]
async fn hostile_names_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let host = host(home.path());
    let long = "a".repeat(129);
    for bad in ["", ".", "..", "../x", "a/b", "/etc", ".lock", "a\0b", "a b", "é", &long] {
        for args in
            [json!({"photon": bad, "instance": "i", "state": 1}), json!({"photon": "p", "instance": bad, "state": 1})]
        {
            assert_eq!(code(&host, "state.save", args.clone()).await, "ERR_INVALID_ARG_VALUE", "{bad:?}");
            assert_eq!(code(&host, "state.load", args).await, "ERR_INVALID_ARG_VALUE", "{bad:?}");
        }
    }
    assert!(
        fails(&host, "state.save", json!({"photon": "p", "instance": "backups"})).await.message.contains("backups")
    );
    assert!(!home.path().join("state").exists());
}

#[tokio::test]
async fn a_damaged_state_is_named() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("state/counter")).unwrap();
    std::fs::write(home.path().join("state/counter/default"), "{\"a\":").unwrap();
    let failure = fails(&host(home.path()), "state.load", json!({"photon": "counter"})).await;
    assert!(failure.message.contains("state/counter/default is damaged"), "{failure}");
}

#[tokio::test]
async fn a_run_touches_the_state_of_its_own_photon_only() {
    let home = tempfile::tempdir().unwrap();
    let host = host(home.path());
    for op in ["state.load", "state.save"] {
        assert_eq!(code(&host, op, json!({"photon": "other", "instance": "default", "state": 1})).await, "EPERM");
    }
}
