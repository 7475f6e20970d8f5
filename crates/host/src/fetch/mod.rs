//! `fetch`: HTTP/1.1 and HTTP/2.
//!
//! Redirects are followed here and not by the client, so that each hop is checked like the first: its host and port,
//! and then every address behind the name (see [`client`]). Nothing is remembered between requests but open
//! connections: no cookies, no cache; proxies of the environment are not used.
//!
//! Every request that may change something carries `Idempotency-Key: {runId}/{n}`, the same for each attempt at this
//! effect, unless the program set its own.

mod client;
mod data;
mod request;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use executor::CallContext;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use run::{EffectClass, Failure, Json, Outcome, Payload};
use serde::{Deserialize, Serialize};

use crate::args::{self, size};
use crate::gate::{Gate, Pass, Vouch};
use crate::permissions::Access;
use client::Clients;
pub use client::{Resolve, SystemResolver, http_client};
pub(crate) use request::recorded;
use request::{failed, latin1};

/// As in the fetch standard.
const MAX_REDIRECTS: usize = 20;

/// The `fetch` operation, and its open connections.
pub(crate) struct Fetch {
    gate: Arc<Gate>,
    clients: Clients,
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Redirect {
    #[default]
    Follow,
    Manual,
    Error,
}

#[derive(Deserialize)]
struct Args {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    redirect: Redirect,
}

/// What goes back; the body goes beside it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    url: String,
    status: u16,
    status_text: String,
    headers: Vec<(String, String)>,
    redirected: bool,
}

/// Whether the request only reads.
pub(crate) fn class(args: &Payload) -> EffectClass {
    #[derive(Deserialize)]
    struct Only<'a> {
        #[serde(borrow, default)]
        method: Option<std::borrow::Cow<'a, str>>,
    }
    let only: Result<Only, _> = args.json.to();
    match only {
        Ok(Only { method: None }) => EffectClass::Read,
        Ok(Only { method: Some(method) }) if is_safe(&method) => EffectClass::Read,
        _ => EffectClass::Write,
    }
}

fn is_safe(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"].iter().any(|safe| safe.eq_ignore_ascii_case(method))
}

/// One request on its way along its redirects.
struct Hop {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

impl Fetch {
    pub(crate) fn new(gate: Arc<Gate>, resolver: Arc<dyn Resolve>, limit: usize) -> Self {
        Self { clients: Clients::new(gate.clone(), resolver), gate, limit }
    }

    /// Sends the request, follows where it leads, and reads the whole body.
    pub(crate) async fn perform(&self, context: &CallContext, payload: Payload) -> Outcome {
        let args: Args = args::read("fetch", &payload)?;
        let url = Url::parse(&args.url).map_err(|e| failed(format!("{:?} is not a URL: {e}", short(&args.url))))?;
        if url.scheme() == "data" {
            return data::read(&url, self.limit);
        }
        let method = request::method(args.method.as_deref().unwrap_or("GET"))?;
        let headers = request::headers(&args.headers, &method, &context.idempotency_key())?;
        let body = payload.bytes.filter(|body| !body.is_empty());
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            return Err(Failure::new("TypeError", "Request with GET/HEAD method cannot have body."));
        }
        let mut hop = Hop { url, method, headers, body };
        let mut redirects = 0;
        loop {
            let (response, _vouch) = self.send(context, &hop, redirects > 0).await?;
            let Some(next) = next_url(&hop.url, &response)? else {
                return self.finish(hop, response, redirects > 0).await;
            };
            match args.redirect {
                Redirect::Manual => return self.finish(hop, response, redirects > 0).await,
                Redirect::Error => {
                    return Err(failed(format!("unexpected redirect: {} leads to {}", at(&hop.url), at(&next))));
                }
                Redirect::Follow if redirects == MAX_REDIRECTS => {
                    return Err(failed(format!(
                        "redirect count exceeded: more than {MAX_REDIRECTS}, the last to {}",
                        at(&next)
                    )));
                }
                Redirect::Follow => redirects += 1,
            }
            hop.follow(next, response.status());
        }
    }

