//! The suites: which properties belong to which capability.

/// Tests a [`store::JournalStore`]: a module `$name` with one test per property. `$make` makes a
/// [`Fixture`](crate::Fixture), asynchronously.
#[macro_export]
macro_rules! journal_suite {
    ($name:ident, $make:expr) => {
        $crate::suite!($name, $make;
            journal::a_new_journal_is_empty,
            journal::a_run_is_made_once,
            journal::an_unknown_run_is_not_found,
            journal::appends_are_read_back_by_position,
            journal::any_bytes_are_kept,
            journal::an_append_elsewhere_than_at_the_end_is_refused,
            journal::long_appends_and_reads,
            journal::a_torn_tail_is_cut_off,
            journal::a_listing_shows_every_journal_and_its_changes,
            journal::a_deleted_run_leaves_nothing,
            journal::ids_of_every_form_are_different_runs,
            journal::one_of_many_appends_at_one_place_wins,
            journal::many_runs_at_once,
            journal::a_reader_never_sees_what_was_not_written,
            leases::a_second_driver_is_refused_and_told_who_drives,
            leases::a_dropped_lease_frees_the_run,
            leases::a_clone_keeps_the_lease,
            leases::fences_grow,
            leases::a_take_over_fences_the_old_driver_out,
            leases::a_take_over_of_a_free_run,
            leases::the_old_lease_does_not_free_the_new_one,
            leases::one_of_many_drivers_gets_the_lease,
            leases::take_overs_at_once_have_different_fences,
            leases::a_take_over_in_the_middle_of_appends_loses_none,
            leases::another_stores_lease_is_refused,
            leases::a_lease_of_a_deleted_run_says_nothing_to_the_next,
            leases::a_driven_run_is_not_deleted,
            messages::messages_arrive_in_order,
            messages::acknowledged_messages_are_gone,
            messages::messages_need_a_run,
            messages::only_ids_of_messages_are_acknowledged,
            messages::many_senders,
        );
    };
}

/// Tests a [`store::CheckpointStore`], like [`journal_suite`](crate::journal_suite).
#[macro_export]
macro_rules! checkpoint_suite {
    ($name:ident, $make:expr) => {
        $crate::suite!($name, $make;
            checkpoints::saved_bytes_are_loaded,
            checkpoints::a_save_replaces,
            checkpoints::a_deleted_key_is_gone,
            checkpoints::keys_are_listed_by_prefix,
            checkpoints::keys_that_are_none_are_refused,
            checkpoints::the_longest_keys_are_kept,
            checkpoints::long_values_are_kept,
            checkpoints::a_reader_never_sees_a_mixture,
            conditions::a_version_names_the_bytes,
            conditions::a_stale_writer_is_refused,
            conditions::one_of_many_writers_wins,
            conditions::no_update_is_lost,
            conditions::a_key_lives_as_long_as_it_is_told_to,
        );
    };
}

/// Tests a store that is both a [`store::JournalStore`] and a [`store::CheckpointStore`], like
/// [`journal_suite`](crate::journal_suite).
#[macro_export]
macro_rules! both_suite {
    ($name:ident, $make:expr) => {
        $crate::suite!($name, $make;
            both::blobs_go_with_their_run,
            both::blobs_are_not_runs,
            both::blobs_may_come_before_their_run,
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! suite {
    ($name:ident, $make:expr; $($area:ident::$property:ident),* $(,)?) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $property() {
                    $crate::block_on(async { $crate::$area::$property(($make)().await).await });
                }
            )*
        }
    };
}
