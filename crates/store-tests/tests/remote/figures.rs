//! Not tests: what a save and a load cost. `cargo test --release -p quicksave-store-tests --test remote figures --
//! --ignored --nocapture`

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use store::{
    CheckpointStore, MemoryStore,
    sealed::{KeyRing, Sealed, Sealing},
};
use store_tests::{
    block_on,
    servers::{DURABLE, RedisServer, S3Server},
};

use crate::noise;

#[test]
#[ignore = "measures"]
fn figures() {
    block_on(async {
        let (redis, s3) = (RedisServer::start(DURABLE), S3Server::start());
        let keys = KeyRing::parse(&"5a".repeat(32), "the test").unwrap();
        let sealing = Sealing { keys: Some(keys), compress: Some(1), ..Sealing::default() };
        let stores: [(&str, Arc<dyn CheckpointStore>); 4] = [
            ("redis", Arc::new(redis.store())),
            ("s3", Arc::new(s3.store())),
            ("memory", Arc::new(MemoryStore::new())),
            ("sealed memory", Arc::new(Sealed::new(Arc::new(MemoryStore::new()), sealing))),
        ];
        for (name, store) in stores {
            for (len, count) in [(1_000, 200), (200_000, 50), (19_000_000, 5)] {
                let (mut saves, mut loads) = (Vec::new(), Vec::new());
                for i in 0..count {
                    let bytes = noise(len, i);
                    let start = Instant::now();
                    store.save("k", bytes, true).await.unwrap();
                    saves.push(start.elapsed());
                    let start = Instant::now();
                    store.load("k").await.unwrap().unwrap();
                    loads.push(start.elapsed());
                }
                println!("{name}, {len} bytes: save {:?}, load {:?} (medians)", median(saves), median(loads));
            }
        }
    });
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
