//! Entries of a journal: what was asked, what came back, and what happened to the run.
//!
//! `start`, `emit`, `checkpoint`, `ask`, `answer`, `return` and `error` have the form of the photon ecosystem's run logs
//! (`@portel/photon-core`), so that its readers understand ours; the other kinds are our own, which they skip.

use serde::{Deserialize, Serialize};

use crate::{Ask, Failure, Hash, Json, Payload, Seed, payload::base64_bytes, time::Millis};

/// One line of a journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// When it was written.
    pub ts: Millis,
    /// The fencing number of the lease under which it was written; 0 in logs of the photon ecosystem.
    pub fence: u64,
    /// What it says.
    pub body: Body,
}

/// A payload in an entry, or where it lies when it is long.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// In the entry itself.
    Inline(Payload),
    /// Beside the journal, by content hash.
    Beside(ValueRef),
}

/// Where a long value lies: a blob of the run, see `docs/format.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ValueRef {
    /// The hash of the encoded payload.
    pub hash: Hash,
    /// The payload's size (JSON and bytes), in bytes.
    pub len: u64,
}

/// How a run began.
#[derive(Clone, PartialEq, Debug)]
pub struct Start {
    /// What is run: a method's or file's name; `code` for a snippet.
    pub tool: String,
    /// Its parameters, a JSON object.
    pub params: Value,
    /// The photon that the tool belongs to.
    pub photon: Option<String>,
    /// The photon's instance, if it is not the default one.
    pub instance: Option<String>,
    /// The run that called it, if one did.
    pub parent: Option<crate::RunId>,
    /// Who began it, as the program sees it; nobody is known if absent.
    pub caller: Option<Json>,
    /// Ours only; logs of the photon ecosystem have none.
    pub origin: Option<Origin>,
}

/// What a run of ours needs to be driven again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The version of the journal's format.
    pub v: u32,
    /// Which guest runs it: `typescript`, `neutron`, `dag`, `rust`.
    pub guest: String,
    /// The pinned code.
    pub code: Hash,
    /// The method of the module, where it has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub method: Option<String>,
    /// The source of the run's random numbers.
    pub seed: Seed,
    /// The command that began it, which takes up by itself what it was killed over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// The run that this one goes on from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fork: Option<ForkOf>,
    /// How long it may take from its start, waits included, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout: Option<Millis>,
    /// What it holds against others from its start to its end.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub holds: Vec<Held>,
}

/// Something that a run holds against others while it is driven: the operation by which it takes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// `lock.take`, …
    pub op: String,
    /// Its arguments.
    pub args: Json,
}

/// The journal format that is written.
pub const FORMAT: u32 = 1;

/// Where a fork comes from. Its journal begins with a copy of that run's, up to the checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ForkOf {
    /// The run that began: the program knew itself by this name up to the fork.
    pub root: crate::RunId,
    /// The run that was forked.
    pub run: crate::RunId,
    /// The checkpoint's id.
    pub checkpoint: String,
}

