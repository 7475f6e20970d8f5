//! `http`: a client. Requests are effects, so that other tasks go on.

use bytes::Bytes;
use run::{Effect, Payload};
use serde_json::json;

use super::{Cx, Native};
use crate::fault::{Control, R, control, fail, kind, shown};
use crate::heap::{Asked, Map};
use crate::value::{Kind, Value};

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("http.get", 1, 2, |cx, args| without_body(cx, args, "GET")),
    Native::new("http.post", 1, 3, |cx, args| with_body(cx, args, "POST")),
    Native::new("http.put", 1, 3, |cx, args| with_body(cx, args, "PUT")),
    Native::new("http.delete", 1, 2, |cx, args| without_body(cx, args, "DELETE")),
    Native::new("http.head", 1, 2, |cx, args| without_body(cx, args, "HEAD")),
    Native::new("http.patch", 1, 3, |cx, args| with_body(cx, args, "PATCH")),
    Native::new("http.request", 2, 4, request),
    Native::new("http.urlEncode", 1, 1, url_encode),
    Native::new("http.urlDecode", 1, 1, url_decode),
    Native::new("http.parseQuery", 1, 1, parse_query),
];

/// `(url, headers?)`.
fn without_body(cx: &mut Cx<'_>, args: &[Value], method: &str) -> R<Value> {
    let url = cx.owned(args, 0, "a URL")?;
    let headers = args.get(1).copied().unwrap_or(Value::NIL);
    fetch(cx, method, url, Value::NIL, headers)
}

/// `(url, body?, headers?)`.
fn with_body(cx: &mut Cx<'_>, args: &[Value], method: &str) -> R<Value> {
    let url = cx.owned(args, 0, "a URL")?;
    let body = args.get(1).copied().unwrap_or(Value::NIL);
    let headers = args.get(2).copied().unwrap_or(Value::NIL);
    fetch(cx, method, url, body, headers)
}

/// `(method, url, body?, headers?)`.
fn request(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let method = cx.owned(args, 0, "a method")?.to_uppercase();
    let url = cx.owned(args, 1, "a URL")?;
    let body = args.get(2).copied().unwrap_or(Value::NIL);
    let headers = args.get(3).copied().unwrap_or(Value::NIL);
    fetch(cx, &method, url, body, headers)
}

fn fetch(cx: &mut Cx<'_>, method: &str, url: String, body: Value, headers: Value) -> R<Value> {
    let mut pairs: Vec<[String; 2]> = Vec::new();
    if let Some(map) = cx.heap.as_map(headers) {
        for (k, v) in map.iter() {
            pairs.push([cx.heap.str_at(k).to_owned(), shown(cx.heap, v)?]);
        }
    } else if !headers.is_nil() {
        return fail(kind::TYPE, format!("headers must be an object, not {}", cx.heap.type_name(headers)));
    }
    // Arrays and objects go as JSON, and say so.
    let body = match body.kind() {
        Some(Kind::Special) if body.is_nil() => None,
        Some(Kind::Map | Kind::Array) => {
            if !pairs.iter().any(|[name, _]| name.eq_ignore_ascii_case("content-type")) {
                pairs.push(["content-type".into(), "application/json".into()]);
            }
            Some(super::json::to_text(cx.heap, body, None)?.into_bytes())
        }
        Some(Kind::Bytes) => cx.heap.as_bytes(body).map(<[u8]>::to_vec),
        _ => Some(shown(cx.heap, body)?.into_bytes()),
    };
    let args = json!({ "url": url, "method": method, "headers": pairs, "redirect": "follow" });
    let args = Payload { json: args.into(), bytes: body.map(Bytes::from) };
    let what = Asked::Call { op: format!("http {method} {url}") };
    control(Control::Ask(Effect::Call { op: "fetch".into(), args }, what))
}

fn url_encode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "a text")?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(cx.new_text(out))
}

fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = text.get(at + 1..at + 3)?;
                out.push(u8::from_str_radix(hex, 16).ok()?);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

fn url_decode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "a text")?;
    match decode(text) {
        Some(text) => Ok(cx.new_text(text)),
        None => fail(kind::VALUE, format!("{text:?} is not URL-encoded text")),
    }
}

/// The members of a query; of those that occur twice, the last.
fn parse_query(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.owned(args, 0, "a query")?;
    let query = text.split_once('?').map_or(&*text, |(_, query)| query);
    let result = cx.heap.map(Map::default());
    for part in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (Some(key), Some(value)) = (decode(key), decode(value)) else {
            return fail(kind::VALUE, format!("{part:?} is not URL-encoded text"));
        };
        let value = cx.new_text(value);
        cx.heap.set_member(result, &key, value);
    }
    Ok(result)
}
