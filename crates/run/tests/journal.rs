//! The bytes of a journal: what is written is read, and damage is found.

use proptest::prelude::*;
use run::{
    Ask, Body, Entry, Failure, Hash, Json, Payload, Seed, Status, Summary,
    entry::{Origin, Start, Value, ValueRef, Waiting},
    journal::{Chain, Reader, encode},
};

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
    .prop_map(Json::from)
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = prop::option::of(prop::collection::vec(any::<u8>(), 0..8));
    prop_oneof![
        4 => (json(), bytes).prop_map(|(json, bytes)| Value::Inline(Payload { json, bytes: bytes.map(Into::into) })),
        1 => any::<u64>().prop_map(|len| Value::Beside(ValueRef { hash: Hash::of(&len.to_le_bytes()), len })),
    ]
}

fn inline() -> impl Strategy<Value = Value> {
    json().prop_map(Value::from)
}

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

fn body() -> impl Strategy<Value = Body> {
    let n = || 0..1000u64;
    let outcome = prop_oneof![
        value().prop_map(Ok),
        (text(), text(), prop::option::of(text())).prop_map(|(name, message, code)| Err(Failure {
            name,
            message,
            code
        })),
    ];
    prop_oneof![
        (n(), text(), prop::option::of(text()), prop::option::of(inline())).prop_map(|(n, emit, message, data)| {
            // JSON has one null, so an emit without data and one with null are the same line.
            let data = data.filter(|d| d.inline().is_none_or(|p| p.json.get() != "null"));
            Body::Emit { n: Some(n), emit, message, data }
        }),
        (n(), text(), inline()).prop_map(|(n, id, state)| Body::Checkpoint { n: Some(n), id, state }),
        (n(), text(), any::<bool>(), text(), json()).prop_map(|(n, id, own, message, spec)| {
            // `null` and no spec are the same line too; the reader gives null for both.
            let ask = Ask { id: own.then(|| id.clone()), kind: "text".into(), message, spec };
            Body::Ask { n: Some(n), id, ask }
        }),
        (n(), text(), value()).prop_map(|(n, id, value)| Body::Answer { n: Some(n), id, value }),
        (n(), text(), value()).prop_map(|(n, op, args)| Body::Call { n, op, args }),
        (n(), prop::option::of((text(), value())), any::<bool>(), outcome).prop_map(|(n, op, sync, outcome)| {
            let (op, args) = op.unzip();
            Body::Result { n, op, args, sync, outcome }
        }),
        (n(), any::<u64>()).prop_map(|(n, due)| Body::Timer { n, due }),
        (prop::option::of(text()), text(), value()).prop_map(|(id, name, value)| Body::Signal { id, name, value }),
        (n(), text()).prop_map(|(n, op)| Body::Wait {
            waiting_for: vec![
                Waiting::Call { n, op },
                Waiting::Timer { due: n },
                Waiting::Run { n, run: "r_1".parse().unwrap() }
            ]
        }),
        (text(), text(), prop::option::of(n())).prop_map(|(by, why, back_to)| Body::Resume { by, why, back_to }),
        n().prop_map(|len| Body::Snapshot { hash: Hash::of(b"s"), len }),
        text().prop_map(|text| Body::Fork { seed: Seed(Hash::of(text.as_bytes()).0) }),
        text().prop_map(|reason| Body::Cancel { reason }),
        value().prop_map(|value| Body::Return { value }),
        (text(), prop::option::of(text()), prop::option::of(text())).prop_map(|(message, stack, kind)| Body::Error {
            message,
            stack,
            kind
        }),
    ]
}

fn start() -> Entry {
    let origin = Origin {
        v: 1,
        guest: "typescript".into(),
        code: Hash::of(b"code"),
        method: None,
        seed: Seed([7; 32]),
        by: Some("mcp".into()),
        fork: None,
        timeout: None,
        holds: Vec::new(),
    };
    let params = Json::parse("{\"a\":1}".into()).unwrap().into();
    let start = Start {
        tool: "t".into(),
        params,
        photon: None,
        instance: None,
        parent: None,
        caller: None,
        origin: Some(origin),
    };
    Entry { ts: 1_800_000_000_000, fence: 1, body: Body::Start(Box::new(start)) }
}

fn log(bodies: Vec<Body>) -> (Vec<Entry>, Vec<u8>) {
    let mut entries = vec![start()];
    for (at, body) in bodies.into_iter().enumerate() {
        entries.push(Entry { ts: 1_800_000_000_001 + at as u64, fence: 1 + at as u64 / 3, body });
    }
    let (mut chain, mut bytes) = (Chain::default(), Vec::new());
    for entry in &entries {
        encode(entry, &mut chain, &mut bytes);
    }
    (entries, bytes)
}

/// What a reader makes of bytes: the entries, whether it met damage, and what is left as torn.
fn read(bytes: &[u8]) -> (Vec<Entry>, bool, usize) {
    let mut reader = Reader::new(bytes);
    let (mut entries, mut damaged) = (Vec::new(), false);
    for line in reader.by_ref() {
        match line {
            Ok(read) => entries.extend(read.entry),
            Err(_) => damaged = true,
        }
    }
    (entries, damaged, reader.torn().len())
}

