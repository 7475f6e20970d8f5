//! Clients over HTTP (the protocol's "streamable HTTP"), at `/mcp`.
//!
//! A server on this machine is reachable for every page that a browser shows. So the `Host` must be this machine, an
//! `Origin` must be a page of this machine, and an address that other machines reach needs a token.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, http::HeaderValue};
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::server::{Server, Shared};
use super::stdio::LEAVE;

/// Where clients find the server.
const PATH: &str = "/mcp";

/// The longest request, in bytes: a snippet, arguments, answers.
const LONGEST: usize = 8 << 20;

/// A session that nobody uses is closed after this time; its runs are not.
const UNUSED: Duration = Duration::from_secs(60 * 60);

/// The shortest token that is taken, in bytes.
const TOKEN: usize = 16;

/// Pages that may be clients: those of this machine.
const ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Other machines reach the address, and anybody could use it.
    #[error("other machines reach {0}, and there is no token")]
    Open(SocketAddr),
    /// The token could be guessed.
    #[error("the token has less than {TOKEN} characters")]
    ShortToken,
    /// The token cannot stand in a header.
    #[error("the token holds other characters than visible ASCII")]
    BadToken,
    /// The system refused.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The listener failed later.
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

/// A bound address.
pub struct Http {
    listener: TcpListener,
    address: SocketAddr,
    /// The hash of the token.
    token: Option<[u8; 32]>,
}

impl Http {
    /// Listens on `address`; clients must show `token`, if there is one.
    pub async fn bind(address: SocketAddr, token: Option<&str>) -> Result<Self, HttpError> {
        if let Some(token) = token {
            if token.len() < TOKEN {
                return Err(HttpError::ShortToken);
            }
            if !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(HttpError::BadToken);
            }
        } else if !address.ip().is_loopback() {
            return Err(HttpError::Open(address));
        }
        let failed = |source| HttpError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, token: token.map(hash) })
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Serves clients until `stop` is done. Runs that are driven then are left, resumable.
    pub async fn serve(
        self,
        shared: Arc<Shared>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), HttpError> {
        let supervisor = shared.supervisor().clone();
        let mut config = StreamableHttpServerConfig::default()
            .with_allowed_origins(ORIGINS)
            .enforce_origin_validation()
            .with_max_request_body_bytes(LONGEST);
        if self.token.is_some() && !self.address.ip().is_loopback() {
            // The names of this machine are not known; a page that was led here by a false name has no token.
            config = config.disable_allowed_hosts();
        }
        let stopped = config.cancellation_token.clone();
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(UNUSED);
        let token = self.token.is_some();
        let service =
            StreamableHttpService::new(move || Ok(Server::new(shared.clone(), token)), sessions.into(), config);
        let app =
            Router::new().route_service(PATH, service).layer(middleware::from_fn_with_state(self.token, authorized));
        let served = axum::serve(self.listener, app).with_graceful_shutdown(async move {
            stop.await;
            // Streams to clients would hold the server for ever.
            stopped.cancel();
        });
        let served = served.await.map_err(HttpError::Serve);
        supervisor.leave(LEAVE).await;
        served
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Lets a request through that shows the token. Hashes are compared, so that the time tells nothing of the token.
async fn authorized(State(token): State<Option<[u8; 32]>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|text| text.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    if token.is_some_and(|token| shown.is_none_or(|(_, shown)| hash(shown.trim()) != token)) {
        let mut refused =
            (StatusCode::UNAUTHORIZED, "the request needs the token: Authorization: Bearer …\n").into_response();
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refused;
    }
    next.run(request).await
}
