//! Sealed values on servers.

use std::sync::Arc;

use store::{
    CheckpointStore, MemoryStore,
    sealed::{KeyRing, Sealed, Sealing},
};
use store_tests::{
    Fixture, block_on,
    servers::{DURABLE, RedisServer, S3Server},
};

fn sealing() -> Sealing {
    let keys = KeyRing::parse(&"5a".repeat(32), "the test").unwrap();
    Sealing { keys: Some(keys), compress: Some(3), ..Sealing::default() }
}

async fn memory() -> Fixture<Sealed> {
    let store = Arc::new(MemoryStore::new());
    Fixture::new(Sealed::new(store.clone(), sealing())).with_other(Sealed::new(store, sealing()))
}

store_tests::checkpoint_suite!(sealed_suite, memory);

/// What lies on a server shows nothing of the value.
#[test]
fn values_are_sealed_on_redis_and_s3() {
    block_on(async {
        let (redis, s3) = (RedisServer::start(DURABLE), S3Server::start());
        let stores: [Arc<dyn CheckpointStore>; 2] = [Arc::new(redis.store()), Arc::new(s3.store())];
        for raw in stores {
            let store = Sealed::new(raw.clone(), sealing());
            let secret = "a very secret text, ".repeat(5000);
            store.save("k", secret.clone().into(), true).await.unwrap();
            assert!(store.load("k").await.unwrap() == Some(secret.into()));
            let found = raw.load("k").await.unwrap().unwrap();
            assert!(found.len() < 2000, "it is compressed");
            assert!(!found.windows(6).any(|part| part == b"secret"));
        }
    });
}
