//! The suites, and random histories in comparison with memory.

use proptest::prelude::*;
use store::{Durability, MemoryStore, PostgresStore, SqliteStore};
use store_tests::{Fixture, block_on, history};

use super::{connect, fresh_schema, server_url};

async fn sqlite(durability: Durability) -> Fixture<SqliteStore> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not/yet/there.db");
    let open = || SqliteStore::open(&file, durability).unwrap();
    Fixture::new(open()).with_other(open()).keeping(folder)
}

async fn sqlite_disk() -> Fixture<SqliteStore> {
    sqlite(Durability::Disk).await
}

store_tests::journal_suite!(sqlite_journal, sqlite_disk);
store_tests::checkpoint_suite!(sqlite_checkpoints, sqlite_disk);
store_tests::both_suite!(sqlite_both, sqlite_disk);
store_tests::journal_suite!(sqlite_process_journal, || sqlite(Durability::Process));

async fn postgres() -> Fixture<PostgresStore> {
    let (url, options) = (server_url(), fresh_schema());
    let store = connect(&url, &options).await;
    Fixture::new(store).with_other(connect(&url, &options).await)
}

store_tests::journal_suite!(postgres_journal, postgres);
store_tests::checkpoint_suite!(postgres_checkpoints, postgres);
store_tests::both_suite!(postgres_both, postgres);

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn memory_and_sqlite_agree(calls in history::histories(80)) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&folder.path().join("db"), Durability::Process).unwrap();
        let (memory, sqlite) = block_on(async {
            (history::play(&MemoryStore::new(), &calls).await, history::play(&sqlite, &calls).await)
        });
        prop_assert_eq!(memory, sqlite);
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn sqlite_and_postgres_agree(calls in history::histories(80)) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(&folder.path().join("db"), Durability::Process).unwrap();
        let (sqlite, postgres) = block_on(async {
            let postgres = connect(&server_url(), &fresh_schema()).await;
            (history::play(&sqlite, &calls).await, history::play(&postgres, &calls).await)
        });
        prop_assert_eq!(sqlite, postgres);
    }
}
