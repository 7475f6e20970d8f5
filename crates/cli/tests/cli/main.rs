//! The real binary on homes of its own.

mod asking;
mod damage;
mod driving;
mod errors;
mod inspecting;
mod limits;
mod listing;
mod output;
mod permissions;
mod running;
mod seeds;
mod support;
mod terminal;
mod traps;
