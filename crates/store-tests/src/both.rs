//! Stores of journals and checkpoints: a run's blobs belong to it.

use store::{CheckpointStore, JournalStore};

use crate::{Fixture, driver, run_id};

/// With the run, and no other's.
pub async fn blobs_go_with_their_run<S: JournalStore + CheckpointStore>(store: Fixture<S>) {
    for run in ["r1", "r10"] {
        drop(store.create(&run_id(run), &driver("a")).await.unwrap());
        for key in ["value/a", "snapshot/b", "lease", "inbox", "inbox/x", "blobs", "journal.new"] {
            // Names that a layout may use itself are keys like any other.
            if key != "inbox" {
                store.save(&format!("runs/{run}/{key}"), run.into(), true).await.unwrap();
            }
        }
    }
    store.save("code/1", "x".into(), false).await.unwrap();
    JournalStore::delete(&*store, &run_id("r1")).await.unwrap();
    assert_eq!(CheckpointStore::list(&*store, "runs/r1/").await.unwrap(), Vec::<String>::new());
    assert_eq!(store.load("runs/r1/value/a").await.unwrap(), None);
    assert_eq!(CheckpointStore::list(store.other(), "").await.unwrap().len(), 7);
    assert_eq!(store.load("runs/r10/lease").await.unwrap(), Some("r10".into()));
    store.acquire(&run_id("r10"), &driver("b"), false).await.unwrap();
}

/// Neither in a listing of runs nor as messages; nor are journals keys.
pub async fn blobs_are_not_runs<S: JournalStore + CheckpointStore>(store: Fixture<S>) {
    let lease = store.create(&run_id("r1"), &driver("a")).await.unwrap();
    store.append(&lease, 0, "one\n".into()).await.unwrap();
    store.post(&run_id("r1"), "hello".into()).await.unwrap();
    store.save("runs/r2/r3.jsonl", "x".into(), false).await.unwrap();
    store.save("runs/r1/inbox/00000000000000000001-00000000", "x".into(), false).await.unwrap();
    assert_eq!(JournalStore::list(&*store).await.unwrap().len(), 1);
    assert_eq!(store.messages(&run_id("r1")).await.unwrap().len(), 1);
    assert_eq!(CheckpointStore::list(&*store, "").await.unwrap().len(), 2);
}

/// A value may be stored before the journal that names it.
pub async fn blobs_may_come_before_their_run<S: JournalStore + CheckpointStore>(store: Fixture<S>) {
    store.save("runs/r1/value/a", "x".into(), true).await.unwrap();
    assert_eq!(JournalStore::list(&*store).await.unwrap(), []);
    let lease = store.create(&run_id("r1"), &driver("a")).await.unwrap();
    assert_eq!(lease.fence, 1);
    assert_eq!(store.load("runs/r1/value/a").await.unwrap(), Some("x".into()));
}
