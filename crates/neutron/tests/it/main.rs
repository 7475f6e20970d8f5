//! Tests of the language, its snapshots and its library.

mod boundaries;
mod conformance;
mod coverage;
mod damage;
mod document;
mod drive;
mod heap;
mod hostile;
mod memory;
mod method;
mod port;
mod resume;
mod samples;
