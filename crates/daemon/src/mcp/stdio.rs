//! One client on standard input and output.

use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;

use super::server::{Server, Shared};

/// Why the client could not be served.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// What came first was no beginning of a session.
    #[error("the client did not begin a session: {0}")]
    Begin(#[from] Box<ServerInitializeError>),
    /// The server's task ended unexpectedly.
    #[error("the server stopped: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Serves the client on standard input and output until it goes or `stop` is done; then the runs that are driven may
/// go on for `patience`, and are left after that: resumable.
pub async fn serve_stdio(
    shared: Arc<Shared>,
    patience: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(), StdioError> {
    let supervisor = shared.supervisor().clone();
    let mut stop = std::pin::pin!(stop);
    let begun = tokio::select! {
        begun = Server::new(shared, false).serve(stdio_pipes()) => Some(begun),
        () = &mut stop => None,
    };
    let served = match begun {
        // A client that goes before it has said anything wanted nothing.
        Some(Err(ServerInitializeError::ConnectionClosed(_))) | None => Ok(()),
        Some(Err(error)) => Err(StdioError::Begin(Box::new(error))),
        Some(Ok(service)) => {
            let mut waiting = std::pin::pin!(service.waiting());
            tokio::select! {
                ended = &mut waiting => {
                    tokio::select! {
                        () = supervisor.idle() => {}
                        () = tokio::time::sleep(patience) => {}
                        () = &mut stop => {}
                    }
                    ended.map(drop).map_err(StdioError::from)
                }
                () = &mut stop => Ok(()),
            }
        }
    };
    supervisor.leave(LEAVE).await;
    served
}

/// How long a run may take to be left, before the process ends without.
pub(super) const LEAVE: Duration = Duration::from_secs(5);