/// What an entry says.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// The run began.
    Start(Box<Start>),
    /// The program showed something.
    Emit {
        /// The effect's number.
        n: Option<u64>,
        /// The kind: `status`, `log`, …
        emit: String,
        /// The line to show.
        message: Option<String>,
        /// The whole value.
        data: Option<Value>,
    },
    /// The program marked a place. It went on at once, so this is also the effect's result.
    Checkpoint {
        /// The effect's number.
        n: Option<u64>,
        /// Its name.
        id: String,
        /// What the program wanted to be seen there.
        state: Value,
    },
    /// The program asked a person.
    Ask {
        /// The effect's number.
        n: Option<u64>,
        /// Its name.
        id: String,
        /// The question; its `id` is the one the program gave, if any.
        ask: Ask,
    },
    /// A person answered.
    Answer {
        /// The number of the ask.
        n: Option<u64>,
        /// The name of the ask.
        id: String,
        /// The answer.
        value: Value,
    },
    /// The program asked for an operation that the world can see; this line is on disk before it is performed.
    Call {
        /// The effect's number.
        n: u64,
        /// The operation.
        op: String,
        /// What it is done with.
        args: Value,
    },
    /// An operation's result.
    Result {
        /// The number of the call.
        n: u64,
        /// The operation, where no `call` line went before; `signal` for a message.
        op: Option<String>,
        /// What it was done with, where no `call` line went before.
        args: Option<Value>,
        /// The program stood still for it (`Port::call`), so it is not delivered as a wake.
        sync: bool,
        /// What came back.
        outcome: Result<Value, Failure>,
    },
    /// A timer fired.
    Timer {
        /// The number of the timer.
        n: u64,
        /// When it was to fire, in milliseconds since the epoch.
        due: Millis,
    },
    /// A message came from outside.
    Signal {
        /// The message's id, so that one that was recorded and not yet removed is not recorded twice.
        id: Option<String>,
        /// Its name.
        name: String,
        /// What it carries.
        value: Value,
    },
    /// The driver left the run, which waits.
    Wait {
        /// What for.
        waiting_for: Vec<Waiting>,
    },
    /// A driver took the run over.
    Resume {
        /// Who.
        by: String,
        /// Why: `resume`, `answer`, `retry`.
        why: String,
        /// The run goes on from this position (bytes): the entries from there to here do not count any more.
        back_to: Option<u64>,
    },
    /// A snapshot is on disk.
    Snapshot {
        /// Its hash.
        hash: Hash,
        /// How many bytes.
        len: u64,
    },
    /// From here on this run goes its own way: entries before are copied from the one that it was forked from.
    Fork {
        /// The source of random numbers from here on.
        seed: Seed,
    },
    /// Somebody cancelled the run.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The run ended well.
    Return {
        /// Its result.
        value: Value,
    },
    /// The run failed.
    Error {
        /// What went wrong; may be empty.
        message: String,
        /// Where.
        stack: Option<String>,
        /// `error` (the program threw), `timed_out`, `limit`, `deadlock`, `diverged`.
        kind: Option<String>,
    },
}

/// What a run waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Waiting {
    /// A person's answer.
    Ask {
        /// The ask's name.
        id: String,
        /// Its kind: `confirm`, `text`, …
        #[serde(default)]
        ask: String,
        /// The question.
        message: String,
        /// The whole request: options, bounds, defaults.
        #[serde(skip_serializing_if = "serde_json::Value::is_null", default)]
        spec: serde_json::Value,
    },
    /// A message from outside.
    Signal {
        /// The message's name.
        name: String,
    },
    /// A time.
    Timer {
        /// When, in milliseconds since the epoch.
        due: Millis,
    },
    /// Another run, which it called and which waits itself.
    Run {
        /// The number of the call.
        n: u64,
        /// The run.
        run: crate::RunId,
    },
    /// A person's word on an operation that was perhaps performed and must not be repeated unasked.
    Call {
        /// The number of the call.
        n: u64,
        /// The operation.
        op: String,
    },
}

impl Value {
    /// The payload, if it is in the entry.
    pub fn inline(&self) -> Option<&Payload> {
        match self {
            Self::Inline(payload) => Some(payload),
            Self::Beside(_) => None,
        }
    }

    /// JSON `null`.
    pub fn null() -> Self {
        Self::Inline(Payload::null())
    }

    /// The JSON tree for people and `--json`; a long value shows where it lies.
    pub fn shown(&self) -> serde_json::Value {
        match self {
            Self::Inline(payload) => payload.json.value(),
            Self::Beside(at) => serde_json::json!({ "$ref": at.hash.to_string(), "length": at.len }),
        }
    }
}

impl From<Payload> for Value {
    fn from(payload: Payload) -> Self {
        Self::Inline(payload)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::Inline(json.into())
    }
}

