//! Memory and files give the same answers to the same calls.

use proptest::prelude::*;
use store::{Durability, FileStore, MemoryStore};
use store_tests::{Faulty, Plan, block_on, history};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_files_agree(calls in history::histories(80)) {
        let folder = tempfile::tempdir().unwrap();
        let files = FileStore::open(folder.path(), Durability::Process).unwrap();
        let (memory, files) = block_on(async {
            (history::play(&MemoryStore::new(), &calls).await, history::play(&files, &calls).await)
        });
        prop_assert_eq!(memory, files);
    }

    #[test]
    fn a_faulty_store_without_faults_is_no_other(calls in history::histories(80)) {
        let faulty = Faulty::new(MemoryStore::new(), Plan::new(0));
        let (plain, faulty) = block_on(async {
            (history::play(&MemoryStore::new(), &calls).await, history::play(&faulty, &calls).await)
        });
        prop_assert_eq!(plain, faulty);
    }
}
