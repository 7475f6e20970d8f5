//! Waiting for a future on a thread that drives a run.

use std::{future::Future, pin::pin, sync::mpsc, task::Context};

use futures::task::noop_waker_ref;
use tokio::runtime::Handle;

/// Waits for `future` while the thread stands still. Stores of files do their work in the first poll, which costs no hop.
pub(crate) fn wait<T: Send + 'static>(io: &Handle, future: impl Future<Output = T> + Send + 'static) -> T {
    let _guard = io.enter();
    let mut future = Box::pin(future);
    let first = store::here(|| future.as_mut().poll(&mut Context::from_waker(noop_waker_ref())));
    if let std::task::Poll::Ready(value) = first {
        return value;
    }
    let (send, receive) = mpsc::sync_channel(1);
    io.spawn(async move {
        let _ = send.send(future.await);
    });
    receive.recv().expect("the runtime outlives the runs that it serves")
}

/// The value of a future that is ready at its first poll.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(noop_waker_ref())) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
