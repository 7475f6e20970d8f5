//! What the host lets through, and what it does.

mod answers;
mod fetch;
mod files;
mod own;
mod permissions;
mod process;
mod server;
mod state;
mod support;
