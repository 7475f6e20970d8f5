//! Figures, printed with `--nocapture`; the bounds are far from what a quiet machine gives.

use std::time::{Duration, Instant};

use daemon::broker::{Heard, Subscriber};
use serde_json::json;

use crate::rig::{Rig, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_pass() {
    const N: u64 = 100_000;
    let rig = Rig::new();
    let mut subscriber = Subscriber::new(&rig.place(), "listener", vec!["tick".into()], None);
    subscriber.connect().await.expect("connected");
    let mut connection = rig.connect().await;
    let began = Instant::now();
    let publishing = tokio::spawn(async move {
        let mut lines = Vec::new();
        for n in 1..=N {
            lines.extend_from_slice(
                format!("{{\"t\":\"publish\",\"type\":\"tick\",\"data\":{{\"n\":{n}}}}}\n").as_bytes(),
            );
            if lines.len() > 60_000 {
                connection.send(&lines).await.expect("sent");
                lines.clear();
            }
        }
        connection.send(&lines).await.expect("sent");
        connection.request(json!({ "t": "ping" })).await.expect("all taken");
        connection
    });
    let mut last = 0;
    while last < N {
        match within("an event", subscriber.next()).await.expect("heard") {
            Heard::Event(message) => {
                assert_eq!(message.seq, last + 1);
                last = message.seq;
            }
            lagged => panic!("{lagged:?}"),
        }
    }
    let rate = N as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} events/s");
    assert!(rate > 5_000.0, "{rate}");
    let mut connection = publishing.await.expect("published");
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..500 {
        let began = Instant::now();
        connection.send(b"{\"t\":\"publish\",\"type\":\"tick\",\"data\":1}\n").await.expect("sent");
        within("an event", subscriber.next()).await.expect("heard");
        times.push(began.elapsed());
    }
    times.sort();
    println!("p50 {:?}, p99 {:?}", times[250], times[495]);
}
