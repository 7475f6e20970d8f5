//! Events: in order, each once, over restarts; bounded where somebody is slow.

use std::collections::BTreeMap;
use std::time::Duration;

use daemon::broker::{Filter, Heard, LogLimits, Publisher, Subscriber, Unsent};
use executor::EmittedAt;
use serde_json::json;

use crate::rig::{Random, Rig, within};

fn event(kind: &str, data: u64) -> Unsent {
    Unsent { kind: kind.into(), data: data.to_string(), from: Some("test".into()), hops: 0, at: None }
}

async fn next(subscriber: &mut Subscriber) -> (u64, String, String) {
    match within("an event", subscriber.next()).await.expect("heard") {
        Heard::Event(message) => (message.seq, message.kind, message.data.get().to_owned()),
        lagged => panic!("{lagged:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_heard_by_those_who_want_it() {
    let rig = Rig::new();
    let mut all = Subscriber::new(&rig.place(), "all", vec![], None);
    let mut some = Subscriber::new(&rig.place(), "some", vec!["b*".into()], None);
    all.connect().await.expect("connected");
    some.connect().await.expect("connected");
    let mut connection = rig.connect().await;
    let ack =
        connection.request(json!({ "t": "publish", "type": "a", "data": { "x": [1, "ü"] } })).await.expect("kept");
    assert_eq!((&ack["t"], &ack["seq"]), (&json!("ack"), &json!(1)));
    connection.request(json!({ "t": "publish", "type": "bc" })).await.expect("kept");
    assert_eq!(next(&mut all).await, (1, "a".into(), "{\"x\":[1,\"ü\"]}".into()));
    assert_eq!(next(&mut all).await, (2, "bc".into(), "null".into()));
    assert_eq!(next(&mut some).await, (2, "bc".into(), "null".into()));
    let status = connection.value(json!({ "t": "status" })).await.expect("said");
    assert_eq!(status, json!({ "fine": true }));
    assert_eq!(rig.counts().subscribers, 2);
    let refused = connection.value(json!({ "t": "take", "run": "held" })).await.expect_err("refused").to_string();
    assert_eq!(refused, "run held is driven by somebody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_waits_for_a_daemon_until_it_is_told_to_forget() {
    let mut rig = Rig::new();
    rig.end();
    let io = tokio::runtime::Handle::current();
    let publisher = Publisher::start(&rig.place(), "test", &io);
    publisher.publish(event("a", 1)).expect("queued");
    assert!(!publisher.flush(Duration::from_millis(50)).await);
    publisher.forget();
    publisher.publish(event("a", 2)).expect("queued");
    rig.begin();
    assert!(publisher.flush(crate::rig::PATIENCE).await);
    let mut all = Subscriber::new(&rig.place(), "all", vec![], Some(0));
    assert_eq!(next(&mut all).await, (1, "a".into(), "2".into()));
    assert!(Publisher::fits("a", "1") && !Publisher::fits("a", &"x".repeat(1 << 20)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_subscriber_holds_nobody_up_and_is_told_what_it_missed() {
    let rig = Rig::with_log(LogLimits { disk: 1 << 20, events: 100_000, memory: 100_000 });
    // It connects, and then does not read.
    let mut slow = Subscriber::new(&rig.place(), "slow", vec![], None);
    slow.connect().await.expect("connected");
    let mut quick = Subscriber::new(&rig.place(), "quick", vec![], None);
    quick.connect().await.expect("connected");
    let publisher = Publisher::start(&rig.place(), "test", &tokio::runtime::Handle::current());
    let text = "x".repeat(1_000);
    const N: u64 = 5_000;
    let publishing = async {
        for n in 1..=N {
            let mut new = Unsent { data: format!("\"{text}\""), ..event("a", n) };
            while let Err(again) = publisher.publish(new) {
                new = again;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The quick one keeps up with this pace, even where the machine is busy.
            if n % 100 == 0 {
                assert!(publisher.flush(crate::rig::PATIENCE).await);
            }
        }
    };
    let hearing = async {
        let mut last = 0;
        while last < N {
            match quick.next().await.expect("heard") {
                Heard::Event(message) => last = message.seq,
                // Told, not skipped: with a log of this size even a quick one may be too slow.
                Heard::Lagged { first, .. } => last = first - 1,
            }
        }
    };
    within("the quick one", async { tokio::join!(publishing, hearing) }).await;
    let (mut last, mut lagged) = (0, 0);
    while last < N {
        match within("the slow one", slow.next()).await.expect("heard") {
            Heard::Event(message) => {
                assert_eq!(message.seq, last + 1);
                last = message.seq;
            }
            Heard::Lagged { after, first } => {
                assert!(after == last && first > last, "{last} {after} {first}");
                lagged += 1;
                last = first - 1;
            }
        }
    }
    assert!(lagged > 0);
}

/// Publishers that repeat what was not acknowledged, over a daemon that ends again and again: each event is there once, in
/// the order of its source.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_again_is_the_same_event() {
    let seed = Random::seed();
    println!("SEED={seed}");
    let mut random = Random(seed);
    let mut rig = Rig::new();
    let io = tokio::runtime::Handle::current();
    const SOURCES: usize = 3;
    let publishers: Vec<Publisher> = (0..SOURCES).map(|_| Publisher::start(&rig.place(), "test", &io)).collect();
    let mut published = [0u64; SOURCES];
    for _ in 0..60 {
        for _ in 0..random.below(200) {
            let source = random.below(SOURCES as u64) as usize;
            published[source] += 1;
            let at = EmittedAt { begun: 7, position: published[source] * 100 };
            let new = Unsent { from: Some(format!("s{source}")), at: Some(at), ..event("a", published[source]) };
            publishers[source].publish(new).expect("there is room");
        }
        tokio::time::sleep(Duration::from_micros(random.below(5_000))).await;
        match random.below(8) {
            0 => {
                rig.end();
                rig.begin();
            }
            // Another process finds the same events in a journal, and publishes all of them again.
            1 => {
                let source = random.below(SOURCES as u64) as usize;
                let other = Publisher::start(&rig.place(), "other", &io);
                for n in 1..=published[source] {
                    let at = EmittedAt { begun: 7, position: n * 100 };
                    let new = Unsent { from: Some(format!("s{source}")), at: Some(at), ..event("a", n) };
                    other.publish(new).expect("there is room");
                }
                assert!(other.flush(crate::rig::PATIENCE).await);
            }
            _ => {}
        }
    }
    for publisher in &publishers {
        assert!(publisher.flush(crate::rig::PATIENCE).await);
    }
    let mut all = Subscriber::new(&rig.place(), "all", vec![], Some(0));
    let mut heard = [0u64; SOURCES];
    while heard != published {
        match within("an event", all.next()).await.expect("heard") {
            Heard::Event(message) => {
                let source: usize = message.from.expect("a source")[1..].parse().expect("a number");
                heard[source] += 1;
                assert_eq!(message.data.get(), heard[source].to_string(), "SEED={seed}");
            }
            lagged => panic!("{lagged:?}"),
        }
    }
}

/// A listener of a random history: what it heard, and whether it goes on with each event once.
struct Listener {
    types: Vec<String>,
    from: u64,
    heard: Vec<u64>,
    subscriber: Option<Subscriber>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_missed_or_heard_twice_in_random_histories() {
    let seed = Random::seed();
    println!("SEED={seed}");
    let lives: u64 = std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(12);
    for life in 0..lives {
        history(seed.wrapping_add(life)).await;
    }
}

async fn history(seed: u64) {
    let mut random = Random(seed);
    let memory = [0, 300, 1 << 20][random.below(3) as usize];
    let mut rig = Rig::with_log(LogLimits { disk: 4 << 20, events: 1_000_000, memory });
    let mut published: BTreeMap<u64, &str> = BTreeMap::new();
    let mut listeners: Vec<Listener> = Vec::new();
    let names = ["a", "b", "bb", "c"];
    let filters: [&[&str]; 5] = [&[], &["a"], &["b*"], &["c", "a"], &["nothing"]];
    for _ in 0..40 {
        match random.below(10) {
            0..4 => {
                let mut connection = rig.connect().await;
                let n = 1 + random.below(40);
                let mut lines = String::new();
                let mut kinds = Vec::new();
                for id in 1..=n {
                    let kind = names[random.below(4) as usize];
                    kinds.push(kind);
                    lines.push_str(&json!({ "t": "publish", "id": id, "type": kind, "data": id }).to_string());
                    lines.push('\n');
                }
                connection.send(lines.as_bytes()).await.expect("sent");
                let mut acknowledged = 0;
                while acknowledged < n {
                    let ack = within("an ack", connection.unasked()).await.expect("acknowledged");
                    let (id, seq) = (ack["id"].as_u64().expect("an id"), ack["seq"].as_u64().expect("a number"));
                    for (back, kind) in kinds[acknowledged as usize..id as usize].iter().rev().enumerate() {
                        published.insert(seq - back as u64, kind);
                    }
                    acknowledged = id;
                }
            }
            4 if listeners.len() < 6 => {
                let types: Vec<String> = filters[random.below(5) as usize].iter().map(|t| (*t).to_owned()).collect();
                let from = random.below(published.len() as u64 + 1);
                listeners.push(Listener { types, from, heard: Vec::new(), subscriber: None });
            }
            5 | 6 => {
                for listener in &mut listeners {
                    hear(&rig, listener, Duration::from_millis(random.below(15))).await;
                }
            }
            // The connection breaks, perhaps with events under way.
            7 => {
                if let Some(listener) = listeners.iter_mut().next_back() {
                    listener.subscriber = None;
                }
            }
            8 => {
                rig.end();
                rig.begin();
            }
            _ => {}
        }
    }
    for (n, listener) in listeners.iter_mut().enumerate() {
        let filter = Filter::new(&listener.types).expect("good");
        let expected: Vec<u64> =
            published.range(listener.from + 1..).filter(|(_, kind)| filter.wants(kind)).map(|(seq, _)| *seq).collect();
        for _ in 0..200 {
            if listener.heard.len() >= expected.len() {
                break;
            }
            hear(&rig, listener, Duration::from_millis(100)).await;
        }
        hear(&rig, listener, Duration::from_millis(5)).await;
        assert_eq!(listener.heard, expected, "listener {n}, SEED={seed}");
    }
}

async fn hear(rig: &Rig, listener: &mut Listener, time: Duration) {
    let after = listener.heard.last().copied().unwrap_or(listener.from);
    let new = || Subscriber::new(&rig.place(), "listener", listener.types.clone(), Some(after));
    let subscriber = listener.subscriber.get_or_insert_with(new);
    let heard = &mut listener.heard;
    let _ = tokio::time::timeout(time, async {
        loop {
            match subscriber.next().await.expect("heard") {
                Heard::Event(message) => heard.push(message.seq),
                lagged => panic!("{lagged:?}"),
            }
        }
    })
    .await;
}
