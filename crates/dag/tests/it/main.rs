//! The dispatcher's tests: tables first, then random DAGs under random events.

mod ahead;
mod documents;
mod drawings;
mod flows;
mod guest;
mod hostile;
mod natives;
mod random;
mod rules;
mod states;
mod world;
