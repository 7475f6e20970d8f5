//! Messages to a run's driver.

use bytes::Bytes;
use futures::future::join_all;
use store::{JournalStore, StoreError};

use crate::{Fixture, driver, run_id};

/// Whether or not somebody drives the run, and of any content.
pub async fn messages_arrive_in_order(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let mut lease = Some(store.create(&run, &driver("a")).await.unwrap());
    let bodies: Vec<Bytes> = (0..30u8).map(|i| Bytes::from(vec![i; usize::from(i) * 100])).collect();
    for (i, body) in bodies.iter().enumerate() {
        let handle = if i % 2 == 0 { &*store } else { store.other() };
        handle.post(&run, body.clone()).await.unwrap();
        if i == 15 {
            lease = None;
        }
    }
    assert!(lease.is_none());
    for handle in [&*store, store.other()] {
        let messages = handle.messages(&run).await.unwrap();
        assert!(messages.is_sorted_by(|a, b| a.id < b.id));
        assert!(messages.iter().map(|message| &message.body).eq(&bodies));
    }
    assert_eq!(store.len(&run).await.unwrap(), 0);
    assert_eq!(store.list().await.unwrap().len(), 1);
}

/// The others stay; a second acknowledgement changes nothing.
pub async fn acknowledged_messages_are_gone(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    for body in ["a", "b", "c"] {
        store.other().post(&run, body.into()).await.unwrap();
    }
    let messages = store.messages(&run).await.unwrap();
    for _ in 0..2 {
        store.acknowledge(&lease, &messages[1].id).await.unwrap();
        let left = store.other().messages(&run).await.unwrap();
        assert_eq!(left, [messages[0].clone(), messages[2].clone()]);
    }
    store.post(&run, "d".into()).await.unwrap();
    let left: Vec<_> = store.messages(&run).await.unwrap().into_iter().map(|message| message.body).collect();
    assert_eq!(left, ["a", "c", "d"]);
}

/// A message to nobody is an error of the sender's, and leaves nothing.
pub async fn messages_need_a_run(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    assert!(matches!(store.post(&run, "a".into()).await, Err(StoreError::NotFound(_))));
    let _lease = store.create(&run, &driver("a")).await.unwrap();
    assert_eq!(store.messages(&run).await.unwrap(), []);
}

/// Texts that name no message remove nothing, whatever a path would make of them.
pub async fn only_ids_of_messages_are_acknowledged(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let lease = store.create(&run, &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    store.post(&run, "a".into()).await.unwrap();
    let id = store.messages(&run).await.unwrap().remove(0).id;
    let mut hostile =
        vec![String::new(), ".".into(), "..".into(), "../lease".into(), "../../r.jsonl".into(), "\0".into()];
    hostile.extend([format!("./{id}"), format!("../inbox/{id}"), format!("{id}/"), format!(" {id}"), "x".repeat(5000)]);
    for id in hostile {
        store.acknowledge(&lease, &id).await.unwrap();
    }
    assert_eq!(store.messages(&run).await.unwrap().len(), 1);
    assert_eq!(store.read(&run, 0, 100).await.unwrap(), "one\n");
    assert_eq!(store.owner(&run).await.unwrap(), Some(driver("a")));
}

/// None of their messages is lost, and each sender's arrive in its order.
pub async fn many_senders(store: Fixture<impl JournalStore>) {
    let run = run_id("r");
    let _lease = store.create(&run, &driver("a")).await.unwrap();
    join_all((0..8).map(|sender| {
        let (store, run) = (if sender % 2 == 0 { &*store } else { store.other() }, run.clone());
        async move {
            for i in 0..10 {
                store.post(&run, format!("{sender} {i}").into()).await.unwrap();
            }
        }
    }))
    .await;
    let messages = store.messages(&run).await.unwrap();
    assert_eq!(messages.len(), 80);
    for sender in 0..8 {
        let prefix = format!("{sender} ");
        let own: Vec<_> =
            messages.iter().filter(|m| m.body.starts_with(prefix.as_bytes())).map(|m| &m.body[2..]).collect();
        let expected: Vec<_> = (0..10).map(|i| i.to_string()).collect();
        assert_eq!(own, expected.iter().map(String::as_bytes).collect::<Vec<_>>());
    }
}
