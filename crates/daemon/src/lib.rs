//! Serves tools and supervises runs.
//!
//! Photons in folders are tools (`catalog`, `calls`); MCP servers are tools too (`clients`); runs reach both as
//! operations (`tools`), and the MCP server (`mcp`) gives them to agents. The daemon (`broker`, `supervise`) carries
//! events between processes and keeps interrupted runs going. Everything that drives a run does so through one
//! [`Supervisor`]. Guests and stores come from outside: only the command joins them.

pub mod broker;
pub mod calls;
pub mod catalog;
mod children;
pub mod clients;
pub mod code;
mod events;
mod listeners;
pub mod mcp;
pub mod middleware;
mod outbox;
mod runs;
pub mod save;
mod schedules;
mod service;
pub mod shapes;
mod supervise;
mod supervisor;
pub mod tools;
mod tries;
pub mod webhooks;

pub use calls::{Call, CallError, Calls, Handed, Prepared};
pub use catalog::Catalog;
pub use children::Children;
pub use events::{Events, Source};
pub use middleware::{Middleware, Refusal};
pub use runs::Runs;
pub use schedules::Schedules;
pub use service::{CALL, Daemon, Setup};
pub use supervise::{Policy, Report, Scope, Supervision};
pub use supervisor::{Ended, Running, Supervisor};
pub use tools::{ToolInfo, ToolSource, Tools};