impl Body {
    /// The word in the line's `t`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Emit { .. } => "emit",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Ask { .. } => "ask",
            Self::Answer { .. } => "answer",
            Self::Call { .. } => "call",
            Self::Result { .. } => "result",
            Self::Timer { .. } => "timer",
            Self::Signal { .. } => "signal",
            Self::Wait { .. } => "wait",
            Self::Resume { .. } => "resume",
            Self::Snapshot { .. } => "snapshot",
            Self::Fork { .. } => "fork",
            Self::Cancel { .. } => "cancel",
            Self::Return { .. } => "return",
            Self::Error { .. } => "error",
        }
    }

    /// The number of the effect that this entry says was asked for.
    pub fn issues(&self) -> Option<u64> {
        match self {
            Self::Emit { n, .. } | Self::Checkpoint { n, .. } | Self::Ask { n, .. } => *n,
            Self::Call { n, .. } => Some(*n),
            _ => None,
        }
    }

    /// The number of the effect that this entry ends: it is delivered to the program in the order of such entries.
    pub fn wakes(&self) -> Option<u64> {
        match self {
            Self::Checkpoint { n, .. } | Self::Answer { n, .. } => *n,
            Self::Result { n, sync: false, .. } | Self::Timer { n, .. } => Some(*n),
            _ => None,
        }
    }

    /// Every value in it, to be stored beside the journal or fetched from there.
    pub fn values_mut(&mut self) -> Vec<&mut Value> {
        match self {
            Self::Start(start) => vec![&mut start.params],
            Self::Emit { data, .. } => data.iter_mut().collect(),
            Self::Checkpoint { state: value, .. }
            | Self::Answer { value, .. }
            | Self::Call { args: value, .. }
            | Self::Signal { value, .. }
            | Self::Return { value } => vec![value],
            Self::Result { args, outcome, .. } => args.iter_mut().chain(outcome.as_mut().ok()).collect(),
            _ => vec![],
        }
    }
}

