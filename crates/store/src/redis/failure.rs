//! What went wrong, in words, and whether a retry helps.

use std::{error::Error, io, sync::Arc};

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use zeroize::Zeroizing;

/// What no error may show.
pub(super) struct Secrets(Option<Zeroizing<String>>);

impl Secrets {
    pub(super) fn new(password: Option<&str>) -> Self {
        // One of a few letters may be anywhere by chance, and would only spoil the text.
        Self(password.filter(|password| password.len() > 3).map(|password| Zeroizing::new(password.to_owned())))
    }

    /// `text` without them. Servers and libraries show none that we know of; this is for those that we do not know.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.as_ref().map_or_else(|| text.to_owned(), |password| text.replace(password.as_str(), "…"))
    }
}

/// Whether nothing more can be asked on the connection.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    // A primary that became a replica has to be looked for under the same name again.
    matches!(kind(error), k if k != io::ErrorKind::Other && k != io::ErrorKind::PermissionDenied && k != io::ErrorKind::StorageFull)
        || error.is_unrecoverable_error()
}

/// The error with a kind that says whether a retry helps (see [`StoreError::can_retry`](crate::StoreError::can_retry)).
pub(super) fn io_error(error: &RedisError, secrets: &Secrets) -> io::Error {
    let kind = kind(error);
    let hint = match kind {
        io::ErrorKind::PermissionDenied => "; look at the user and the password of the store's address",
        io::ErrorKind::StorageFull => "; the server's memory is full: raise its maxmemory, or delete runs",
        _ => "",
    };
    io::Error::new(kind, secrets.hide(&format!("{error}{hint}")))
}

/// The system's error behind it, which the client shares.
fn system_error(error: &RedisError) -> Option<&io::Error> {
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn Error + Send + Sync>>().map(|shared| &**shared);
    source.downcast_ref().or_else(|| shared?.downcast_ref())
}

fn kind(error: &RedisError) -> io::ErrorKind {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, NoPerm, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Io if error.is_timeout() => io::ErrorKind::TimedOut,
        ErrorKind::Io => match system_error(error) {
            Some(source) if source.kind() == io::ErrorKind::UnexpectedEof => io::ErrorKind::ConnectionReset,
            Some(source) => source.kind(),
            None => io::ErrorKind::ConnectionAborted,
        },
        ErrorKind::Server(BusyLoading | TryAgain | MasterDown | ClusterDown | ReadOnly) => io::ErrorKind::ResourceBusy,
        ErrorKind::AuthenticationFailed | ErrorKind::Server(NoPerm) => io::ErrorKind::PermissionDenied,
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => io::ErrorKind::PermissionDenied,
            Some("OOM") => io::ErrorKind::StorageFull,
            Some("BUSY" | "UNBLOCKED") => io::ErrorKind::ResourceBusy,
            _ if error.to_string().contains("max number of clients") => io::ErrorKind::ResourceBusy,
            _ => io::ErrorKind::Other,
        },
    }
}
