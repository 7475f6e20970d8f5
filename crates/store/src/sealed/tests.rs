//! Sealing in memory: what is kept, refused, rotated.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use super::*;
use crate::{Expect, MemoryStore};

const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn keys(text: &str) -> Option<KeyRing> {
    Some(KeyRing::parse(text, "the test").unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Every way to seal.
fn ways() -> Vec<Sealing> {
    let mut ways = Vec::new();
    for keys in [None, keys(ONE)] {
        for compress in [None, Some(1), Some(19)] {
            ways.push(Sealing { keys: keys.clone(), compress, ..Sealing::default() });
        }
    }
    ways
}

fn values() -> Vec<Bytes> {
    let noise: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let lengths = [0, 1, 95, 96, 97, 127, 128, 1000, 300_000];
    let mut values: Vec<Bytes> = lengths.iter().map(|len| noise[..*len].to_vec().into()).collect();
    values.extend(lengths.iter().map(|len| vec![b'a'; *len].into()));
    // A value that looks sealed is a value.
    let twice = envelope::seal(&ways()[3], "k", b"inner", 0).unwrap();
    values.push(twice.into());
    values
}

fn cause(result: Result<impl fmt::Debug, StoreError>) -> String {
    let error = result.unwrap_err();
    assert!(!error.can_retry());
    let text = format!("{error} {error:?}");
    assert!(!text.contains("0101010101") && !text.contains("AgICAgI"), "a key is shown: {text}");
    text
}

#[test]
fn what_is_sealed_opens() {
    for how in ways() {
        for value in values() {
            let sealed = Bytes::from(envelope::seal(&how, "a/k", &value, 7).unwrap());
            let (opened, header) = envelope::open(&how, "a/k", &sealed).unwrap();
            assert!(opened == value, "{how:?} {}", value.len());
            assert_eq!(header.unwrap().expires, 7);
            assert!(sealed.len() <= value.len() + 96);
        }
    }
}

#[test]
fn equal_values_are_sealed_differently() {
    let how = Sealing { keys: keys(ONE), ..Sealing::default() };
    let seal = || envelope::seal(&how, "k", b"a value", 0).unwrap();
    assert_ne!(seal(), seal());
    assert!(!seal().windows(5).any(|part| part == b"value"));
}

/// Every bit, and every length: nothing damaged opens, except where the magic is gone and plain values are read.
#[test]
fn damage_is_refused() {
    for how in ways() {
        let value = Bytes::from("a value of some length, ".repeat(10));
        let sealed = envelope::seal(&how, "k", &value, 0).unwrap();
        let strict = |bytes: Vec<u8>| envelope::open(&how, "k", &bytes.into());
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                match strict(damaged) {
                    Err(error) => assert!(error.to_string().contains("the value of k"), "{error}"),
                    Ok((_, header)) => assert!(at < 8 && how.keys.is_none() && header.is_none(), "byte {at} bit {bit}"),
                }
            }
            let opened = strict(sealed[..at].to_vec());
            assert!(opened.is_err() || at < 8 && how.keys.is_none(), "cut to {at}");
        }
        assert!(strict([&sealed[..], b"x"].concat()).is_err());
        assert!(envelope::open(&how, "l", &sealed.into()).is_err(), "moved to another key");
    }
}

#[test]
fn claims_of_a_header_are_not_believed() {
    let how = Sealing { compress: Some(3), ..Sealing::default() };
    let value = vec![b'a'; 100_000];
    // Whoever can write can also give an unencrypted value a right checksum.
    for claim in [0, 1, 99_999, 100_001, 1 << 40, u64::MAX] {
        let mut sealed = envelope::seal(&how, "k", &value, 0).unwrap();
        sealed[16..24].copy_from_slice(&u64::to_le_bytes(claim));
        let check = blake3::hash(&[&sealed[..64], b"k", &sealed[96..]].concat());
        sealed[64..96].copy_from_slice(check.as_bytes());
        cause(envelope::open(&how, "k", &sealed.into()));
    }
}

#[test]
fn keys_that_do_not_fit_are_told() {
    let seal = |keys| envelope::seal(&Sealing { keys, ..Sealing::default() }, "k", b"a value", 0).unwrap();
    let open = |keys, sealed: Vec<u8>| envelope::open(&Sealing { keys, ..Sealing::default() }, "k", &sealed.into());
    let id = keys(ONE).unwrap().current_id();
    let text = cause(open(keys(TWO), seal(keys(ONE))));
    assert!(text.contains(&id) && text.contains("not among those given"), "{text}");
    let text = cause(open(None, seal(keys(ONE))));
    assert!(text.contains(&id) && text.contains("no key was given"), "{text}");
    for plain in [seal(None), b"never sealed".to_vec()] {
        assert!(cause(open(keys(ONE), plain)).contains("not encrypted"));
    }
    assert_eq!(open(keys(&format!("{TWO} {ONE}")), seal(keys(ONE))).unwrap().0, "a value");
    assert_eq!(open(None, b"never sealed".to_vec()).unwrap().0, "never sealed");
}

