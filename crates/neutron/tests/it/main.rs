//! Tests of the language, its snapshots and its library.

mod conformance;
mod drive;
mod port;
