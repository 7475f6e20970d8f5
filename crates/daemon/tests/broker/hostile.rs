//! Clients that are broken or mean no good.

use std::time::Duration;

use daemon::broker::{Limits, MAX_LINE};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::rig::{Random, Rig, within};

/// Sends bytes, and gives what comes back until the connection ends.
async fn said(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(rig.place().socket()).await.expect("connected");
    // The daemon may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let _ = within("the end", stream.read_to_end(&mut text)).await;
    String::from_utf8(text).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused() {
    let rig = Rig::with(Limits { hello: Duration::from_millis(200), ..Limits::default() });
    let hello = "{\"t\":\"hello\",\"v\":1}\n";
    assert!(said(&rig, b"GET / HTTP/1.1\r\n\r\n").await.contains("not a request"));
    assert!(said(&rig, b"{\"t\":\"status\"}\n").await.contains("say who you are first"));
    assert!(said(&rig, b"").await.contains("say who you are first"), "silence");
    assert!(said(&rig, b"{\"t\":\"hello\",\"v\":2}\n").await.contains("speaks version 1"));
    let mut long = hello.as_bytes().to_vec();
    long.extend(std::iter::repeat_n(b'x', MAX_LINE + 100_000));
    assert!(said(&rig, &long).await.contains("too-long"));
    // One that says something wrong, and goes on.
    let mut connection = rig.connect().await;
    connection.send(b"\n{\"t\":\"publish\",\"type\":\"\",\"id\":99}\n\xff\n").await.expect("sent");
    for cause in ["1 to 256 bytes", "not a request"] {
        let refused = within("an answer", connection.unasked()).await.expect("told");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(cause)), "{refused}");
    }
    connection.request(json!({ "t": "ping" })).await.expect("still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_and_half_lines_harm_nobody() {
    let seed = Random::seed();
    println!("SEED={seed}");
    let mut random = Random(seed);
    let rig = Rig::new();
    let pieces: [&[u8]; 10] = [
        b"{\"t\":\"hello\",\"v\":1}\n",
        b"{\"t\":\"publish\",\"type\":\"a\",\"data\":",
        b"{\"x\":1}",
        b"}\n",
        b"\n",
        b"[[[[[[[[",
        b"\"\\u0000\xf0\x9f",
        b"{\"t\":\"subscribe\",\"after\":0}\n",
        b"{\"t\":\"lock\",\"name\":\"a\"}\n",
        b"{\"t\":\"call\",\"op\":\"slow\",\"data\":1e999}\n",
    ];
    for _ in 0..200 {
        let mut stream = UnixStream::connect(rig.place().socket()).await.expect("connected");
        for _ in 0..random.below(12) {
            let piece = pieces[random.below(10) as usize];
            if stream.write_all(piece).await.is_err() {
                break;
            }
        }
    }
    let mut connection = rig.connect().await;
    within("an answer", connection.request(json!({ "t": "ping" }))).await.expect("alive");
    within("the lock", connection.request(json!({ "t": "lock", "name": "a" }))).await.expect("free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_room_for_so_many_and_no_more() {
    let rig = Rig::with(Limits { connections: 50, ..Limits::default() });
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(rig.connect().await);
    }
    assert!(said(&rig, b"").await.contains("busy"));
    held.truncate(10);
    // Those that have gone make room.
    for _ in 0..30 {
        for attempt in 0.. {
            if let Ok(connection) = daemon::broker::Connection::open(&rig.place(), "test").await {
                held.push(connection);
                break;
            }
            assert!(attempt < 1_000);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for connection in &mut held {
        connection.request(json!({ "t": "ping" })).await.expect("alive");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_clients_are_told_where_they_stand() {
    let rig = Rig::new();
    let most = rig.limits.connections;
    let mut first = rig.connect().await;
    let (mut streams, mut busy) = (Vec::new(), 0);
    for n in 1..2_000 {
        let mut stream = within("a connection", UnixStream::connect(rig.place().socket())).await.expect("connected");
        let sent = stream.write_all(b"{\"t\":\"hello\",\"v\":1,\"id\":1}\n").await;
        let mut answer = vec![0; 400];
        let read = within("an answer", stream.read(&mut answer)).await.unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        if answer.contains("\"t\":\"hello\"") {
            assert!(n < most, "{n}");
            streams.push(stream);
        } else {
            assert!(n >= most && (answer.contains("\"busy\"") || sent.is_err() || read == 0), "{n}: {answer}");
            busy += 1;
        }
    }
    assert_eq!((streams.len() + 1, busy), (most, 2_000 - most));
    // Those that are there are served as ever.
    within("an answer", first.request(json!({ "t": "publish", "type": "a" }))).await.expect("kept");
    drop(streams);
    until_room(&rig).await;
}

async fn until_room(rig: &Rig) {
    for attempt in 0.. {
        if daemon::broker::Connection::open(&rig.place(), "test").await.is_ok() {
            return;
        }
        assert!(attempt < 1_000);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_end_are_refused() {
    let rig = Rig::new();
    let mut connection = rig.connect().await;
    let mut lines = Vec::new();
    for id in 1_000..1_200 {
        let line = json!({ "t": "call", "op": "slow", "id": id, "data": id });
        lines.extend_from_slice(format!("{line}\n").as_bytes());
    }
    connection.send(&lines).await.expect("sent");
    let (mut done, mut busy) = (0, 0);
    while done + busy < 200 {
        let answer = within("an answer", connection.unasked()).await.expect("told");
        if answer["code"] == "busy" { busy += 1 } else { done += 1 }
    }
    assert_eq!((done, busy), (64, 136));
}
