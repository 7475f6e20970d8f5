//! Work that waits for a disk, kept off the threads of the async runtime.

use std::{
    cell::Cell,
    future::{Future, ready},
};

use futures::future::Either;

use crate::StoreError;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, on a thread that has nothing else to do than wait for it: what the stores of this crate do meanwhile on the
/// machine's files is done on this thread, and handed to no other.
pub fn here<R>(f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _back = Back(HERE.replace(true));
    f()
}

/// Begins `f` at once, on a thread where blocking is allowed. Without a runtime it is done here.
pub(crate) fn run<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if !HERE.get() => {
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
        _ => Either::Left(ready(f())),
    }
}
