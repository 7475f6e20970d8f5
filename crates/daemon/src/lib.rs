//! Serves tools and supervises runs.
//!
//! Photons in folders are tools (`catalog`, `calls`); MCP servers are tools too (`clients`); runs reach both as
//! operations (`tools`), and the MCP server (`mcp`) gives them to agents. The daemon (`broker`, `supervise`) carries
//! events between processes and keeps interrupted runs going. Everything that drives a run does so through one
//! [`Supervisor`]. Guests and stores come from outside: only the command joins them.

pub mod broker;
pub mod locks;
mod service;
mod supervise;
mod supervisor;
mod tries;

pub use service::{Daemon, Setup};
pub use supervise::{Policy, Report, Supervision};
pub use supervisor::{Ended, Running, Supervisor};
