//! The real binary on homes of its own.

mod asking;
mod calls;
mod daemon;
mod dagonizer;
mod dags;
mod damage;
mod driving;
mod errors;
mod escapes;
mod inspecting;
mod limits;
mod listing;
mod neutron;
mod output;
mod permissions;
mod pg;
mod photons;
mod repl;
mod running;
mod saves;
mod seeds;
mod stores;
mod support;
mod terminal;
mod traps;
