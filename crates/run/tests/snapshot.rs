//! The container of a snapshot: what is written is read, and damage is found.

use run::{Hash, Json, Snapshot, SnapshotHeader};

fn sample() -> Snapshot {
    let header = SnapshotHeader {
        run: "a".parse().unwrap(),
        guest: "typescript".into(),
        engine: Hash::of(b"engine"),
        code: Hash::of(b"code"),
        parent: Some(Hash::of(b"parent")),
        depth: 1,
        position: 1234,
        chain: 99,
        executor: Json::parse("{\"next\":3}".into()).unwrap(),
    };
    Snapshot { header, image: vec![1, 2, 3, 250].into() }
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Snapshot::decode(&sample().encode().into()).unwrap(), sample());
}

#[test]
fn every_truncation_and_every_bit_flip_is_refused() {
    let bytes = sample().encode();
    for len in 0..bytes.len() {
        assert!(Snapshot::decode(&bytes[..len].to_vec().into()).is_err(), "cut at {len}");
    }
    for at in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        assert!(Snapshot::decode(&flipped.into()).is_err(), "bit {at}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Snapshot::decode(&longer.into()).is_err());
}
