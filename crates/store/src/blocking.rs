//! Work that waits for a disk, kept off the threads of the async runtime.

use std::future::{Future, ready};

use futures::future::Either;

use crate::StoreError;

/// Begins `f` at once, on a thread where blocking is allowed. Without a runtime it is done here.
pub(crate) fn run<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
    match tokio::runtime::Handle::try_current() {
        Err(_) => Either::Left(ready(f())),
        Ok(runtime) => {
            let task = runtime.spawn_blocking(f);
            Either::Right(async move {
                match task.await {
                    Ok(result) => result,
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(_) => Err(StoreError::Io {
                        what: "the store's work was given up".into(),
                        source: std::io::Error::other("the runtime is shutting down"),
                    }),
                }
            })
        }
    }
}