/// The flat JSON form of every kind; one struct, so that values stay raw text in both directions.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Line {
    #[serde(default)]
    t: std::borrow::Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    photon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    parent: Option<crate::RunId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    caller: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    emit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    stack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "backTo")]
    back_to: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    sync: bool,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "waitingFor")]
    waiting_for: Option<Vec<Waiting>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    hash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    seed: Option<Seed>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    spec: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "ownId")]
    own_id: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    params: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    state: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    data: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    args: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default, with = "base64_bytes", rename = "argsBytes")]
    args_bytes: Option<bytes::Bytes>,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "argsRef")]
    args_ref: Option<ValueRef>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    value: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none", default, with = "base64_bytes")]
    bytes: Option<bytes::Bytes>,
    #[serde(skip_serializing_if = "Option::is_none", default, rename = "ref")]
    reference: Option<ValueRef>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ts: Option<Json>,
    #[serde(skip_serializing_if = "is_zero", default, rename = "f")]
    fence: u64,
    // Seed 000's spelling of `t` and `ts`, read only.
    #[serde(skip_serializing, default, rename = "type")]
    type_: Option<String>,
    #[serde(skip_serializing, default)]
    timestamp: Option<Json>,
    #[serde(skip_serializing, default)]
    error: Option<Json>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Line {
    fn put(value: &Value) -> (Option<Json>, Option<bytes::Bytes>, Option<ValueRef>) {
        match value {
            Value::Inline(p) => (Some(p.json.clone()), p.bytes.clone(), None),
            Value::Beside(at) => (None, None, Some(*at)),
        }
    }

    fn put_value(&mut self, value: &Value) {
        (self.value, self.bytes, self.reference) = Self::put(value);
    }

    fn take(json: Option<Json>, bytes: Option<bytes::Bytes>, at: Option<ValueRef>) -> Value {
        match at {
            Some(at) => Value::Beside(at),
            None => Value::Inline(Payload { json: json.unwrap_or_else(Json::null), bytes }),
        }
    }
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let mut line = Line {
            t: entry.body.kind().into(),
            ts: Some(Json::of(&entry.ts).expect("a number is JSON")),
            fence: entry.fence,
            ..Line::default()
        };
        match &entry.body {
            Body::Start(start) => {
                line.tool = Some(start.tool.clone());
                (line.params, line.bytes, line.reference) = Self::put(&start.params);
                line.photon.clone_from(&start.photon);
                line.instance.clone_from(&start.instance);
                line.parent.clone_from(&start.parent);
                line.caller.clone_from(&start.caller);
                line.origin.clone_from(&start.origin);
            }
            Body::Emit { n, emit, message, data } => {
                line.n = *n;
                line.emit = Some(emit.clone());
                line.message.clone_from(message);
                if let Some(data) = data {
                    (line.data, line.bytes, line.reference) = Self::put(data);
                }
            }
            Body::Checkpoint { n, id, state } => {
                line.n = *n;
                line.id = Some(id.clone());
                (line.state, line.bytes, line.reference) = Self::put(state);
            }
            Body::Ask { n, id, ask } => {
                line.n = *n;
                line.id = Some(id.clone());
                line.ask = Some(ask.kind.clone());
                line.message = Some(ask.message.clone());
                line.spec = Some(ask.spec.clone());
                line.own_id = ask.id.is_some().then_some(true);
            }
            Body::Answer { n, id, value } => {
                line.n = *n;
                line.id = Some(id.clone());
                line.put_value(value);
            }
            Body::Call { n, op, args } => {
                line.n = Some(*n);
                line.op = Some(op.clone());
                (line.args, line.args_bytes, line.args_ref) = Self::put(args);
            }
            Body::Result { n, op, args, sync, outcome } => {
                line.n = Some(*n);
                line.sync = *sync;
                line.op.clone_from(op);
                if let Some(args) = args {
                    (line.args, line.args_bytes, line.args_ref) = Self::put(args);
                }
                match outcome {
                    Ok(value) => line.put_value(value),
                    Err(failure) => line.failure = Some(failure.clone()),
                }
            }
            Body::Timer { n, due } => {
                line.n = Some(*n);
                line.due = Some(*due);
            }
            Body::Signal { id, name, value } => {
                line.id.clone_from(id);
                line.name = Some(name.clone());
                line.put_value(value);
            }
            Body::Wait { waiting_for } => line.waiting_for = Some(waiting_for.clone()),
            Body::Resume { by, why, back_to } => {
                line.back_to = *back_to;
                line.by = Some(by.clone());
                line.why = Some(why.clone());
            }
            Body::Snapshot { hash, len } => {
                line.hash = Some(*hash);
                line.len = Some(*len);
            }
            Body::Fork { seed } => line.seed = Some(*seed),
            Body::Cancel { reason } => line.reason = Some(reason.clone()),
            Body::Return { value } => line.put_value(value),
            Body::Error { message, stack, kind } => {
                line.message = Some(message.clone());
                line.stack.clone_from(stack);
                line.kind.clone_from(kind);
            }
        }
        line
    }
}

/// Why a line is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Not a JSON object of the expected shape.
    #[error("not a journal entry: {0}")]
    Json(String),
    /// A kind of entry lacks one of its fields.
    #[error("a `{kind}` entry without `{field}`")]
    Missing {
        /// The entry's kind.
        kind: String,
        /// The missing field.
        field: &'static str,
    },
}

