//! The MCP server: photons and code mode as tools, runs as resources, questions as elicitations.
//!
//! `server` is one session; a call starts a run or takes one up, and `follow` goes with it: what the run shows becomes
//! progress and log lines, what it asks becomes elicitations (`elicit`) or, for clients that do not take requests while
//! they wait, questions that are answered by calling again (`rounds`). A run is never lost with its call: a client that
//! goes away leaves it to finish or to wait. The SDK speaks the protocol; here is what it means for runs.

mod code;
mod cursor;
mod elicit;
mod follow;
mod http;
mod names;
mod outputs;
mod photons;
mod resources;
mod results;
mod rounds;
mod screen;
mod server;
mod stdio;

pub use http::{Http, HttpError};
pub use photons::Offered;
pub use screen::Screens;
pub use server::{Server, Shared};
pub use stdio::{StdioError, serve_stdio};
