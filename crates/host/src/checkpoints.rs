//! Checkpoints that programs keep in stores of their own choice, named by URLs: files, and whatever servers this program
//! was built for. Paths and servers need the same permissions as everything else.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use executor::CallContext;
use run::{EffectClass, Failure, Hash, Json, Outcome, Payload};
use serde::Deserialize;
use serde_json::{Value, json as tree};
use store::{CheckpointStore, Durability, Expect, SaveOptions, StoreError, StoreUrl, Version};
use tokio::sync::Mutex;

use crate::args::{self, json};
use crate::gate::Gate;
use crate::permissions::Access;

/// Stores that are kept open.
const MAX_OPEN: usize = 64;

/// Names that are longer are cut and closed with a hash.
const LONG: usize = 160;

/// The stores that programs have opened.
#[derive(Default)]
pub(crate) struct Checkpoints {
    open: Mutex<HashMap<String, Arc<dyn CheckpointStore>>>,
}

#[derive(Deserialize)]
struct Args {
    url: String,
    key: String,
    #[serde(default)]
    json: Option<String>,
    /// Absent: anything may be there. Null: nothing may. A text: this version.
    #[serde(default, deserialize_with = "present")]
    expect: Option<Option<String>>,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

pub(crate) fn class(op: &str) -> EffectClass {
    if op == "checkpoints.load" { EffectClass::Read } else { EffectClass::Write }
}

/// The arguments without a password that the address may hold.
pub(crate) fn recorded(args: &Payload) -> Payload {
    let mut value = args.json.value();
    let shown = match value.get("url").and_then(Value::as_str).map(str::parse::<StoreUrl>) {
        Some(Ok(url)) => url.to_string(),
        _ => String::new(),
    };
    if let Some(url) = value.get_mut("url") {
        *url = shown.into();
    }
    Json::of(&value).map_or_else(|_| args.clone(), Payload::from)
}

impl Checkpoints {
    /// Performs `checkpoints.save`, `.load` or `.delete`.
    pub(crate) async fn perform(
        &self,
        gate: &Gate,
        cwd: &str,
        context: &CallContext,
        op: &str,
        args: &Payload,
    ) -> Outcome {
        let Args { url, key, json: text, expect } = args::read(op, args)?;
        let url: StoreUrl = url.parse().map_err(|e| failure(&e))?;
        let url = allowed(gate, cwd, context, url, args).await?;
        let store = self.store(&url, &text_of(args)).await.map_err(|e| failure(&e))?;
        let key = stored_key(&key);
        match op {
            "checkpoints.load" => match store.load_versioned(&key).await.map_err(|e| failure(&e))? {
                None => json(&Value::Null),
                Some((bytes, version)) => {
                    let text = String::from_utf8(bytes.into()).map_err(|_| not_text(&key))?;
                    json(&tree!({ "json": text, "version": version.as_str() }))
                }
            },
            "checkpoints.delete" => {
                store.delete(&key).await.map_err(|e| failure(&e))?;
                json(&Value::Null)
            }
            "checkpoints.save" => {
                let text = text.ok_or_else(|| Failure::new("TypeError", "checkpoints.save: `json` is missing"))?;
                let expect = match expect {
                    None => Expect::Anything,
                    Some(None) => Expect::Absent,
                    Some(Some(version)) => Expect::Version(Version::new(version)),
                };
                json(save(&*store, &key, text.into(), expect).await.map_err(|e| failure(&e))?.as_str())
            }
            op => Err(crate::unknown(op)),
        }
    }

