//! Checkpoint stores: bytes by key.

use bytes::Bytes;
use store::{CheckpointStore, MAX_KEY, SaveOptions, StoreError};

use crate::Fixture;

/// Durable or not, empty or not, through another handle too.
pub async fn saved_bytes_are_loaded(store: Fixture<impl CheckpointStore>) {
    let keys = ["a", "code/ab12", "state/my-photon/default", "runs/r1/value/x", "...", "-/_", "x.tmp", "A/b"];
    for (i, key) in keys.into_iter().enumerate() {
        assert_eq!(store.load(key).await.unwrap(), None);
        let bytes: Bytes = vec![i as u8; i * 10].into();
        store.save(key, bytes, i % 2 == 0).await.unwrap();
    }
    for (i, key) in keys.into_iter().enumerate() {
        for handle in [&*store, store.other()] {
            assert_eq!(handle.load(key).await.unwrap(), Some(vec![i as u8; i * 10].into()), "{key}");
        }
    }
}

/// Shorter and longer.
pub async fn a_save_replaces(store: Fixture<impl CheckpointStore>) {
    for bytes in ["a longer value", "", "short", "the longest value of all of them"] {
        store.save("k/e/y", bytes.into(), true).await.unwrap();
        assert_eq!(store.other().load("k/e/y").await.unwrap(), Some(bytes.into()));
    }
    assert_eq!(store.list("").await.unwrap(), ["k/e/y"]);
}

/// And its neighbours are not; deleting what is not there is no error.
pub async fn a_deleted_key_is_gone(store: Fixture<impl CheckpointStore>) {
    for key in ["a/b", "a/bc", "a/c"] {
        store.save(key, "x".into(), false).await.unwrap();
    }
    for _ in 0..2 {
        store.delete("a/b").await.unwrap();
        assert_eq!(store.other().load("a/b").await.unwrap(), None);
        assert_eq!(store.list("a").await.unwrap(), ["a/bc", "a/c"]);
    }
    store.delete("nothing/like/it").await.unwrap();
    store.delete("a").await.unwrap_or_default();
    assert_eq!(store.list("a").await.unwrap(), ["a/bc", "a/c"]);
    store.save("a/b", "again".into(), false).await.unwrap();
    assert_eq!(store.load("a/b").await.unwrap(), Some("again".into()));
}

/// A prefix is of the text, not of the parts; what no key can begin with finds nothing.
pub async fn keys_are_listed_by_prefix(store: Fixture<impl CheckpointStore>) {
    let keys = [
        "a-b/x",
        "code/1",
        "code/2",
        "code-x",
        "codes/1",
        "runs/r1/snapshot/1",
        "runs/r1/value/1",
        "runs/r1/value/2",
        "runs/r10/value/1",
        "runs/r2/x",
        "runsx/r1/y",
        "s/1/2/3/4",
    ];
    for key in keys {
        store.save(key, "x".into(), false).await.unwrap();
    }
    let mut sorted: Vec<&str> = keys.to_vec();
    sorted.sort_unstable();
    let prefixes = [
        "",
        "a",
        "a-",
        "c",
        "code",
        "code/",
        "code/1",
        "code/1/",
        "code/3",
        "codes",
        "r",
        "ru",
        "runs",
        "runs/",
        "runs/r",
        "runs/r1",
        "runs/r1/",
        "runs/r1/v",
        "runs/r1/value/",
        "runs/r1/value/2",
        "runs/r1/value/2/",
        "runs/r10/",
        "runs/x/",
        "runsx",
        "s/",
        "s/1/2/",
        "s/1/2/3/4",
        "/",
        "//",
        "/a",
        "..",
        "../",
        "a/../",
        "runs/../",
        "runs/r1/../r2/",
        "runs//",
        "runs/r1.d/",
        "runs/r1.d/blobs/",
        "runs/r1.jsonl",
        "code/../code/",
        "~",
        "\0",
        "ä/",
        " ",
    ];
    for prefix in prefixes {
        let expected: Vec<_> = sorted.iter().filter(|key| key.starts_with(prefix)).copied().collect();
        assert_eq!(store.other().list(prefix).await.unwrap(), expected, "{prefix:?}");
    }
}

/// Before anything is touched.
pub async fn keys_that_are_none_are_refused(store: Fixture<impl CheckpointStore>) {
    let (part, long) = ("a".repeat(201), ["a"; MAX_KEY].join("/"));
    let bad = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/..",
        "a/./b",
        "a b",
        "a\\b",
        "a\0b",
        "a\nb",
        "~a",
        "a:b",
        "ä",
        "*",
        "runs",
        "runs/r1",
        "runs/r1/",
        "runs/r1.jsonl",
        "runs/r.1/x",
        "runs/../x",
        "runs//x",
        part.as_str(),
        long.as_str(),
    ];
    for key in bad {
        let refused = [
            store.save(key, "x".into(), true).await,
            store.save_with(key, "x".into(), SaveOptions::default()).await.map(drop),
            store.load(key).await.map(drop),
            store.load_versioned(key).await.map(drop),
            store.delete(key).await,
        ];
        for result in refused {
            assert!(matches!(result, Err(StoreError::BadKey(_))), "{key:?}: {result:?}");
        }
    }
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
}

/// The longest part, the longest key, the most parts.
pub async fn the_longest_keys_are_kept(store: Fixture<impl CheckpointStore>) {
    let part = "p".repeat(200);
    let long = [part.as_str(); 5].join("/") + "/" + &"q".repeat(MAX_KEY - 1005);
    let deep = ["d"; MAX_KEY / 2].join("/");
    let of_run = format!("runs/{}/{part}", "r".repeat(run::id::MAX_RUN_ID));
    for key in [part.as_str(), &long, &deep, &of_run] {
        // A file cannot also be a folder, so each is there alone.
        store.save(key, "x".into(), false).await.unwrap();
        assert_eq!(store.load(key).await.unwrap(), Some("x".into()));
        assert_eq!(store.list(key).await.unwrap(), [key]);
        store.delete(key).await.unwrap();
        if key == part {
            continue;
        }
        assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    }
}

/// Some megabytes.
pub async fn long_values_are_kept(store: Fixture<impl CheckpointStore>) {
    let long: Bytes = (0..7_000_003u32).map(|i| (i % 253) as u8).collect();
    store.save("long", long.clone(), true).await.unwrap();
    assert!(store.other().load("long").await.unwrap() == Some(long));
}

/// The old bytes or the new, while several write.
pub async fn a_reader_never_sees_a_mixture(store: Fixture<impl CheckpointStore>) {
    let value = |n: u8| Bytes::from(vec![n; 50_000 + usize::from(n)]);
    store.save("k", value(0), false).await.unwrap();
    let write = |n: u8| {
        let store = &store;
        async move {
            for i in 0..15 {
                store.save("k", value(n + i), false).await.unwrap();
            }
        }
    };
    let read = async {
        for _ in 0..60 {
            let bytes = store.other().load("k").await.unwrap().expect("the key is never missing");
            assert!(bytes == value(bytes[0]));
        }
    };
    futures::join!(write(10), write(100), read);
    assert_eq!(store.list("").await.unwrap(), ["k"]);
}