proptest! {
    #[test]
    fn what_is_written_is_read(bodies in prop::collection::vec(body(), 0..12)) {
        let (entries, bytes) = log(bodies);
        prop_assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), entries.len());
        let (back, damaged, torn) = read(&bytes);
        prop_assert!(!damaged);
        prop_assert_eq!(torn, 0);
        prop_assert_eq!(back, entries);
    }

    #[test]
    fn a_changed_bit_is_found_or_harmless(bodies in prop::collection::vec(body(), 1..6), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (entries, mut bytes) = log(bodies);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (back, damaged, torn) = read(&bytes);
        // Never a different entry: a true beginning of the log, and the rest reported or torn.
        prop_assert!(entries.starts_with(&back));
        prop_assert!(damaged || torn > 0);
    }

    #[test]
    fn a_cut_leaves_the_lines_before_it(bodies in prop::collection::vec(body(), 1..6), at in any::<prop::sample::Index>()) {
        let (entries, bytes) = log(bodies);
        let cut = at.index(bytes.len());
        let (back, damaged, torn) = read(&bytes[..cut]);
        prop_assert!(!damaged);
        prop_assert!(entries.starts_with(&back));
        prop_assert_eq!(back.len(), bytes[..cut].iter().filter(|b| **b == b'\n').count());
        prop_assert_eq!(torn > 0, cut > 0 && bytes[cut - 1] != b'\n');
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }
}

#[test]
fn a_removed_doubled_or_moved_line_is_found() {
    let bodies = (0..4).map(|n| Body::Timer { n, due: n }).collect();
    let (_, bytes) = log(bodies);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    let damaged = |lines: &[&[u8]]| read(&lines.concat()).1;
    assert!(!damaged(&lines));
    assert!(damaged(&[lines[0], lines[2], lines[3]]));
    assert!(damaged(&[lines[0], lines[1], lines[1], lines[2]]));
    assert!(damaged(&[lines[0], lines[2], lines[1], lines[3]]));
    // A line without a checksum among lines that have one; also first in a log of ours.
    assert!(damaged(&[lines[0], b"{\"t\":\"timer\",\"n\":1,\"due\":1,\"ts\":1800000000009}\n"]));
    let bare = String::from_utf8(lines[0].to_vec()).unwrap();
    let bare = format!("{}}}\n", bare.split(",\"c\":").next().unwrap());
    assert!(damaged(&[bare.as_bytes()]));
}

#[test]
fn zeros_behind_the_last_line_are_a_torn_tail() {
    let (entries, mut bytes) = log(vec![Body::Timer { n: 1, due: 2 }]);
    bytes.extend_from_slice(&[0; 100]);
    let (back, damaged, torn) = read(&bytes);
    assert_eq!((back, damaged, torn), (entries, false, 100));
}

fn summary(lines: &str) -> Summary {
    let (entries, damaged, _) = read(lines.as_bytes());
    assert!(!damaged, "{lines}");
    let mut summary = Summary::default();
    entries.iter().for_each(|entry| summary.add(entry));
    summary
}

#[test]
fn both_seeds_forms_are_read() {
    let ours = summary(
        r#"{"t":"start","tool":"generate","params":{"week":"52"},"ts":1704067200}
{"t":"emit","emit":"status","message":"Collecting data...","ts":1704067201}
{"t":"checkpoint","id":"cp_1","state":{"commits":["a1b2c3"],"step":1},"ts":1704067205}
{"t":"ask","id":"approve","ask":"confirm","message":"Continue?","ts":1704067211}
{"t":"answer","id":"approve","value":true,"ts":1704067215}
{"t":"return","value":{"status":"done"},"ts":1704067220}
"#,
    );
    assert_eq!((ours.status(), ours.tool.as_str()), (Status::Completed, "generate"));
    assert_eq!((ours.started_at, ours.completed_at), (1_704_067_200_000, Some(1_704_067_220_000)));
    assert_eq!(ours.last_checkpoint.unwrap().id, "cp_1");
    let ncp = summary(
        r#"{"type":"start","tool":"code","params":{"code":"return 42;"},"timestamp":"2026-03-06T10:30:00Z"}
{"type":"return","value":42,"timestamp":"2026-03-06T10:30:01Z"}
"#,
    );
    assert_eq!((ncp.status(), ncp.started_at), (Status::Completed, 1_772_793_000_000));
    assert_eq!(ncp.result.unwrap().shown(), serde_json::json!(42));
}

#[test]
fn statuses_that_others_get_wrong() {
    let start = r#"{"t":"start","tool":"x","params":{},"ts":1704067200000}"#;
    let ask = r#"{"t":"ask","id":"a","ask":"confirm","message":"?","ts":1704067200001}"#;
    let cases = [
        (vec![], Status::Running),
        (vec![ask], Status::Waiting),
        // An answer of `false` is an answer.
        (vec![ask, r#"{"t":"answer","id":"a","value":false,"ts":1704067200002}"#], Status::Running),
        // A repeated id: each occurrence is its own.
        (vec![ask, r#"{"t":"answer","id":"a","value":1,"ts":1704067200002}"#, ask], Status::Waiting),
        // An error with an empty message is a failure.
        (vec![r#"{"t":"error","message":"","ts":1704067200002}"#], Status::Failed),
        // Kinds of other programs are skipped.
        (vec![r#"{"t":"whatever","x":1,"ts":1704067200002}"#], Status::Running),
        (vec![r#"{"t":"cancel","reason":"no","ts":1704067200002}"#], Status::Cancelled),
        (vec![r#"{"t":"error","message":"late","kind":"timed_out","ts":1704067200002}"#], Status::TimedOut),
    ];
    for (lines, status) in cases {
        let log = [vec![start], lines].concat().join("\n") + "\n";
        assert_eq!(summary(&log).status(), status, "{log}");
    }
}
