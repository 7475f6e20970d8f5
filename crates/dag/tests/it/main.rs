//! The dispatcher's tests: tables first, then random DAGs under random events.

mod documents;
mod flows;
mod guest;
mod hostile;
mod random;
mod rules;
mod states;
mod world;