    /// Sends one hop, when it may be sent.
    async fn send(&self, cx: &CallContext, hop: &Hop, redirected: bool) -> Result<(Response, Option<Vouch>), Failure> {
        let (host, port) = request::target(&hop.url)?;
        let access = Access::Net { host: host.clone(), port };
        let vouch = match self.gate.pass(&cx.run, access, None).await {
            Ok(Pass::Granted) => None,
            Ok(Pass::Vouched) => Some(self.gate.vouch(&host, port)),
            Err(mut denied) => {
                if redirected {
                    denied.message = format!("a redirect leads to {host}:{port}: {}", denied.message);
                }
                return Err(denied);
            }
        };
        let client = self.clients.for_port(port)?;
        let mut request = client.request(hop.method.clone(), hop.url.clone()).headers(hop.headers.clone());
        if let Some(body) = &hop.body {
            request = request.body(body.clone());
        } else if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
            // As the standard says: these have a body, if an empty one.
            request = request.header(CONTENT_LENGTH, 0);
        }
        // No path, no query, no header: they may hold secrets.
        tracing::debug!(run = %cx.run, n = cx.n, method = %hop.method, host, port, "fetch");
        let response = request.send().await.map_err(|e| client::failure(&e, &host, port))?;
        Ok((response, vouch))
    }

    /// Reads the body and makes the result.
    async fn finish(&self, hop: Hop, mut response: Response, redirected: bool) -> Outcome {
        let (host, port) = request::target(&hop.url)?;
        let too_long = || {
            let (url, limit) = (at(&hop.url), size(self.limit));
            let text = format!(
                "the body of {url} is longer than one value may be ({limit}): ask for a part with a Range header, or \
                 raise the limit"
            );
            Failure { code: Some("UND_ERR_RES_EXCEEDED_MAX_SIZE".into()), ..failed(text) }
        };
        if response.content_length().is_some_and(|length| length > self.limit as u64) {
            return Err(too_long());
        }
        let mut body = BytesMut::new();
        // After decompression, so that a small answer that unpacks to a large one ends here too.
        while let Some(part) = response.chunk().await.map_err(|e| client::failure(&e, &host, port))? {
            if body.len() + part.len() > self.limit {
                return Err(too_long());
            }
            body.extend_from_slice(&part);
        }
        let status = response.status();
        let head = Head {
            url: hop.url.to_string(),
            status: status.as_u16(),
            status_text: status.canonical_reason().unwrap_or_default().to_owned(),
            headers: response.headers().iter().map(|(k, v)| (k.as_str().to_owned(), latin1(v.as_bytes()))).collect(),
            redirected,
        };
        let json = Json::of(&head).map_err(|e| failed(format!("the response has no JSON form: {e}")))?;
        Ok(Payload { json, bytes: Some(body.freeze()) })
    }
}

/// Where a redirect leads; `None` if this is none.
fn next_url(from: &Url, response: &Response) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let next = std::str::from_utf8(location.as_bytes()).ok().and_then(|text| from.join(text).ok());
    let Some(mut next) = next else {
        return Err(failed(format!(
            "{} redirects to {:?}, which is not a URL",
            at(from),
            short(&latin1(location.as_bytes()))
        )));
    };
    if !matches!(next.scheme(), "http" | "https") {
        return Err(failed(format!("{} redirects to a {} URL, which is not followed", at(from), next.scheme())));
    }
    if next.fragment().is_none() {
        next.set_fragment(from.fragment());
    }
    Ok(Some(next))
}

impl Hop {
    /// Goes on to `next`, as the fetch standard says.
    fn follow(&mut self, next: Url, status: StatusCode) {
        let become_get = match status.as_u16() {
            301 | 302 => self.method == Method::POST,
            303 => !matches!(self.method, Method::GET | Method::HEAD),
            _ => false,
        };
        if become_get {
            self.method = Method::GET;
            self.body = None;
            for name in ["content-encoding", "content-language", "content-location", "content-type", "idempotency-key"]
            {
                self.headers.remove(name);
            }
        }
        // What was meant for one host is not told to another.
        if next.origin() != self.url.origin() {
            for name in request::SECRET_HEADERS {
                self.headers.remove(name);
            }
        }
        self.url = next;
    }
}

/// A URL for messages: without user, query and fragment, where secrets are.
fn at(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = (url.set_username(""), url.set_password(None));
    short(url.as_str())
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A value that `Debug` does not show.
fn secret(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
