//! Real servers, started by the tests from the machine's installed packages, in a temporary folder and on a free port.
//! A server ends with whoever started it, even if that is killed.

mod postgres;

pub use postgres::{Postgres, PostgresSetup};
