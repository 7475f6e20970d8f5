//! Tests of the language, its snapshots and its library.

mod boundaries;
mod conformance;
mod drive;
mod port;
