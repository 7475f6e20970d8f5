//! The HTTP server of webhooks.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path as Route, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use run::RunId;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use super::queue::{Delivery, Queue};
use super::signature::{Secret, id_of};
use crate::broker::now;
use crate::calls::{Call, Calls};
use crate::supervise::Supervision;

/// Where and for whom webhooks are served.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where.
    pub address: SocketAddr,
    /// What signs requests. Without one, requests are refused.
    pub secret: Option<Secret>,
    /// Requests without a signature are taken, if the address is this machine's own.
    pub unsigned: bool,
}

/// Serves webhooks.
pub struct Webhooks {
    listener: TcpListener,
    serving: Arc<Serving>,
    queued: mpsc::Receiver<Delivery>,
}

struct Serving {
    config: Config,
    calls: Calls,
    supervision: Supervision,
    queue: Queue,
    sender: mpsc::Sender<Delivery>,
    busy: Semaphore,
}

/// The longest body, in bytes.
const BODY: usize = 1 << 20;
/// How long a body may take.
const SLOW: Duration = Duration::from_secs(10);
/// Requests at one time.
const BUSY: usize = 64;

/// Why a request is refused.
struct Refused(StatusCode, String);

impl Webhooks {
    /// Binds the address. `folder` is the daemon's own.
    pub async fn bind(config: Config, calls: Calls, supervision: Supervision, folder: &Path) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.address).await?;
        let (sender, queued) = mpsc::channel(1_024);
        let (queue, busy) = (Queue::new(folder), Semaphore::new(BUSY));
        let serving = Arc::new(Serving { config, calls, supervision, queue, sender, busy });
        Ok(Self { listener, serving, queued })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves. Never ends.
    pub async fn work(self) {
        let Self { listener, serving, mut queued } = self;
        let router = Router::new().route("/webhooks/{photon}/{*path}", post(accept)).with_state(serving.clone());
        let serve = async {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "webhooks are not served any more");
            }
        };
        let run = async {
            // What a crash left behind.
            for delivery in serving.queue.all() {
                serving.run(delivery).await;
            }
            while let Some(delivery) = queued.recv().await {
                serving.run(delivery).await;
            }
        };
        tokio::join!(serve, run);
    }
}

async fn accept(
    State(serving): State<Arc<Serving>>,
    Route((photon, path)): Route<(String, String)>,
    request: Request<Body>,
) -> Response {
    match serving.accept(photon, &path, request).await {
        Ok(run) => {
            let body = json!({ "runId": run, "status": "accepted" }).to_string();
            (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, JSON)], body).into_response()
        }
        Err(Refused(status, why)) => {
            tracing::debug!(%status, "a webhook was refused: {why}");
            (status, [(header::CONTENT_TYPE, JSON)], json!({ "error": why }).to_string()).into_response()
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn refused<T>(status: StatusCode, why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(status, why.into()))
}

impl Serving {
    async fn accept(&self, photon: String, path: &str, request: Request<Body>) -> Result<RunId, Refused> {
        let Ok(_one_of_few) = self.busy.try_acquire() else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too many requests: try again later");
        };
        let (head, body) = request.into_parts();
        let body = match tokio::time::timeout(SLOW, to_bytes(body, BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {BODY} bytes")),
            Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
        };
        // Before anything is said of what there is.
        let id = match &self.config.secret {
            Some(secret) => secret
                .check(&head.headers, &body, now() / 1_000)
                .map_err(|why| Refused(StatusCode::UNAUTHORIZED, why))?,
            None if self.config.unsigned && self.config.address.ip().is_loopback() => {
                // A page in a browser could send it; what it cannot is choose this.
                if head.headers.contains_key(header::ORIGIN) {
                    return refused(StatusCode::FORBIDDEN, "unsigned requests of web pages are refused");
                }
                let id = head.headers.get("webhook-id").map(|id| id.as_bytes().to_vec());
                id_of(id.unwrap_or_else(|| self.calls.supervisor().executor().fresh_id().as_str().into()))
            }
            None => return refused(StatusCode::UNAUTHORIZED, "no secret is configured, so nothing can be accepted"),
        };
        let Some(method) = self.method(&photon, path).await else {
            return refused(StatusCode::NOT_FOUND, "there is no such webhook");
        };
        let args: Map<String, Value> = match body.as_ref() {
            [] => Map::new(),
            body => serde_json::from_slice(body)
                .map_err(|e| Refused(StatusCode::BAD_REQUEST, format!("the body is no JSON object: {e}")))?,
        };
        let delivery = Delivery { id: id_of(format!("{photon}/{method}/{id}").into_bytes()), photon, method, args };
        let run = delivery.run().map_err(|why| Refused(StatusCode::INTERNAL_SERVER_ERROR, why))?;
        // What can never run is refused at the door.
        if let Err(error) = self.calls.prepare(delivery.call()).await {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
        }
        let (queue, put) = (self.queue.clone(), delivery.clone());
        let put = tokio::task::spawn_blocking(move || queue.put(&put)).await;
        if let Err(error) = put.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::error!(%error, "a webhook could not be written down");
            return refused(StatusCode::SERVICE_UNAVAILABLE, "the request could not be written down");
        }
        // If there is no room it is found at the next start; but there is, as it is emptied all the time.
        let _ = self.sender.send(delivery).await;
        Ok(run)
    }

    async fn method(&self, photon: &str, path: &str) -> Option<String> {
        let (catalog, photon, path) = (self.calls.catalog().clone(), photon.to_owned(), path.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let entry = catalog.find(&photon).ok()?;
            let is = |hook: &Option<String>| {
                hook.as_deref().is_some_and(|hook| hook.trim_matches('/') == path.trim_matches('/'))
            };
            entry.methods().find(|tool| is(&tool.tags.webhook)).map(|tool| tool.name.clone())
        });
        found.await.ok().flatten()
    }

    async fn run(&self, delivery: Delivery) {
        let Ok(run) = delivery.run() else { return };
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            match self.calls.start_once(&run, delivery.call()).await {
                Ok(Ok(running)) => {
                    self.supervision.watch(running);
                    break;
                }
                Ok(Err(_)) => break,
                Err(error) if attempt < 5 => {
                    tracing::warn!(%run, "a webhook is tried again: {error}");
                    tokio::time::sleep(pause).await;
                    pause *= 4;
                }
                Err(error) => {
                    tracing::error!(%run, "a webhook was not run: {error}");
                    // It stays in the queue, for the next start.
                    return;
                }
            }
        }
        self.queue.remove(&delivery.id);
    }
}

impl Delivery {
    fn run(&self) -> Result<RunId, String> {
        format!("hook-{}", self.id).parse().map_err(|e: run::id::BadRunId| e.to_string())
    }

    fn call(&self) -> Call {
        Call {
            photon: self.photon.clone(),
            method: Some(self.method.clone()),
            args: self.args.clone(),
            internal: true,
            ..Call::default()
        }
    }
}