impl Line {
    /// The entry; `None` for a kind that this release does not know (another program's, to be skipped).
    pub(crate) fn into_entry(self) -> Result<Option<Entry>, BadEntry> {
        let kind = if self.t.is_empty() { self.type_.clone().unwrap_or_default() } else { self.t.to_string() };
        let missing = |field| BadEntry::Missing { kind: kind.clone(), field };
        let ts = self.ts.as_ref().or(self.timestamp.as_ref()).and_then(read_time).ok_or_else(|| missing("ts"))?;
        let body = match kind.as_str() {
            "start" => Body::Start(Box::new(Start {
                tool: self.tool.ok_or_else(|| missing("tool"))?,
                params: Self::take(self.params, self.bytes, self.reference),
                photon: self.photon,
                instance: self.instance,
                parent: self.parent,
                caller: self.caller,
                origin: self.origin,
            })),
            "emit" => Body::Emit {
                n: self.n,
                emit: self.emit.ok_or_else(|| missing("emit"))?,
                message: self.message,
                data: (self.data.is_some() || self.reference.is_some())
                    .then(|| Self::take(self.data, self.bytes, self.reference)),
            },
            "checkpoint" => Body::Checkpoint {
                n: self.n,
                id: self.id.ok_or_else(|| missing("id"))?,
                state: Self::take(self.state, self.bytes, self.reference),
            },
            "ask" => {
                let id = self.id.ok_or_else(|| missing("id"))?;
                let ask = Ask {
                    id: self.own_id.is_some().then(|| id.clone()),
                    kind: self.ask.ok_or_else(|| missing("ask"))?,
                    message: self.message.unwrap_or_default(),
                    spec: self.spec.unwrap_or_else(Json::null),
                };
                Body::Ask { n: self.n, id, ask }
            }
            "answer" => Body::Answer {
                n: self.n,
                id: self.id.ok_or_else(|| missing("id"))?,
                value: Self::take(self.value, self.bytes, self.reference),
            },
            "call" => Body::Call {
                n: self.n.ok_or_else(|| missing("n"))?,
                op: self.op.ok_or_else(|| missing("op"))?,
                args: Self::take(self.args, self.args_bytes, self.args_ref),
            },
            "result" => Body::Result {
                n: self.n.ok_or_else(|| missing("n"))?,
                args: self.op.is_some().then(|| Self::take(self.args, self.args_bytes, self.args_ref)),
                op: self.op,
                sync: self.sync,
                outcome: match self.failure {
                    Some(failure) => Err(failure),
                    None => Ok(Self::take(self.value, self.bytes, self.reference)),
                },
            },
            "timer" => {
                Body::Timer { n: self.n.ok_or_else(|| missing("n"))?, due: self.due.ok_or_else(|| missing("due"))? }
            }
            "signal" => Body::Signal {
                id: self.id,
                name: self.name.ok_or_else(|| missing("name"))?,
                value: Self::take(self.value, self.bytes, self.reference),
            },
            "wait" => Body::Wait { waiting_for: self.waiting_for.unwrap_or_default() },
            "resume" => Body::Resume {
                by: self.by.unwrap_or_default(),
                why: self.why.unwrap_or_default(),
                back_to: self.back_to,
            },
            "snapshot" => {
                Body::Snapshot { hash: self.hash.ok_or_else(|| missing("hash"))?, len: self.len.unwrap_or_default() }
            }
            "fork" => Body::Fork { seed: self.seed.ok_or_else(|| missing("seed"))? },
            "cancel" => Body::Cancel { reason: self.reason.unwrap_or_default() },
            "return" => Body::Return { value: Self::take(self.value, self.bytes, self.reference) },
            "error" => {
                // Seed 000's writers put the message into `error`.
                let message = self
                    .message
                    .or_else(|| self.error.map(|e| e.to::<String>().unwrap_or_else(|_| e.get().to_owned())));
                Body::Error { message: message.unwrap_or_default(), stack: self.stack, kind: self.kind }
            }
            _ => return Ok(None),
        };
        Ok(Some(Entry { ts, fence: self.fence, body }))
    }
}

/// Milliseconds as a number (seed 001 also shows whole seconds), or ISO 8601 text (seed 000).
fn read_time(json: &Json) -> Option<Millis> {
    if let Ok(ms) = json.to::<f64>() {
        // Below 10¹¹ it can only be seconds: as milliseconds that would be before 1973.
        let ms = if ms < 1e11 { ms * 1000.0 } else { ms };
        return (0.0..1e15).contains(&ms).then_some(ms as Millis);
    }
    crate::time::parse_iso(&json.to::<String>().ok()?)
}
