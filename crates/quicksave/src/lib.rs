//! Programs that survive: durable workflows as async functions.
//!
//! A workflow is an async function with a [`Context`]. What it does to the world goes through the context: each step's
//! result is in a journal before the function sees it. Killed at any instant, the run is taken up again by calling the
//! function anew and giving it the recorded results; no step whose result was recorded is performed again.
//!
//! ```no_run
//! use quicksave::{Context, Error, Quicksave};
//!
//! async fn order(cx: Context, item: String) -> Result<String, Error> {
//!     let reserved: u32 = cx.step("reserve", async { Ok(41) }).await?;
//!     let sure: bool = cx.ask("confirm", format!("Ship {item}?")).await?;
//!     cx.sleep(std::time::Duration::from_secs(60)).await;
//!     Ok(if sure { format!("{item}: number {}", reserved + 1) } else { "kept".into() })
//! }
//!
//! # async fn demo() -> Result<(), Error> {
//! let quicksave = Quicksave::builder().workflow("order", "1", order).open()?;
//! let run = quicksave.start("order", &"lamp").await?;
//! let shipped: String = run.result().await?;
//! # Ok(()) }
//! ```
//!
//! The function must be deterministic between its steps: no clock, randomness or I/O outside the context
//! ([`Context::now`] and [`Context::random`] are recorded); and `tokio::select!` polls its branches in random order unless
//! it begins with `biased;`. A replay that asks for something else than the journal holds
//! stops with `diverged` and says where.

mod context;
mod dags;
mod door;
mod error;
mod native;
mod system;

pub use context::Context;
pub use dags::{DagResult, NodeInput};
pub use door::{Handle, Quicksave, QuicksaveBuilder};
pub use error::Error;
pub use executor::{Executor, Finished, Request, RunInfo};
pub use run::{RunId, Status, Summary, limits::Limits};
pub use system::System;

pub use executor;
pub use run as model;
pub use store;
