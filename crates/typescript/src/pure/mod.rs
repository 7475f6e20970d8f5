//! Functions of the host that depend on their arguments alone: performed at once, and never recorded.

mod hash;
mod intl;
pub mod stack;
mod text;
mod url;

use run::Failure;
use serde::{Deserialize, Serialize};

use stack::Places;

/// Functions that another crate provides beside those of ABI.md.
///
/// A result must follow from the arguments alone, on every machine and for ever: nothing of it is recorded, and a replay
/// asks again. Whoever answers may remember what it computed, as long as nobody can tell.
pub trait PureFunctions: Send + Sync + 'static {
    /// Performs `op`; `None` if it is none of these. `json` is what the program passed, as text, and `bytes` what it
    /// passed beside it (empty if nothing).
    ///
    /// # Errors
    /// The failure that the program sees as an exception.
    fn call(&self, op: &str, json: &str, bytes: &[u8]) -> Option<Result<Answer, Failure>>;
}

/// The result of a pure function.
#[derive(Debug)]
pub struct Answer {
    /// JSON text.
    pub json: String,
    /// Bytes beside it.
    pub bytes: Option<Vec<u8>>,
}

impl Answer {
    fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Failure> {
        let json = serde_json::to_string(value).map_err(|e| Failure::new("Error", e.to_string()))?;
        Ok(Self { json, bytes: None })
    }

    fn bytes(bytes: Vec<u8>) -> Self {
        Self { json: "null".into(), bytes: Some(bytes) }
    }
}

fn read<'a, T: Deserialize<'a>>(op: &str, json: &'a str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|e| Failure::new("TypeError", format!("{op}: wrong arguments: {e}")))
}

/// Performs `op`. See ABI.md for the operations.
pub fn call(
    op: &str,
    json: &str,
    bytes: &[u8],
    places: &mut Places,
    others: Option<&dyn PureFunctions>,
) -> Result<Answer, Failure> {
    if let Some(result) = others.and_then(|others| others.call(op, json, bytes)) {
        return result;
    }
    match op {
        "url.parse" => url::parse(read(op, json)?),
        "url.set" => url::set(read(op, json)?),
        "hash" => hash::hash(read(op, json)?, bytes),
        "hmac" => hash::hmac(read(op, json)?, bytes),
        "text.decode" => text::decode(read(op, json)?, bytes),
        "base64.encode" => text::base64_encode(bytes),
        "base64.decode" => text::base64_decode(read(op, json)?),
        "intl.shared" => Ok(intl::shared()),
        "intl.locale" => intl::locale(read(op, json)?),
        "intl.zone" => intl::zone(read(op, json)?),
        "intl.zones" => intl::zone_names(),
        "stack.map" => Answer::of(&places.map(read(op, json)?)),
        _ => Err(Failure::new("Error", format!("this engine has no function `{op}`"))),
    }
}