    /// `text` is the address as the program wrote it: with a password, as only who knows it may use what is open.
    async fn store(&self, url: &StoreUrl, text: &str) -> Result<Arc<dyn CheckpointStore>, StoreError> {
        let name = format!("{url} {text}");
        let mut open = self.open.lock().await;
        if let Some(store) = open.get(&name) {
            return Ok(store.clone());
        }
        let store = url.open(Durability::Disk).await?.checkpoints;
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        open.insert(name, store.clone());
        Ok(store)
    }
}

/// A save whose result was lost is made again: then what is there is what it wrote.
async fn save(store: &dyn CheckpointStore, key: &str, bytes: Bytes, expect: Expect) -> Result<Version, StoreError> {
    let how = SaveOptions { expect, ..SaveOptions::default() };
    match store.save_with(key, bytes.clone(), how).await {
        Err(StoreError::Conflict { key: name, found }) => match store.load_versioned(key).await? {
            Some((there, version)) if there == bytes => Ok(version),
            _ => Err(StoreError::Conflict { key: name, found }),
        },
        saved => saved,
    }
}

/// The address, if the run may use it, with its path made absolute and free of links.
async fn allowed(
    gate: &Gate,
    cwd: &str,
    context: &CallContext,
    url: StoreUrl,
    args: &Payload,
) -> Result<StoreUrl, Failure> {
    match url {
        StoreUrl::File(path) => {
            let path = real(&Path::new(cwd).join(path));
            gate.check(&context.run, Access::Write(path.clone())).await?;
            Ok(StoreUrl::File(path))
        }
        StoreUrl::Sqlite(path) => {
            let path = real(&Path::new(cwd).join(path));
            gate.check(&context.run, Access::Write(path.clone())).await?;
            Ok(StoreUrl::Sqlite(path))
        }
        StoreUrl::Memory => Ok(StoreUrl::Memory),
        url => {
            let (host, port) = server(&url, &text_of(args)).ok_or_else(|| {
                Failure::new(
                    "TypeError",
                    format!("{url} names no host, so it cannot be permitted; write host and port"),
                )
            })?;
            gate.check(&context.run, Access::Net { host, port }).await?;
            Ok(url)
        }
    }
}

fn text_of(args: &Payload) -> String {
    args.json.value().get("url").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Where an address connects to.
fn server(url: &StoreUrl, text: &str) -> Option<(String, u16)> {
    let (text, default) = match url {
        StoreUrl::Postgres(_) => (text, 5432),
        StoreUrl::Redis(_) => (text, 6379),
        StoreUrl::S3(s3) => match &s3.endpoint {
            Some(endpoint) => (endpoint.as_str(), 443),
            None => return Some((format!("s3.{}.amazonaws.com", s3.region.as_deref().unwrap_or("us-east-1")), 443)),
        },
        _ => return None,
    };
    let parsed = reqwest::Url::parse(text).ok()?;
    // A host in the query would go around the check.
    if parsed.query_pairs().any(|(name, _)| name == "host" || name == "hostaddr" || name == "port") {
        return None;
    }
    let host = parsed.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase();
    Some((host, parsed.port_or_known_default().unwrap_or(default)))
}

/// The path without links, as far as it exists, and without `.` and `..`.
fn real(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        plain.push(part);
        if part == Component::ParentDir {
            plain.pop();
            plain.pop();
        } else if let Ok(real) = plain.canonicalize() {
            plain = real;
        }
    }
    plain
}

/// A program's key as a key of stores: letters, digits and `-` as they are, all else as `_` and two hexadecimal digits.
fn stored_key(key: &str) -> String {
    let mut out = String::from("dag/");
    for byte in key.bytes() {
        match byte {
            b'-' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            byte => out.push_str(&format!("_{byte:02x}")),
        }
    }
    if out.len() > LONG {
        out.truncate(LONG / 2);
        out.push('.');
        out.push_str(&Hash::of(key.as_bytes()).to_string());
    }
    out
}

fn not_text(key: &str) -> Failure {
    Failure::with_code("Error", "STORE_ERROR", format!("the checkpoint {key} is not text: something else wrote it"))
}

fn failure(error: &StoreError) -> Failure {
    let code = if matches!(error, StoreError::Conflict { .. }) { "CHECKPOINT_CONFLICT" } else { "STORE_ERROR" };
    Failure::with_code("Error", code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_fit() {
        let (long, other) = ("x".repeat(500), format!("{}y", "x".repeat(499)));
        let keys = ["a", "a:b", "a_3ab", "a b", "ä", "A", "", long.as_str(), other.as_str()].map(stored_key);
        for (i, key) in keys.iter().enumerate() {
            assert!(key.len() <= 200 && !keys[..i].contains(key), "{key}");
        }
        assert_eq!(stored_key("ckpt:process"), "dag/ckpt_3aprocess");
    }

    #[test]
    fn servers_are_found() {
        let of = |text: &str| server(&text.parse::<StoreUrl>().expect("an address"), text);
        assert_eq!(of("postgres://me:secret@db.example.com/x"), Some(("db.example.com".into(), 5432)));
        assert_eq!(of("redis://127.0.0.1:7000/0"), Some(("127.0.0.1".into(), 7000)));
        assert_eq!(of("s3://bucket/x?endpoint=http://127.0.0.1:9000"), Some(("127.0.0.1".into(), 9000)));
    }

    #[test]
    fn no_password_is_recorded() {
        let args = Payload::from(tree!({ "url": "postgres://me:secret@db/x", "key": "k" }));
        assert!(!recorded(&args).json.get().contains("secret"));
        let args = Payload::from(tree!({ "url": "postgres:secret", "key": "k" }));
        assert!(!recorded(&args).json.get().contains("secret"));
    }

    #[tokio::test]
    async fn a_save_that_is_made_again_succeeds_and_a_stale_one_does_not() {
        let store = store::MemoryStore::new();
        let first = save(&store, "k", "one".into(), Expect::Absent).await.expect("saved");
        assert_eq!(save(&store, "k", "one".into(), Expect::Absent).await.expect("again"), first);
        let stale = save(&store, "k", "two".into(), Expect::Absent).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
        save(&store, "k", "two".into(), Expect::Version(first)).await.expect("saved");
    }
}
