//! What every back-end must do, as a library of properties; and [`Faulty`], a store that fails on purpose.
//!
//! A back-end's tests say which capabilities it has and how a fresh, empty store is made:
//! ```ignore
//! store_tests::journal_suite!(memory, || async { Fixture::new(MemoryStore::new()) });
//! store_tests::checkpoint_suite!(memory_checkpoints, || async { Fixture::new(MemoryStore::new()) });
//! store_tests::both_suite!(memory_both, || async { Fixture::new(MemoryStore::new()) });
//! ```
//! Each property is a function that panics where the back-end is wrong.

pub mod both;
pub mod checkpoints;
pub mod conditions;
mod faulty;
mod fixture;
pub mod history;
pub mod journal;
pub mod leases;
pub mod messages;
pub mod servers;
mod suites;

pub use faulty::{Counts, Death, Fault, Faulty, Plan};
pub use fixture::{Fixture, block_on, driver, run_id};
