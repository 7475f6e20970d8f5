//! The lines that go over the socket: one JSON object each. `docs/daemon.md` has examples of all of them.

use std::borrow::Cow;
use std::fmt::Write;

use executor::EmittedAt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::filter;

/// The version of the protocol that both sides state in their first line.
pub const VERSION: u32 = 1;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The longest name of who publishes, in bytes.
const MAX_FROM: usize = 200;

/// How deep the data of an event may be nested: what reads it later has a limit too.
const MAX_DEPTH: usize = 100;

/// A line of a client, before its kind is known. What is not known is skipped, so that newer clients can say more.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    v: Option<u32>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    hops: Option<u32>,
    #[serde(default)]
    begun: u64,
    #[serde(default)]
    at: Option<u64>,
    #[serde(default)]
    after: Option<u64>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    token: Option<u64>,
    #[serde(default, rename = "waitMs")]
    wait: Option<u64>,
    #[serde(default, rename = "leaseMs")]
    lease: Option<u64>,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    op: Option<String>,
}

/// An event that a client publishes.
#[derive(Debug)]
pub(super) struct Published<'a> {
    kind: String,
    data: &'a str,
    from: Option<String>,
    hops: u32,
    at: Option<EmittedAt>,
}

impl Published<'_> {
    /// As the log takes it.
    pub(super) fn event(&self) -> super::NewEvent<'_> {
        let Self { kind, data, from, hops, at } = self;
        super::NewEvent { kind, data, from: from.as_deref(), hops: *hops, at: *at }
    }
}

/// What a client wants.
#[derive(Debug)]
pub(super) enum Request<'a> {
    Hello { v: u32, client: String },
    Publish(Published<'a>),
    Subscribe { types: Vec<String>, after: Option<u64> },
    Unsubscribe,
    Lock { name: String, wait: Option<u64>, lease: Option<u64> },
    Unlock { name: String, token: u64 },
    Renew { name: String, token: u64 },
    Take { run: String },
    Status,
    Call { op: String, data: &'a str },
    Stop,
    Ping,
}

/// Reads a line: the number that its answer carries, and what is wanted. An error is told to the client.
pub(super) fn read(line: &[u8]) -> (Option<u64>, Result<Request<'_>, String>) {
    let line: Line<'_> = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(error) => return (None, Err(format!("this line is not a request: {error}"))),
    };
    (line.id, request(line))
}

