//! The stores of this workspace that need no server, through the suites.

use store::{Durability, FileStore, MemoryStore};
use store_tests::Fixture;

async fn memory() -> Fixture<MemoryStore> {
    let store = MemoryStore::new();
    Fixture::new(store.clone()).with_other(store)
}

async fn file(durability: Durability) -> Fixture<FileStore> {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("not/yet/there");
    let open = || FileStore::open(&home, durability).unwrap();
    Fixture::new(open()).with_other(open()).keeping(folder)
}

store_tests::journal_suite!(memory_journal, memory);
store_tests::checkpoint_suite!(memory_checkpoints, memory);
store_tests::both_suite!(memory_both, memory);

store_tests::journal_suite!(file_journal, || file(Durability::Disk));
store_tests::checkpoint_suite!(file_checkpoints, || file(Durability::Disk));
store_tests::both_suite!(file_both, || file(Durability::Disk));

store_tests::journal_suite!(process_file_journal, || file(Durability::Process));
store_tests::checkpoint_suite!(process_file_checkpoints, || file(Durability::Process));
store_tests::both_suite!(process_file_both, || file(Durability::Process));

async fn syncing_here() -> Fixture<FileStore> {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::open(folder.path(), Durability::Disk).unwrap().syncing_here();
    Fixture::new(open()).with_other(open()).keeping(folder)
}

store_tests::journal_suite!(file_syncing_here, syncing_here);
