//! DAGs as a guest of the executor: one run, one journal, nodes of several kinds.
//!
//! The guest is made of other guests. A node in a file is a program of its own guest inside this program: its effects
//! go through the same port and are numbered with all others, and their results find their way back by number. So
//! nodes run interleaved in one run, every step inside them is durable, and they may ask, sleep and wait. Commands and
//! HTTP requests are effects of this guest itself.

mod bundle;
mod image;
mod nodes;
mod program;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use run::limits::Limits;
use run::{Code, Guest, GuestError, Hash, Program};

use bundle::Unpacked;
pub use bundle::{Loader, PinError, Pinned, pin};
use program::Running;

/// The guest's name in pinned code.
pub const GUEST: &str = "dag";

/// The ending of a document's file.
pub const ENDING: &str = ".dag.json";

/// Runs DAG documents whose nodes are run by other guests.
#[derive(Clone)]
pub struct DagGuest {
    guests: Arc<BTreeMap<String, Arc<dyn Guest>>>,
}

impl DagGuest {
    /// With the guests for nodes in files, by their names.
    pub fn new(guests: Vec<Arc<dyn Guest>>) -> Self {
        Self { guests: Arc::new(guests.into_iter().map(|guest| (guest.name().to_owned(), guest)).collect()) }
    }

    fn unpack(&self, code: &Code) -> Result<Arc<Unpacked>, GuestError> {
        Unpacked::of(code, &self.guests).map(Arc::new).map_err(GuestError::Code)
    }
}

impl Guest for DagGuest {
    fn name(&self) -> &str {
        GUEST
    }

    fn engine(&self) -> Hash {
        // Images of nodes are inside ours, so all engines must fit.
        let mut text = format!("dag {} format {}", env!("CARGO_PKG_VERSION"), image::FORMAT);
        for (name, guest) in &*self.guests {
            text.push_str(&format!("\n{name} {}", guest.engine()));
        }
        Hash::of(text.as_bytes())
    }

    fn load(&self, code: &Arc<Code>, limits: &Limits) -> Result<Box<dyn Program>, GuestError> {
        Ok(Box::new(Running::new(self.unpack(code)?, limits.clone())))
    }

    fn restore(&self, code: &Arc<Code>, limits: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let [image] = images else {
            return Err(GuestError::Refused(format!("{} images where there should be one", images.len())));
        };
        Ok(Box::new(image::decode(image, self.unpack(code)?, limits.clone())?))
    }
}
