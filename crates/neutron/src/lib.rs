//! The Neutron language: `.nt` programs that can be saved at any point and resumed anywhere.
//!
//! A source text becomes tokens (`lexer`), a tree (`parser`), resolved names (`resolve`), instructions (`compile`,
//! `code`), which the machine (`vm`) runs on values in a collected heap (`heap`). `modules` are the standard modules.
//! `snapshot` turns a machine into bytes and back; the format is in docs/neutron-snapshot.md.
//!
//! Absent on purpose: I/O, clocks, sources of randomness, threads. What a program needs of the world goes through
//! `run::Port`, so that the same program runs in a journal, in a test, in a fuzzer.

mod ast;
mod code;
mod compile;
mod diagnostic;
mod fault;
mod guest;
mod heap;
mod lexer;
mod load;
mod modules;
mod number;
mod parser;
mod resolve;
mod session;
pub mod snapshot;
mod source;
#[doc(hidden)]
pub mod stepping;
mod value;
mod vm;

pub use compile::Loaded;
pub use diagnostic::{Diagnostic, Severity};
pub use guest::{GUEST, Neutron};
pub use load::{Checked, Loader, NoFiles, check, compile, params, resume};
pub use session::{Input, Session, Step};
pub use snapshot::describe;
pub use source::{Source, Span};
