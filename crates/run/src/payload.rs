//! Values that pass between program, journal and host: JSON text, with bytes beside it where the value has any.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// JSON text that is known to be well formed and holds no line break outside strings.
#[derive(Clone)]
pub struct Json(std::sync::Arc<RawValue>);

impl Json {
    /// Checks `text` and keeps it.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        if text.contains(['\n', '\r']) {
            // A journal line is one line: write such a text again without its white space.
            let value: serde_json::Value = serde_json::from_str(&text)?;
            return Self::of(&value);
        }
        RawValue::from_string(text).map(|raw| Self(raw.into()))
    }

    /// The JSON form of `value`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// JSON `null`.
    pub fn null() -> Self {
        Self(RawValue::from_string("null".into()).expect("null is JSON").into())
    }

    /// The text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Reads it as a `T`.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }

    /// The value as a tree; JSON nested deeper than the reader allows gives its text as a string.
    pub fn value(&self) -> serde_json::Value {
        self.to().unwrap_or_else(|_| self.get().into())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self::of(&value).expect("a JSON tree has a JSON text")
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(d).map(|raw| Self(raw.into()))
    }
}

/// A JSON value, and bytes beside it where the value has any (a file's content, a response's body).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// The JSON part.
    pub json: Json,
    /// The binary part.
    #[serde(with = "base64_bytes", skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<Bytes>,
}

impl Payload {
    /// JSON `null` without bytes.
    pub fn null() -> Self {
        Json::null().into()
    }

    /// The form in which long values lie beside a journal: the JSON part's length (u64, little endian), its text, the
    /// bytes if there are any, and a last byte: 1 if there are, else 0.
    pub fn to_blob(&self) -> Vec<u8> {
        let json = self.json.get().as_bytes();
        let mut out = Vec::with_capacity(9 + self.size());
        out.extend_from_slice(&(json.len() as u64).to_le_bytes());
        out.extend_from_slice(json);
        out.extend_from_slice(self.bytes.as_deref().unwrap_or_default());
        out.push(u8::from(self.bytes.is_some()));
        out
    }

    /// Reads that form.
    pub fn from_blob(blob: &Bytes) -> Option<Self> {
        let len = usize::try_from(u64::from_le_bytes(blob.get(..8)?.try_into().ok()?)).ok()?;
        let json = std::str::from_utf8(blob.get(8..8usize.checked_add(len)?)?).ok()?;
        let json = Json::parse(json.to_owned()).ok()?;
        let (last, bytes) = (*blob.last()?, blob.slice(8 + len..blob.len().checked_sub(1)?.max(8 + len)));
        match last {
            0 if bytes.is_empty() => Some(json.into()),
            1 => Some(Self { json, bytes: Some(bytes) }),
            _ => None,
        }
    }

    /// The length of both parts, in bytes.
    pub fn size(&self) -> usize {
        self.json.get().len() + self.bytes.as_ref().map_or(0, Bytes::len)
    }
}

impl From<Json> for Payload {
    fn from(json: Json) -> Self {
        Self { json, bytes: None }
    }
}

impl From<serde_json::Value> for Payload {
    fn from(value: serde_json::Value) -> Self {
        Json::from(value).into()
    }
}

/// Bytes as base64 text, for serde's `with`.
pub(crate) mod base64_bytes {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: &Option<Bytes>, s: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|b| BASE64.encode(b)).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Bytes>, D::Error> {
        let Some(text) = Option::<std::borrow::Cow<'de, str>>::deserialize(d)? else { return Ok(None) };
        BASE64.decode(text.as_bytes()).map(|b| Some(b.into())).map_err(serde::de::Error::custom)
    }
}
