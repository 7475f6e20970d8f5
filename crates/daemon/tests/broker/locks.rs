//! Locks between connections, and between the daemon and those who work without it.

use std::time::Duration;

use host::FileLock;
use serde_json::json;

use crate::rig::{Rig, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_its_owners_until_it_goes() {
    let rig = Rig::new();
    let (mut one, mut two) = (rig.connect().await, rig.connect().await);
    let token = one.request(json!({ "t": "lock", "name": "a" })).await.expect("free")["token"].clone();
    let refused = two.request(json!({ "t": "lock", "name": "a", "waitMs": 0 })).await.expect_err("held").to_string();
    assert!(refused.contains("was not free in time"), "{refused}");
    let stolen = two.request(json!({ "t": "unlock", "name": "a", "token": token })).await.expect_err("not theirs");
    assert!(stolen.to_string().contains("belongs to somebody else"), "{stolen}");
    let waiting = two.request(json!({ "t": "lock", "name": "a", "waitMs": 60_000 }));
    let going = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(one);
    };
    let (locked, ()) = tokio::join!(within("the lock", waiting), going);
    assert!(locked.expect("free")["token"].as_u64() > token.as_u64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_over_is_told() {
    let rig = Rig::new();
    let (mut one, mut two) = (rig.connect().await, rig.connect().await);
    one.request(json!({ "t": "lock", "name": "a", "leaseMs": 50 })).await.expect("free");
    within("the lock", two.request(json!({ "t": "lock", "name": "a" }))).await.expect("free");
    let lost = within("the word", one.unasked()).await.expect("told");
    assert_eq!((&lost["t"], &lost["name"]), (&json!("lost"), &json!("a")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_and_without_a_daemon_exclude_each_other() {
    let mut rig = Rig::new();
    let folder = rig.home().join("locks");
    let mut one = rig.connect().await;
    one.request(json!({ "t": "lock", "name": "a" })).await.expect("free");
    assert!(FileLock::try_take(&folder, "a", "test").expect("works").is_none());
    assert!(FileLock::holder(&folder, "a").is_some_and(|holder| holder.contains("client of the daemon")));
    rig.end();
    // The daemon that gave it is gone, and the lock with it; a new one does not give what somebody else has taken.
    let by_file = FileLock::try_take(&folder, "a", "test").expect("works").expect("free");
    rig.begin();
    let mut two = rig.connect().await;
    let refused = two.request(json!({ "t": "lock", "name": "a", "waitMs": 50 })).await.expect_err("held");
    assert!(refused.to_string().contains("was not free in time"), "{refused}");
    let waiting = two.request(json!({ "t": "lock", "name": "a" }));
    let going = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(by_file);
    };
    within("the lock", async { tokio::join!(waiting, going).0 }).await.expect("free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_at_a_time() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let rig = Arc::new(Rig::new());
    let (inside, count) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let workers: Vec<_> = (0..20)
        .map(|n| {
            let (rig, inside, count) = (rig.clone(), inside.clone(), count.clone());
            tokio::spawn(async move {
                // Every other one works without the daemon.
                let (mut through, mut file) = (None, None);
                if n % 2 == 0 {
                    let mut connection = rig.connect().await;
                    connection.request(json!({ "t": "lock", "name": "a" })).await.expect("free some time");
                    through = Some(connection);
                } else {
                    file = Some(FileLock::take(&rig.home().join("locks"), "a", "test").await.expect("free some time"));
                }
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                tokio::time::sleep(Duration::from_millis(2)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                count.fetch_add(1, Ordering::SeqCst);
                drop((through, file));
            })
        })
        .collect();
    for worker in workers {
        within("a worker", worker).await.expect("fine");
    }
    assert_eq!(count.load(Ordering::SeqCst), 20);
}
