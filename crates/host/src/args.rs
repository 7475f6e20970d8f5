//! Arguments of operations as they come from a program, and results as they go back.

use run::{Failure, Json, Payload};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the arguments of `op`.
pub(crate) fn read<T: DeserializeOwned>(op: &str, args: &Payload) -> Result<T, Failure> {
    args.json.to().map_err(|e| {
        Failure::with_code("TypeError", "ERR_INVALID_ARG_TYPE", format!("{op}: its arguments cannot be read: {e}"))
    })
}

/// A result without bytes.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Payload, Failure> {
    let json = Json::of(value).map_err(|e| Failure::new("Error", format!("the result has no JSON form: {e}")))?;
    Ok(json.into())
}

/// A size as people read it.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        b if b >= 1 << 20 && b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}

/// Runs `work` here if it is `quick`, and on a thread for blocking work otherwise.
pub(crate) async fn blocking<T: Send + 'static>(
    quick: bool,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if quick {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Failure::new("Error", format!("the operation was cut off: {e}"))),
    }
}
