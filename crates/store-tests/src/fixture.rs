//! What the properties are given.

use std::{any::Any, ops::Deref};

use run::RunId;
use store::Owner;

/// An empty store of one's own, for one property.
pub struct Fixture<S> {
    store: S,
    other: Option<S>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl<S> Fixture<S> {
    /// A store.
    pub fn new(store: S) -> Self {
        Self { store, other: None, _keep: Box::new(()) }
    }

    /// The same data through a second connection or handle, as another process has one.
    pub fn with_other(self, other: S) -> Self {
        Self { other: Some(other), ..self }
    }

    /// Something that has to live as long as the store: a temporary folder, a server.
    pub fn keeping(self, keep: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(keep), ..self }
    }

    /// The second handle, or the first if there is only one.
    pub fn other(&self) -> &S {
        self.other.as_ref().unwrap_or(&self.store)
    }
}

impl<S> Deref for Fixture<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.store
    }
}

/// Runs a property. Several threads, so that what should be concurrent is.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}

/// A run id from text that is known to be one.
pub fn run_id(text: &str) -> RunId {
    text.parse().expect("the text is a run id")
}

/// A driver called `what`.
pub fn driver(what: &str) -> Owner {
    Owner { host: "test-host".into(), pid: std::process::id(), what: what.into(), since: 1_772_793_000_123 }
}