fn request(line: Line<'_>) -> Result<Request<'_>, String> {
    let t = &*line.t;
    let missing = |field: &str| format!("{t}: {field} is missing");
    let name = |name: Option<String>| {
        let name = name.ok_or_else(|| missing("name"))?;
        let good = !name.is_empty() && name.len() <= 256;
        good.then_some(name).ok_or_else(|| format!("{t}: a name has 1 to 256 bytes"))
    };
    let data = line.data.map_or("null", RawValue::get);
    Ok(match t {
        "hello" => {
            let client = line.client.unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
            Request::Hello { v: line.v.ok_or_else(|| missing("v"))?, client }
        }
        "publish" => {
            let kind = line.kind.ok_or_else(|| missing("type"))?;
            filter::check_type(&kind)?;
            if too_deep(data) {
                return Err(format!("publish: data is nested deeper than {MAX_DEPTH} levels"));
            }
            let from: Option<String> = line.from;
            if from.as_ref().is_some_and(|from| from.len() > MAX_FROM) {
                return Err(format!("publish: from has at most {MAX_FROM} bytes"));
            }
            if line.at.is_some() && from.is_none() {
                return Err(format!("publish: at counts the events of one source: {}", missing("from")));
            }
            let at = line.at.map(|position| EmittedAt { begun: line.begun, position });
            Request::Publish(Published { kind, data, from, hops: line.hops.unwrap_or(0), at })
        }
        "subscribe" => Request::Subscribe { types: line.types.unwrap_or_default(), after: line.after },
        "unsubscribe" => Request::Unsubscribe,
        "lock" => Request::Lock { name: name(line.name)?, wait: line.wait, lease: line.lease },
        "unlock" => Request::Unlock { name: name(line.name)?, token: line.token.ok_or_else(|| missing("token"))? },
        "renew" => Request::Renew { name: name(line.name)?, token: line.token.ok_or_else(|| missing("token"))? },
        "take" => Request::Take { run: line.run.ok_or_else(|| missing("run"))? },
        "status" => Request::Status,
        "call" => Request::Call { op: line.op.ok_or_else(|| missing("op"))?, data },
        "stop" => Request::Stop,
        "ping" => Request::Ping,
        other => return Err(format!("{other:?} is not a request that this daemon knows")),
    })
}

fn too_deep(json: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    false
}

/// An event as it is sent and kept: the line of `seq`, with its newline, at the end of `out`.
pub(super) fn event(out: &mut String, seq: u64, ts: u64, event: &super::NewEvent<'_>) {
    let _ = write!(out, "{{\"t\":\"event\",\"seq\":{seq},\"ts\":{ts},\"type\":");
    text(out, event.kind);
    if let Some(from) = event.from {
        out.push_str(",\"from\":");
        text(out, from);
    }
    if let Some(EmittedAt { begun, position }) = event.at {
        let _ = write!(out, ",\"begun\":{begun},\"at\":{position}");
    }
    if event.hops > 0 {
        let _ = write!(out, ",\"hops\":{}", event.hops);
    }
    out.push_str(",\"data\":");
    out.push_str(event.data);
    out.push_str("}\n");
}

fn text(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Puts a line together.
pub(super) fn line(value: serde_json::Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// A refusal, as a line.
pub(super) fn refusal(id: Option<u64>, code: &str, message: &str) -> Vec<u8> {
    line(serde_json::json!({ "t": "error", "id": id, "code": code, "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_refused_with_their_cause() {
        let deep = format!("{{\"t\":\"publish\",\"type\":\"a\",\"data\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let table = [
            ("", "not a request"),
            ("[]", "not a request"),
            ("{\"t\":5}", "not a request"),
            ("{\"t\":\"dance\"}", "\"dance\" is not a request"),
            ("{\"t\":\"hello\"}", "v is missing"),
            ("{\"t\":\"publish\"}", "type is missing"),
            ("{\"t\":\"publish\",\"type\":\"\"}", "1 to 256 bytes"),
            ("{\"t\":\"publish\",\"type\":\"a\",\"at\":1}", "from is missing"),
            ("{\"t\":\"lock\",\"name\":\"\"}", "1 to 256 bytes"),
            ("{\"t\":\"unlock\",\"name\":\"a\"}", "token is missing"),
            ("{\"t\":\"subscribe\",\"after\":-1}", "not a request"),
            (&deep, "nested deeper"),
        ];
        for (text, cause) in table {
            let error = read(text.as_bytes()).1.expect_err(text);
            assert!(error.contains(cause), "{text}: {error}");
        }
        assert!(read(b"\xff\xfe").1.is_err());
    }

    #[test]
    fn an_event_is_kept_as_it_was_published() {
        let line = br#"{"t":"publish","id":7,"type":"a\"b","data":{"x":[1, 2e400,"}"]},"from":"r1","at":9,"later":1}"#;
        let (id, request) = read(line);
        let Ok(Request::Publish(published)) = request else { panic!("{request:?}") };
        let mut out = String::new();
        event(&mut out, 3, 5, &published.event());
        assert_eq!(id, Some(7));
        assert_eq!(
            out,
            "{\"t\":\"event\",\"seq\":3,\"ts\":5,\"type\":\"a\\\"b\",\"from\":\"r1\",\"begun\":0,\"at\":9,\"data\":{\"x\":[1, 2e400,\"}\"]}}\n"
        );
    }
}
