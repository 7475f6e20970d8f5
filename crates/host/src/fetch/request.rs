//! What of a program's request is sent, and what is refused.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use run::{Failure, Payload};

use super::{at, is_safe, secret, short};

/// Headers with secrets: never shown, and dropped when a redirect leads to another origin.
pub(super) const SECRET_HEADERS: [&str; 5] = ["authorization", "cookie", "cookie2", "proxy-authorization", "x-api-key"];

/// Headers that belong to the connection or that the client sets from the URL and the body. A program that could
/// set them could say one thing to a proxy and another to the server behind it.
const DROPPED: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A failure as Node's `fetch` words it.
pub(super) fn failed(cause: String) -> Failure {
    Failure::new("TypeError", format!("fetch failed: {cause}"))
}

/// The method, in capitals where it is one of the usual ones.
pub(super) fn method(text: &str) -> Result<Method, Failure> {
    let usual = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];
    if let Some(usual) = usual.iter().find(|usual| usual.eq_ignore_ascii_case(text))
        && let Ok(method) = Method::from_bytes(usual.as_bytes())
    {
        return Ok(method);
    }
    let refused = ["CONNECT", "TRACE", "TRACK"].iter().any(|refused| refused.eq_ignore_ascii_case(text));
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if !refused => Ok(method),
        Ok(_) => Err(Failure::new("TypeError", format!("'{text}' HTTP method is unsupported."))),
        Err(_) => Err(Failure::new("TypeError", format!("{:?} is not a valid HTTP method.", short(text)))),
    }
}

/// The headers that are sent.
pub(super) fn headers(given: &[(String, String)], method: &Method, key: &str) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let Ok(header) = parsed else {
            return Err(Failure::new(
                "TypeError",
                format!("Headers.append: {:?} is an invalid header name.", short(name)),
            ));
        };
        // Each character is one byte, as in the browsers; a line break would begin another header.
        let bytes: Option<Vec<u8>> =
            value.trim_matches([' ', '\t', '\r', '\n']).chars().map(|c| u8::try_from(c).ok()).collect();
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        let Some(value) = value else {
            // Without the value, which may be a secret.
            return Err(Failure::new(
                "TypeError",
                format!("Headers.append: the value of {header} is an invalid header value."),
            ));
        };
        if DROPPED.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
            continue;
        }
        let value = if SECRET_HEADERS.contains(&header.as_str()) { secret(value) } else { value };
        let kept = headers.try_append(header, value);
        kept.map_err(|_| Failure::new("TypeError", "fetch: there are more headers than a request can carry"))?;
    }
    let mut default = |name: &'static str, value: &str| {
        if !headers.contains_key(name)
            && let Ok(value) = HeaderValue::from_str(value)
        {
            headers.insert(name, value);
        }
    };
    default("accept", "*/*");
    if !is_safe(method.as_str()) {
        default("idempotency-key", key);
    }
    Ok(headers)
}

/// The arguments of a request as a journal may hold them: secret headers keep their names, and lose their values.
pub(crate) fn recorded(args: &Payload) -> Payload {
    let text = args.json.get().to_ascii_lowercase();
    if !SECRET_HEADERS.iter().any(|name| text.contains(name)) {
        return args.clone();
    }
    let mut json = args.json.value();
    let headers = json.get_mut("headers").and_then(serde_json::Value::as_array_mut);
    for header in headers.into_iter().flatten() {
        let secret = |name: &str| SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        if header.get(0).and_then(serde_json::Value::as_str).is_some_and(secret) {
            header[1] = "[not recorded]".into();
        }
    }
    Payload { json: json.into(), bytes: args.bytes.clone() }
}

/// The host, as permissions name it, and the port that a URL leads to.
pub(super) fn target(url: &Url) -> Result<(String, u16), Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(failed(format!("{}: URLs are not supported; read files with node:fs", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let text = format!("{} came with a user or password in it: send them in an Authorization header", at(url));
        return Err(failed(text));
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    match url.port_or_known_default() {
        Some(0) | None => Err(failed(format!("bad port: {}", at(url)))),
        Some(_) if host.is_empty() => Err(failed(format!("{} names no host", at(url)))),
        Some(port) => Ok((host.to_owned(), port)),
    }
}

/// Bytes as the text that a `Headers` object holds.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
