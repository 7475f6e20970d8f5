//! Requests: signed, sent, sent again where that helps; and what their failure means.

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{Method, StatusCode, header::HeaderMap};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

use super::S3Options;
use crate::{StoreError, backoff::Backoff};

/// How long a signed request may be on its way.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// Signs and sends.
pub(super) struct Client {
    http: reqwest::Client,
    pub(super) bucket: Bucket,
    credentials: Option<Credentials>,
    patience: Duration,
    place: String,
}

/// What the service said.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The service's name for what went wrong, if it gave one.
    pub(super) fn code(&self) -> Option<String> {
        element(&self.body, "Code")
    }
}

/// The text of the first element called `name`.
fn element(xml: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(xml).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (found, _) = rest.split_once("</")?;
    Some(found.chars().take(300).collect())
}

/// Headers that are sent and signed.
pub(super) type Headers = Vec<(&'static str, String)>;

impl Client {
    pub(super) fn new(options: &S3Options) -> Result<Self, StoreError> {
        let bad = |cause: String| StoreError::BadUrl { store: format!("s3://{}", options.bucket), cause };
        let region = options.region.as_deref().unwrap_or("us-east-1").to_owned();
        // Buckets of services that are not Amazon's seldom have hosts of their own.
        let style = match &options.endpoint {
            None if !options.bucket.contains('.') => UrlStyle::VirtualHost,
            _ => UrlStyle::Path,
        };
        let endpoint = match &options.endpoint {
            None => format!("https://s3.{region}.amazonaws.com"),
            Some(endpoint) => endpoint.clone(),
        };
        let endpoint: url::Url = endpoint.parse().map_err(|error| bad(format!("its endpoint is no URL: {error}")))?;
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(bad("its endpoint holds a user or password; credentials come from the environment".into()));
        }
        let host = endpoint.host_str().unwrap_or_default().to_owned();
        let place = match endpoint.port() {
            Some(port) => format!("{} at {host}:{port}", options.bucket),
            None => format!("{} at {host}", options.bucket),
        };
        let bucket = Bucket::new(endpoint, style, options.bucket.clone(), region);
        let bucket =
            bucket.map_err(|error| bad(format!("its endpoint or its bucket's name cannot be used: {error}")))?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(options.authorities.as_deref()).map_err(bad)?)
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.answer_timeout)
            .redirect(reqwest::redirect::Policy::none())
            // Values come as they were stored.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd();
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| bad(format!("no client can be made: {error}")))?;
        let credentials = options.credentials.as_ref().map(super::S3Credentials::to_signer);
        Ok(Self { http, bucket, credentials, patience: options.patience, place })
    }

    /// The bucket and its host, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Who signs.
    pub(super) fn signer(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Sends a request until it is answered, or no retry helps. Gives back successes, and refusals that mean something
    /// to the caller: 412, and 404 for an object or an upload.
    pub(super) async fn send<'a, A: S3Action<'a>>(
        &'a self,
        what: &str,
        method: Method,
        action: impl Fn() -> A,
        headers: &Headers,
        body: &Bytes,
    ) -> Result<Answer, StoreError> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            let error = match self.send_once(method.clone(), action(), headers, body).await {
                Ok(answer) => match judge(&method, answer) {
                    Ok(answer) => return Ok(answer),
                    Err(source) => source,
                },
                Err(error) => transport(error),
            };
            backoff.again(StoreError::Io { what: what.into(), source: error }).await?;
        }
    }

    async fn send_once<'a, A: S3Action<'a>>(
        &self,
        method: Method,
        mut action: A,
        headers: &Headers,
        body: &Bytes,
    ) -> reqwest::Result<Answer> {
        for (name, value) in headers {
            action.headers_mut().insert(*name, value.clone());
        }
        let mut request = self.http.request(method.clone(), action.sign(SIGNED_FOR));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if method == Method::PUT || method == Method::POST {
            // Set by hand, since it is left out for an empty body, and the service insists on it.
            request = request.header(reqwest::header::CONTENT_LENGTH, body.len()).body(body.clone());
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await? })
    }
}

/// Whether the caller wants to see the answer, or it is an error.
fn judge(method: &Method, answer: Answer) -> Result<Answer, io::Error> {
    // What was asked for with GET may look like an error, and is none.
    let may_fail_late = method == Method::POST && answer.body.windows(7).any(|part| part == b"<Error>");
    let status = answer.status.as_u16();
    match status {
        // An error may come after a success was announced, when the work takes long.
        200..=299 if may_fail_late => Err(refusal(&answer, 500)),
        200..=299 | 412 => Ok(answer),
        // To HEAD there is no code. Without one, another answer may be anybody's: that of a wrong address, for one.
        404 if method == Method::HEAD => Ok(answer),
        404 if matches!(answer.code().as_deref(), Some("NoSuchKey" | "NoSuchUpload")) => Ok(answer),
        _ => Err(refusal(&answer, status)),
    }
}

/// A refusal as an error, whose kind says whether a retry helps (see `StoreError::can_retry`).
fn refusal(answer: &Answer, status: u16) -> io::Error {
    let code = answer.code().unwrap_or_default();
    let message = element(&answer.body, "Message").unwrap_or_default();
    let (kind, hint) = match (status, code.as_str()) {
        (_, "SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout") => {
            (io::ErrorKind::ResourceBusy, "")
        }
        (_, "OperationAborted" | "ConditionalRequestConflict") | (409, "") => (io::ErrorKind::ResourceBusy, ""),
        (_, "NoSuchBucket") => (io::ErrorKind::NotFound, "; make the bucket, or use another"),
        (_, "RequestTimeTooSkewed") => (io::ErrorKind::PermissionDenied, "; set this machine's clock"),
        (_, "ExpiredToken") => (io::ErrorKind::PermissionDenied, "; get new credentials, and start again"),
        (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") | (301 | 307, _) => {
            (io::ErrorKind::InvalidInput, "; the bucket is in another region: give it")
        }
        (401 | 403, _) => (io::ErrorKind::PermissionDenied, "; look at the credentials and the rights they give"),
        (404, _) => (io::ErrorKind::NotFound, "; look at the service's address"),
        (501, _) => (io::ErrorKind::Unsupported, "; the service does not support this request"),
        (408 | 429 | 500..=599, _) => (io::ErrorKind::ResourceBusy, ""),
        _ => (io::ErrorKind::Other, ""),
    };
    let mut cause = format!("the service answered {}", answer.status.as_u16());
    for part in [code, message].iter().filter(|part| !part.is_empty()) {
        cause.push_str(": ");
        cause.push_str(part);
    }
    io::Error::new(kind, cause + hint)
}

/// What happened on the way, without the URL: its query is the signature.
fn transport(error: reqwest::Error) -> io::Error {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        io::ErrorKind::TimedOut
    } else if error.is_builder() {
        io::ErrorKind::InvalidInput
    } else if find::<rustls::Error>(&error).is_some() {
        io::ErrorKind::InvalidData
    } else if error.is_connect() {
        find::<io::Error>(&error).map_or(io::ErrorKind::ConnectionRefused, io::Error::kind)
    } else {
        io::ErrorKind::ConnectionReset
    };
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    io::Error::new(kind, text)
}

/// The first error of a kind among `error`'s causes. Errors inside an `io::Error` are looked at too.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// The TLS side: ring, and the machine's authorities, Mozilla's where it has none, or those given.
fn tls(authorities: Option<&[u8]>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| format!("its authorities are no PEM: {error}"))?;
                roots.add(certificate).map_err(|error| format!("an authority cannot be used: {error}"))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // Long values on one connection of HTTP/2 would wait for each other.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