#[test]
fn keys_are_read_from_text_and_files() {
    let ring = KeyRing::parse(&format!("# the new one\n {TWO} # since May\n\n{ONE},"), "x").unwrap();
    assert_eq!(ring.current_id(), keys(TWO).unwrap().current_id());
    assert_eq!(format!("{ring:?}"), format!("{:?}", [ring.current_id(), keys(ONE).unwrap().current_id()]));
    let short = &ONE[..62];
    for bad in ["", "# nothing", short, &format!("{short}xy"), &TWO[1..], &format!("{ONE} {ONE}"), "é"] {
        let text = cause(KeyRing::parse(bad, "the text"));
        assert!(text.contains("the text") && (bad.len() < 10 || !text.contains(bad)), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    assert!(cause(KeyRing::from_file(&path)).contains("keys"));
    std::fs::write(&path, ONE).unwrap();
    for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match KeyRing::from_file(&path) {
            Ok(_) => assert!(good, "{mode:o}"),
            refused => assert!(!good && cause(refused).contains("chmod 600"), "{mode:o}"),
        }
    }
    assert!(cause(KeyRing::from_file(folder.path())).contains("mode") || !folder.path().is_file());
    assert!(cause(KeyRing::from_env("QUICKSAVE_TEST_NO_SUCH_VARIABLE")).contains("not set"));
}

#[test]
fn a_rotation_seals_everything_under_the_current_key() {
    block_on(async {
        let raw = Arc::new(MemoryStore::new());
        let with = |text: &str, accept_plain| {
            let how = Sealing { keys: keys(text), compress: Some(3), accept_plain, ..Sealing::default() };
            Sealed::new(raw.clone(), how)
        };
        let value = |i: usize| Bytes::from(format!("value {i} ").repeat(i * 100));
        for i in 0..10 {
            let store: &dyn CheckpointStore = if i % 2 == 0 { &*raw } else { &with(ONE, false) };
            store.save(&format!("k/{i}"), value(i), true).await.unwrap();
        }
        let living = SaveOptions { ttl: Some(Duration::from_secs(3600)), ..SaveOptions::default() };
        with(ONE, false).save_with("t", "living".into(), living).await.unwrap();
        raw.save(
            "unreadable",
            with(&ONE.replace('1', "3"), false).seal("unreadable", "x".into(), 0).await.unwrap(),
            true,
        )
        .await
        .unwrap();

        let both = with(&format!("{TWO}\n{ONE}"), true);
        let mut steps = Vec::new();
        let rotated = both.rotate("", |done, all| steps.push((done, all))).await.unwrap();
        assert_eq!((rotated.sealed, rotated.kept, rotated.failed.len()), (11, 0, 1));
        assert_eq!(rotated.failed[0].0, "unreadable");
        assert_eq!(steps, (1..=12).map(|done| (done, 12)).collect::<Vec<_>>());
        let again = both.rotate("", |_, _| {}).await.unwrap();
        assert_eq!((again.sealed, again.kept, again.failed.len()), (0, 11, 1));

        let new = with(TWO, false);
        for i in 0..10 {
            assert_eq!(new.load(&format!("k/{i}")).await.unwrap(), Some(value(i)));
        }
        // The time to live was kept.
        let raw = raw.load("t").await.unwrap().unwrap();
        let (_, header) = envelope::open(&new.how, "t", &raw).unwrap();
        assert!(header.unwrap().expires > new.how.clock.now());
    });
}

#[test]
fn a_rotation_overwrites_nobody() {
    block_on(async {
        let raw = Arc::new(MemoryStore::new());
        let open = |text: &str| Sealed::new(raw.clone(), Sealing { keys: keys(text), ..Sealing::default() });
        let (old, both) = (open(ONE), open(&format!("{TWO} {ONE}")));
        for i in 0..200 {
            old.save(&format!("k/{i}"), "old".into(), true).await.unwrap();
        }
        let rotating = both.rotate("", |_, _| {});
        let writing = async {
            for i in 0..200 {
                let (_, version) = both.load_versioned(&format!("k/{i}")).await.unwrap().unwrap();
                tokio::task::yield_now().await;
                let how = SaveOptions { expect: Expect::Version(version), ..SaveOptions::default() };
                match both.save_with(&format!("k/{i}"), "new".into(), how).await {
                    Ok(_) => {}
                    // The rotation came first.
                    Err(StoreError::Conflict { .. }) => {
                        both.save(&format!("k/{i}"), "new".into(), true).await.unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let (rotated, ()) = futures::join!(rotating, writing);
        assert!(rotated.unwrap().failed.is_empty());
        for i in 0..200 {
            assert_eq!(open(TWO).load(&format!("k/{i}")).await.unwrap(), Some("new".into()));
        }
    });
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn anything_comes_back(value: Vec<u8>, key in "[a-z]{1,9}(/[a-z]{1,9}){0,3}", way in 0..6usize) {
            let how = &ways()[way];
            let sealed = envelope::seal(how, &key, &value, 0).unwrap();
            prop_assert_eq!(envelope::open(how, &key, &sealed.into()).unwrap().0, Bytes::from(value));
        }

        #[test]
        fn nothing_that_others_write_does_harm(mut bytes: Vec<u8>, sealed: bool, way in 0..6usize) {
            let how = &ways()[way];
            if sealed {
                bytes.splice(..0, *b"QSsealed\x01");
            }
            let opened = envelope::open(how, "k", &bytes.into());
            prop_assert!(opened.is_err() || how.keys.is_none() && !sealed);
        }
    }
}
